"""An index and judgements in, what each way to make it smaller costs in ranking out; knows no terminal.

Each setting is measured against the full index on the same queries: nDCG@10, megabytes, and milliseconds for one query
on one thread. Megabytes are those of the files of vectors and postings that such a build writes, to the byte; a
two-step index adds its first step's postings. BM25, dense vectors and texts are the same for all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp

from splade_cli.datasets.collections import Collection
from splade_cli.engines.two_step import Steps, TwoStep
from splade_cli.errors import InputError
from splade_cli.evaluation.metrics import per_query, run_from_rows
from splade_cli.evaluation.significance import Comparison, compare
from splade_cli.index.engine.postings import FILES as POSTING_FILES
from splade_cli.index.engine.postings import Postings
from splade_cli.index.index import SpladeIndex
from splade_cli.index.store.arrays import HEADER_BYTES
from splade_cli.index.store.records import document_of
from splade_cli.index.store.segment import VECTOR_FILES
from splade_cli.index.vectors.impacts import quantised
from splade_cli.index.vectors.pruning import Pruning
from splade_cli.records import Progress, silent

MEASURE = "nDCG@10"
TOLERANCE = 0.005
"""The largest mean loss that is taken for none; with few queries a larger one could pass as chance."""
TIMED_QUERIES = 100
ROUNDS = 3
SHOWN = 3
Encode = Callable[[list[str]], sp.csr_matrix]


@dataclass(frozen=True)
class Setting:
    """One way to make an index; the full one where nothing is set. `impacts` are the bits of a weight."""

    prune_terms: int | None = None
    prune_mass: float | None = None
    impacts: int | None = None
    two_step: Steps | None = None

    def applied(self, vectors: sp.csr_matrix) -> sp.csr_matrix:
        """The vectors that are stored."""
        vectors = Pruning(self.prune_terms, self.prune_mass).applied(vectors)
        return vectors if self.impacts is None else quantised(vectors, self.impacts)

    def flags(self) -> str:
        """What to add to ``splade index``, a two-step search to ``splade search``; empty for the full index."""
        named = (
            ("--prune-terms", self.prune_terms),
            ("--prune-mass", self.prune_mass),
            ("--impacts", self.impacts),
        )
        words = [f"{name} {value:g}" for name, value in named if value is not None]
        if self.two_step is not None:
            words.append(
                f"--backend two-step={self.two_step.document_terms}:{self.two_step.query_terms or 0}"
            )
        return " ".join(words)


SETTINGS = (
    *(Setting(impacts=bits) for bits in (16, 8)),
    *(Setting(prune_terms=terms, impacts=8) for terms in (192, 128, 96, 64, 48, 32, 16)),
    *(Setting(prune_mass=share, impacts=8) for share in (0.9, 0.8, 0.7)),
    *(Setting(two_step=Steps(terms, of_query)) for terms, of_query in ((64, 16), (32, 16), (32, 8))),
)


@dataclass(frozen=True)
class Measured:
    """A setting's figures: mean nDCG@10 and its comparison with the full index, size, median time of one query."""

    setting: Setting
    figure: float
    megabytes: float
    milliseconds: float
    terms: float
    versus: Comparison | None = None

    @property
    def as_good(self) -> bool:
        """No significant loss against the full index, and no mean loss above TOLERANCE."""
        found = self.versus
        lost = found is not None and found.significant and found.difference < 0
        return found is None or (not lost and found.difference > -TOLERANCE)


@dataclass(frozen=True)
class Tuning:
    """All settings, the full index first; the cheapest that is as good, and the fastest."""

    rows: list[Measured]
    cheapest: Measured
    fastest: Measured
    queries: int

    def sentence(self) -> str:
        """What is recommended, why, and how to get it."""
        full, best = self.rows[0], self.cheapest
        few = " (too few queries to be sure)" if self.queries < 50 else ""
        if best is full:
            text = f"keep the full index: everything smaller loses {MEASURE} on these {self.queries} queries{few}"
        else:
            assert best.versus is not None
            text = (
                f"{best.setting.flags()} is the smallest index that loses nothing measurable on {self.queries} "
                f"queries{few}: {MEASURE} {best.figure:.4f} against {full.figure:.4f} (p = {best.versus.p_value:.2f}), "
                f"{best.megabytes:.1f} MB instead of {full.megabytes:.1f}, "
                f"{best.milliseconds:.2f} ms instead of {full.milliseconds:.2f}; "
                f"splade index DOCS -o DIR {best.setting.flags()}"
            )
        quick = self.fastest
        if quick.milliseconds < 0.8 * best.milliseconds:
            text += (
                f". Faster, not smaller: {quick.setting.flags()}, {quick.milliseconds:.2f} ms, "
                f"{quick.megabytes:.1f} MB, {MEASURE} {quick.figure:.4f}"
            )
        return text

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        rows = [{"flags": row.setting.flags(), "as_good": row.as_good, **asdict(row)} for row in self.rows]
        return {
            "queries": self.queries, "measure": MEASURE, "rows": rows,
            "recommended": self.cheapest.setting.flags(), "sentence": self.sentence(),
        }  # fmt: skip


