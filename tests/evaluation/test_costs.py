"""What is timed where a report gives the latency of a query."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from splade_cli.evaluation.costs import TIMED_DEPTH, cost_of
from splade_cli.index.index import SpladeIndex
from splade_cli.records import Hit
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher


class SlowSearcher(Searcher):
    """Answers after 50 ms."""

    calls: list[tuple[list[str], int, SearchOptions]]

    def search(self, queries: Sequence[str], k: int, options: SearchOptions) -> list[list[Hit]]:  # type: ignore[override]
        self.calls.append((list(queries), k, options))
        time.sleep(0.05)
        return super().search(queries, k, options)


def test_the_time_of_a_query_is_that_of_a_whole_search_with_the_options() -> None:
    from splade_cli.engines.local import LocalEngine

    class Encoder:
        def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
            return sp.csr_matrix(np.ones((len(texts), 3), dtype=np.float32))

    index = SpladeIndex.from_vectors(sp.csr_matrix(np.eye(3, dtype=np.float32)))
    searcher = SlowSearcher(LocalEngine(index), Encoder())
    searcher.calls = []
    options = SearchOptions(texts=False, group=False)
    cost = cost_of(searcher, index, ["clay", "saw"], options)
    assert searcher.calls == [(["clay"], TIMED_DEPTH, options), (["saw"], TIMED_DEPTH, options)]
    assert cost.total_p50 >= 50 > cost.encode_p50
