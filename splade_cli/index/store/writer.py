"""Changes to an index folder: rows added, replaced, deleted, segments merged, each as one new generation.

One process at a time may hold an `IndexWriter`; others go on searching the generation that they have opened. Knows no
documents and no models.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import InputError, did_you_mean
from splade_cli.index.bm25.search import Lexical, LexicalSearch
from splade_cli.index.index import SpladeIndex
from splade_cli.index.store import folder as storage
from splade_cli.index.store.manifest import FileEntry, Manifest, SegmentEntry
from splade_cli.index.store.segment import Batch, Words

MOST_SEGMENTS = 8
MOST_DELETED = 0.25


@dataclass(frozen=True)
class Merged:
    """What a merge did: segments before and after, and deleted rows that are gone for good."""

    before: int
    after: int
    dropped: int


class IndexWriter:
    """The sole right to change an index folder, as a context.

    Attributes:
        folder: the index.
        manifest, index: its present generation, which moves on with each change.

    Raises:
        IndexFolderError: no index there, a damaged one, or another process is writing to it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._held = ExitStack()

    def __enter__(self) -> Self:
        try:
            self.manifest: Manifest = self._held.enter_context(storage.writing(self.folder))
            self.index = SpladeIndex.open(self.folder)
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    def rows_of(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Numbers of the rows of chunk or document ids. Raises InputError for an id that is not there."""
        found = []
        for name in ids:
            numbers = self.index.find(name)
            if not len(numbers):
                known = (self.index.rows[int(number)]["id"] for number in self.index.live_rows()[:10_000])
                raise InputError(
                    f"no document '{name}' in the index {self.folder}",
                    did_you_mean(name, known) or "ids stand behind each hit of splade search",
                )
            found.append(numbers)
        return np.unique(np.concatenate([np.empty(0, dtype=np.int64), *found]))

    def append(
        self,
        batches: Iterable[Batch],
        *,
        replaced: AbstractSet[int] = frozenset(),
    ) -> None:
        """Adds a segment, and deletes the rows `replaced` in the same step.

        Args:
            batches: the rows, read once; vectors pruned as those that are there, and with dense ones where the index has
                them. Where it has impacts, weights are rounded to its step, and those above its largest become that.
            replaced: numbers of rows; may grow while the batches are read.

        Raises:
            InputError: counts that differ, an id twice or of a row that stays, a weight that is not finite, or negative
                where the index has impacts.
        """

        def fresh() -> Iterator[Batch]:
            for batch in storage.unique_ids(batches):
                for row in batch.rows:
                    if set(self.index.find(row["id"], documents=False).tolist()) - replaced:
                        raise InputError(
                            f"the id '{row['id']}' comes twice", "ids must be unique in an index"
                        )
                yield batch

        words = None
        if self.manifest.info.bm25 is not None:
            present = [segment.lexical for segment in self.index.segments if segment.lexical is not None]
            mean = LexicalSearch(present, [segment.alive for segment in self.index.segments]).mean_length
            words = Words(self.manifest.info.bm25.language, mean_length=mean or None)
        generation = self.manifest.generation + 1
        entry, files, _ = storage.add_segment(
            self.folder, f"{generation:06d}", fresh(), self.manifest.dimensions,
            words=words, dense=self.manifest.info.dense is not None, impacts=self.manifest.info.impacts,
        )  # fmt: skip
        segments, tombstones = self._without(np.array(sorted(replaced), dtype=np.int64))
        self._commit(segments=(*segments, entry), files=self.manifest.files | files | tombstones)

    def delete(self, numbers: NDArray[np.int64]) -> None:
        """Deletes rows by number, as `rows_of` gives them."""
        if len(numbers):
            segments, tombstones = self._without(numbers, keep_one=True)
            self._commit(segments=segments, files=self.manifest.files | tombstones)

    def merge(self) -> Merged | None:
        """Makes one segment of all, without the deleted rows; None where it is so already."""
        return self._merge(0) if len(self.manifest.segments) > 1 or self.manifest.deleted else None

    def merge_where_due(self) -> Merged | None:
        """Merges everything where more than MOST_DELETED of the rows are deleted, else the last, smaller segments where
        there are more than MOST_SEGMENTS; None where neither is so.

        A segment joins those behind it unless it is more than twice as large as they are together, so that each row is
        written again a number of times that grows with the logarithm of the rows only.
        """
        segments = self.manifest.segments
        if self.manifest.deleted > MOST_DELETED * self.manifest.rows:
            return self._merge(0)
        if len(segments) <= MOST_SEGMENTS:
            return None
        first = len(segments) - 2
        while first and segments[first - 1].rows <= 2 * sum(each.rows for each in segments[first:]):
            first -= 1
        return self._merge(first)

    def _merge(self, first: int) -> Merged:
        """Makes one segment of those from the place `first` on."""
        merged = self.index.segments[first:]
        before = self.manifest
        words = None
        if before.info.bm25 is not None:
            present = [segment.lexical for segment in merged if segment.lexical is not None]
            words = Words(joined=lambda: Lexical.join(present, [segment.alive for segment in merged]))
        generation = before.generation + 1
        entry, files, _ = storage.add_segment(
            self.folder,
            f"{generation:06d}",
            chain.from_iterable(each.live_batches() for each in merged),
            before.dimensions,
            words=words,
            dense=before.info.dense is not None,
            impacts=before.info.impacts,
        )
        self._commit(segments=(*before.segments[:first], entry), files=before.files | files)
        return Merged(len(before.segments), first + 1, before.deleted - self.manifest.deleted)

    def _without(
        self, numbers: NDArray[np.int64], *, keep_one: bool = False
    ) -> tuple[tuple[SegmentEntry, ...], dict[str, FileEntry]]:
        """The segments with these rows deleted as well, and the files that say so.

        A segment without a living row is left out, but for the last one of an index if `keep_one`.
        """
        segments: list[SegmentEntry] = []
        files: dict[str, FileEntry] = {}
        places = list(zip(self.index.starts, self.manifest.segments, self.index.segments, strict=False))
        for start, entry, segment in places:
            alive = np.ones(len(segment), dtype=np.bool_) if segment.alive is None else segment.alive.copy()
            here = numbers[(numbers >= start) & (numbers < start + len(segment))] - start
            alive[here] = False
            needed = keep_one and not segments and entry is places[-1][1]
            if not alive.any() and not needed:
                continue
            if len(here):
                gone = np.flatnonzero(~alive)
                entry, named = storage.add_tombstones(self.folder, entry, self.manifest.generation + 1, gone)
                files |= named
            segments.append(entry)
        return tuple(segments), files

    def _commit(self, **changes: Any) -> None:
        self.manifest = self.manifest.next(**changes)
        storage.commit(self.folder, self.manifest)
        self.index = SpladeIndex.open(self.folder)
