"""The identity of a model: a hash of the files that decide its vectors, checked against what was written."""

from __future__ import annotations

import hashlib
from pathlib import Path

from splade_cli.errors import ModelError
from splade_cli.model.hub import fetched_commit
from splade_cli.storage.checksums import CHECKSUMS, changed_files, checksums_of, write_checksums

DECIDE = (".safetensors", ".bin", ".json", ".txt", ".model")
"""Endings of weights, configuration and tokenizer."""
RECORDS = ("training.json", CHECKSUMS)


def identity_of(source: str, revision: str | None = None) -> str:
    """SHA-256 over a folder's weights, configuration and tokenizer, so that an index can tell who made it.

    For a hub id it is the id with the commit that was fetched, ``name@commit``.

    Raises:
        ModelError: a file is not as it was when the folder was written.
    """
    folder = Path(source)
    if not folder.is_dir():
        return "@".join(filter(None, (source, fetched_commit(source, revision))))
    checksums = checksums_of(folder, deciding_files(folder))
    changed = changed_files(folder, checksums)
    if changed:
        raise ModelError(
            f"{folder / changed[0]} is damaged: it is not as it was when the model was written",
            "copy the model folder again, or train it again; if you changed the file yourself, "
            f"remove {folder / CHECKSUMS}",
        )
    lines = [f"{name} {checksum}\n" for name, checksum in checksums.items()]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def deciding_files(folder: Path) -> list[str]:
    """Paths below a model folder of the files that decide its vectors, sorted."""
    names = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        in_checkpoint = any(part.startswith("checkpoint") for part in name.parts)
        is_record = path.name in RECORDS or in_checkpoint
        if path.suffix in DECIDE and path.is_file() and not is_record:
            names.append(name.as_posix())
    return names


def seal(folder: Path) -> None:
    """Records the checksums of a model folder that was just written."""
    write_checksums(folder, deciding_files(folder))
