"""The anchor against a plain difference of vectors; words from vocabularies of either kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from splade_cli.config.schema import ModelSection
from splade_cli.model.encode import encode
from splade_cli.model.options import ModelOptions
from splade_cli.training.losses.anchor import TEXTS, Anchor, whole_words
from splade_cli.training.trainable import open_trainable


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_words_are_whole_and_known(family: str, make_folder: Callable[..., Path], load: Any) -> None:
    loaded = load(str(make_folder(family)))
    words = whole_words(loaded.tokenizer)
    assert words
    assert all(word.isalpha() and len(word) > 1 for word in words)
    whole = [len(loaded.tokenizer(f" {word}", add_special_tokens=False)["input_ids"]) == 1 for word in words]
    assert np.mean(whole) > 0.9


@pytest.mark.parametrize("architecture", ["splade", "inference-free-splade"])
def test_distance_is_that_of_the_vectors(architecture: str, bert_folder: Path) -> None:
    opened = open_trainable(
        ModelSection(base_model=str(bert_folder), architecture=architecture), ModelOptions(device="cpu")
    )
    anchor = Anchor(opened, 7)
    opened.encoder.eval()
    assert float(anchor.distance(opened.encoder, 0)) == pytest.approx(0, abs=1e-8)
    before = encode(opened.loaded, anchor.texts(3)).toarray()
    with torch.no_grad():
        for parameter in opened.loaded.splade.parameters():
            parameter.mul_(1.05)
    after = encode(opened.loaded, anchor.texts(3)).toarray()
    expected = np.square(after - before).sum(1).mean()
    found = anchor.distance(opened.encoder, 3)
    assert float(found) == pytest.approx(expected, rel=1e-4)
    assert expected > 0
    found.backward()
    assert all(parameter.grad is None for parameter in anchor.frozen.parameters())
    assert any(parameter.grad is not None for parameter in opened.loaded.splade.parameters())


def test_a_step_has_its_own_texts_and_always_the_same(bert_folder: Path) -> None:
    opened = open_trainable(ModelSection(base_model=str(bert_folder)), ModelOptions(device="cpu"))
    first, again = Anchor(opened, 7), Anchor(opened, 7)
    assert first.texts(5) == again.texts(5)
    assert len(first.texts(5)) == TEXTS
    assert first.texts(5) != first.texts(6)
    assert first.texts(5) != Anchor(opened, 8).texts(5)
