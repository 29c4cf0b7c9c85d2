"""Grid search over index settings: nDCG@10, megabytes and milliseconds of each, against the full index.

Each setting is measured on the same judged queries as the full index, with a paired significance test, and
timed in turn with it, one query at a time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.sparse as sp
from pydantic import JsonValue, TypeAdapter

from splade_cli.datasets.collections import Collection
from splade_cli.engines.base import Engine
from splade_cli.engines.local import LocalEngine
from splade_cli.errors import InputError
from splade_cli.evaluation.metrics import per_query, run_of_ranking
from splade_cli.evaluation.significance import Comparison, compare
from splade_cli.evaluation.systems.remembered import RememberedQueries
from splade_cli.evaluation.systems.system import require_documents
from splade_cli.evaluation.tuning.settings import SETTINGS, Setting, TunedIndex
from splade_cli.index.index import SpladeIndex
from splade_cli.progress import Progress, silent
from splade_cli.search.searcher import Searcher

MEASURE = "nDCG@10"
CUTOFF = 10
CHUNK_DEPTH = 100
"""Chunks that are ranked where documents have several."""
TOLERANCE = 0.005
"""The largest mean loss that is taken for none; with few queries a larger one could pass as chance."""
TIMED_QUERIES = 100
ROUNDS = 3


@dataclass(frozen=True)
class Measured:
    """A setting's figures.

    Attributes:
        figure: mean nDCG@10.
        megabytes: see `TunedIndex`.
        milliseconds: of one query, the median.
        terms: active dimensions of a text, on average.
        versus: its lead over the full index; None for that itself.
    """

    setting: Setting
    figure: float
    megabytes: float
    milliseconds: float
    terms: float
    versus: Comparison | None = None

    @property
    def as_good(self) -> bool:
        """No significant loss against the full index, and no mean loss above TOLERANCE."""
        if self.versus is None:
            return True
        lost = self.versus.significant and self.versus.difference < 0
        return not lost and self.versus.difference > -TOLERANCE

    def to_json(self) -> dict[str, JsonValue]:
        """Plain values."""
        values: dict[str, JsonValue] = TypeAdapter(Measured).dump_python(self, mode="json")
        return {"name": self.setting.name, "as_good": self.as_good, **values}


@dataclass(frozen=True)
class Tuning:
    """All settings, the full index first; the cheapest that is as good, and the fastest."""

    rows: list[Measured]
    cheapest: Measured
    fastest: Measured
    queries: int

    @property
    def full(self) -> Measured:
        """The index as it is."""
        return self.rows[0]

    def to_json(self) -> dict[str, JsonValue]:
        """Plain values; settings by their names."""
        return {
            "queries": self.queries,
            "measure": MEASURE,
            "rows": [row.to_json() for row in self.rows],
            "cheapest": self.cheapest.setting.name,
            "fastest": self.fastest.setting.name,
        }


def tune(
    searcher: Searcher,
    collection: Collection,
    *,
    settings: Sequence[Setting] = SETTINGS,
    progress: Progress = silent,
) -> Tuning:
    """Measures `settings` on the stored vectors of a local index; deleted texts are left out.

    Settings with impacts are left out where a weight is negative. Two indexes are in memory at a time: the
    full one and that of a setting.

    Args:
        searcher: over the full index, with the query encoder that it is searched with.
        collection: its documents must be those of the index, by their ids; those without text may be missing.

    Raises:
        InputError: judged documents are not in the index, or the index is no local one, or pruned or rounded
            already.
    """
    engine = searcher.engine
    if not isinstance(engine, LocalEngine):
        raise InputError("only an index of this machine can be tuned", "open an index folder")
    index = engine.index
    _refuse_smaller(index)
    documents = list(engine.document_ids())
    require_documents(collection, documents)
    ids = list(engine.ids())
    live = index.live_rows()
    vectors = index.vectors
    if len(live) < vectors.shape[0]:
        vectors = vectors[live]
    if vectors.nnz and vectors.data.min() < 0:
        settings = [setting for setting in settings if setting.impacts is None]
    depth = CUTOFF if len(ids) == len(documents) else CHUNK_DEPTH
    judged = _JudgedQueries(searcher, collection, depth)
    full = TunedIndex.build(Setting(), vectors, ids)
    values_of_full = judged.values(full)
    rows: list[Measured] = []
    times_of_full = []
    for number, setting in enumerate(settings, 1):
        variant = TunedIndex.build(setting, vectors, ids)
        values = judged.values(variant)
        full_time, time_of_variant = interleaved(full.engine, variant.engine, judged.vectors)
        times_of_full.append(full_time)
        # a ratio: the machine may be busier for one setting than for another
        ratio = time_of_variant / full_time
        rows.append(_measured(variant, values, ratio, compare(values, values_of_full)))
        progress("tune", number, len(settings))
    if not times_of_full:
        times_of_full = [interleaved(full.engine, full.engine, judged.vectors)[0]]
    milliseconds = float(np.median(times_of_full))
    rows = [replace(row, milliseconds=row.milliseconds * milliseconds) for row in rows]
    first = _measured(full, values_of_full, milliseconds, None)
    good = [first, *(row for row in rows if row.as_good)]
    cheapest = min(good, key=lambda row: (row.megabytes, row.milliseconds))
    fastest = min(good, key=lambda row: row.milliseconds)
    return Tuning([first, *rows], cheapest, fastest, len(judged.queries))


class _JudgedQueries:
    """Judged queries, encoded once, for the engines of all settings."""

    def __init__(self, searcher: Searcher, collection: Collection, depth: int) -> None:
        self.queries = {
            query: text for query, text in collection.queries.items() if query in collection.qrels
        }
        self._qrels = {query: collection.qrels[query] for query in self.queries}
        self._twins = collection.twins
        self._engine = searcher.engine
        self._encoder = RememberedQueries(searcher.encoder)
        self._depth = depth
        self.vectors = self._encoder.encode(list(self.queries.values()))

    def values(self, variant: TunedIndex) -> dict[str, float]:
        """nDCG@10 of each query."""
        searcher = Searcher(variant.engine, self._encoder)
        ranking = searcher.rank(list(self.queries.values()), self._depth)
        ids = list(dict.fromkeys(each for ids in ranking.ids for each in ids))
        documents = {chunk.id: chunk.document_id for chunk in self._engine.fetch(ids)}
        run = run_of_ranking(list(self.queries), ranking, CUTOFF, documents, self._twins)
        return per_query(run, self._qrels, [MEASURE])[MEASURE]


def interleaved(first: Engine, second: Engine, queries: sp.csr_matrix) -> tuple[float, float]:
    """Median milliseconds of one query for two engines that take turns, each query's best of ROUNDS."""
    singles = [queries[number] for number in range(min(TIMED_QUERIES, queries.shape[0]))]
    times = np.full((2, len(singles)), np.inf)
    for _ in range(ROUNDS):
        for number, single in enumerate(singles):
            for which, engine in enumerate((first, second)):
                start = time.perf_counter()
                engine.search(single, CUTOFF)
                times[which, number] = min(times[which, number], time.perf_counter() - start)
    medians = np.median(times, axis=1) * 1e3
    return float(medians[0]), float(medians[1])


def _refuse_smaller(index: SpladeIndex) -> None:
    made = Setting(index.info.pruning.terms, index.info.pruning.mass)
    if index.info.impacts is not None:
        made = replace(made, impacts=index.info.impacts.bits)
    if made != Setting():
        raise InputError(
            f"the index was built with {made.name}: what that costs cannot be measured on it",
            f"build one without: splade index DOCS -o {index.folder or 'index'}-whole",
        )


def _measured(
    variant: TunedIndex, values: dict[str, float], milliseconds: float, versus: Comparison | None
) -> Measured:
    figure = float(np.mean(list(values.values())))
    return Measured(variant.setting, figure, variant.megabytes, milliseconds, variant.terms, versus)
