"""Reranking against a sort by plain numbers; what is read once; a real cross-encoder's folder."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.errors import ModelError
from splade_cli.model.options import ModelOptions
from splade_cli.records import Ranking
from splade_cli.search.ranking.rerank import Reranker, rerank

CONTENTS = {f"c{number}": f"text {number}" for number in range(20)}


class Counting:
    """A cross-encoder by the number in a text, which remembers what it was asked."""

    def __init__(self, scores: dict[int, float]) -> None:
        self.scores = scores
        self.asked: list[tuple[str, str]] = []

    def __call__(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        self.asked += pairs
        return np.array([self.scores[int(text.split()[1])] for _, text in pairs], dtype=np.float32)


def ranking(*lists: list[str]) -> Ranking:
    return Ranking(list(lists), [np.arange(len(ids), 0, -1, dtype=np.float32) for ids in lists])


def test_the_cross_encoder_decides() -> None:
    counting = Counting({3: -2.0, 8: 0.5, 1: 7.0, 5: 0.5})
    first = ranking(["c3", "c8", "c1", "c5"], ["c8"], [])
    reranked = rerank(["a", "b", "c"], first, CONTENTS, counting)
    assert reranked.ids == [["c1", "c8", "c5", "c3"], ["c8"], []], "equal scores keep their order"
    assert [scores.tolist() for scores in reranked.scores] == [[7.0, 0.5, 0.5, -2.0], [0.5], []]
    expected = [*(("a", f"text {number}") for number in (3, 8, 1, 5)), ("b", "text 8")]
    assert counting.asked == expected, "each pair once, in one call"


def test_nothing_to_read_asks_nothing() -> None:
    counting = Counting({})
    assert rerank(["a", "b"], ranking([], []), CONTENTS, counting).ids == [[], []]
    assert rerank([], ranking(), CONTENTS, counting).ids == []
    assert counting.asked == []


@pytest.fixture(scope="module")
def cross_encoder(make_folder: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cross-encoder of random weights."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("cross")
    tokenizer = AutoTokenizer.from_pretrained(make_folder("bert"))
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, num_labels=1, initializer_range=0.5,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_cross_encoder_of_a_folder(cross_encoder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sentence_transformers import CrossEncoder
    from torch import nn

    from splade_cli.model import crossencoder

    loaded = []
    model = crossencoder.CrossEncoderModel
    monkeypatch.setattr(
        crossencoder, "CrossEncoderModel", lambda *words: loaded.append(words[0]) or model(*words)
    )
    reranker = Reranker(str(cross_encoder), batch_size=2, options=ModelOptions(device="cpu"))
    texts = ["the backup runs at night", "reset the password", "a red kiln", "wool on a warp"]
    contents = dict(zip("abcd", texts, strict=True))
    expected = CrossEncoder(str(cross_encoder), device="cpu").predict(
        [["night backup", text] for text in texts], activation_fn=nn.Identity()
    )
    with ThreadPoolExecutor(4) as pool:
        asked = [
            pool.submit(rerank, ["night backup"], ranking(list("abcd")), contents, reranker) for _ in range(4)
        ]
        answers = [future.result() for future in asked]
    for reranked in answers:
        assert reranked.ids == [["abcd"[position] for position in np.argsort(-expected, kind="stable")]]
        np.testing.assert_allclose(reranked.scores[0], np.sort(expected)[::-1], rtol=1e-4, atol=1e-5)
    assert loaded == [str(cross_encoder)], "loaded once for all threads"


def test_a_name_that_is_no_cross_encoder(bert_folder: Path) -> None:
    with pytest.raises(ModelError, match="no trained scoring head"):
        Reranker(str(bert_folder))([("a", "b")])
