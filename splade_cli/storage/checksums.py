"""Checksums of a folder: the SHA-256 of each file, kept beside the files, so that damage is found and named.

They find accidents of disks and copies; who can change a file can change its checksum too.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable, Mapping
from pathlib import Path

from splade_cli.storage.files import write_json

CHECKSUMS = "checksums.json"
_READ = 1 << 22


def file_checksum(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises OSError."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while part := file.read(_READ):
            digest.update(part)
    return digest.hexdigest()


def checksums_of(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """The checksums of files by their path below `folder`."""
    return {name: file_checksum(folder / name) for name in names}


def write_checksums(folder: Path, names: Iterable[str]) -> None:
    """Writes the checksums of files as they lie in `folder` now."""
    write_json(folder / CHECKSUMS, {"sha256": checksums_of(folder, names)})


def recorded_checksums(folder: Path) -> dict[str, str]:
    """The checksums that were written into a folder, by path; none where there is no such file.

    Raises:
        ValueError: the file is no such record.
    """
    path = folder / CHECKSUMS
    if not path.is_file():
        return {}
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))["sha256"]
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} holds no checksums") from error
    if not isinstance(recorded, dict) or not all(isinstance(value, str) for value in recorded.values()):
        raise ValueError(f"{path} holds no checksums")
    return recorded


def changed_files(folder: Path, known: Mapping[str, str] | None = None) -> list[str]:
    """Files whose bytes are not those that were written, or that are gone; none where nothing is recorded.

    Args:
        known: checksums that were computed already, so that no file is read twice.
    """
    try:
        recorded = recorded_checksums(folder)
    except ValueError:
        return [CHECKSUMS]
    changed = []
    for name, checksum in sorted(recorded.items()):
        now = (known or {}).get(name)
        if now is None and (folder / name).is_file():
            now = file_checksum(folder / name)
        if now != checksum:
            changed.append(name)
    return changed


def warn_of_changes(folder: Path, *names: str) -> None:
    """Logs a warning for each of these files that is not as it was written.

    It is no error: people change their data, and disks do. Files that nothing is recorded of are passed over.
    """
    try:
        recorded = recorded_checksums(folder)
    except ValueError as error:
        logging.getLogger(__name__).warning("%s: damage to the files beside it cannot be seen", error)
        return
    for name in names:
        known = recorded.get(name)
        if known is not None and (folder / name).is_file() and file_checksum(folder / name) != known:
            logging.getLogger(__name__).warning(
                "%s is not as it was written: damaged, or changed (then remove %s)",
                folder / name,
                folder / CHECKSUMS,
            )
