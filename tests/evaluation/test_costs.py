"""What is timed where a report gives the latency of a query."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.evaluation.costs import TIMED_DEPTH, cost_of, longest_share
from splade_cli.evaluation.machine import Machine, this_machine
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
    options = SearchOptions(texts=False, group="off")
    cost = cost_of(searcher, index, ["clay", "saw"], options)
    alone = [(["clay"], TIMED_DEPTH, options), (["saw"], TIMED_DEPTH, options)]
    assert searcher.calls == [*alone, (["clay", "saw"], TIMED_DEPTH, options)]
    assert cost.total_p50 >= 50 > cost.encode_p50
    assert cost.total_p99 is not None and cost.search_p99 is not None and cost.queries_per_second is not None
    assert cost.total_p99 >= 50 and cost.search_p99 > 0
    assert cost.queries_per_second <= 2 / 0.05, "both at once"
    assert cost.texts == 3 and cost.texts_per_second is None
    assert replace(cost, index_seconds=1.5).texts_per_second == 2
    assert (cost.documents.smallest, cost.documents.largest, cost.queries.largest) == (1, 1, 3)


def test_the_share_of_the_longest_posting_lists() -> None:
    assert longest_share(sp.csr_matrix((0, 5), dtype=np.float32)) == 0
    even = sp.csr_matrix(np.ones((4, 200), dtype=np.float32))
    assert longest_share(even) == pytest.approx(0.01)
    skewed = np.zeros((100, 200), dtype=np.float32)
    skewed[0] = 1
    skewed[:, 7] = 1
    skewed[:50, 9] = 1
    # 200 lists of one posting each, two of them of 100 and 50: 198 + 100 + 50
    assert longest_share(sp.csr_matrix(skewed)) == pytest.approx(150 / 348)


def test_the_machine_is_named() -> None:
    machine = this_machine()
    assert machine.cores >= 1 and machine.system.split()
    assert f"{machine.cores} cores" in machine.sentence
    assert machine.peak_megabytes is None or machine.peak_megabytes > 10
    assert Machine("Linux x86_64", "", 2).sentence == "Linux x86_64, 2 cores"
