"""The nouns that cross folders, and JSONL in and out; knows nothing of where they come from or go to."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from splade_cli.errors import InputError

Progress = Callable[[str, int, int | None], None]
"""Called as ``progress(stage, done, total)``; total is None where it is not known."""


def silent(stage: str, done: int, total: int | None) -> None:
    """The Progress of callers that want none."""


@dataclass(frozen=True)
class Document:
    """One text of the user's. `text` has ``#`` headings where the source had headings; `id` is unique in a corpus."""

    id: str
    text: str
    title: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Chunk:
    """A slice of one document: ``document.text[start:end] == text``.

    `headings` is the path of headings above the slice, outermost first, the document's title excluded.
    """

    id: str
    document_id: str
    text: str
    title: str = ""
    headings: tuple[str, ...] = ()
    start: int = 0
    end: int = 0
    metadata: dict[str, Any] = field(default_factory=dict)

    @property
    def content(self) -> str:
        """What a model reads: title and headings that the slice does not already begin with, then the text."""
        opening = self.text.lstrip("# \n").casefold()
        above = [part for part in (self.title, *self.headings) if part and not opening.startswith(part.casefold())]
        return "\n".join([": ".join(dict.fromkeys(above)), self.text]) if above else self.text


@dataclass(frozen=True)
class WrittenQuery:
    """A query that was written for a chunk; `type` is its kind: question, keywords, natural, claim, title or span."""

    text: str
    type: str = ""


@dataclass(frozen=True)
class Example:
    """One training row. `scores`, where given, are a teacher's: one per document, positive first."""

    query: str
    positive: str
    negatives: tuple[str, ...] = ()
    scores: tuple[float, ...] | None = None
    explanations: tuple[str, ...] = ()
    strategies: tuple[str, ...] = ()
    query_type: str = ""
    source: str = ""
    chunk_id: str = ""


@dataclass(frozen=True)
class Term:
    """One vocabulary entry's part in a score: ``query_weight * document_weight == contribution``."""

    term: str
    query_weight: float
    document_weight: float
    contribution: float
    literal: bool


@dataclass(frozen=True)
class Hit:
    """One search result; `rank` starts at 1.

    Attributes:
        parts: where several rankings made this one, what each gave: ``{"bm25": {"rank": 3, "score": 7.1}}``.
        windows: ids of other windows of the same document that were found, best first, where they are folded.
        duplicates: ids of hits with nearly the same text, best first, where they are folded.
    """

    id: str
    rank: int
    score: float
    text: str
    snippet: str = ""
    title: str = ""
    document_id: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    terms: tuple[Term, ...] = ()
    parts: dict[str, dict[str, float]] = field(default_factory=dict)
    windows: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready values."""
        return asdict(self)


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """Objects of a JSONL file, blank lines skipped. Raises InputError with the line number."""
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{path}: line {number} is not JSON ({error.msg})", "one JSON object a line") from None
            if not isinstance(row, dict):
                raise InputError(
                    f"{path}: line {number} is a {type(row).__name__}, not an object", "one JSON object a line"
                )
            yield row


@contextmanager
def open_text(path: Path) -> Iterator[Iterable[str]]:
    """A UTF-8 text file, opened with the errors that a user can act on."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            yield file
    except FileNotFoundError:
        raise InputError(f"no such file: {path}", "check the path") from None
    except IsADirectoryError:
        raise InputError(f"{path} is a folder, a file was expected", "name a file inside it") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not UTF-8 (byte {error.start})", "convert it: iconv -t utf-8") from None


def write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """Writes one object a line, by way of a temporary file, so that a reader never sees half of it."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as out:
        for row in rows:
            out.write(json.dumps(row, ensure_ascii=False) + "\n")


def write_json(path: Path, value: Any) -> None:
    """Writes one JSON document by way of a temporary file."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary sibling that takes the place of `path` when the block ends well; gone when it does not."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A temporary sibling folder that takes the place of `path` when the block ends well.

    The old folder is moved aside first and removed last: killed at any point, one whole folder can be found.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    try:
        temporary.mkdir()
        yield temporary
        if path.exists():
            os.replace(path, old)
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not path.exists():
            os.replace(old, path)
        shutil.rmtree(old, ignore_errors=True)


def claim_output(path: Path, force: bool, marks: Sequence[str] = ()) -> None:
    """Raises InputError if `path` exists, is not an empty folder, and `force` was not asked for.

    Args:
        marks: names of which a folder that is replaced as a whole must hold one; nothing else is ever replaced, so that
            `force` on a wrong folder costs nobody their documents.
    """
    inside = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []
    if not (path.is_file() or inside):
        return
    if marks and not set(marks) & set(inside):
        held = f", and holds {', '.join(inside[:3])}" if inside else ""
        raise InputError(
            f"{path} is not what this command writes{held}", "choose another -o: --force replaces only that"
        )
    if not force:
        raise InputError(f"{path} exists already", "choose another -o, or add --force to replace it")
