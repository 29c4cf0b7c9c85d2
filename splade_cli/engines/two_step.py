"""Query vectors in, top-k rows out, found in pruned vectors and scored in full ones; knows no text and no model.

Two-step search [Lassance, Déjean, Clinchant and Tonellotto 2024, arXiv 2404.13357]: the first step searches an index of
each document's few largest terms with each query's few largest, weights saturated as in BM25; the second scores its
best rows with the full vectors. Scores are those of a full search; only which rows come up is approximate.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.engines.local import LocalEngine, Mask, Rows
from splade_cli.errors import IndexFolderError, InputError, did_you_mean, require_positive
from splade_cli.files import replacing_folder
from splade_cli.index.engine.postings import FILES as POSTING_FILES
from splade_cli.index.engine.postings import Postings
from splade_cli.index.index import SpladeIndex
from splade_cli.index.vectors.pruning import keep_top, saturated

NAME = "two-step"
FOLDER, BACKENDS = "two-step", "backends"
_MADE = "made.json"
FILES = (f"{FOLDER}/steps.json", *(f"{FOLDER}/{name}" for name in POSTING_FILES))


@dataclass(frozen=True)
class Steps:
    """What the first step sees: terms a document, terms a query (all where None), its candidates, and BM25's k1."""

    document_terms: int = 64
    query_terms: int | None = 16
    candidates: int = 100
    k1: float | None = 1.0

    def first(self, vectors: sp.csr_matrix) -> sp.csr_matrix:
        """Documents' vectors as the first step has them."""
        pruned = keep_top(vectors, self.document_terms)
        return pruned if self.k1 is None else saturated(pruned, self.k1)


class TwoStep:
    """`first`, the first step's index, beside the full `vectors` [rows, dimensions]; searched as `Postings` are."""

    def __init__(self, first: Postings, vectors: sp.csr_matrix, steps: Steps) -> None:
        if first.shape != vectors.shape:
            raise IndexFolderError(
                f"the first step has shape {first.shape}, the vectors {vectors.shape}", "make the index again"
            )
        self.shape = first.shape
        self.steps = steps
        self.first, self._vectors = first, vectors

    @classmethod
    def build(cls, vectors: sp.csr_matrix, steps: Steps) -> TwoStep:
        """In memory."""
        return cls(Postings.build(steps.first(vectors)), vectors, steps)

    @staticmethod
    def write(folder: Path, parts: Iterable[sp.csr_matrix], dimensions: int, steps: Steps) -> None:
        """Writes `FILES` into an existing folder from full vectors, one part in memory at a time."""
        (folder / FOLDER).mkdir()
        Postings.write(folder / FOLDER, (steps.first(part) for part in parts), dimensions)
        (folder / FOLDER / "steps.json").write_text(json.dumps(asdict(steps)), encoding="utf-8")

    @classmethod
    def open(cls, folder: Path, vectors: sp.csr_matrix) -> TwoStep:
        """Over memory-mapped files. Raises IndexFolderError where they are missing or do not fit."""
        path = folder / FOLDER / "steps.json"
        try:
            steps = Steps(**json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError) as error:
            raise IndexFolderError(f"{path} cannot be read ({error})", "make the index again") from None
        return cls(Postings.open(folder / FOLDER), vectors, steps)

    def search(
        self,
        queries: sp.csr_matrix,
        k: int,
        *,
        allowed: NDArray[np.bool_] | None = None,
        threads: int | None = None,
    ) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """As `Postings.search`, of the rows that the first step found: at most `steps.candidates`, or k if larger."""
        require_positive(k=k)
        _check_width(queries, self.shape[1])
        matrix = sp.csr_matrix(queries, dtype=np.float32)
        short = matrix if self.steps.query_terms is None else keep_top(matrix, self.steps.query_terms)
        rows, _ = self.first.search(short, max(k, self.steps.candidates), allowed=allowed, threads=threads)
        return scored(self._vectors, matrix, rows, k)


