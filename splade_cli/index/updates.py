"""Updates of an index folder: rows added, replaced, deleted, segments merged, each as one new generation.

One process at a time may hold an `IndexWriter`; others go on searching the generation that they have opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import InputError, did_you_mean
from splade_cli.index.bm25.frequencies import TermFrequencies
from splade_cli.index.bm25_search import Bm25Search
from splade_cli.index.index import SpladeIndex
from splade_cli.index.store import folder as storage
from splade_cli.index.store.batches import Batch, unique_ids
from splade_cli.index.store.manifest import Manifest
from splade_cli.index.store.manifest_parts import FileEntry, SegmentEntry
from splade_cli.index.store.segment_writer import Bm25Request

MOST_SEGMENTS = 8
MOST_DELETED = 0.25


@dataclass(frozen=True)
class Merged:
    """What a merge did: segments before and after, and deleted rows that are gone for good."""

    before: int
    after: int
    dropped: int


def keep_mode(folder: str | Path, mode: str) -> bool:
    """Makes an index be searched by `mode` where nobody says how; "" fuses all it holds. Says if it changed.

    Raises:
        IndexFolderError: no index there, or a damaged one.
        InputError: a mode that is none, another process is writing to it.
    """
    with storage.writing(Path(folder)) as manifest:
        if manifest.info.mode == mode:
            return False
        info = replace(manifest.info, mode=mode)
        info.check()
        replace(manifest, generation=manifest.generation + 1, info=info).write(Path(folder))
        return True


class IndexWriter:
    """The sole right to change an index folder, as a context.

    Attributes:
        folder: the index.
        manifest, index: its present generation, which moves on with each change.

    Raises:
        IndexFolderError: no index there, or a damaged one.
        InputError: another process is writing to it.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._lock = ExitStack()

    def __enter__(self) -> Self:
        try:
            self.manifest: Manifest = self._lock.enter_context(storage.writing(self.folder))
            self.index = SpladeIndex.open(self.folder)
        except BaseException:
            self._lock.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.close()

    def rows_of(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Numbers of the rows of chunk or document ids. Raises InputError for an id that is not there."""
        parts = [np.empty(0, dtype=np.int64)]
        for name in ids:
            rows = self.index.find(name)
            if not len(rows):
                known = (self.index.ids[int(row)] for row in self.index.live_rows()[:10_000])
                raise InputError(
                    f"no document '{name}' in the index {self.folder}",
                    did_you_mean(name, known) or "ids stand behind each hit of splade search",
                )
            parts.append(rows)
        return np.unique(np.concatenate(parts))

    def append(
        self,
        batches: Iterable[Batch],
        *,
        replaced: AbstractSet[int] = frozenset(),
    ) -> None:
        """Adds a segment, and deletes the rows `replaced` in the same step.

        Args:
            batches: the rows, read once; vectors pruned as those that are there, and with dense ones where
                the index has them. Where it has impacts, weights are rounded to its step, and those above its
                largest become that.
            replaced: numbers of rows; may grow while the batches are read.

        Raises:
            InputError: counts that differ, an id twice or of a row that stays, a weight that is not finite,
                or negative where the index has impacts.
        """

        def fresh() -> Iterator[Batch]:
            for batch in unique_ids(batches):
                for chunk in batch.chunks:
                    present = set(self.index.find(chunk.id, documents=False).tolist())
                    if present - replaced:
                        raise InputError(f"the id '{chunk.id}' comes twice", "ids must be unique in an index")
                yield batch

        bm25 = None
        if self.manifest.info.bm25 is not None:
            # The mean length of what is there, so that scores of old and new rows are on one scale.
            mean = Bm25Search.of(self.index.segments).mean_length
            counted = self.manifest.info.bm25
            bm25 = Bm25Request(counted.language, counted.title_weight, mean_length=mean or None)
        entry, files, _ = self._add_segment(fresh(), bm25)
        segments, tombstones = self._without(np.array(sorted(replaced), dtype=np.int64))
        self._commit((*segments, entry), files | tombstones)

    def delete(self, rows: NDArray[np.int64]) -> None:
        """Deletes rows by number, as `rows_of` gives them."""
        if len(rows):
            segments, tombstones = self._without(rows, keep_one=True)
            self._commit(segments, tombstones)

    def merge(self) -> Merged | None:
        """Makes one segment of all, without the deleted rows; None where it is so already."""
        return self._merge(0) if len(self.manifest.segments) > 1 or self.manifest.deleted else None

    def merge_where_due(self) -> Merged | None:
        """Merges everything where more than MOST_DELETED of the rows are deleted, else the last, smaller
        segments where there are more than MOST_SEGMENTS; None where neither is so.

        A segment joins those behind it unless it is more than twice as large as they are together, so that
        each row is written again a number of times that grows with the logarithm of the rows only.
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
        """Makes one segment of those from the number `first` on."""
        merged = self.index.segments[first:]
        before = self.manifest
        bm25 = None
        if before.info.bm25 is not None:
            parts = [segment.bm25 for segment in merged if segment.bm25 is not None]
            alive = [segment.alive for segment in merged]
            bm25 = Bm25Request(joined=lambda: TermFrequencies.join(parts, alive))
        batches = chain.from_iterable(segment.live_batches() for segment in merged)
        entry, files, _ = self._add_segment(batches, bm25)
        self._commit((*before.segments[:first], entry), files)
        return Merged(len(before.segments), first + 1, before.deleted - self.manifest.deleted)

    def _add_segment(
        self, batches: Iterable[Batch], bm25: Bm25Request | None
    ) -> tuple[SegmentEntry, dict[str, FileEntry], str | None]:
        """Writes a segment for the next generation."""
        manifest = self.manifest
        name = f"{manifest.generation + 1:06d}"
        return storage.add_segment(self.folder, name, batches, manifest.dimensions, manifest.info, bm25)

    def _without(
        self, rows: NDArray[np.int64], *, keep_one: bool = False
    ) -> tuple[tuple[SegmentEntry, ...], dict[str, FileEntry]]:
        """The segments with these rows deleted as well, and the files that say so.

        A segment without a living row is left out, but for the last one of an index if `keep_one`.
        """
        segments: list[SegmentEntry] = []
        files: dict[str, FileEntry] = {}
        parts = list(zip(self.index.starts, self.manifest.segments, self.index.segments, strict=False))
        for number, (start, entry, segment) in enumerate(parts, 1):
            alive = np.ones(len(segment), dtype=np.bool_) if segment.alive is None else segment.alive.copy()
            inside = rows[(rows >= start) & (rows < start + len(segment))] - start
            alive[inside] = False
            is_last = keep_one and not segments and number == len(parts)
            if not alive.any() and not is_last:
                continue
            if len(inside):
                deleted = np.flatnonzero(~alive)
                generation = self.manifest.generation + 1
                entry, named = storage.add_tombstones(self.folder, entry, generation, deleted)
                files |= named
            segments.append(entry)
        return tuple(segments), files

    def _commit(self, segments: tuple[SegmentEntry, ...], files: dict[str, FileEntry]) -> None:
        self.manifest = self.manifest.next(segments, files)
        storage.commit(self.folder, self.manifest)
        self.index = SpladeIndex.open(self.folder)
