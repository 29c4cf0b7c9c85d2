"""Random teachers, made on the fly."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cross_encoder(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BertForSequenceClassification with one label."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("cross")
    with torch.random.fork_rng():
        torch.manual_seed(1)
        config = BertConfig.from_pretrained(bert_folder, num_labels=1)
        model = BertForSequenceClassification(config)
        torch.nn.init.normal_(model.classifier.weight, std=2.0)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(bert_folder).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def dense(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sentence-transformers model of a random BERT and mean pooling."""
    from sentence_transformers import SentenceTransformer

    folder = tmp_path_factory.mktemp("dense")
    SentenceTransformer(str(bert_folder), device="cpu").save(str(folder), create_model_card=False)
    return folder


@pytest.fixture(autouse=True)
def float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Steps in float32 where a test does not say, on any processor."""
    monkeypatch.setattr("splade_cli.training.recipe.bf16_is_faster", lambda kind: False)
