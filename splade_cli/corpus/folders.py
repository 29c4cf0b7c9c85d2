"""Files below a folder, in the order of their paths, each once whatever links lead to it.

Links that lead out of the folder are not followed unless that is asked for: a folder from somebody else
must not bring this machine's own files into an index, or before a language model.
"""

from __future__ import annotations

import errno
import os
from collections import Counter, deque
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import NamedTuple

from splade_cli.corpus.formats.prose import clean, safe_name
from splade_cli.corpus.ignored import NAME, IgnoreRules, spec_of
from splade_cli.corpus.options import DEFAULT_READING, ReadingOptions
from splade_cli.storage.machine_faults import raise_exhausted

_NEVER_MISSED = {".git", ".gitattributes", NAME, ".hg", ".svn", ".DS_Store"}
_HIDDEN = "hidden (a name that begins with a dot)"
_IGNORED = f"named in {NAME}"
NO_FILE = "no regular file (a pipe, socket or device)"


@dataclass(frozen=True)
class Skipped:
    """A file, or a part of it, that gave no document, or none as it was meant to."""

    path: str
    reason: str


@dataclass(frozen=True)
class Remarked(Skipped):
    """A file that was read, and what there is to say of it."""


@dataclass(frozen=True)
class Folded(Skipped):
    """A file that gave no document, since the file `into` has the same text in another format."""

    into: str = ""


class NamedFile(NamedTuple):
    """A file and what it is called: its path relative to the folder."""

    name: str
    path: Path


def list_files(
    root: Path, options: ReadingOptions = DEFAULT_READING
) -> tuple[list[NamedFile], list[Skipped]]:
    """All files below `root` that are wanted, and what could not be looked into or was left out.

    Hidden files are left out, and what .gitignore files name, unless that is asked for. Links within the
    folder are followed last and once: no loop and no copy comes of them. Those that lead out of it are, with
    `follow_links`.
    """
    walk = _Walk(root, options)
    walk.run()
    files, unwanted = _wanted(walk.files_by_name(), options)
    return files, [*walk.skipped, *walk.left_out(), *unwanted]


def _wanted(files: list[NamedFile], options: ReadingOptions) -> tuple[list[NamedFile], list[Skipped]]:
    """The files that the user's patterns take in, and how many they leave out."""
    left_out = []
    given = (
        (options.include, True, "fits no pattern of what is to be read"),
        (options.exclude, False, "fits a pattern of what is to be left out"),
    )
    for patterns, wanted, reason in given:
        spec = spec_of(patterns)
        if spec is None:
            continue
        kept = [file for file in files if spec.match_file(file.name) == wanted]
        if len(kept) < len(files):
            left_out.append(Skipped(_count(len(files) - len(kept)), reason))
        files = kept
    return files, left_out


def _count_of_entries(entries: int) -> str:
    return "1 file or folder" if entries == 1 else f"{entries:,} files or folders"


def _count(files: int) -> str:
    return "1 file" if files == 1 else f"{files:,} files"


def _reason(error: OSError) -> str:
    if error.errno == errno.ELOOP:
        return "link that leads in a circle"
    return f"cannot be read ({(error.strerror or str(error)).lower()})"


def of_endings(files: Sequence[NamedFile], endings: Set[str]) -> tuple[list[NamedFile], list[Skipped]]:
    """The files that end so, and how many others there are, by their endings."""
    wanted = [file for file in files if file.path.suffix.lower() in endings]
    others = Counter(file.path.suffix.lower() or "no ending" for file in files)
    for ending in endings:
        del others[ending]
    if not others:
        return wanted, []
    listed = ", ".join(f"{ending} {count}" for ending, count in sorted(others.items()))
    return wanted, [Skipped(_count(others.total()), f"not {', '.join(sorted(endings))} ({listed})")]


