"""Which layer of a masked LM is its decoder, and what comes out where it is skipped."""

from __future__ import annotations

import copy
import logging
import pickle
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from splade_cli.model.encode import encode
from splade_cli.model.splade import decoder as module
from splade_cli.model.splade.decoder import CappedDecoder, SkippedDecoder, find_decoder, skip_decoder
from splade_cli.model.splade.encoder import SpladeModel

Make = Callable[..., Any]


class Masked(nn.Module):
    """A masked LM as far as `skip_decoder` looks: a body, a vocabulary layer, and what it says of that."""

    def __init__(self, named: str, vocabulary: int = 11) -> None:
        super().__init__()
        self.config = type("Config", (), {"vocab_size": vocabulary})()
        self.body, self.head = nn.Embedding(vocabulary, 8), nn.Linear(8, 8)
        self.wide = nn.Linear(8, 11)
        self.output = nn.Linear(8, 11)
        self.named = named

    def get_output_embeddings(self) -> Any:
        return {
            "layer": self.output,
            "weight": self.output.weight,
            "first": self.wide.weight,
            "nothing": None,
        }[self.named]

    def forward(self, input_ids: Tensor, **others: Any) -> Any:
        hidden = self.head(self.body(input_ids))
        return type("Output", (), {"logits": (self.wide if self.named == "first" else self.output)(hidden)})()


@pytest.mark.parametrize("named", ["layer", "weight", "nothing"])
def test_the_decoder_is_found_by_layer_by_weight_or_by_width(named: str) -> None:
    masked_lm = Masked(named)
    expected = masked_lm(torch.arange(4)[None]).logits
    assert find_decoder(masked_lm) is masked_lm.output
    decoder = skip_decoder(masked_lm)
    assert decoder is masked_lm.output
    hidden = masked_lm(torch.arange(4)[None]).logits
    assert hidden.shape == (1, 4, 8)
    torch.testing.assert_close(linear(hidden, decoder.weight, decoder.bias), expected)


def test_a_decoder_wider_or_narrower_than_the_vocabulary_is_found_by_what_is_named() -> None:
    for named in ("layer", "weight"):
        masked_lm = Masked(named, vocabulary=13)
        assert find_decoder(masked_lm) is masked_lm.output


def test_another_wide_layer_beside_the_named_weight_does_no_harm() -> None:
    masked_lm = Masked("first")
    expected = masked_lm(torch.arange(4)[None]).logits
    decoder = skip_decoder(masked_lm)
    found = masked_lm(torch.arange(4)[None]).logits
    assert decoder is masked_lm.wide
    torch.testing.assert_close(linear(found, decoder.weight, decoder.bias), expected)


def test_a_model_that_names_its_weight_is_fused_and_equal(
    bert_folder: Path, load: Make, texts: list[str]
) -> None:
    """NorBERT's get_output_embeddings gives the weight of the layer in place of the layer."""
    expected = encode(load(str(bert_folder)), texts)
    loaded = load(str(bert_folder))
    masked_lm = load(str(bert_folder)).model.masked_lm
    decoder = masked_lm.get_output_embeddings()
    decoder.__class__ = nn.Linear
    masked_lm.get_output_embeddings = lambda: decoder.weight
    model = SpladeModel(masked_lm, name="named", max_seq_length=loaded.model.max_seq_length).eval()
    assert model.fused
    assert model.decoder is decoder
    np.testing.assert_allclose(
        encode(loaded._replace(model=model), texts).toarray(), expected.toarray(), atol=1e-5
    )


def test_a_model_without_a_vocabulary_layer_falls_back_and_says_so_once(
    bert_folder: Path,
    load: Make,
    texts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected = encode(load(str(bert_folder)), texts)
    with caplog.at_level(logging.WARNING):
        assert load(str(bert_folder)).model.fused
        assert not caplog.records
        monkeypatch.setattr(module, "find_decoder", lambda masked_lm: None)
        loaded = load(str(bert_folder))
        found = encode(loaded, texts)
    assert not loaded.model.fused
    assert loaded.model.dimensions == expected.shape[1]
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-5, atol=1e-5)
    (record,) = caplog.records
    assert f"{bert_folder} does not end in a plain linear decoder" in record.getMessage()


def test_no_layer_is_wide_enough() -> None:
    masked_lm = Masked("nothing", vocabulary=13)
    assert find_decoder(masked_lm) is None
    before = masked_lm(torch.arange(4)[None]).logits
    assert skip_decoder(masked_lm) is None
    assert torch.equal(masked_lm(torch.arange(4)[None]).logits, before)


def test_the_model_stays_in_the_mode_that_it_was_in() -> None:
    for training in (True, False):
        masked_lm = Masked("layer").train(training)
        skip_decoder(masked_lm)
        assert masked_lm.training is training


class Capped(Masked):
    """As `Masked`, with a cap on its logits."""

    def forward(self, input_ids: Tensor, **others: Any) -> Any:
        output = super().forward(input_ids, **others)
        output.logits = 30 * torch.sigmoid(output.logits / 7.5)
        return output


def test_a_cap_is_left_out_only_where_that_is_asked_for() -> None:
    masked_lm = Capped("layer")
    ids = torch.arange(4)[None]
    capped = masked_lm(ids).logits
    assert skip_decoder(masked_lm) is None
    assert type(masked_lm.output) is nn.Linear
    assert torch.equal(masked_lm(ids).logits, capped)
    decoder = skip_decoder(masked_lm, past_cap=True)
    assert type(decoder) is CappedDecoder
    hidden = decoder.input_of(masked_lm(ids).logits)
    computed = linear(hidden, decoder.weight, decoder.bias)
    torch.testing.assert_close(30 * torch.sigmoid(computed / 7.5), capped)
    assert not decoder._inputs, "nothing of a batch is held after it"


def test_threads_read_their_own_input_of_a_capped_decoder() -> None:
    masked_lm = Capped("layer")
    decoder = skip_decoder(masked_lm, past_cap=True)
    assert decoder is not None
    both, read = threading.Barrier(2), {}

    def run(start: int) -> None:
        logits = masked_lm(torch.arange(start, start + 4)[None]).logits
        both.wait(10)
        read[start] = decoder.input_of(logits)

    threads = [threading.Thread(target=run, args=(start,)) for start in (0, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for start, hidden in read.items():
        expected = masked_lm.head(masked_lm.body(torch.arange(start, start + 4)[None]))
        torch.testing.assert_close(hidden, expected)


@pytest.mark.parametrize("how", ["deepcopy", "pickle"])
def test_copies_of_a_skipped_decoder_are_their_own(how: str) -> None:
    layer = nn.Linear(8, 11)
    layer.__class__ = SkippedDecoder
    twin = copy.deepcopy(layer) if how == "deepcopy" else pickle.loads(pickle.dumps(layer))
    assert type(twin) is SkippedDecoder
    assert twin.weight is not layer.weight
    assert torch.equal(twin.weight, layer.weight)


def test_a_decoder_is_skipped_once() -> None:
    masked_lm = Masked("layer")
    assert skip_decoder(masked_lm) is skip_decoder(masked_lm) is masked_lm.output
