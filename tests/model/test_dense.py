"""Dense encoding: sentence-transformers' vectors in batches of like length, and bfloat16 where texts rank alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.model import dense as module
from splade_cli.model.dense import DenseModel
from splade_cli.model.options import ModelOptions

TEXTS = ["saw blade " * (1 + number % 13) + f"number {number}" for number in range(40)]


@pytest.fixture(scope="module")
def folder(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    from sentence_transformers import SentenceTransformer

    path = tmp_path_factory.mktemp("dense")
    SentenceTransformer(str(bert_folder), device="cpu").save(str(path), create_model_card=False)
    return str(path)


def shapes(model: DenseModel, monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Shapes [texts, tokens] of the passes from now on."""
    seen: list[tuple[int, int]] = []
    forward = model.encoder.forward

    def counted(features: dict[str, Any], **options: Any) -> Any:
        seen.append(tuple(features["input_ids"].shape))
        return forward(features, **options)

    monkeypatch.setattr(model.encoder, "forward", counted)
    return seen


def test_vectors_are_those_of_sentence_transformers(folder: str) -> None:
    model = DenseModel(folder, ModelOptions(device="cpu", batch_size=8))
    for kind, expected in (
        ("document", model.encoder.encode_document(TEXTS)),
        ("query", model.encoder.encode_query(TEXTS)),
    ):
        np.testing.assert_allclose(model.encode(TEXTS, kind), expected, atol=1e-5)
    assert model.encode([]).shape == (0, model.dimensions)


def test_free_memory_is_given_back_on_the_way(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = DenseModel(folder, ModelOptions(device="cpu", batch_size=4))
    order: list[str] = []
    encode_batch = model._encode_batch
    monkeypatch.setattr(module, "empty_cache", lambda device: order.append("given back"))
    monkeypatch.setattr(model, "_encode_batch", lambda *words: order.append("") or encode_batch(*words))
    model.encode(TEXTS[:1])
    assert order == [""], "a query that is waited for pays nothing"
    order.clear()
    model.encode(TEXTS)
    assert order.count("") >= 10
    assert "".join(order).count("given back") == order.count("") // 2
    assert "\0\0\0" not in "".join(each or "\0" for each in order), "never three batches on end"


def test_each_text_is_encoded_once_and_hardly_padded(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splade_cli.model.encoding.batches.TOKENS_PER_PASS", {"cpu": 2})
    model = DenseModel(folder, ModelOptions(device="cpu"))
    lengths = model._lengths(TEXTS)
    seen = shapes(model, monkeypatch)
    model.encode(TEXTS)
    assert sum(count for count, _ in seen) == len(TEXTS)
    computed = sum(count * length for count, length in seen)
    assert lengths.sum() <= computed <= 1.1 * lengths.sum()


@pytest.mark.parametrize(
    ("precision", "fast", "overlap", "expected"),
    [
        ("auto", True, 1.0, "bf16"),
        ("auto", True, 0.9, "fp32"),
        ("auto", False, 1.0, "fp32"),
        ("fp32", True, 1.0, "fp32"),
    ],
)
def test_bf16_is_for_documents_that_rank_alike(
    precision: str, fast: bool, overlap: float, expected: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "bf16_is_faster", lambda kind: fast)
    monkeypatch.setattr(module, "neighbours_in_common", lambda exact, other: overlap)
    model = DenseModel(folder, ModelOptions(device="cpu", precision=precision))
    exact, queries = model.encode(TEXTS), model.encode(TEXTS, "query")
    model.settle_precision(TEXTS[:1])
    assert model.device.precision == "fp32"
    model.settle_precision(TEXTS)
    assert model.device.precision == expected
    assert np.array_equal(model.encode(TEXTS), exact) == (expected == "fp32")
    assert np.array_equal(model.encode(TEXTS, "query"), queries)
    np.testing.assert_allclose(model.encode(TEXTS), exact, atol=0.05)
