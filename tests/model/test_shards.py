"""Windows kept on disk: interrupted, resumed, damaged, by several processes; and which precision a corpus gets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.errors import InputError, ModelError
from splade_cli.model import encode as module
from splade_cli.model import shards
from splade_cli.model.encode import encode
from splade_cli.model.shards import (
    encode_to_shards,
    fingerprint_of,
    neighbours_in_common,
    places,
    settle_precision,
)

Make = Callable[..., Any]


class Count:
    """Counts texts that go through the model, and stops the run after some."""

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


def test_interrupted_and_resumed(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded, many = load(str(bert_folder)), [f"{text} {number}" for number in range(3) for text in texts]
    expected = encode(loaded, many)
    count = Count(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        encode_to_shards(loaded, many, tmp_path, batch_size=2, progress=stop_after(12))
    assert sorted(path.name[:12] for path in tmp_path.glob("shard-*")) == ["shard-000000", "shard-000001"]
    assert not list(tmp_path.glob("*.tmp"))
    count.texts = 0
    resumed = encode_to_shards(loaded, many, tmp_path).matrix()
    assert count.texts == len(many) - 10
    np.testing.assert_allclose(resumed.toarray(), expected.toarray(), rtol=1e-5, atol=1e-5)
    count.texts = 0
    again = encode_to_shards(loaded, many, tmp_path).matrix()
    assert count.texts == 0
    assert (again != resumed).nnz == 0


def test_resumed_is_identical_to_uninterrupted(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(str(bert_folder))
    Count(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        encode_to_shards(loaded, texts * 2, tmp_path / "a", progress=stop_after(5))
    resumed = encode_to_shards(loaded, texts * 2, tmp_path / "a").matrix()
    whole = encode_to_shards(loaded, texts * 2, tmp_path / "b").matrix()
    for part in ("indptr", "indices", "data"):
        assert np.array_equal(getattr(resumed, part), getattr(whole, part))


def test_only_what_changed_is_encoded_again(
    bert_folder: Path,
    make_folder: Make,
    load: Make,
    texts: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    count = Count(monkeypatch)
    loaded = load(str(bert_folder))
    encode_to_shards(loaded, texts, tmp_path)
    changed = [*texts[:-1], texts[-1] + " changed"]
    last = len(texts) % 5 or 5
    others = [(loaded, changed, last), (load(str(bert_folder), max_seq_length=8), changed, len(texts))]
    others += [(load(str(make_folder("bert", seed=1))), changed, len(texts)), (loaded, changed[:3], 3)]
    for other, rows, fresh in others:
        count.texts = 0
        found = encode_to_shards(other, iter(rows), tmp_path)
        assert count.texts == fresh
        assert (found.rows, len(found.paths)) == (len(rows), -(-len(rows) // 5))
        np.testing.assert_allclose(
            found.matrix().toarray(), encode(other, rows).toarray(), rtol=1e-5, atol=1e-5
        )
        assert sorted(tmp_path.glob("shard-*")) == found.paths


def test_what_the_fingerprint_depends_on(bert_folder: Path, load: Make, texts: list[str]) -> None:
    loaded = load(str(bert_folder))
    first = fingerprint_of(loaded, texts)
    assert fingerprint_of(load(str(bert_folder)), texts) == first
    assert fingerprint_of(loaded._replace(device=loaded.device._replace(precision="bf16")), texts) != first
    assert fingerprint_of(loaded, texts[::-1]) != first
    assert fingerprint_of(loaded, ["".join(texts)]) != first


def test_a_damaged_shard_is_made_again(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Count(monkeypatch)
    loaded = load(str(bert_folder))
    made = encode_to_shards(loaded, texts, tmp_path)
    expected = made.matrix()
    made.paths[0].write_bytes(made.paths[0].read_bytes()[:100])
    assert abs(encode_to_shards(loaded, texts, tmp_path).matrix() - expected).max() < 1e-5


def test_workers_write_the_same_shards(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 5)
    loaded, many = load(str(bert_folder)), texts * 3
    alone = encode_to_shards(loaded, many, tmp_path / "one")
    seen: list[int] = []
    shared = encode_to_shards(
        loaded, iter(many), tmp_path / "two", workers=2, progress=lambda stage, done, total: seen.append(done)
    )
    assert [path.name for path in shared.paths] == [path.name for path in alone.paths]
    np.testing.assert_allclose(shared.matrix().toarray(), alone.matrix().toarray(), rtol=1e-5, atol=1e-6)
    assert seen == sorted(seen)
    assert seen[-1] == len(many)
    with pytest.raises(InputError, match="--workers must be above 0"):
        encode_to_shards(loaded, many, tmp_path / "none", workers=0)


def test_an_error_in_a_worker_is_told(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path
) -> None:
    loaded = load(str(bert_folder))
    loaded.model.decoder.bias.data[3] = float("inf")
    with pytest.raises(ModelError, match="not finite"):
        encode_to_shards(loaded, texts, tmp_path, workers=2)


def test_gpus_are_taken_in_turn() -> None:
    assert places("cuda", 3, 2) == ["cuda:0", "cuda:1", "cuda:0"]
    assert places("cuda:1", 2, 2) == ["cuda:1", "cuda:1"]
    assert places("cpu", 2, 0) == ["cpu", "cpu"]


def test_int8_is_chosen_where_texts_rank_alike(
    load: Make, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "int8_is_faster", lambda: True)
    loaded = load("tiny", precision="fp32")
    settled = settle_precision(loaded, texts)
    assert settled.device.precision == "int8"
    assert "of fp32" in settled.device.reason
    monkeypatch.setattr(shards, "neighbours_in_common", lambda exact, other: 0.9)
    settled = settle_precision(load("tiny", precision="fp32"), texts)
    assert settled.device.precision == "fp32"
    assert not settled.model.head.in_int8


@pytest.mark.parametrize("why", ["slow", "bf16", "sum", "one text"])
def test_int8_is_not_tried_where_it_cannot_help(
    why: str, load: Make, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "int8_is_faster", lambda: why != "slow")
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
