"""Exact dense search against a sort of the whole product; tiles, masks, ties, float16 files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from splade_cli.errors import InputError
from splade_cli.index.vectors import dense


def slowly(
    vectors: np.ndarray, queries: np.ndarray, k: int, allowed: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """A full stable sort of vectors whose products are exact in float32."""
    rows = np.full((len(queries), k), -1)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for place, line in enumerate(queries.astype(np.float64) @ vectors.astype(np.float64).T):
        there = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
        order = there[np.argsort(-line[there], kind="stable")][:k]
        rows[place, : len(order)], scores[place, : len(order)] = order, line[order]
    return rows, scores


@pytest.mark.parametrize("k", [1, 7, 64, 500])
@pytest.mark.parametrize("tile", [1, 5, 64, 1000])
@pytest.mark.parametrize("share", [None, 0.5, 0.0])
def test_against_a_full_sort(k: int, tile: int, share: float | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dense, "TILE", tile)
    monkeypatch.setattr(dense, "QUERIES", 3)
    generator = np.random.default_rng(k + tile)
    # quarters: every product is exact, so equal scores are equal, and there are many
    vectors = (generator.integers(-4, 5, size=(211, 6)) / 4).astype(np.float32)
    queries = (generator.integers(-4, 5, size=(8, 6)) / 4).astype(np.float32)
    allowed = None if share is None else generator.random(211) < share
    rows, scores = dense.search(vectors, queries, k, allowed=allowed)
    expected = slowly(vectors, queries, k, allowed)
    np.testing.assert_array_equal(rows, expected[0])
    np.testing.assert_array_equal(scores, expected[1])
    assert (rows.dtype, scores.dtype) == (np.int64, np.float32)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_a_memory_mapped_file(dtype: type, tmp_path: Path) -> None:
    vectors = dense.unit(np.random.default_rng(0).normal(size=(9000, 16)).astype(np.float32)).astype(dtype)
    np.save(tmp_path / "dense.npy", vectors)
    mapped = np.load(tmp_path / "dense.npy", mmap_mode="r")
    queries = dense.unit(np.random.default_rng(1).normal(size=(5, 16)).astype(np.float32))
    rows, scores = dense.search(mapped, queries, 20)
    every = queries @ vectors.astype(np.float32).T
    np.testing.assert_allclose(scores, -np.sort(-every, axis=1)[:, :20], rtol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(every, rows, 1), scores, rtol=1e-5)


def test_unit() -> None:
    made = dense.unit(np.array([[3, 4], [0, 0], [-2, 0]], dtype=np.float16))
    np.testing.assert_allclose(made, [[0.6, 0.8], [0, 0], [-1, 0]], rtol=1e-6)
    assert made.dtype == np.float32


def test_edges() -> None:
    vectors = np.eye(3, dtype=np.float32)
    rows, scores = dense.search(vectors, -vectors[:1], 5)
    assert rows.tolist() == [[1, 2, 0, -1, -1]], "every row is a result, one of negative score too"
    assert scores[0, 2] == -1
    assert dense.search(vectors[:0], vectors, 2)[0].tolist() == [[-1, -1]] * 3
    assert dense.search(vectors, vectors[:0], 2)[0].shape == (0, 2)
    with pytest.raises(InputError, match="k must be above 0"):
        dense.search(vectors, vectors, 0)
    with pytest.raises(InputError, match=r"queries of shape \(3, 2\)"):
        dense.search(vectors, vectors[:, :2], 1)
    with pytest.raises(InputError, match="not finite"):
        dense.search(np.full((2, 3), np.nan, dtype=np.float32), vectors, 1)
