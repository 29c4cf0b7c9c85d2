"""Rankings of segments merged into one; ties, empty places."""

from __future__ import annotations

import numpy as np

from splade_cli.index.engine.running.merging import RankedRows, merge


def ranking(*lists: list[tuple[int, float]], width: int | None = None) -> RankedRows:
    """Rankings from (row, score) pairs, filled up with -1 and -inf."""
    size = width if width is not None else max(map(len, lists))
    rows = np.full((len(lists), size), -1, dtype=np.int64)
    scores = np.full((len(lists), size), -np.inf, dtype=np.float32)
    for place, pairs in enumerate(lists):
        for position, (row, score) in enumerate(pairs):
            rows[place, position], scores[place, position] = row, score
    return rows, scores


def pairs(found: RankedRows, query: int = 0) -> list[tuple[int, float]]:
    rows, scores = found[0][query], found[1][query]
    assert (np.isneginf(scores) == (rows < 0)).all()
    return [(int(row), float(score)) for row, score in zip(rows, scores, strict=True) if row >= 0]


def test_merging_of_segments() -> None:
    one, other = ranking([(1, 5.0), (0, 1.0)], [(0, 2.0)]), ranking([(7, 5.0), (9, 2.0)], [])
    found = merge([other, one], 3)
    assert pairs(found) == [(1, 5.0), (7, 5.0), (9, 2.0)], "ties by row, not by list"
    assert pairs(found, 1) == [(0, 2.0)]
    assert found[0].shape == (2, 3)
    rows, scores = merge([], 2, 3)
    assert (rows == -1).all()
    assert np.isneginf(scores).all()
    assert (rows.shape, rows.dtype, scores.dtype) == ((3, 2), np.int64, np.float32)
