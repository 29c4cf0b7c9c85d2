"""A file or a folder comes in, documents and the reasons for what was left out go out; knows nothing of chunks.

One bad file or row never stops the others: it becomes a `Skipped`. Files of one text are read by `formats`, those of
many (JSON, JSONL, CSV, TSV) by `rows`.
"""

from __future__ import annotations

import codecs
import contextlib
import os
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from splade_cli.corpus.formats import BINARY_READERS, TEXT_READERS, Unreadable
from splade_cli.corpus.formats.tabular import LINE_READERS, ROW_READERS, Row, clean, tidy
from splade_cli.errors import InputError, require_positive
from splade_cli.records import Document

SUPPORTED = frozenset((*TEXT_READERS, *BINARY_READERS, *ROW_READERS))


@dataclass(frozen=True)
class Skipped:
    """A file, or one row of it, that gave no document."""

    path: str
    reason: str


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
    for found in iterate_documents(path):
        if isinstance(found, Skipped):
            reading.skipped.append(found)
        else:
            reading.documents.append(found)
            if len(reading.documents) == max_documents:
                break
    return reading


def iterate_documents(path: Path) -> Iterator[Document | Skipped]:
    """What `read_documents` reads, one at a time; a JSONL file is never in memory as a whole.

    Raises:
        InputError: at the end, where there was not a single document.
    """
    path = Path(path)
    hint = f"supported endings: {' '.join(sorted(SUPPORTED))}"
    if path.is_dir():
        files, skipped = _walk(path)
    elif path.is_file():
        if path.suffix.lower() not in SUPPORTED:
            raise InputError(f"{path}: {_unsupported(path)}", hint)
        files, skipped = [(clean(path.name), path)], []
    else:
        what = "neither a file nor a folder" if path.exists() else "no such file or folder"
        raise InputError(f"{what}: {path}", hint)
    yield from skipped
    taken: set[str] = set()
    for name, file in files:
        for found in _documents(name, file, taken):
            if isinstance(found, Skipped):
                skipped.append(found)
            yield found
    if not taken:
        seen = f"{len(files)} file{'' if len(files) == 1 else 's'} seen"
        reasons = [f"{each.path}: {each.reason}" for each in skipped[:3]]
        rest = [f"and {len(skipped) - 3} more"] if len(skipped) > 3 else []
        raise InputError(f"no documents in {path} ({'; '.join([seen, *reasons, *rest])})", hint)


def _documents(name: str, file: Path, taken: set[str]) -> Iterator[Document | Skipped]:
    """The documents of one file, under ids that are not in `taken`, which grows by them."""
    try:
        for number, row in enumerate(_rows(file), 1):
            if isinstance(row, str):
                yield Skipped(name, row)
                continue
            place = f"{name}#{number}" if file.suffix.lower() in ROW_READERS else name
            document = _document(row, name, place, taken)
            taken.add(document.id)
            yield document
    except Unreadable as reason:
        yield Skipped(name, str(reason))
    except OSError as error:
        yield Skipped(name, f"cannot be read ({(error.strerror or str(error)).lower()})")


def _document(row: Row, path: str, place: str, taken: set[str]) -> Document:
    """The row as a document, under its own id, or else its place, or else that with a number: ids are unique."""
    own = place if not row.id or row.id in taken else row.id
    unique, again = own, 2
    while unique in taken:
        unique, again = f"{own}-{again}", again + 1
    return Document(unique, row.text, row.title, {"path": path, **row.metadata})


