"""A segment: rows that were written together, with all that finds them. Written once, then only read.

    vectors.{indptr,indices,data}.npy   CSR [rows, V]: a row's terms and weights, or counts where the index has impacts
    postings.*.npy                      the same by term, see `postings`
    rows.*                              the records, see `rows`
    columns.*                           their metadata by field, see `columns`
    lexical.*, lexical/                 counts of words for BM25, see `lexical`; where the index asks for it
    dense.npy                           float32 [rows, d], dense vectors of length 1; where the index asks for it

Which rows of it are deleted is not its own affair: the index says so when it opens it. Knows no manifest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.bm25.search import Lexical, guess_language
from splade_cli.index.engine.postings import Postings
from splade_cli.index.metadata.columns import Columns, texts_of
from splade_cli.index.store.arrays import ArrayFile, mapped
from splade_cli.index.store.manifest import REBUILD
from splade_cli.index.store.records import Keys, Row, Rows, RowsFile, content_of
from splade_cli.index.vectors.impacts import Impacts

BLOCK_NONZEROS = 1 << 22
"""Weights that are in memory at once where a segment is read to be written again."""
LANGUAGE_SAMPLE = 200
VECTOR_FILES = tuple(f"vectors.{part}.npy" for part in ("data", "indices", "indptr"))
Mask = NDArray[np.bool_]


class Batch(NamedTuple):
    """Consecutive rows on their way into a segment: records, vectors CSR [n, V], dense vectors [n, d] of length 1."""

    rows: Sequence[Row]
    vectors: sp.csr_matrix
    dense: NDArray[Any] | None = None


@dataclass
class Segment:
    """Rows with all that finds them; arrays are memory maps where it was opened from a folder.

    Attributes:
        stored: CSR [rows, V]: weights, float32, or counts of the step of `impacts`.
        postings: the same for searching.
        rows: the records.
        alive: bool [rows], False where a row is deleted; None where none is.
        lexical: words of the rows, for BM25; None where the index has none.
        dense: float [rows, d], vectors of length 1; None where the index has none.
        stored_keys, stored_columns: those of `keys` and `columns`, made from the records where not given.
        impacts: what the counts are of; None where weights are stored.
    """

    stored: sp.csr_matrix
    postings: Postings
    rows: Sequence[Row]
    alive: Mask | None = None
    lexical: Lexical | None = None
    dense: NDArray[Any] | None = None
    stored_keys: Keys | None = None
    stored_columns: Columns | None = None
    impacts: Impacts | None = None

    def __len__(self) -> int:
        return int(self.stored.shape[0])

    @cached_property
    def vectors(self) -> sp.csr_matrix:
        """CSR float32 [rows, V]; where counts are stored the weights are a copy in memory, made when first asked."""
        return self._weights(self.stored)

    def vector(self, place: int) -> sp.csr_matrix:
        """The vector [1, V] of a row."""
        return self._weights(self.stored[place])

    @property
    def live(self) -> int:
        """Rows that are not deleted."""
        return len(self) if self.alive is None else int(np.count_nonzero(self.alive))

    @cached_property
    def keys(self) -> Keys:
        """Hashes of the ids."""
        return Keys.of(self.rows) if self.stored_keys is None else self.stored_keys

    @cached_property
    def columns(self) -> Columns:
        """The metadata by field."""
        return Columns.build(self.rows) if self.stored_columns is None else self.stored_columns

    @cached_property
    def ids(self) -> Sequence[str]:
        """The id of each row, from a folder without parsing records."""
        if self.stored_columns is None:
            return [row["id"] for row in self.rows]
        return texts_of(self.stored_columns, "id")

    @classmethod
    def build(
        cls, vectors: sp.csr_matrix, rows: Sequence[Row], *, language: str | None = None, dense: Any = None
    ) -> Segment:
        """A segment in memory; BM25 is part of it where a `language` is given."""
        lexical = None if language is None else Lexical.build([content_of(row) for row in rows], language)
        return cls(vectors, Postings.build(vectors), rows, lexical=lexical, dense=dense)

    @classmethod
    def open(
        cls,
        folder: Path,
        shape: tuple[int, int],
        nonzeros: int,
        *,
        lexical: bool,
        dense: int | None,
        impacts: Impacts | None,
    ) -> Segment:
        """Opens a segment's folder; arrays and texts stay in memory-mapped files.

        Args:
            shape, nonzeros: of the vectors, as they were written.
            lexical: whether it has words.
            dense: width of its dense vectors, None where it has none.
            impacts: what its weights are counts of, None where they are float32.

        Raises:
            IndexFolderError: a file is missing, or what the files hold does not fit together.
        """
        try:
            arrays = [mapped(folder / name) for name in VECTOR_FILES]
            indptr = arrays[2]
            fits = len(indptr) == shape[0] + 1 and int(indptr[-1]) == nonzeros == len(arrays[0]) == len(
                arrays[1]
            )
            if not fits or int(indptr[0]) != 0 or np.any(np.diff(indptr) < 0):
                raise ValueError("vectors: pointers do not fit")
            dtype, step = (np.dtype(np.float32), 1.0) if impacts is None else (impacts.dtype, impacts.step)
            keys, rows = Keys(mapped(folder / "rows.keys.npy")), Rows(folder)
            columns, words = Columns.open(folder), Lexical.open(folder) if lexical else None
            vectors = mapped(folder / "dense.npy") if dense is not None else None
            made = cls(
                sp.csr_matrix(tuple(arrays), shape=shape, copy=False),
                Postings.open(folder, weights=dtype, step=step), rows,
                lexical=words, dense=vectors, stored_keys=keys, stored_columns=columns, impacts=impacts,
            )  # fmt: skip
        except IndexFolderError:
            raise
        except (
            Exception
        ) as error:  # NumPy reads a header by Python's tokenizer, which fails in ways of its own
            raise IndexFolderError(f"the segment {folder} is damaged: {error}", REBUILD) from None
        counted = {
            "postings": made.postings.shape[0],
            "rows.jsonl": len(rows),
            "rows.keys.npy": len(keys.hashes),
            "columns": len(columns),
            "lexical": shape[0] if words is None else len(words),
            "lexical/postings": shape[0] if words is None else words.postings.shape[0],
            "dense.npy": shape[0] if vectors is None else len(vectors),
        }
        for name, count in counted.items():
            if count != shape[0]:
                raise IndexFolderError(
                    f"the segment {folder} is damaged: {name} has {count} rows, not {shape[0]}", REBUILD
                )
        if made.postings.shape[1] != shape[1] or (vectors is not None and vectors.shape[1:] != (dense,)):
            raise IndexFolderError(f"the segment {folder} is damaged: its dimensions differ", REBUILD)
        return made

    def survivors(self) -> NDArray[np.int64]:
        """Numbers of the rows that are not deleted."""
        return np.arange(len(self)) if self.alive is None else np.flatnonzero(self.alive)

    def live_blocks(self) -> Iterator[sp.csr_matrix]:
        """The vectors of the rows that are not deleted, in pieces of about BLOCK_NONZEROS weights."""
        return map(self._weights, blocks(self.stored, None if self.alive is None else self.survivors()))

    def live_batches(self) -> Iterator[Batch]:
        """The rows that are not deleted with all that is known of them, cut as `live_blocks`; one batch at least."""
        numbers = self.survivors()
        start = 0
        for vectors in self.live_blocks() if len(numbers) else (self._weights(self.stored[:0]),):
            chosen = numbers[start : start + vectors.shape[0]]
            start += vectors.shape[0]
            rows = [self.rows[number] for number in chosen.tolist()]
            yield Batch(rows, vectors, None if self.dense is None else self.dense[chosen])

    def _weights(self, stored: sp.csr_matrix) -> sp.csr_matrix:
        return stored if self.impacts is None else self.impacts.weights(stored)


@dataclass(frozen=True)
class Written:
    """What `write_segment` wrote; `language` is that of its words."""

    rows: int
    nonzeros: int
    language: str | None


def batched(
    parts: Iterable[sp.csr_matrix], rows: Iterable[Row], dense: Iterable[NDArray[Any]] | None = None
) -> Iterator[Batch]:
    """Batches of parts of the vectors, of rows, and of parts of the dense vectors cut as those.

    Raises:
        InputError: counts that differ.
    """
    records, others = iter(rows), None if dense is None else iter(dense)
    count = 0
    for part in parts:
        batch = list(islice(records, part.shape[0]))
        count += part.shape[0]
        if len(batch) != part.shape[0]:
            given = count - part.shape[0] + len(batch)
            raise InputError(f"{count} vectors and {given} records", "give one record a row")
        yield Batch(batch, part, None if others is None else next(others, None))
    more = sum(1 for _ in records)
    if more:
        raise InputError(f"{count} vectors and {count + more} records", "give one record a row")
    if others is not None and next(others, None) is not None:
        raise InputError("more dense vectors than sparse ones", "give one of each a row")


@dataclass(frozen=True)
class Words:
    """That a segment is to hold words for BM25, and how.

    Attributes:
        language: whose stop words and stemmer; guessed from the first segment's rows where None.
        joined: makes the words from those of other segments, in place of counting them in the texts.
        mean_length: words of a row in the whole index; that of the segment's own rows where None.
    """

    language: str | None = None
    joined: Callable[[], Lexical] | None = None
    mean_length: float | None = None


def write_segment(
    folder: Path,
    batches: Iterable[Batch],
    dimensions: int,
    *,
    words: Words | None = None,
    dense: bool = False,
    impacts: Impacts | None = None,
) -> Written:
    """Writes a segment into a new folder, one batch in memory at a time.

    Args:
        batches: the rows, read once; ids are not compared with each other here.
        dense: each batch has dense vectors.
        impacts: store weights as counts of this.

    Raises:
        InputError: counts that differ, a weight that is not finite, or negative where `impacts` are given.
    """
    folder.mkdir(parents=True)
    written = RowsFile(folder)
    with _VectorFiles(folder, impacts) as vectors, ExitStack() as open_files:
        dense_file: ArrayFile | None = None

        def passing() -> Iterator[Row]:
            nonlocal dense_file
            for batch in batches:
                check_batch(batch, dense)
                vectors.append(batch.vectors)
                if batch.dense is not None:
                    if dense_file is None:
                        dense_file = ArrayFile(folder / "dense.npy", np.float32, batch.dense.shape[1])
                        open_files.enter_context(dense_file)
                    dense_file.append(batch.dense)
                yield from batch.rows

        Columns.build(written.passing(passing())).write(folder)
        if dense and dense_file is None:
            raise InputError("no dense vectors were given", "give one a row")
    arrays = tuple(mapped(folder / name) for name in VECTOR_FILES)
    stored = sp.csr_matrix(arrays, shape=(written.count, dimensions), copy=False)
    Postings.write(folder, blocks(stored), dimensions, weights=stored.dtype)
    lexical = None
    if words is not None:
        lexical = words.joined() if words.joined is not None else _count_words(Rows(folder), words)
        lexical.write(folder)
    return Written(written.count, stored.nnz, lexical.language if lexical is not None else None)


def check_batch(batch: Batch, dense: bool) -> None:
    """Raises InputError where the parts of a batch differ in length, or dense vectors are missing or too many."""
    count = batch.vectors.shape[0]
    if len(batch.rows) != count:
        raise InputError(f"{count} vectors and {len(batch.rows)} records", "give one record a row")
    if dense != (batch.dense is not None) or (batch.dense is not None and len(batch.dense) != count):
        given = 0 if batch.dense is None else len(batch.dense)
        raise InputError(f"{count} vectors and {given} dense ones", "give one of each a row")


def blocks(vectors: sp.csr_matrix, rows: NDArray[np.int64] | None = None) -> Iterator[sp.csr_matrix]:
    """`vectors`, or these `rows` of it, in pieces of about BLOCK_NONZEROS weights."""
    count = vectors.shape[0] if rows is None else len(rows)
    step = max(1, int(BLOCK_NONZEROS // max(1.0, vectors.nnz / max(1, vectors.shape[0]))))
    for start in range(0, count, step):
        chosen = slice(start, start + step)
        yield vectors[chosen] if rows is None else vectors[rows[chosen]]


def canonical(matrix: sp.csr_matrix) -> sp.csr_matrix:
    """The same with ascending columns, none twice, no stored zero, as float32; a copy where it was not so already.

    Raises:
        InputError: a weight that is not finite.
    """
    if not np.isfinite(matrix.data).all():
        raise InputError(
            "a document vector holds a weight that is not finite", "check the model that made it"
        )
    if matrix.dtype != np.float32 or not matrix.has_canonical_format or not matrix.data.all():
        matrix = sp.csr_matrix(matrix, dtype=np.float32, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    return matrix


class _VectorFiles:
    """The files of a CSR matrix that grows by parts, rounded to counts where there are `impacts`; a context."""

    def __init__(self, folder: Path, impacts: Impacts | None) -> None:
        self._impacts = impacts
        self._folder = folder
        self._files = ExitStack()

    def __enter__(self) -> Self:
        weights = np.dtype(np.float32) if self._impacts is None else self._impacts.dtype
        self._data, self._indices, self._indptr = (
            self._files.enter_context(ArrayFile(self._folder / name, dtype))
            for name, dtype in zip(VECTOR_FILES, (weights, np.int32, np.int64), strict=True)
        )
        self._indptr.append(np.zeros(1, dtype=np.int64))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.__exit__(kind, error, trace)

    def append(self, part: sp.csr_matrix) -> None:
        """Writes more rows. Raises InputError for a weight that is not finite, or negative where there are impacts."""
        clean = canonical(part)
        if self._impacts is not None:
            clean = self._impacts.counts(clean)
        self._indptr.append(clean.indptr[1:].astype(np.int64) + self._data.length)
        self._indices.append(clean.indices)
        self._data.append(clean.data)


def _count_words(rows: Rows, words: Words) -> Lexical:
    language = words.language
    if language is None:
        step = max(1, len(rows) // LANGUAGE_SAMPLE)
        language = guess_language([content_of(row) for row in islice(rows, 0, None, step)])
    return Lexical.build((content_of(row) for row in rows), language, mean_length=words.mean_length)
