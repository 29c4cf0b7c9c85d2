"""Files below a folder, in the order of their paths, each once whatever links lead to it."""

from __future__ import annotations

import os
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import NamedTuple

from splade_cli.corpus.formats.prose import clean


@dataclass(frozen=True)
class Skipped:
    """A file, or one row of it, that gave no document."""

    path: str
    reason: str


class NamedFile(NamedTuple):
    """A file and what it is called: its path relative to the folder."""

    name: str
    path: Path


def list_files(root: Path) -> tuple[list[NamedFile], list[Skipped]]:
    """All files below `root` that are not hidden, and what could not be looked into.

    Links are followed last and once: no loop and no copy comes of them.
    """
    walk = _Walk(root)
    walk.run()
    return walk.files_by_name(), walk.skipped


@dataclass
class _Walk:
    """Breadth-first over folders that links lead to, depth-first over all others."""

    root: Path
    files: list[NamedFile] = field(default_factory=list)
    links: list[NamedFile] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def run(self) -> None:
        top = os.path.realpath(self.root)
        seen: set[str] = set()
        pending = deque([self.root])
        while pending:
            folder = pending.popleft()
            real = os.path.realpath(folder)
            leads_up = real != top and PurePath(top).is_relative_to(real)
            if real in seen or leads_up:
                continue
            seen.add(real)
            for entry in self._entries(folder):
                if entry.is_dir():
                    if entry.is_symlink():
                        pending.append(Path(entry.path))
                    else:
                        pending.appendleft(Path(entry.path))
                else:
                    self._add(entry)

    def _entries(self, folder: Path) -> list[os.DirEntry[str]]:
        """What lies in one folder, sorted, without hidden files and the queries of a collection."""
        try:
            with os.scandir(folder) as listing:
                entries = [entry for entry in listing if not entry.name.startswith(".")]
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            self.skipped.append(Skipped(self._name(folder), f"folder cannot be read ({reason})"))
            return []
        entries.sort(key=lambda entry: entry.name)
        names = {entry.name for entry in entries}
        if "corpus.jsonl" not in names:
            return entries
        documents = []
        for entry in entries:
            if entry.name in ("queries.jsonl", "qrels"):
                reason = "queries and judgements of a collection, not documents"
                self.skipped.append(Skipped(self._name(Path(entry.path)), reason))
            else:
                documents.append(entry)
        return documents

    def _add(self, entry: os.DirEntry[str]) -> None:
        path = Path(entry.path)
        name = self._name(path)
        if entry.is_file():
            files = self.links if entry.is_symlink() else self.files
            files.append(NamedFile(name, path))
        elif entry.is_symlink():
            self.skipped.append(Skipped(name, "link that leads nowhere"))

    def _name(self, path: Path) -> str:
        return clean(path.relative_to(self.root).as_posix())

    def files_by_name(self) -> list[NamedFile]:
        known = {os.path.realpath(file.path) for file in self.files}
        files = list(self.files)
        for link in self.links:
            target = os.path.realpath(link.path)
            if target not in known:
                known.add(target)
                files.append(link)
        return sorted(files)
