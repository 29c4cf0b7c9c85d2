"""CSR vectors in, exact top-k rows out, over one or several segments; knows no model and no writing of folders.

Rows are numbered through all segments, one after the other. A deleted row keeps its number until segments are merged:
it is a place in `rows`, `vectors`, `alive` and every mask, and never a result.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError, require_positive
from splade_cli.index.engine.ranking import best
from splade_cli.index.info import Bm25Info, DenseInfo, IndexInfo
from splade_cli.index.metadata.matching import passing
from splade_cli.index.store import folder as storage
from splade_cli.index.store import opening
from splade_cli.index.store.manifest import TOKENIZER, VOCABULARY
from splade_cli.index.store.records import Chained, Row, document_of
from splade_cli.index.store.segment import Batch, Mask, Segment, Words, canonical
from splade_cli.records import EncoderInfo, QueryInfo

if TYPE_CHECKING:
    from splade_cli.index.metadata.filters import Filter

Ids = list[list[str]] | list[list[int]]
__all__ = ["Row", "SpladeIndex"]


@dataclass
class SpladeIndex:
    """An exact inverted index. ``len(index)`` counts the rows that are not deleted.

    Attributes:
        segments: the rows, in the order of their numbers; one segment in memory, one or more from a folder.
        dimensions: V.
        vocabulary: names of the columns; may be empty.
        info: the models and settings that made it.
        folder: where it was opened from, None for one in memory.
        generation: of the folder when it was opened, 0 in memory; what is written later is not seen.
        encoder_folder: the folder in it that holds the files of the encoder, None in memory.
    """

    segments: list[Segment]
    dimensions: int
    vocabulary: Sequence[str] = ()
    info: IndexInfo = field(default_factory=IndexInfo)
    folder: Path | None = None
    generation: int = 0
    encoder_folder: Path | None = None

    @classmethod
    def from_vectors(
        cls,
        vectors: sp.spmatrix,
        ids: Sequence[str] | None = None,
        texts: Sequence[str] | None = None,
        *,
        rows: Sequence[Row] | None = None,
        vocabulary: Sequence[str] = (),
        encoder: EncoderInfo | None = None,
        language: str | None = None,
        dense: tuple[DenseInfo, NDArray[Any]] | None = None,
        model: EncoderInfo | None = None,
    ) -> SpladeIndex:
        """An index in memory.

        Args:
            vectors: [n, V], any SciPy sparse kind; negative weights are allowed, stored zeros are dropped.
            ids: n unique names; row numbers as text by default.
            texts: n texts, for snippets.
            rows: instead of ids and texts, n records with at least ``id``.
            language: count the words of the rows for BM25, in this language.
            encoder: what made the vectors.
            dense: what is known of the dense model, and vectors [n, d] of length 1.

        Raises:
            InputError: counts that differ, an id that comes twice, a weight that is not finite.
        """
        matrix = canonical(sp.csr_matrix(vectors, dtype=np.float32, copy=True))
        count = matrix.shape[0]
        numbered = ids is None and rows is None
        if rows is None:
            names = list(ids) if ids is not None else [str(number) for number in range(count)]
            bodies = list(texts) if texts is not None else [""] * count
            if len(names) != count or len(bodies) != count:
                raise InputError(
                    f"{count} vectors, {len(names)} ids and {len(bodies)} texts", "give one of each a row"
                )
            rows = [{"id": name, "text": body} for name, body in zip(names, bodies, strict=True)]
        if len(rows) != count or (dense is not None and len(dense[1]) != count):
            raise InputError(f"{count} vectors and {len(rows)} records", "give one record a row")
        for _ in storage.unique_ids([Batch(rows, matrix)]):
            pass
        dense_info, dense_vectors = dense if dense is not None else (None, None)
        if isinstance(dense_info, dict):
            dense_info = DenseInfo(**dense_info)
        if dense_info is not None and dense_vectors is not None:
            dense_info = replace(dense_info, dimensions=int(dense_vectors.shape[1]))
        info = IndexInfo(
            encoder=encoder or model or EncoderInfo(),
            bm25=None if language is None else Bm25Info(language),
            dense=dense_info,
            numbered=numbered,
        )
        segment = Segment.build(matrix, rows, language=language, dense=dense_vectors)
        return cls([segment], matrix.shape[1], vocabulary, info)

    @classmethod
    def open(cls, folder: str | Path, *, verify: bool = False) -> SpladeIndex:
        """Opens the present generation of an index folder; vectors, postings and texts stay in memory-mapped files.

        Another process may write to the folder meanwhile and later: this index stays what it is.

        Args:
            verify: read every byte and compare checksums, not only sizes and shapes.

        Raises:
            IndexFolderError: no index there, another format version, or damaged.
        """
        stored = opening.read(Path(folder), verify=verify)
        manifest = stored.manifest
        return cls(
            stored.segments,
            manifest.dimensions,
            stored.vocabulary,
            manifest.info,
            folder=Path(folder),
            generation=manifest.generation,
            encoder_folder=stored.encoder,
        )

    @property
    def tokenizer_path(self) -> Path | None:
        """The ``tokenizer.json`` of the model, kept in an index folder; None in memory, or where none was kept."""
        path = None if self.encoder_folder is None else self.encoder_folder / TOKENIZER
        return path if path is not None and path.is_file() else None

    def save(self, folder: str | Path, *, force: bool = False) -> None:
        """Writes the rows that are not deleted as an index of one segment; what is there goes only if `force` is given.

        Raises:
            InputError: `folder` exists and is not empty.
            IndexFolderError: another process is writing to it.
        """
        words = None if self.info.bm25 is None else Words(self.info.bm25.language)
        content = storage.Content(self.vocabulary, self.info, self._copy_encoder_files, words)
        live = (batch for segment in self.segments for batch in segment.live_batches())
        storage.write(Path(folder), live, content, dimensions=self.dimensions, force=force)

    def _copy_encoder_files(self, folder: Path) -> None:
        if self.encoder_folder is not None:
            for path in self.encoder_folder.iterdir():
                if path.name != VOCABULARY:
                    shutil.copyfile(path, folder / path.name)

    def _live_vectors(self) -> Iterator[sp.csr_matrix]:
        for segment in self.segments:
            yield from segment.live_blocks()

    def __len__(self) -> int:
        return sum(segment.live for segment in self.segments)

    @cached_property
    def rows(self) -> Sequence[Row]:
        """One record a place: ``id`` and, where known, ``text``, ``title``, ``document_id``, ``metadata``."""
        return (
            self.segments[0].rows
            if len(self.segments) == 1
            else Chained([each.rows for each in self.segments])
        )

    @cached_property
    def ids(self) -> Sequence[str]:
        """The id of each row, deleted ones included; read from an index folder without its texts."""
        if len(self.segments) == 1:
            return self.segments[0].ids
        return Chained([segment.ids for segment in self.segments])

    @cached_property
    def vectors(self) -> sp.csr_matrix:
        """CSR float32 [places, V]; a copy in memory of several segments or of counts, made when first asked for."""
        if len(self.segments) == 1:
            return self.segments[0].vectors
        empty = sp.csr_matrix((0, self.dimensions), dtype=np.float32)
        return sp.vstack([empty, *(segment.vectors for segment in self.segments)], format="csr")

    def vector(self, number: int) -> sp.csr_matrix:
        """The vector [1, V] of one place."""
        segment, place = self._at(number)
        return segment.vector(place)

    @property
    def nonzeros(self) -> int:
        """Weights of all places."""
        return sum(int(segment.stored.nnz) for segment in self.segments)

    @cached_property
    def starts(self) -> list[int]:
        """The number of each segment's first row, and how many places there are."""
        return [0, *np.cumsum([len(segment) for segment in self.segments], dtype=np.int64).tolist()]

    @cached_property
    def alive(self) -> Mask:
        """bool [places]: False where a row is deleted."""
        parts = [np.ones(len(each), np.bool_) if each.alive is None else each.alive for each in self.segments]
        return np.concatenate([np.empty(0, np.bool_), *parts])

    def live_rows(self) -> NDArray[np.int64]:
        """Numbers of the rows that are not deleted."""
        return np.flatnonzero(self.alive)

    @cached_property
    def documents(self) -> int:
        """Distinct documents that the rows that are not deleted belong to."""
        hashes = [segment.keys.hashes[segment.survivors(), 1] for segment in self.segments]
        return len(np.unique(np.concatenate(hashes))) if hashes else 0

    @cached_property
    def df(self) -> NDArray[np.int64]:
        """int64 [V]: in how many of the rows that are not deleted each dimension is active."""
        counts = np.zeros(self.dimensions, dtype=np.int64)
        for segment in self.segments:
            for part in segment.live_blocks():
                counts += np.bincount(part.indices, minlength=self.dimensions)
        return counts

    def mask(self, filter: Filter) -> Mask:
        """bool [rows]: which rows pass a filter, deleted ones included. Raises InputError for an unknown field."""
        return passing(filter, [segment.columns for segment in self.segments])

    def find(self, name: str, *, chunks: bool = True, documents: bool = True) -> NDArray[np.int64]:
        """Numbers of the rows, deleted ones left out, that bear a name, ascending.

        Args:
            chunks: those whose own id it is.
            documents: those whose document's id it is.
        """
        found: set[int] = set()
        for start, segment in zip(self.starts, self.segments, strict=False):
            for wanted, column, named in ((chunks, 0, itemgetter("id")), (documents, 1, document_of)):
                for place in segment.keys.candidates(name, column).tolist() if wanted else ():
                    if (segment.alive is None or segment.alive[place]) and named(segment.rows[place]) == name:
                        found.add(start + place)
        return np.array(sorted(found), dtype=np.int64)

    def _at(self, number: int) -> tuple[Segment, int]:
        """The segment of a place, and where in it."""
        if not 0 <= number < self.starts[-1]:
            raise IndexError(number)
        which = int(np.searchsorted(self.starts, number, side="right")) - 1
        return self.segments[which], number - self.starts[which]

    def add(
        self, vectors: sp.spmatrix, ids: Sequence[str], texts: Sequence[str] | None = None
    ) -> SpladeIndex:
        """A new index in memory with more rows after those that are not deleted; dense vectors are left out.

        The new vectors are rounded to the step of this index's impacts, and not pruned.

        Raises:
            InputError: an id that is there.
        """
        more = SpladeIndex.from_vectors(vectors, ids, texts)
        return self._changed(
            sp.vstack(
                [*self._live_vectors(), *more._live_vectors()] or [sp.csr_matrix((0, self.dimensions))]
            ),
            [*(self.rows[int(number)] for number in self.live_rows()), *more.rows],
            numbered=False,
        )

    def remove(self, ids: Sequence[str]) -> SpladeIndex:
        """A new index in memory without the rows of these ids; dense vectors are left out.

        Raises:
            InputError: an id that is not there.
        """
        live = self.live_rows().tolist()
        unknown = set(ids) - {self.ids[number] for number in live}
        if unknown:
            raise InputError(
                f"no row '{sorted(unknown)[0]}' in the index", "ids are those of the chunks or documents"
            )
        gone = set(ids)
        kept = [number for number in live if self.ids[number] not in gone]
        rows = [self.rows[number] for number in kept]
        return self._changed(self.vectors[kept], rows, numbered=self.info.numbered)

    def _changed(self, vectors: sp.csr_matrix, rows: Sequence[Row], *, numbered: bool) -> SpladeIndex:
        """An index of other rows with what this one carries for queries."""
        info = self.info
        if info.impacts is not None:
            matrix = canonical(sp.csr_matrix(vectors, dtype=np.float32))
            vectors = info.impacts.weights(info.impacts.counts(matrix))
        language = info.bm25.language if info.bm25 else None
        changed = SpladeIndex.from_vectors(vectors, rows=rows, vocabulary=self.vocabulary, language=language)
        changed.info = replace(info, dense=None, numbered=numbered)
        changed.encoder_folder = self.encoder_folder
        return changed

    @property
    def model(self) -> dict[str, Any]:
        return asdict(self.info.encoder)

    @property
    def query(self) -> QueryInfo | None:
        return self.info.query

    @property
    def query_folder(self) -> Path | None:
        return self.encoder_folder

    def search(self, queries: sp.spmatrix, k: int = 10) -> tuple[Ids, list[NDArray[np.float32]]]:
        """The k texts of largest dot product with each query, best first, equal scores in the order they were given.

        Args:
            queries: [q, V] sparse.
            k: results wanted, at least 1.

        Returns:
            Lists of ids, row numbers where the index was made without ids, and arrays of scores, one of each a query. A
            text that shares no term with the query is no result, so a list may be shorter than k.

        Raises:
            InputError: k below 1, vectors of another width.
        """
        rows, scores = self.search_rows(queries, k)
        filled = (rows >= 0).sum(axis=1)
        ids = [
            [self.ids[row] for row in found[:size]] for found, size in zip(rows.tolist(), filled, strict=True)
        ]
        values = [found[:size] for found, size in zip(scores, filled, strict=True)]
        if self.info.numbered:
            return [list(map(int, found)) for found in ids], values
        return ids, values

    def search_rows(
        self, queries: sp.spmatrix, k: int = 10, *, allowed: Mask | None = None, threads: int | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The k rows of largest dot product with each query, best first, equal scores by row number.

        Args:
            queries: [q, V] sparse.
            k: rows wanted, at least 1.
            allowed: bool [rows], the rows that may be results; all by default. Deleted rows never are.
            threads: see `Postings.search`.

        Returns:
            Row numbers int64 [q, k] and scores float32 [q, k]; a row that shares no term with the query is no
            result, and empty places hold -1 and -inf.

        Raises:
            InputError: k below 1, vectors of another width, a mask of another length.
        """
        require_positive(k=k)
        matrix = sp.csr_matrix(queries, dtype=np.float32)
        if matrix.shape[1] != self.dimensions:
            raise InputError(
                f"queries have {matrix.shape[1]} dimensions, the index has {self.dimensions}",
                "encode queries with the model that made the index",
            )
        if allowed is not None and allowed.shape != (self.starts[-1],):
            raise InputError(
                f"a mask of {allowed.shape} for {self.starts[-1]} rows", "give one truth value a row"
            )
        found = []
        for start, segment in zip(self.starts, self.segments, strict=False):
            mask = segment.alive
            if allowed is not None:
                here = allowed[start : start + len(segment)]
                mask = here if mask is None else here & mask
            numbers, scores = segment.postings.search(matrix, k, allowed=mask, threads=threads)
            found.append((np.where(numbers >= 0, numbers + start, -1) if start else numbers, scores))
        return found[0] if len(found) == 1 else best(found, k, matrix.shape[0])
