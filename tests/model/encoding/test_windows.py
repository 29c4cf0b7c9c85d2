"""Windows in a cache: interrupted, resumed, by several processes; and which precision a corpus gets."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.errors import InputError, ModelError
from splade_cli.model import encode as module
from splade_cli.model.encode import encode, stack
from splade_cli.model.encoding import windows
from splade_cli.model.encoding.windows import (
    encode_windows,
    matrix_from_bytes,
    matrix_to_bytes,
    space_of,
)
from splade_cli.model.encoding.workers import WorkerPool, devices_of_workers
from splade_cli.model.splade import automatic_precision
from splade_cli.model.splade.automatic_precision import neighbours_in_common, settle_precision
from splade_cli.storage.cache import Cache

Make = Callable[..., Any]


class Count:
    """Counts texts that go through the model, in windows of five, and stops the run after some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts = 0
        original = module._encode_batch

        def counted(loaded: Any, tokens: Any, kind: str) -> sp.csr_matrix:
            self.texts += len(tokens["input_ids"])
            return original(loaded, tokens, kind)

        monkeypatch.setattr(module, "_encode_batch", counted)
        monkeypatch.setattr(module, "WINDOW", 5)


def stop_after(done_at_most: int) -> Callable[[str, int, int | None], None]:
    def progress(stage: str, done: int, total: int | None) -> None:
        if done > done_at_most:
            raise KeyboardInterrupt

    return progress


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache(tmp_path / "cache.sqlite3") as opened:
        yield opened


def whole(loaded: Any, texts: Iterable[str], cache: Cache | None = None, **options: Any) -> sp.csr_matrix:
    """All windows as one matrix."""
    return stack(list(encode_windows(loaded, texts, cache, **options)), loaded.model.dimensions)


def same(one: sp.csr_matrix, other: sp.csr_matrix) -> None:
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


