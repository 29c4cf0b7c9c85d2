"""An exact inverted index over one or several segments: top-k search of sparse vectors, and what is stored of
each row.

Rows are numbered through all segments, one after the other; see `rows`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError
from splade_cli.index.containers.csr import Sparse, as_csr
from splade_cli.index.engine.running.merging import RankedRows, listed, merge
from splade_cli.index.in_memory import add_rows, build_segment, given_chunks, remove_rows
from splade_cli.index.info import Bm25Info, DenseInfo, EncoderInfo, IndexInfo
from splade_cli.index.rows import KEPT_ROWS, NumberedRows
from splade_cli.index.store import folder as storage
from splade_cli.index.store import opening
from splade_cli.index.store.batches import Dense
from splade_cli.index.store.encoder_files import EncoderFiles
from splade_cli.index.store.manifest import TOKENIZER
from splade_cli.index.store.segment import Mask
from splade_cli.index.store.segment_writer import Bm25Request
from splade_cli.records import Chunk
from splade_cli.storage.claims import claimed

Ids = list[list[str]] | list[list[int]]
__all__ = ["SpladeIndex"]


@dataclass
class SpladeIndex(NumberedRows):
    """An exact inverted index. ``len(index)`` counts the rows that are not deleted.

    Attributes:
        segments: the rows, in the order of their numbers; one segment in memory, one or more from a folder.
        dimensions: V.
        vocabulary: names of the columns; may be empty.
        info: the models and settings that made it.
        folder: where it was opened from, None for one in memory.
        generation: of the folder when it was opened, 0 in memory; what is written later is not seen.
        encoder_files: those of the encoder in the folder, None in memory.
    """

    vocabulary: Sequence[str] = ()
    info: IndexInfo = field(default_factory=IndexInfo)
    folder: Path | None = None
    generation: int = 0
    encoder_files: EncoderFiles | None = None

    @classmethod
    def from_vectors(
        cls,
        vectors: Sparse,
        ids: Sequence[str] | None = None,
        texts: Sequence[str] | None = None,
        *,
        chunks: Sequence[Chunk] | None = None,
        vocabulary: Sequence[str] = (),
        encoder: EncoderInfo | None = None,
        language: str | None = None,
        dense: tuple[DenseInfo, Dense] | None = None,
    ) -> SpladeIndex:
        """An index in memory.

        Args:
            vectors: [n, V], any SciPy sparse kind; negative weights are allowed, stored zeros are dropped.
            ids: n unique names; row numbers by default.
            texts: n texts, for snippets.
            chunks: instead of ids and texts, n chunks.
            vocabulary: names of the columns.
            encoder: what made the vectors.
            language: count the terms of the chunks for BM25, in this language; those of titles as often as
                `index.bm25.fields` has it.
            dense: what is known of the dense model, and vectors [n, d] of length 1.

        Raises:
            InputError: counts that differ, an id that comes twice, a weight that is not finite.
        """
        matrix = as_csr(vectors, copy=True)
        numbered = ids is None and chunks is None
        if chunks is None:
            chunks = given_chunks(matrix.shape[0], ids, texts)
        info = IndexInfo(encoder=encoder or EncoderInfo(), numbered=numbered)
        if language is not None:
            info = replace(info, bm25=Bm25Info(language))
        dense_vectors = None
        if dense is not None:
            dense_info, dense_vectors = dense
            info = replace(info, dense=replace(dense_info, dimensions=int(dense_vectors.shape[1])))
        segment = build_segment(matrix, chunks, info.bm25, dense_vectors)
        return cls([segment], segment.rows.shape[1], vocabulary, info)

    @classmethod
    def open(cls, folder: str | Path, *, verify: bool = False) -> SpladeIndex:
        """Opens the present generation of an index folder; vectors, postings and texts stay in memory-mapped
        files.

        Another process may write to the folder meanwhile and later: this index stays what it is.

        Args:
            verify: read every byte and compare checksums, not only sizes and shapes.

        Raises:
            IndexFolderError: no index there, another format version, or damaged.
        """
        opened = opening.read(Path(folder), verify=verify)
        return cls(
            opened.segments,
            opened.manifest.dimensions,
            opened.vocabulary,
            opened.manifest.info,
            folder=Path(folder),
            generation=opened.manifest.generation,
            encoder_files=opened.encoder,
        )

    def save(self, folder: str | Path, *, force: bool = False) -> None:
        """Writes the rows that are not deleted as an index of one segment; what is there goes only if `force`
        is given.

        Raises:
            InputError: `folder` exists and is not empty, or another process is writing to it.
        """
        content = storage.Content(self.vocabulary, self.info)
        if self.encoder_files is not None:
            content = replace(content, encoder_files=self.encoder_files.copy)
        if self.info.bm25 is not None:
            content = replace(content, bm25=Bm25Request(self.info.bm25.language, self.info.bm25.title_weight))
        batches = (batch for segment in self.segments for batch in segment.live_batches())
        with claimed(Path(folder)):
            storage.write(Path(folder), batches, content, dimensions=self.dimensions, force=force)

    def search(self, queries: Sparse, k: int = 10) -> tuple[Ids, list[NDArray[np.float32]]]:
        """The k texts of largest dot product with each query, best first, equal scores in the order they were
        given.

        Args:
            queries: [q, V] sparse.
            k: results wanted, at least 1.

        Returns:
            Lists of ids, row numbers where the index was made without ids, and arrays of scores, one of each
            a query. A text that shares no term with the query is no result, so a list may be shorter than k.

        Raises:
            InputError: k below 1, vectors of another width.
        """
        most = self.starts[-1]
        if k > most:
            k = max(1, most)
        given_id = self._given_id
        ids = []
        scores = []
        for rows, values in listed(self.search_rows(queries, k)):
            ids.append(list(map(given_id, rows)))
            scores.append(values)
        return ids, scores

    def search_rows(
        self, queries: Sparse, k: int = 10, *, allowed: Mask | None = None, threads: int | None = None
    ) -> RankedRows:
        """The k rows of largest dot product with each query, best first, equal scores by row number.

        Args:
            queries: [q, V] sparse.
            k: rows wanted, at least 1.
            allowed: bool [rows], the rows that may be results; all by default. Deleted rows never are.
            threads: see `Postings.search`.

        Returns:
            Row numbers int64 [q, k] and scores float32 [q, k]; a row that shares no term with the query is no
            result, and missing ones are -1 and -inf.

        Raises:
            InputError: k below 1, vectors of another width, a mask of another length.
        """
        matrix = queries
        if not isinstance(matrix, sp.csr_matrix) or (len(self.segments) > 1 and matrix.dtype != np.float32):
            matrix = as_csr(queries)
        if matrix.shape[1] != self.dimensions:
            raise InputError(
                f"queries have {matrix.shape[1]} dimensions, the index has {self.dimensions}",
                "encode queries with the model that made the index",
            )
        if allowed is not None and allowed.shape != (self.starts[-1],):
            raise InputError(
                f"a mask of {allowed.shape} for {self.starts[-1]} rows", "give one truth value a row"
            )
        if len(self.segments) == 1:
            return self._search_segment(0, matrix, k, allowed, threads)
        rankings: list[RankedRows] = []
        for number, start in enumerate(self.starts[:-1]):
            rows, scores = self._search_segment(number, matrix, k, allowed, threads)
            rows[rows >= 0] += start
            rankings.append((rows, scores))
        return merge(rankings, k, matrix.shape[0])

    def _search_segment(
        self, number: int, matrix: sp.csr_matrix, k: int, allowed: Mask | None, threads: int | None
    ) -> RankedRows:
        """The best rows of one segment, numbered inside it."""
        segment = self.segments[number]
        mask = segment.alive
        if allowed is not None:
            start = self.starts[number]
            part = allowed[start : start + len(segment)]
            mask = part if mask is None else part & mask
        return segment.postings.search(matrix, k, allowed=mask, threads=threads)

    def add(self, vectors: Sparse, ids: Sequence[str], texts: Sequence[str] | None = None) -> SpladeIndex:
        """A new index in memory with more rows after those that are not deleted; dense vectors are left out.

        The new vectors are rounded to the step of this index's impacts, and not pruned.

        Raises:
            InputError: an id that is there.
        """
        matrix = as_csr(vectors, copy=True)
        return add_rows(self, matrix, given_chunks(matrix.shape[0], ids, texts))

    def remove(self, ids: Sequence[str]) -> SpladeIndex:
        """A new index in memory without the rows of these ids; dense vectors are left out.

        Raises:
            InputError: an id that is not there.
        """
        return remove_rows(self, ids)

    @cached_property
    def _given_id(self) -> Callable[[int], Any]:
        """The id that a row was given with, the number that it first had where there was none."""
        if not self.info.numbered:
            return self.id_of
        return lru_cache(maxsize=KEPT_ROWS)(lambda row: int(self.ids[row]))

    @property
    def encoder_folder(self) -> Path | None:
        """The folder that holds the files of the encoder, None where there are none."""
        if self.encoder_files is None:
            return None
        return self.encoder_files.folder

    @property
    def tokenizer_path(self) -> Path | None:
        """The ``tokenizer.json`` of the model, kept in an index folder; None in memory, or where none was
        kept. Raises IndexFolderError where it is damaged."""
        if self.encoder_files is None:
            return None
        return self.encoder_files.path(TOKENIZER)