def scored(
    vectors: sp.csr_matrix, queries: sp.csr_matrix, rows: NDArray[np.int64], k: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """The k best of candidate `rows` [q, c], -1 where there is none, with scores to the bit as `Postings.search`'s.

    Args:
        vectors: full CSR vectors [rows, dimensions], terms ascending.
        queries: CSR [q, dimensions].

    Raises:
        InputError: queries of another width.
    """
    _check_width(queries, vectors.shape[1])
    numbers = np.full((len(rows), k), -1, dtype=np.int64)
    scores = np.full((len(rows), k), -np.inf, dtype=np.float32)
    weights = np.zeros(vectors.shape[1], dtype=np.float32)
    for place in range(len(rows)):
        found = rows[place][rows[place] >= 0]
        span = slice(queries.indptr[place], queries.indptr[place + 1])
        np.add.at(weights, queries.indices[span], queries.data[span])
        starts, lengths = vectors.indptr[found], vectors.indptr[found + 1] - vectors.indptr[found]
        ends = np.cumsum(lengths)
        entries = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - (ends - lengths), lengths)
        weight = weights[vectors.indices[entries]]
        met = weight != 0
        owners = np.repeat(np.arange(len(found)), lengths)[met]
        sums = np.zeros(len(found), dtype=np.float32)
        # add.at adds one after the other, in float32 and in the order of terms; a reduction would add in pairs.
        np.add.at(sums, owners, weight[met] * vectors.data[entries[met]])
        shared = np.flatnonzero(np.bincount(owners, minlength=len(found)))
        best = shared[np.lexsort((found[shared], -sums[shared]))[:k]]
        numbers[place, : len(best)], scores[place, : len(best)] = found[best], sums[best]
        weights[queries.indices[span]] = 0
    return numbers, scores


def _check_width(queries: sp.csr_matrix, dimensions: int) -> None:
    if queries.shape[1] != dimensions:
        raise InputError(
            f"queries have {queries.shape[1]} dimensions, the index has {dimensions}",
            "encode queries with the model that made the index",
        )


class TwoStepEngine(LocalEngine):
    """A local engine whose sparse search finds texts in pruned vectors; scores are those of the full ones.

    Args:
        index: what is searched.
        two_step: over all rows of `index`.
    """

    def __init__(self, index: SpladeIndex, two_step: TwoStep) -> None:
        super().__init__(index)
        self._two_step = two_step
        self._capabilities = self._capabilities - {"exact"}

    @classmethod
    def open(cls, index: SpladeIndex, setting: str) -> TwoStepEngine:
        """The first step's index is kept in ``<index>/backends/``, and made again when the index has changed.

        Args:
            setting: ``two-step``, or ``two-step=D:Q`` for a first step of D terms a document and Q a query.

        Raises:
            InputError: another setting.
        """
        name, _, terms = setting.partition("=")
        if name != NAME:
            hint = did_you_mean(name, [NAME]) or f"beside exact there is {NAME}"
            raise InputError(f"unknown backend '{setting}'", hint)
        steps = parse_steps(terms) if terms else Steps()
        if index.folder is None:
            return cls(index, TwoStep.build(index.vectors, steps))
        folder = index.folder / BACKENDS / f"{NAME}-{steps.document_terms}-{steps.query_terms or 0}"
        made_from = {
            "identity": str(index.generation),
            "shape": list(index.vectors.shape),
            "nonzeros": int(index.vectors.nnz),
        }
        if _read_json(folder / _MADE) != made_from:
            with replacing_folder(folder) as new:
                TwoStep.write(new, [index.vectors], index.dimensions, steps)
                (new / _MADE).write_text(json.dumps(made_from), encoding="utf-8")
        return cls(index, TwoStep.open(folder, index.vectors))

    def _search_rows(self, queries: sp.csr_matrix, k: int, allowed: Mask | None) -> Rows:
        alive = self.index.alive
        if not alive.all():
            allowed = alive if allowed is None else allowed & alive
        return self._two_step.search(queries, k, allowed=allowed)


def parse_steps(setting: str) -> Steps:
    """``D:Q`` as steps. Raises InputError for another text."""
    document_terms, _, query_terms = setting.partition(":")
    numbers = document_terms.isdecimal() and (query_terms or "0").isdecimal()
    if not numbers or int(document_terms) == 0:
        raise InputError(f"{NAME} takes D:Q terms, got '{setting}'", f"e.g. {NAME}=64:16")
    return Steps(int(document_terms), int(query_terms or 0) or None)


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
