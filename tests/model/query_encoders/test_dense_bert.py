"""Queries of a dense bi-encoder in NumPy: the model's own vectors, or nothing, and no torch."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from splade_cli.model.dense import DenseModel
from splade_cli.model.options import ModelOptions
from splade_cli.model.query_encoders.dense_bert import open_dense_bert

TEXTS = ("how to reset a password", "", "x", "Zürich 你好 ½", "word " * 400, "a" * 3000)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "how", "to", "reset", "a", "password", "word", "x"]


@pytest.fixture(scope="module")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``make(pooling, unit=True)``: a small sentence-transformers folder with weights by chance."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    def folder_of(pooling: str, unit: bool = True) -> Path:
        plain = tmp_path_factory.mktemp("bert")
        (plain / "vocab.txt").write_text("\n".join(WORDS))
        torch.manual_seed(1)
        config = BertConfig(
            vocab_size=len(WORDS),
            hidden_size=24,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=40,
            max_position_embeddings=64,
        )
        BertModel(config).eval().save_pretrained(plain)
        BertTokenizerFast(str(plain / "vocab.txt")).save_pretrained(plain)
        body = Transformer(str(plain), max_seq_length=48)
        modules = [body, Pooling(24, pooling_mode=pooling), *([Normalize()] if unit else [])]
        folder = tmp_path_factory.mktemp("dense")
        SentenceTransformer(modules=modules, device="cpu").save(str(folder))
        return folder

    return folder_of


@pytest.mark.parametrize(("pooling", "unit"), [("mean", True), ("mean", False), ("cls", True)])
def test_the_models_own_vectors(make: Callable[..., Path], pooling: str, unit: bool) -> None:
    folder = make(pooling, unit)
    encoder = open_dense_bert("mine", str(folder), ModelOptions())
    assert encoder is not None and encoder.name == "mine"
    expected = DenseModel(str(folder)).encode(TEXTS, "query")
    np.testing.assert_allclose(encoder.encode(TEXTS, "query"), expected, atol=2e-6)
    shorter = open_dense_bert("mine", str(folder), ModelOptions(max_seq_length=5))
    assert shorter is not None
    expected = DenseModel(str(folder), ModelOptions(max_seq_length=5)).encode(TEXTS, "query")
    np.testing.assert_allclose(shorter.encode(TEXTS, "query"), expected, atol=2e-6)


def test_what_the_model_itself_must_encode(make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make("max")
    assert open_dense_bert("mine", str(folder), ModelOptions()) is None
    folder = make("mean")
    assert open_dense_bert("mine", str(folder), ModelOptions(device="cuda")) is None
    assert open_dense_bert("mine", "org/name", ModelOptions()) is None
    assert open_dense_bert("mine", str(tmp_path), ModelOptions()) is None
    settings = folder / "config_sentence_transformers.json"
    settings.write_text(json.dumps({**json.loads(settings.read_text()), "prompts": {"query": "query: "}}))
    assert open_dense_bert("mine", str(folder), ModelOptions()) is None


def test_torch_is_not_imported(make: Callable[..., Path]) -> None:
    program = (
        "import sys\n"
        "from splade_cli.model.options import ModelOptions\n"
        "from splade_cli.model.query_encoders.dense_bert import open_dense_bert\n"
        "encoder = open_dense_bert('mine', sys.argv[1], ModelOptions())\n"
        "assert encoder.encode(['how to reset'], 'query').shape == (1, 24)\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program, str(make("mean"))], check=True)
