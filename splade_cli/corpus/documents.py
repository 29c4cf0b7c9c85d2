"""A file or a folder comes in, documents and the reasons for what was left out go out; knows nothing of chunks.

One bad file or row never stops the others: it becomes a `Skipped`. Formats with one text a file are read by
`formats`; those with many (JSON, JSONL, CSV, TSV) here.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import json
import os
import re
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from splade_cli.corpus import formats
from splade_cli.corpus.formats import Prose, Unreadable
from splade_cli.errors import InputError, require_positive
from splade_cli.records import Document

TEXT_KEYS = ("text", "content", "body", "document", "passage", "answer")
TITLE_KEYS = ("title", "heading", "headline", "subject", "question")
ID_KEYS = ("_id", "id", "doc_id", "docid")


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


@dataclass(frozen=True)
class _Row:
    text: str
    title: str = ""
    id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


def read_documents(path: Path, *, max_documents: int | None = None) -> Reading:
    """Every document under `path`, a file or a folder. Raises InputError where there is not a single one."""
    if max_documents is not None:
        require_positive(max_documents=max_documents)
    path = Path(path)
    hint = f"supported endings: {' '.join(sorted(SUPPORTED))}"
    if path.is_dir():
        files, skipped = _walk(path)
    elif path.is_file():
        if path.suffix.lower() not in SUPPORTED:
            raise InputError(f"{path}: {_unsupported(path)}", hint)
        files, skipped = [(_clean(path.name), path)], []
    else:
        what = "neither a file nor a folder" if path.exists() else "no such file or folder"
        raise InputError(f"{what}: {path}", hint)

    documents: list[Document] = []
    taken: set[str] = set()
    for name, file in files:
        try:
            for number, row in enumerate(_rows(file), 1):
                if isinstance(row, str):
                    skipped.append(Skipped(name, row))
                    continue
                document = _document(row, name, number, taken)
                taken.add(document.id)
                documents.append(document)
                if len(documents) == max_documents:
                    return Reading(documents, skipped)
        except Unreadable as reason:
            skipped.append(Skipped(name, str(reason)))
        except OSError as error:
            skipped.append(Skipped(name, f"cannot be read ({(error.strerror or str(error)).lower()})"))
    if not documents:
        seen = f"{len(files)} file{'' if len(files) == 1 else 's'} seen"
        reasons = [f"{each.path}: {each.reason}" for each in skipped[:3]]
        rest = [f"and {len(skipped) - 3} more"] if len(skipped) > 3 else []
        raise InputError(f"no documents in {path} ({'; '.join([seen, *reasons, *rest])})", hint)
    return Reading(documents, skipped)


def _document(row: _Row, name: str, number: int, taken: set[str]) -> Document:
    own = row.id
    if not own or own in taken:
        own = name if isinstance(row, _File) else f"{name}#{number}"
    unique, again = own, 2
    while unique in taken:
        unique, again = f"{own}-{again}", again + 1
    return Document(unique, row.text, row.title, {"path": name, **row.metadata})


@dataclass(frozen=True)
class _File(_Row):
    """The only row of its file: named by the file alone."""


# ---------------------------------------------------------------- files


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
                entries = sorted((each for each in found if not each.name.startswith(".")), key=lambda each: each.name)
        except OSError as error:
            reason = f"folder cannot be read ({(error.strerror or str(error)).lower()})"
            skipped.append(Skipped(_clean(folder.relative_to(root).as_posix()), reason))
            continue
        names = {entry.name for entry in entries}
        judged = {"queries.jsonl", "qrels"} & names if "corpus.jsonl" in names else set()
        for entry in entries:
            at = Path(entry.path)
            name = _clean(at.relative_to(root).as_posix())
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


def _rows(file: Path) -> Iterator[_Row | str]:
    """The rows of one file, or for a row that gives no document the reason."""
    ending = file.suffix.lower()
    if ending not in SUPPORTED:
        raise Unreadable(_unsupported(file))
    data = file.read_bytes()
    if not data.strip():
        raise Unreadable("empty file")
    if ending in _MANY:
        yield from _MANY[ending](_decoded(data, ending))
        return
    prose = formats.pdf(data) if ending == ".pdf" else _ONE[ending](_decoded(data, ending))
    text = _clean(prose.text)
    if not text.strip():
        raise Unreadable("no text in it")
    title = " ".join(_clean(prose.title).split()) or " ".join(re.split(r"[-_\s]+", _clean(file.stem))).strip()
    yield _File(text, title, "", _tidy(prose.metadata))


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
        return _clean(data.decode(encoding))
    except UnicodeDecodeError as error:
        raise Unreadable(f"not UTF-8 (byte {error.start}; convert it: iconv -t utf-8)") from None


def _clean(text: str) -> str:
    """Newlines are ``\\n``, and nothing is left that could not be written as UTF-8."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _tidy(value: Any) -> Any:
    """The same value as JSON can hold it (dates as text)."""
    if isinstance(value, str):
        return _clean(value)
    if isinstance(value, dict):
        return {_clean(str(key)): _tidy(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_tidy(each) for each in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


# ---------------------------------------------------------------- rows


def _json_rows(source: str) -> Iterator[_Row | str]:
    try:
        value = json.loads(source)
    except (ValueError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and error.msg == "Extra data":
            yield from _jsonl_rows(source)
            return
        raise Unreadable(f"broken JSON ({error})") from None
    seen: set[str] = set()
    for number, row in enumerate(_listed(value), 1):
        yield from _shaped(row, number, seen)


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        if not value:
            raise Unreadable("an empty list")
        return value
    if not isinstance(value, dict):
        raise Unreadable(f"JSON {type(value).__name__}, not a list of documents")
    if _fits(value):
        return [value]
    lists = [each for each in value.values() if isinstance(each, list)]
    for kind in (lambda row: isinstance(row, dict) and _fits(row), lambda row: isinstance(row, str)):
        fitting = [each for each in lists if any(map(kind, each))]
        if len(fitting) == 1:
            return fitting[0]
    raise Unreadable(f"no list of documents in it ({_keys(value)})")


def _jsonl_rows(source: str) -> Iterator[_Row | str]:
    seen: set[str] = set()
    lines = [line for line in source.split("\n") if line.strip()]
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"row {number}: broken JSON ({error})"
            continue
        yield from _shaped(value, number, seen)


def _csv_rows(source: str, delimiter: str = "") -> Iterator[_Row | str]:
    csv.field_size_limit(2**31 - 1)
    header_line = source.lstrip("\n").split("\n", 1)[0]
    delimiter = delimiter or max(",;\t|", key=lambda each: _columns(header_line, each))
    # Tab-separated files are often written without quoting, and then one inch sign swallows all that follows.
    bare = delimiter == "\t" and source.count('"') % 2 == 1
    lines = io.StringIO(source, newline="")
    rows = csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE if bare else csv.QUOTE_MINIMAL)
    header: list[str] = []
    number = 0
    try:
        for cells in rows:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _distinct([cell.strip() for cell in cells])
                continue
            number += 1
            # More cells than columns: the delimiter stood unquoted in the last one.
            last = len(header) - 1
            cells = [*cells[:last], delimiter.join(cells[last:])] if len(cells) > len(header) else cells
            values = {name: cell.strip() for name, cell in zip(header, cells, strict=False) if cell.strip()}
            if any(name.lower() in TEXT_KEYS for name in header):
                yield _from_fields(values) or f"row {number}: empty text ({_keys(values)})"
            else:
                named = _from_fields({**values, "text": "-"})
                text = "\n".join(f"{name}: {value}" for name, value in values.items())
                yield _Row(text, named.title if named else "", named.id if named else "", values)
    except csv.Error as error:
        raise Unreadable(f"broken CSV (row {number + 1}: {error})") from None
    if not number:
        raise Unreadable("no rows below the header")


def _columns(header_line: str, delimiter: str) -> tuple[bool, int]:
    """How much `delimiter` makes of the header: names that we know count before the number of columns."""
    cells = next(csv.reader([header_line], delimiter=delimiter), [])
    return any(cell.strip().lower() in TEXT_KEYS for cell in cells), len(cells)


def _distinct(names: list[str]) -> list[str]:
    out: list[str] = []
    for place, name in enumerate(names, 1):
        name = name or f"column {place}"
        out.append(f"{name} {place}" if name in out else name)
    return out


def _shaped(row: Any, number: int, seen: set[str]) -> Iterator[_Row | str]:
    if isinstance(row, str) and row.strip():
        yield _Row(_clean(row))
    elif isinstance(row, dict) and isinstance(row.get("positive_document"), str | dict):
        negatives = row.get("negative_documents")
        for each in (row["positive_document"], *(negatives if isinstance(negatives, list) else [])):
            text = each.get("document") if isinstance(each, dict) else each
            if isinstance(text, str) and text.strip() and text not in seen:
                seen.add(text)
                yield _Row(_clean(text))
    elif isinstance(row, dict) and _fits(row):
        yield _from_fields(row) or f"row {number}: empty text ({_keys(row)})"
    elif isinstance(row, dict):
        yield f"row {number}: no text in it ({_keys(row)})"
    else:
        yield f"row {number}: {'empty text' if isinstance(row, str) else f'a {type(row).__name__}, not a document'}"


def _fits(row: dict[Any, Any]) -> bool:
    return isinstance(row.get("positive_document"), str | dict) or any(
        isinstance(value, str) and str(key).lower() in TEXT_KEYS for key, value in row.items()
    )


def _from_fields(row: dict[str, Any]) -> _Row | None:
    """A row from named values: the first known text, title and id by name, all else metadata; None without text."""
    by_name = {str(key).lower(): key for key in reversed(row)}

    def first(names: tuple[str, ...], kinds: type | tuple[type, ...]) -> Any:
        keys = (by_name[name] for name in names if name in by_name)
        return next((key for key in keys if isinstance(row[key], kinds) and str(row[key]).strip()), None)

    text, title, own = first(TEXT_KEYS, str), first(TITLE_KEYS, str), first(ID_KEYS, (str, int))
    if text is None and title is None:
        return None
    rest = {key: value for key, value in row.items() if key not in (text, title, own)}
    words = " ".join(_clean(row[title]).split()) if title is not None else ""
    body = _clean(row[text]).strip() if text is not None else words
    return _Row(body, words, _clean(str(row[own])).strip() if own is not None else "", _tidy(rest))


def _keys(row: dict[Any, Any]) -> str:
    return f"keys: {', '.join(map(str, list(row)[:8]))}" if row else "no keys"


_ONE: dict[str, Callable[[str], Prose]] = {
    ".md": formats.markdown,
    ".markdown": formats.markdown,
    ".rst": formats.rst,
    ".txt": formats.plain,
    ".html": formats.page,
    ".htm": formats.page,
}
_MANY: dict[str, Callable[[str], Iterator[_Row | str]]] = {
    ".json": _json_rows,
    ".jsonl": _jsonl_rows,
    ".csv": _csv_rows,
    ".tsv": lambda source: _csv_rows(source, "\t"),
}
SUPPORTED = frozenset((*_ONE, *_MANY, ".pdf"))
