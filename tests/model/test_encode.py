"""Encoding against vectors made outside, one text against many, and windows kept on disk."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.errors import InputError, ModelError
from splade_cli.model import encode as module
from splade_cli.model.encode import encode, encode_to_shards

Make = Callable[..., Any]


@pytest.mark.parametrize("name", ["shared", "tiny"])
def test_vectors_made_outside(name: str, shared_data: Path, load: Make) -> None:
    model = "tiny" if name == "tiny" else str(shared_data / "models" / "splade-tiny")
    tolerance = 5e-3 if name == "tiny" else 1e-4  # the embedded weights are kept in half precision
    cases = json.loads((shared_data / "data/vectors/splade_tiny.json").read_text())["encode"]
    assert len(cases) == 15
    loaded = load(model)
    for case in cases:
        loaded.model.max_seq_length = case["max_length"]
        vector = encode(loaded, [case["text"]])
        row = vector.toarray()[0]
        tokens = module.tokenize(loaded, [case["text"]], "document")["input_ids"][0]
        assert len(tokens) == case["tokens"]
        for token, column, weight in case["top20"]:
            assert row[column] == pytest.approx(weight, abs=tolerance), (case["text"][:40], token)
        assert abs(vector.nnz - case["nnz"]) <= (2 if name == "tiny" else 0)
        assert row.sum() == pytest.approx(case["l1"], abs=tolerance * max(1, case["nnz"]))


def test_order_and_neighbours_do_not_matter(bert_folder: Path, load: Make, texts: list[str]) -> None:
    loaded = load(str(bert_folder))
    many = encode(loaded, texts * 3, batch_size=4).toarray()
    alone = np.vstack([encode(loaded, [text]).toarray() for text in texts])
    np.testing.assert_allclose(many, np.vstack([alone] * 3), rtol=1e-5, atol=1e-5)
    assert len(np.unique(alone.round(4), axis=0)) == len(texts)


def test_no_texts_and_bad_batch_size(bert_folder: Path, load: Make) -> None:
    loaded = load(str(bert_folder))
    assert encode(loaded, []).shape == (0, loaded.model.dimensions)
    with pytest.raises(InputError, match="--batch-size must be above 0"):
        encode(loaded, ["a"], batch_size=0)


def test_weights_that_are_not_finite_are_an_error(bert_folder: Path, load: Make) -> None:
    loaded = load(str(bert_folder))
    loaded.model.decoder[0].bias.data[3] = float("inf")
    with pytest.raises(ModelError, match="not finite"):
        encode(loaded, ["a"])


def test_progress_counts_every_text_once(
    bert_folder: Path, load: Make, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WINDOW", 4)
    seen: list[tuple[int, int | None]] = []
    encode(load(str(bert_folder)), texts, batch_size=3, progress=lambda stage, done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})
    assert seen[-1] == (len(texts), len(texts))


@pytest.mark.parametrize("budget", [1, 20, 10_000])
def test_batches_keep_to_both_limits(budget: int) -> None:
    lengths = np.array([9, 3, 7, 1, 1, 4, 2, 9])
    order = np.argsort(-lengths, kind="stable")
    batches = list(module._batches(order, lengths, 3, budget))
    assert np.concatenate(batches).tolist() == order.tolist()
    for batch in batches:
        assert len(batch) == 1 or (len(batch) <= 3 and len(batch) * lengths[batch].max() <= budget)


class Count:
    """Counts texts that go through the model, and stops the run after some."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.texts = 0
        original = module._encode_batch

        def counted(loaded: Any, tokens: Any) -> sp.csr_matrix:
            self.texts += len(tokens["input_ids"])
            return original(loaded, tokens)

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
    assert sorted(path.name for path in tmp_path.glob("shard-*")) == ["shard-000000.npz", "shard-000001.npz"]
    assert not list(tmp_path.glob("*.tmp"))
    count.texts = 0
    resumed = encode_to_shards(loaded, many, tmp_path)
    assert count.texts == len(many) - 10
    np.testing.assert_allclose(resumed.toarray(), expected.toarray(), rtol=1e-5, atol=1e-5)
    count.texts = 0
    again = encode_to_shards(loaded, many, tmp_path)
    assert count.texts == 0
    assert (again != resumed).nnz == 0


def test_resumed_is_identical_to_uninterrupted(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = load(str(bert_folder))
    Count(monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        encode_to_shards(loaded, texts * 2, tmp_path / "a", progress=stop_after(5))
    resumed = encode_to_shards(loaded, texts * 2, tmp_path / "a")
    whole = encode_to_shards(loaded, texts * 2, tmp_path / "b")
    for part in ("indptr", "indices", "data"):
        assert np.array_equal(getattr(resumed, part), getattr(whole, part))


def test_changed_texts_limit_or_model_discard_the_shards(
    bert_folder: Path, make_folder: Make, load: Make, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = Count(monkeypatch)
    loaded = load(str(bert_folder))
    encode_to_shards(loaded, texts, tmp_path)
    changed = [*texts[:-1], texts[-1] + " changed"]
    others = [(loaded, changed), (load(str(bert_folder), max_seq_length=8), changed)]
    others += [(load(str(make_folder("bert", seed=1))), changed), (loaded, changed[:3])]
    for other, rows in others:
        count.texts = 0
        found = encode_to_shards(other, rows, tmp_path)
        assert count.texts == len(rows)
        np.testing.assert_allclose(found.toarray(), encode(other, rows).toarray(), rtol=1e-5, atol=1e-5)
    assert len(list(tmp_path.glob("shard-*"))) == 1


def test_what_the_fingerprint_depends_on(bert_folder: Path, load: Make, texts: list[str]) -> None:
    loaded = load(str(bert_folder))
    first = module.fingerprint_of(loaded, texts)
    assert module.fingerprint_of(load(str(bert_folder)), texts) == first
    assert module.fingerprint_of(loaded._replace(device=loaded.device._replace(precision="bf16")), texts) != first
    assert module.fingerprint_of(loaded, texts[::-1]) != first
    assert module.fingerprint_of(loaded, ["".join(texts)]) != first


def test_a_damaged_shard_is_made_again(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Count(monkeypatch)
    loaded = load(str(bert_folder))
    expected = encode_to_shards(loaded, texts, tmp_path)
    shard = tmp_path / "shard-000000.npz"
    shard.write_bytes(shard.read_bytes()[:100])
    assert abs(encode_to_shards(loaded, texts, tmp_path) - expected).max() < 1e-5