def _walk(root: Path) -> tuple[list[tuple[str, Path]], list[Skipped]]:
    """Files below `root` by relative path. Links are followed last and once: no loop and no copy comes of them."""
    files: list[tuple[str, Path]] = []
    links: list[tuple[str, Path]] = []
    skipped: list[Skipped] = []
    top = os.path.realpath(root)
    seen: set[str] = set()
    pending = deque([root])
    while pending:
        folder = pending.popleft()
        real = os.path.realpath(folder)
        if real in seen or (real != top and PurePath(top).is_relative_to(real)):
            continue
        seen.add(real)
        try:
            with os.scandir(folder) as found:
                entries = sorted(
                    (each for each in found if not each.name.startswith(".")), key=lambda each: each.name
                )
        except OSError as error:
            reason = f"folder cannot be read ({(error.strerror or str(error)).lower()})"
            skipped.append(Skipped(clean(folder.relative_to(root).as_posix()), reason))
            continue
        names = {entry.name for entry in entries}
        judged = {"queries.jsonl", "qrels"} & names if "corpus.jsonl" in names else set()
        for entry in entries:
            at = Path(entry.path)
            name = clean(at.relative_to(root).as_posix())
            if entry.name in judged:
                skipped.append(Skipped(name, "queries and judgements of a collection, not documents"))
            elif entry.is_dir():
                (pending.append if entry.is_symlink() else pending.appendleft)(at)
            elif entry.is_file() and entry.is_symlink():
                links.append((name, at))
            elif entry.is_file():
                files.append((name, at))
            elif entry.is_symlink():
                skipped.append(Skipped(name, "link that leads nowhere"))
    known = {os.path.realpath(file) for _, file in files}
    for name, link in links:
        if os.path.realpath(link) not in known:
            known.add(os.path.realpath(link))
            files.append((name, link))
    return sorted(files), skipped


def _rows(file: Path) -> Iterator[Row | str]:
    """The rows of one file, or for a row that gives no document the reason."""
    ending = file.suffix.lower()
    if ending not in SUPPORTED:
        raise Unreadable(_unsupported(file))
    if ending in LINE_READERS:
        yield from LINE_READERS[ending](_lines(file))
        return
    data = file.read_bytes()
    if not data.strip():
        raise Unreadable("empty file")
    if ending in ROW_READERS:
        yield from ROW_READERS[ending](_decoded(data, ending))
        return
    prose = (
        BINARY_READERS[ending](data)
        if ending in BINARY_READERS
        else TEXT_READERS[ending](_decoded(data, ending))
    )
    text = clean(prose.text)
    if not text.strip():
        raise Unreadable("no text in it")
    title = " ".join(clean(prose.title).split()) or " ".join(re.split(r"[-_\s]+", clean(file.stem))).strip()
    yield Row(text, title, metadata=tidy(prose.metadata))


def _lines(file: Path) -> Iterator[str | Unreadable]:
    """The lines of a UTF-8 file, one at a time, or why one cannot be read. Raises Unreadable for a file in UTF-16."""
    empty = True
    with open(file, "rb") as source:
        for number, line in enumerate(source, 1):
            try:
                text = _decoded(line, file.suffix.lower())
            except Unreadable as reason:
                if number == 1 and line.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    raise
                empty = False
                yield reason
                continue
            empty = empty and not text.strip()
            yield text
    if empty:
        raise Unreadable("empty file")


def _unsupported(file: Path) -> str:
    return f"ending {file.suffix} is not supported" if file.suffix else "has no ending that tells its format"


def _decoded(data: bytes, ending: str) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Unreadable("UTF-16, not UTF-8 (convert it: iconv -f utf-16 -t utf-8)")
    if b"\0" in data:
        raise Unreadable("binary, not text (it has NUL bytes)")
    encoding = "utf-8-sig"
    declared = re.search(rb"<meta[^>]+charset=[\"']?([\w-]+)", data[:4096], re.IGNORECASE)
    if declared and ending in (".html", ".htm"):
        with contextlib.suppress(LookupError):
            encoding = codecs.lookup(declared[1].decode()).name.replace("utf-8", "utf-8-sig")
    try:
        return clean(data.decode(encoding))
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 (byte {error.start}; convert it: iconv -t utf-8)") from None
    except (LookupError, UnicodeError):
        raise Unreadable(f"declares the encoding {encoding!r}, which is none of text") from None
