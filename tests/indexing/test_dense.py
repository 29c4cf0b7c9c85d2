"""Dense vectors that a cache holds: each text is encoded once, and a model is opened only when it is needed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from splade_cli.indexing.dense import DenseWindows, KeptDense, LateDense
from splade_cli.storage.cache import Cache


class Lengths:
    """A dense encoder that counts what it is asked."""

    name = "lengths"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
        self.asked += texts
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)

    def settle_precision(self, texts: Sequence[str]) -> None:
        self.asked.append("precision")


@pytest.fixture(autouse=True)
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splade_cli.indexing.dense.dense_identity", lambda name: name)


def unit(texts: Sequence[str]) -> NDArray[np.float32]:
    vectors = np.array([[len(text), 1] for text in texts], dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_each_text_is_encoded_once_whatever_it_stands_beside(tmp_path: Path) -> None:
    model = Lengths()
    with Cache(tmp_path / "cache.sqlite3") as cache:
        windows = DenseWindows(model, cache)
        first = windows.encode(["a", "bbb", "a"])
        np.testing.assert_allclose(first, unit(["a", "bbb", "a"]), rtol=1e-6)
        second = windows.encode(["cc", "a", "bbb"])
        np.testing.assert_allclose(second, unit(["cc", "a", "bbb"]), rtol=1e-6)
        assert model.asked == ["a", "bbb", "cc"]


def test_a_run_that_is_stopped_keeps_the_parts_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_cli.indexing.dense.PART", 2)
    texts = ["a" * size for size in range(1, 6)]
    told = []

    def stop(stage: str, done: int, total: int | None) -> None:
        told.append((done, total))
        if len(told) == 2:
            raise KeyboardInterrupt

    model = Lengths()
    with Cache(tmp_path / "cache.sqlite3") as cache:
        windows = DenseWindows(model, cache)
        with pytest.raises(KeyboardInterrupt):
            windows.encode(texts, stop)
        assert told == [(2, 5), (4, 5)]
        np.testing.assert_allclose(windows.encode(texts), unit(texts), rtol=1e-6)
        assert model.asked == texts, "each was asked once"


def test_a_model_is_opened_for_texts_that_are_new_and_for_queries(tmp_path: Path) -> None:
    with Cache(tmp_path / "cache.sqlite3") as cache:
        DenseWindows(Lengths(), cache).encode(["a", "bbb"])
        model = Lengths()
        opened = []

        def open_model() -> Lengths:
            opened.append(1)
            return model

        kept = KeptDense(LateDense("lengths", open_model), cache)
        np.testing.assert_allclose(kept.encode(["bbb", "a"]), unit(["bbb", "a"]), rtol=1e-6)
        assert (kept.name, opened) == ("lengths", [])
        np.testing.assert_array_equal(kept.encode(["a"], "query"), [[1, 1]])
        kept.encode(["a"], "query")
        assert model.asked == ["a", "a"], "queries are not kept"
        kept.encode(["dddd", "a"])
        kept.settle_precision(["a"])  # which is kept: nothing is tried with it
        kept.settle_precision(["new", "a"])
        assert (model.asked[2:], opened) == (["dddd", "precision"], [1])


def test_a_folder_is_named_so_that_it_is_found_from_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path)
    model = Lengths()
    assert DenseWindows(model).info(2).model == "lengths", "a hub id stays as it is"
    model.name = "./model"
    assert DenseWindows(model).info(2).model == str((tmp_path / "model").resolve())