def tune(
    index: SpladeIndex,
    encode: Encode,
    collection: Collection,
    *,
    settings: Sequence[Setting] = SETTINGS,
    progress: Progress = silent,
) -> Tuning:
    """Measures `settings` on the vectors of `index` with the judged queries of `collection`; deleted rows left out.

    Settings with impacts are left out where a weight is negative. Two indexes are in memory at a time: the full one,
    and one of a setting, timed in turn on each query.

    Args:
        encode: query texts to vectors, as the index is searched.
        collection: its documents must be those of the index, by their ids; those without text may be missing.

    Raises:
        InputError: judged documents are not in the index, or the index is pruned or rounded already.
    """
    _refuse_smaller(index)
    live = index.live_rows()
    documents = [document_of(index.rows[int(number)]) for number in live]
    _check_documents(collection, documents)
    names = [query for query in collection.queries if query in collection.qrels]
    queries = sp.csr_matrix(encode([collection.queries[name] for name in names]), dtype=np.float32)
    vectors = index.vectors if len(live) == len(index.rows) else index.vectors[live]
    if vectors.nnz and vectors.data.min() < 0:
        settings = [setting for setting in settings if setting.impacts is None]
    depth = 10 if len(set(documents)) == len(documents) else 100

    def ranked(engine: Postings | TwoStep) -> dict[str, float]:
        rows, scores = engine.search(queries, depth)
        run = run_from_rows(names, rows, scores, documents, 10)
        return per_query(run, {name: collection.qrels[name] for name in names}, [MEASURE])[MEASURE]

    full = Postings.build(vectors)
    of_full = ranked(full)
    rows: list[Measured] = []
    full_times = []
    for done, setting in enumerate(settings, 1):
        stored = setting.applied(vectors)
        postings = Postings.build(stored)
        engine = TwoStep.build(stored, setting.two_step) if setting.two_step else postings
        values = ranked(engine)
        full_ms, own_ms = _interleaved(full, engine, queries)
        full_times.append(full_ms)
        size = megabytes(stored, setting, postings, *([engine.first] if isinstance(engine, TwoStep) else []))
        rows.append(_measured(setting, values, size, own_ms / full_ms, stored, compare(values, of_full)))
        progress("tune", done, len(settings))
    milliseconds = float(np.median(full_times)) if full_times else _interleaved(full, full, queries)[0]
    # Times were ratios so far: the machine may have been busier for one setting than for another.
    rows = [Measured(**{**vars(row), "milliseconds": row.milliseconds * milliseconds}) for row in rows]
    first = _measured(Setting(), of_full, megabytes(vectors, Setting(), full), milliseconds, vectors, None)
    good = [first, *(row for row in rows if row.as_good)]
    cheapest = min(good, key=lambda row: (row.megabytes, row.milliseconds))
    fastest = min(good, key=lambda row: row.milliseconds)
    return Tuning([first, *rows], cheapest, fastest, len(names))


def megabytes(stored: sp.csr_matrix, setting: Setting, *postings: Postings) -> float:
    """Vectors and `postings` on disk in 10^6 bytes, the first of them with weights of the setting's bits."""
    total = stored.nnz * 8 + 8 * (stored.shape[0] + 1)
    total += sum(array.nbytes for each in postings for array in each.arrays.values())
    total += HEADER_BYTES * (len(VECTOR_FILES) + len(POSTING_FILES) * len(postings))
    return float((total - 2 * stored.nnz * (4 - (setting.impacts or 32) // 8)) / 1e6)


def _refuse_smaller(index: SpladeIndex) -> None:
    impacts = index.info.impacts
    bits = None if impacts is None else impacts.bits
    made = replace(Setting(index.info.pruning.terms, index.info.pruning.mass), impacts=bits)
    if made != Setting():
        raise InputError(
            f"the index was built with {made.flags()}: what that costs cannot be measured on it",
            "build one without: splade index DOCS -o OTHER",
        )


def _check_documents(collection: Collection, documents: Sequence[str]) -> None:
    """Raises InputError where judged documents are not among `documents`, those of the index."""
    judged = {name for grades in collection.qrels.values() for name in grades}
    written = {document.id for document in collection.documents if document.text.strip()}
    missing = sorted((judged & written or judged) - set(documents))
    if missing:
        shown = ", ".join(f"'{name}'" for name in missing[:SHOWN])
        raise InputError(
            f"{len(missing)} of {len(judged)} judged documents are not in the index: {shown}; "
            f"it holds {', '.join(map(repr, documents[:SHOWN])) or 'none'}",
            "index the documents that the judgements are about, from the same folder or file",
        )


def _measured(
    setting: Setting,
    values: dict[str, float],
    size: float,
    milliseconds: float,
    stored: sp.csr_matrix,
    versus: Comparison | None,
) -> Measured:
    figure = float(np.mean(list(values.values())))
    return Measured(setting, figure, size, milliseconds, stored.nnz / max(1, stored.shape[0]), versus)


def _interleaved(
    first: Postings | TwoStep, second: Postings | TwoStep, queries: sp.csr_matrix
) -> tuple[float, float]:
    """Median milliseconds of one query for two engines that take turns, each query's best of ROUNDS."""
    singles = [queries[place] for place in range(min(TIMED_QUERIES, queries.shape[0]))]
    times = np.full((2, len(singles)), np.inf)
    for _ in range(ROUNDS):
        for place, single in enumerate(singles):
            for which, engine in enumerate((first, second)):
                start = time.perf_counter()
                engine.search(single, 10, threads=1)
                times[which, place] = min(times[which, place], time.perf_counter() - start)
    full, own = np.median(times, axis=1) * 1e3
    return float(full), float(own)