@dataclass
class _Walk:
    """Breadth-first over folders that links lead to, depth-first over all others."""

    root: Path
    options: ReadingOptions
    files: list[NamedFile] = field(default_factory=list)
    links: list[NamedFile] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    unseen: Counter[str] = field(default_factory=Counter)
    """How many files and folders were left out, by the reason."""

    def run(self) -> None:
        top = os.path.realpath(self.root)
        seen: set[str] = set()
        pending = deque([(self.root, IgnoreRules())])
        while pending:
            folder, outer = pending.popleft()
            real = os.path.realpath(folder)
            leads_up = real != top and PurePath(top).is_relative_to(real)
            if real in seen or leads_up:
                continue
            seen.add(real)
            rules = outer if self.options.ignored else outer.within(folder, self._base(folder))
            for entry in self._entries(folder):
                try:
                    is_folder = self._may_be_read(entry, top) and entry.is_dir()
                except OSError as error:
                    self._skip(Path(entry.path), _reason(error))
                    continue
                if rules.ignore(self._base(folder) + entry.name, is_folder=is_folder):
                    self.unseen[_IGNORED] += 1
                elif not is_folder:
                    self._add(entry, top)
                elif entry.is_symlink():
                    pending.append((Path(entry.path), rules))
                else:
                    pending.appendleft((Path(entry.path), rules))

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """What lies in one folder, sorted, without hidden files and the queries of a collection."""
        try:
            with os.scandir(folder) as listing:
                everything = list(listing)
        except OSError as error:
            raise_exhausted(error)
            self._skip(folder, f"folder cannot be read ({(error.strerror or str(error)).lower()})")
            return []
        entries = [entry for entry in everything if not entry.name.startswith(".")]
        hidden = {entry.name for entry in everything} - {entry.name for entry in entries}
        self.unseen[_HIDDEN] += len(hidden - _NEVER_MISSED)
        entries.sort(key=lambda entry: entry.name)
        names = {entry.name for entry in entries}
        if "corpus.jsonl" not in names:
            return entries
        documents = []
        for entry in entries:
            if entry.name in ("queries.jsonl", "qrels"):
                self._skip(Path(entry.path), "queries and judgements of a collection, not documents")
            else:
                documents.append(entry)
        return documents

    def _may_be_read(self, entry: os.DirEntry[str], top: str) -> bool:
        """Whether an entry lies in the folder, or links out of it are followed."""
        if self.options.follow_links or not entry.is_symlink():
            return True
        return PurePath(os.path.realpath(entry.path)).is_relative_to(top)

    def _add(self, entry: os.DirEntry[str], top: str) -> None:
        """Keeps a file, or the reason why it is none."""
        path = Path(entry.path)
        try:
            if not self._may_be_read(entry, top):
                self._skip(path, "link that leads out of the folder, not followed")
            elif entry.is_file():
                files = self.links if entry.is_symlink() else self.files
                files.append(NamedFile(self._name(path), path))
            elif entry.is_symlink() and not path.exists():
                self._skip(path, "link that leads nowhere")
            else:
                self._skip(path, NO_FILE)
        except OSError as error:
            self._skip(path, _reason(error))

    def _skip(self, path: Path, reason: str) -> None:
        self.skipped.append(Skipped(self._name(path), reason))

    def _base(self, folder: Path) -> str:
        """The path of a folder below the top, empty or ending in ``/``."""
        return "" if folder == self.root else f"{folder.relative_to(self.root).as_posix()}/"

    def left_out(self) -> list[Skipped]:
        """What was not looked at, counted by its reason."""
        return [Skipped(_count_of_entries(count), reason) for reason, count in self.unseen.items() if count]

    def _name(self, path: Path) -> str:
        return safe_name(clean(path.relative_to(self.root).as_posix()))

    def files_by_name(self) -> list[NamedFile]:
        known = {os.path.realpath(file.path) for file in self.files}
        files = list(self.files)
        for link in self.links:
            target = os.path.realpath(link.path)
            if target not in known:
                known.add(target)
                files.append(link)
        return sorted(files)
