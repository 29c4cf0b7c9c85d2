"""Documents of a file or a folder, and the reasons for what was left out.

One bad file or row never stops the others: it becomes a `Skipped`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from splade_cli.corpus.decoding import decode, decoded_lines
from splade_cli.corpus.folders import NamedFile, Skipped, list_files
from splade_cli.corpus.formats import BINARY_READERS, LINE_READERS, ROW_READERS, TEXT_READERS, Unreadable
from splade_cli.corpus.formats.prose import clean, json_object
from splade_cli.corpus.formats.tabular import RawDocument
from splade_cli.errors import InputError, require_positive
from splade_cli.records import Document

__all__ = ["SUPPORTED", "Reading", "Skipped", "iterate_documents", "read_documents"]

SUPPORTED = frozenset((*TEXT_READERS, *BINARY_READERS, *ROW_READERS))


@dataclass(frozen=True)
class Reading:
    """What was read, in the order of the paths, and what was not."""

    documents: list[Document]
    skipped: list[Skipped]


def read_documents(path: Path, *, max_documents: int | None = None) -> Reading:
    """Every document under `path`, a file or a folder. Raises InputError where there is not a single one."""
    if max_documents is not None:
        require_positive(max_documents=max_documents)
    reading = Reading([], [])
    for document in iterate_documents(path):
        if isinstance(document, Skipped):
            reading.skipped.append(document)
            continue
        reading.documents.append(document)
        if len(reading.documents) == max_documents:
            break
    return reading


def iterate_documents(path: Path) -> Iterator[Document | Skipped]:
    """What `read_documents` reads, one at a time; a JSONL file is never in memory as a whole.

    Raises:
        InputError: at the end, where there was not a single document.
    """
    files, skipped = _files(Path(path))
    yield from skipped
    ids: set[str] = set()
    for file in files:
        for document in _documents(file, ids):
            if isinstance(document, Skipped):
                skipped.append(document)
            yield document
    if not ids:
        seen = "1 file" if len(files) == 1 else f"{len(files)} files"
        reasons = [f"{seen} seen"]
        reasons += [f"{each.path}: {each.reason}" for each in skipped[:3]]
        if len(skipped) > 3:
            reasons.append(f"and {len(skipped) - 3} more")
        raise InputError(f"no documents in {path} ({'; '.join(reasons)})", _supported())


def _files(path: Path) -> tuple[list[NamedFile], list[Skipped]]:
    if path.is_dir():
        return list_files(path)
    if not path.is_file():
        what = "neither a file nor a folder" if path.exists() else "no such file or folder"
        raise InputError(f"{what}: {path}", _supported())
    if path.suffix.lower() not in SUPPORTED:
        raise InputError(f"{path}: {_unsupported(path)}", _supported())
    return [NamedFile(clean(path.name), path)], []


def _documents(file: NamedFile, ids: set[str]) -> Iterator[Document | Skipped]:
    """The documents of one file, under ids that are not among `ids`, which grow by them."""
    has_rows = file.path.suffix.lower() in ROW_READERS
    try:
        for number, raw in enumerate(_raw_documents(file.path), 1):
            if isinstance(raw, Unreadable):
                yield Skipped(file.name, str(raw))
                continue
            fallback = f"{file.name}#{number}" if has_rows else file.name
            document_id = _unique_id(raw.id, fallback, ids)
            ids.add(document_id)
            yield Document(document_id, raw.text, raw.title, {"path": file.name, **raw.metadata})
    except Unreadable as reason:
        yield Skipped(file.name, str(reason))
    except OSError as error:
        yield Skipped(file.name, f"cannot be read ({(error.strerror or str(error)).lower()})")


def _unique_id(given: str, fallback: str, ids: set[str]) -> str:
    """The given id, or else the fallback, or else that with a number."""
    if given and given not in ids:
        return given
    unique = fallback
    number = 1
    while unique in ids:
        number += 1
        unique = f"{fallback}-{number}"
    return unique


def _raw_documents(file: Path) -> Iterator[RawDocument | Unreadable]:
    """The texts of one file, or for a row that gives no document the reason."""
    ending = file.suffix.lower()
    if ending not in SUPPORTED:
        raise Unreadable(_unsupported(file))
    if ending in LINE_READERS:
        yield from LINE_READERS[ending](decoded_lines(file))
        return
    data = file.read_bytes()
    if not data.strip():
        raise Unreadable("empty file")
    if ending in ROW_READERS:
        yield from ROW_READERS[ending](decode(data))
        return
    if ending in BINARY_READERS:
        prose = BINARY_READERS[ending](data)
    else:
        prose = TEXT_READERS[ending](decode(data, html=ending in (".html", ".htm")))
    text = clean(prose.text)
    if not text.strip():
        raise Unreadable("no text in it")
    title = " ".join(clean(prose.title).split())
    title_of_name = " ".join(re.split(r"[-_\s]+", clean(file.stem))).strip()
    yield RawDocument(text, title or title_of_name, metadata=json_object(prose.metadata))


def _unsupported(file: Path) -> str:
    if file.suffix:
        return f"ending {file.suffix} is not supported"
    return "has no ending that tells its format"


def _supported() -> str:
    return f"supported endings: {' '.join(sorted(SUPPORTED))}"
