"""Documents of a file or a folder, and the reasons for what was left out.

One bad file or row never stops the others: it becomes a `Skipped`.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import dataclass
from pathlib import Path

from splade_cli.corpus.file_reader import FileReader, Waiting
from splade_cli.corpus.folders import NO_FILE, Folded, NamedFile, Remarked, Skipped, list_files, of_endings
from splade_cli.corpus.formats import ROW_READERS, WORKBOOK_READERS, Unreadable
from splade_cli.corpus.formats.by_name import format_of
from splade_cli.corpus.formats.code.languages import LANGUAGES
from splade_cli.corpus.formats.prose import Remark, clean, safe_name, short_title
from splade_cli.corpus.options import DEFAULT_READING, MEGABYTE, ReadingOptions
from splade_cli.corpus.other_formats import TextsSeen, richest_first
from splade_cli.corpus.whole_file import SUPPORTED, is_supported, unsupported
from splade_cli.errors import InputError, require_positive
from splade_cli.progress import Progress, silent
from splade_cli.records import Document
from splade_cli.storage.machine_faults import raise_exhausted

__all__ = ["SUPPORTED", "Folded", "Reading", "Remarked", "Skipped", "iterate_documents", "read_documents"]

LONGEST_ID = 1000
"""Characters of an id: it stands in the ids of all chunks of its document."""
PATIENCE = 2
"""Seconds that a file may take before its name is shown."""


@dataclass(frozen=True)
class Reading:
    """What was read, in the order of the paths, and what was not."""

    documents: list[Document]
    skipped: list[Skipped]


def read_documents(
    path: Path,
    options: ReadingOptions = DEFAULT_READING,
    *,
    max_documents: int | None = None,
    progress: Progress = silent,
) -> Reading:
    """Every document under `path`, a file or a folder. Raises InputError where there is not a single one."""
    if max_documents is not None:
        require_positive(max_documents=max_documents)
    reading = Reading([], [])
    for document in iterate_documents(path, options, progress):
        if isinstance(document, Skipped):
            reading.skipped.append(document)
            continue
        reading.documents.append(document)
        if len(reading.documents) == max_documents:
            break
    return reading


def iterate_documents(
    path: Path, options: ReadingOptions = DEFAULT_READING, progress: Progress = silent
) -> Iterator[Document | Skipped]:
    """What `read_documents` reads, one at a time; a JSONL file is never in memory as a whole.

    Ids are such that each is one cell of a table: what would end a line or a cell is percent-encoded. A text
    that is there in several formats is read once, from the one that tells most, see `other_formats`; so files
    whose name another has in such a format come last.

    Args:
        options: how much of a file, for how long, and whether links out of the folder are followed.
        progress: is told the name of a file that takes long, and the seconds of its time that are over.

    Raises:
        InputError: at the end, where there was not a single document.
    """
    files, skipped = _files(Path(path), options)
    yield from skipped
    ids: set[str] = set()
    seen_texts = None
    if not options.keep_duplicates:
        files = richest_first(files)
        seen_texts = TextsSeen(files)
    with FileReader(options) as reader:
        for file in files:
            patience = _Patience(file, options, progress)
            for document in _documents(file, ids, reader, patience, seen_texts):
                if isinstance(document, Skipped):
                    skipped.append(document)
                yield document
    if not ids:
        seen = "1 file" if len(files) == 1 else f"{len(files)} files"
        reasons = [f"{seen} seen"]
        reasons += [f"{each.path}: {each.reason}" for each in skipped[:3]]
        if len(skipped) > 3:
            reasons.append(f"and {len(skipped) - 3} more")
        hint = _supported() if files or skipped else "there is no file in it: put documents there"
        raise InputError(f"no documents in {path} ({'; '.join(reasons)})", hint)


def _files(path: Path, options: ReadingOptions) -> tuple[list[NamedFile], list[Skipped]]:
    if path.is_dir():
        files, skipped = list_files(path, options)
        if not options.endings:
            return files, skipped
        files, left_out = of_endings(files, _known(options.endings))
        return files, [*skipped, *left_out]
    if not path.is_file():
        what = "no such file or folder"
        if path.exists():
            what = f"neither a folder nor a file but {NO_FILE}"
        raise InputError(f"{what}: {path}", _supported())
    if not is_supported(path):
        raise InputError(f"{path}: {unsupported(path)}", _supported())
    return [NamedFile(safe_name(clean(path.name)), path)], []


def _known(endings: Set[str]) -> Set[str]:
    """`endings`. Raises InputError for one of files that cannot be read."""
    for ending in sorted(endings - SUPPORTED):
        raise InputError(f"no file that ends in '{ending}' can be read", _supported())
    return endings


class _Patience:
    """Tells of a file that takes long: what it is called, how large it is, how much of its time is over."""

    def __init__(self, file: NamedFile, options: ReadingOptions, progress: Progress) -> None:
        self._file = file
        self._limit = round(options.max_seconds)
        self._progress = progress
        self._stage = ""
        self._seconds = 0

    def waiting(self, seconds: int) -> None:
        """Called each second."""
        if seconds < PATIENCE:
            return
        if not self._stage:
            size = self._file.path.stat().st_size / MEGABYTE
            self._stage = f"seconds reading {self._file.name} ({size:.1f} MB)"
        self._seconds = seconds
        self._progress(self._stage, seconds, self._limit + 1)

    def over(self) -> None:
        """Called when the file was read, or given up."""
        if self._stage:
            self._progress(self._stage, self._seconds, self._seconds)


def _documents(
    file: NamedFile, ids: set[str], reader: FileReader, patience: _Patience, seen_texts: TextsSeen | None
) -> Iterator[Document | Skipped]:
    """The documents of one file, under ids that are not among `ids`, which grow by them.

    None of a file whose text is among `seen_texts` in another format.
    """
    ending = format_of(file.path)
    has_rows = ending in ROW_READERS or ending in WORKBOOK_READERS
    waiting: Waiting = patience.waiting
    taken: list[str] = []
    try:
        for number, raw in enumerate(reader.documents(file.path, waiting), 1):
            if isinstance(raw, Unreadable):
                kind = Remarked if isinstance(raw, Remark) else Skipped
                yield kind(file.name, str(raw))
                continue
            if seen_texts is not None and not has_rows:
                other = seen_texts.same_as(file, raw.title, raw.text)
                if other is not None:
                    yield Folded(file.name, f"the same text as {other}, in another format", other)
                    continue
            fallback = f"{file.name}#{number}" if has_rows else file.name
            given_id = raw.id
            if len(given_id) > LONGEST_ID:
                yield Remarked(file.name, f"id of {len(given_id):,} characters, not kept ({fallback})")
                given_id = ""
            given_id = safe_name(given_id)
            document_id = _unique_id(given_id, fallback, ids)
            if given_id in ids:
                taken.append(given_id)
            ids.add(document_id)
            metadata = {"path": file.name, **raw.metadata}
            title = short_title(raw.title)
            yield Document(document_id, raw.text, title, metadata, raw.pages)
            if len(title) < len(raw.title):
                yield Remarked(
                    file.name, f"title of {len(raw.title):,} characters, cut to {len(title)} ({document_id})"
                )
    except Unreadable as reason:
        yield Skipped(file.name, str(reason))
    except OSError as error:
        raise_exhausted(error)
        yield Skipped(file.name, f"cannot be read ({(error.strerror or str(error)).lower()})")
    if taken:
        which = f"({len(taken):,}, such as '{taken[0]}')"
        yield Remarked(file.name, f"ids that other rows had before give way to file and number {which}")
    patience.over()


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


def _supported() -> str:
    texts = sorted(SUPPORTED - set(LANGUAGES))
    return f"supported endings: {' '.join(texts)}, and those of source code"
