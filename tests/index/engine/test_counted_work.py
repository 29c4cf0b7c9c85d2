"""How much work a search does, counted: postings added up, and groups of rows that are scored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.index.engine import topk
from splade_cli.index.engine.accumulators import LOW
from splade_cli.index.engine.blockmax import GROUP
from splade_cli.index.engine.postings import NO_MASK, Postings
from splade_cli.index.engine.running.queries import load_loops

ROWS, TERMS = 60_000, 2_000


@pytest.fixture(scope="module")
def built() -> tuple[Postings, sp.csr_matrix]:
    """Rows of thirty skewed terms with skewed weights, as a sparse model makes them; and one as query."""
    dice = np.random.default_rng(7)
    terms = np.minimum(dice.zipf(1.3, ROWS * 30), TERMS) - 1
    weights = dice.gamma(1.0, 0.5, ROWS * 30).astype(np.float32)
    vectors = sp.csr_matrix((weights, (np.repeat(np.arange(ROWS), 30), terms)), shape=(ROWS, TERMS))
    vectors.sum_duplicates()
    postings = Postings.build(vectors)
    load_loops()
    postings.search(vectors[123], 3)  # compiled before a test replaces the loops that it calls
    return postings, vectors[123]


class Counted:
    """The loops of a search in Python, with what they are given counted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.groups = 0
        self.postings = 0
        self.rows = 0
        score_groups, accumulate, score_rows = topk.score_groups, topk.accumulate, topk.score_rows

        def scored_rows(rows: NDArray[np.int64], *arguments: Any) -> Any:
            self.rows += len(rows)
            return score_rows(rows, *arguments)

        def scored(groups: NDArray[np.int64], *arguments: Any) -> Any:
            self.groups += len(groups)
            return score_groups(groups, *arguments)

        def accumulated(
            slots: NDArray[np.int64], weights: Any, starts: NDArray[np.int64], *rest: Any
        ) -> None:
            met = slots[slots >= 0]
            self.postings += int((starts[met + 1] - starts[met]).sum())
            accumulate(slots, weights, starts, *rest)

        monkeypatch.setattr(topk, "score_rows", scored_rows)
        monkeypatch.setattr(topk, "score_groups", scored)
        monkeypatch.setattr(topk, "accumulate", accumulated)

    def search(
        self, postings: Postings, query: sp.csr_matrix, k: int, allowed: NDArray[np.uint8] = NO_MASK
    ) -> list[int]:
        room = np.empty(2 * k + 16, dtype=np.int64)
        lists = postings._lists
        search = topk.search_positive.py_func  # type: ignore[attr-defined]
        filled = search(
            query.indices, query.data, lists.postings, lists.planes, lists.vectors, lists.guard, ROWS,
            (0, lists.blocks), k, allowed, topk.scratch(), room, 0, np.zeros(1, dtype=np.int64),
        )  # fmt: skip
        return [int(LOW - (key & LOW)) for key in sorted(room[:filled].tolist(), reverse=True)]


def test_few_groups_are_scored_for_few_results(
    built: tuple[Postings, sp.csr_matrix], monkeypatch: pytest.MonkeyPatch
) -> None:
    postings, query = built
    counted = Counted(monkeypatch)
    rows = counted.search(postings, query, 3)
    assert rows == postings.search(query, 3)[0][0].tolist()
    assert counted.postings == 0, "bounds suffice"
    assert 0 < counted.groups < ROWS / GROUP / 200


def test_for_many_results_each_posting_of_the_query_is_added_once(
    built: tuple[Postings, sp.csr_matrix], monkeypatch: pytest.MonkeyPatch
) -> None:
    postings, query = built
    counted = Counted(monkeypatch)
    rows = counted.search(postings, query, 1000)
    assert rows == postings.search(query, 1000)[0][0].tolist()
    frequencies = np.bincount(postings.vectors[1], minlength=TERMS)
    assert (counted.groups, counted.postings) == (0, int(frequencies[query.indices].sum()))


def test_few_allowed_rows_are_all_that_is_scored(
    built: tuple[Postings, sp.csr_matrix], monkeypatch: pytest.MonkeyPatch
) -> None:
    postings, query = built
    every, scores = postings.search(query, ROWS)
    dice = np.random.default_rng(1)
    counted = Counted(monkeypatch)
    for count, alone in ((50, True), (ROWS // 8, False)):
        allowed = np.zeros(ROWS, dtype=np.bool_)
        allowed[dice.choice(ROWS, count, replace=False)] = True
        wanted = (every[0] >= 0) & allowed[every[0]]
        for k in (3, 100):
            counted.rows = counted.groups = counted.postings = 0
            rows = counted.search(postings, query, k, allowed.view(np.uint8))
            assert rows == every[0][wanted][:k].tolist()
            assert (counted.rows == count and counted.groups == counted.postings == 0) is alone
            found, same = postings.search(query, k, allowed=allowed)
            assert found[0][: len(rows)].tolist() == rows
            assert same[0][: len(rows)].tobytes() == scores[0][wanted][:k].tobytes()