def test_interrupted_and_resumed(
    bert_folder: Path, load: Make, texts: list[str], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(str(bert_folder))
    many = [f"{text} {number}" for number in range(3) for text in texts]
    expected = encode(loaded, many)
    count = Count(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        whole(loaded, many, cache, batch_size=2, progress=stop_after(12))
    assert cache.count(space_of(loaded)) == 2
    count.texts = 0
    resumed = whole(loaded, many, cache)
    assert count.texts == len(many) - 10
    np.testing.assert_allclose(resumed.toarray(), expected.toarray(), rtol=1e-5, atol=1e-5)
    count.texts = 0
    same(whole(loaded, many, cache), resumed)
    assert count.texts == 0


def test_resumed_is_identical_to_uninterrupted(
    bert_folder: Path, load: Make, texts: list[str], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(str(bert_folder))
    Count(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        whole(loaded, texts * 2, cache, progress=stop_after(5))
    same(whole(loaded, texts * 2, cache), whole(loaded, texts * 2))


def test_only_what_changed_is_encoded_again(
    bert_folder: Path,
    make_folder: Make,
    load: Make,
    texts: list[str],
    cache: Cache,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = Count(monkeypatch)
    loaded = load(str(bert_folder))
    whole(loaded, texts, cache)
    changed = [*texts[:-1], texts[-1] + " changed"]
    last = len(texts) % 5 or 5
    others = [(loaded, changed, last), (load(str(bert_folder), max_seq_length=8), changed, len(texts))]
    others += [(load(str(make_folder("bert", seed=1))), changed, len(texts)), (loaded, changed[:3], 3)]
    for other, rows, fresh in others:
        count.texts = 0
        encoded = list(encode_windows(other, iter(rows), cache))
        assert count.texts == fresh
        assert len(encoded) == -(-len(rows) // 5)
        vectors = stack(encoded, other.model.dimensions)
        np.testing.assert_allclose(vectors.toarray(), encode(other, rows).toarray(), rtol=1e-5, atol=1e-5)


def test_what_a_space_depends_on(bert_folder: Path, make_folder: Make, load: Make) -> None:
    loaded = load(str(bert_folder))
    first = space_of(loaded)
    assert space_of(load(str(bert_folder))) == first
    others = [
        space_of(loaded._replace(device=loaded.device._replace(precision="bf16"))),
        space_of(load(str(bert_folder), max_seq_length=8)),
        space_of(load(str(make_folder("bert", seed=1)))),
    ]
    loaded.model.max_active = 5
    assert len({first, *others, space_of(loaded)}) == 5


def test_the_order_and_the_borders_of_texts_count(
    bert_folder: Path, load: Make, texts: list[str], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(str(bert_folder))
    count = Count(monkeypatch)
    few = texts[:4]
    whole(loaded, few, cache)
    for other in (few[::-1], ["".join(few[:2]), *few[2:]]):
        count.texts = 0
        whole(loaded, other, cache)
        assert count.texts == len(other)


def test_a_window_too_large_for_the_cache_is_computed_again(
    bert_folder: Path, load: Make, texts: list[str], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(str(bert_folder))
    monkeypatch.setattr(windows, "LARGEST_VALUE", 10)
    same(whole(loaded, texts, cache), whole(loaded, texts))
    assert cache.spaces() == []


@given(st.lists(st.lists(st.integers(0, 6), unique=True).map(sorted), max_size=6))
def test_a_matrix_survives_its_bytes(columns: list[list[int]]) -> None:
    bounds = np.cumsum([0, *map(len, columns)])
    flat = np.array([column for row in columns for column in row], dtype=np.int32)
    weights = np.arange(1, len(flat) + 1, dtype=np.float32) / 7
    matrix = sp.csr_matrix((weights, flat, bounds), shape=(len(columns), 7))
    again = matrix_from_bytes(matrix_to_bytes(matrix), len(columns), 7)
    same(again, matrix)
    assert (again.shape, again.dtype, again.indices.dtype) == (matrix.shape, np.float32, np.int32)


def test_workers_make_the_same_vectors(
    bert_folder: Path, load: Make, texts: list[str], cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Count(monkeypatch)
    loaded = load(str(bert_folder))
    many = [f"{text} {number}" for number in range(3) for text in texts]
    alone = whole(loaded, many)
    seen: list[int] = []
    count.texts = 0
    shared = whole(
        loaded, iter(many), cache, workers=2, progress=lambda stage, done, total: seen.append(done)
    )
    assert count.texts == 0, "nothing is encoded in this process"
    np.testing.assert_allclose(shared.toarray(), alone.toarray(), rtol=1e-5, atol=1e-6)
    assert seen == sorted(seen)
    assert seen[-1] == len(many)
    same(whole(loaded, many, cache), shared)
    assert count.texts == 0, "what workers made is kept"
    monkeypatch.setattr(WorkerPool, "_start", None)
    same(whole(loaded, many, cache, workers=2), shared)
    with pytest.raises(InputError, match="workers must be above 0"):
        encode_windows(loaded, many, workers=0)


def test_an_error_in_a_worker_is_told(bert_folder: Path, load: Make, texts: list[str]) -> None:
    loaded = load(str(bert_folder))
    loaded.model.decoder.bias.data[3] = float("inf")
    with pytest.raises(ModelError, match="not finite") as caught:
        whole(loaded, texts, workers=2)
    assert caught.value.hint


def test_a_worker_that_dies_is_told(
    bert_folder: Path, load: Make, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 2)
    encoded = encode_windows(load(str(bert_folder)), texts * 20, workers=2)
    next(encoded)
    for process in multiprocessing.active_children():
        process.kill()
    with pytest.raises(ModelError, match="a worker process died"):
        list(encoded)


def test_gpus_are_taken_in_turn() -> None:
    assert devices_of_workers("cuda", 3, 2) == ["cuda:0", "cuda:1", "cuda:0"]
    assert devices_of_workers("cuda:1", 2, 2) == ["cuda:1", "cuda:1"]
    assert devices_of_workers("cpu", 2, 0) == ["cpu", "cpu"]


@pytest.fixture
def cpu(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Says what the CPU multiplies faster than float32, whatever it is."""

    def has(*, int8: bool, bf16: bool) -> None:
        monkeypatch.setattr(automatic_precision, "int8_is_faster", lambda: int8)
        monkeypatch.setattr(automatic_precision, "bf16_is_faster", lambda kind: bf16)

    return has


@pytest.mark.parametrize(
    ("int8", "bf16", "expected"), [(True, True, "bf16+int8"), (True, False, "int8"), (False, True, "bf16")]
)
def test_the_fastest_precision_is_chosen_where_texts_rank_alike(
    int8: bool,
    bf16: bool,
    expected: str,
    load: Make,
    texts: list[str],
    cpu: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cpu(int8=int8, bf16=bf16)
    settled = settle_precision(load("tiny", precision="fp32"), texts)
    assert settled.device.precision == expected
    assert "of fp32" in settled.device.reason
    assert (settled.model.head._int8 is not None) == int8
    monkeypatch.setattr(automatic_precision, "neighbours_in_common", lambda exact, other: 0.9)
    settled = settle_precision(load("tiny", precision="fp32"), texts)
    assert settled.device.precision == "fp32"
    assert settled.model.head._int8 is None


def test_what_does_not_rank_alike_makes_room_for_the_next(
    load: Make, texts: list[str], cpu: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    cpu(int8=True, bf16=True)
    overlaps = iter([0.96, 0.98])
    monkeypatch.setattr(automatic_precision, "neighbours_in_common", lambda exact, other: next(overlaps))
    settled = settle_precision(load("tiny", precision="fp32"), texts)
    assert (settled.device.precision, settled.model.head._int8) == ("bf16", None)
    assert "98.0%" in settled.device.reason


@pytest.mark.parametrize("why", ["slow", "bf16", "sum", "one text"])
def test_a_lower_precision_is_not_tried_where_it_cannot_help(
    why: str, load: Make, texts: list[str], cpu: Callable[..., None]
) -> None:
    cpu(int8=why != "slow", bf16=why not in ("slow", "sum"))
    loaded = load("tiny", precision="bf16" if why == "bf16" else "fp32")
    if why == "sum":
        loaded.model.head.pooling = "sum"
    assert settle_precision(loaded, texts[:1] if why == "one text" else texts) is loaded


def test_neighbours_in_common() -> None:
    matrix = sp.random(30, 50, density=0.4, random_state=1, format="csr")
    assert neighbours_in_common(matrix, matrix) == 1.0
    other = sp.random(30, 50, density=0.4, random_state=2, format="csr")
    assert 0.1 < neighbours_in_common(matrix, sp.csr_matrix(other)) < 0.7
    assert neighbours_in_common(matrix[:3], other[:3], k=1) <= 1.0
