"""Reranking against a sort by a judge of plain numbers; what is not judged; a real cross-encoder's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.errors import InputError, ModelError
from splade_cli.search.rerank import Reranker, rerank

TEXTS = [f"text {number}" for number in range(20)]


class Counting:
    """A judge by the number in a text, which remembers what it was asked."""

    def __init__(self, scores: dict[int, float]) -> None:
        self.scores, self.asked = scores, []

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        self.asked += pairs
        return np.array([self.scores[int(text.split()[1])] for _, text in pairs], dtype=np.float32)


FOUND = (
    np.array([[3, 8, 1, 5], [8, -1, -1, -1], [-1, -1, -1, -1]]),
    np.array([[9, 8, 7, 6], [3, -np.inf, -np.inf, -np.inf], [-np.inf] * 4], dtype=np.float32),
)


def test_the_judge_decides() -> None:
    judge = Counting({3: -2.0, 8: 0.5, 1: 7.0, 5: 0.5})
    rows, scores = rerank(["a", "b", "c"], FOUND, TEXTS.__getitem__, judge, 3)
    assert rows.tolist() == [[1, 8, 5], [8, -1, -1], [-1, -1, -1]], (
        "equal scores keep the order that they came in"
    )
    assert scores[0].tolist() == [7.0, 0.5, 0.5]
    assert scores[1, 0] == 0.5
    assert np.isneginf(scores[rows < 0]).all()
    assert judge.asked == [*(("a", f"text {row}") for row in (3, 8, 1, 5)), ("b", "text 8")], (
        "each found row once"
    )


def test_no_more_come_back_than_were_found() -> None:
    rows, scores = rerank(
        ["a"], (FOUND[0][:1], FOUND[1][:1]), TEXTS.__getitem__, Counting(dict.fromkeys(range(9), 1)), 6
    )
    assert rows.tolist() == [[3, 8, 1, 5, -1, -1]]
    assert scores.shape == (1, 6)
    with pytest.raises(InputError, match="--k must be above 0"):
        rerank(["a"], (FOUND[0][:1], FOUND[1][:1]), TEXTS.__getitem__, Counting({}), 0)


@pytest.fixture(scope="module")
def cross_encoder(make_folder: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder of random weights."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("cross")
    tokenizer = AutoTokenizer.from_pretrained(make_folder("bert"))
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, num_labels=1, initializer_range=0.5,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_cross_encoder_of_a_folder(cross_encoder: Path) -> None:
    from sentence_transformers import CrossEncoder
    from torch import nn

    judge = Reranker(str(cross_encoder), batch_size=2, options={"device": "cpu"})
    texts = ["the backup runs at night", "reset the password", "a red kiln", "wool on a warp"]
    rows, scores = rerank(
        ["night backup"], (np.arange(4)[None], np.ones((1, 4), dtype=np.float32)), texts.__getitem__, judge, 4
    )
    expected = CrossEncoder(str(cross_encoder), device="cpu").predict(
        [["night backup", text] for text in texts], activation_fn=nn.Identity()
    )
    assert rows[0].tolist() == np.argsort(-expected, kind="stable").tolist()
    np.testing.assert_allclose(scores[0], np.sort(expected)[::-1], rtol=1e-4, atol=1e-5)
    assert judge.model is judge.model, "loaded once"


def test_a_name_that_is_no_cross_encoder(bert_folder: Path) -> None:
    judge = Reranker(str(bert_folder))
    with pytest.raises(ModelError, match="no trained scoring head"):
        judge([("a", "b")])
