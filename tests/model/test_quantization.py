"""int8 weights against the float32 ones, on every family and on the embedded model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from splade_cli.errors import ModelError
from splade_cli.model.encode import encode
from splade_cli.model.quantization import WEIGHTS, dequantized, save_int8

Make = Callable[..., Any]
FAMILIES = ("bert", "roberta", "distilbert", "mpnet", "modernbert", "electra")


def cosines(left: Any, right: Any) -> np.ndarray:
    a, b = left.toarray(), right.toarray()
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture(scope="module")
def tiny8(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_int8("tiny", tmp_path_factory.mktemp("int8") / "tiny")


def test_tiny_is_four_times_smaller_and_much_the_same(tiny8: Path, load: Make, texts: list[str]) -> None:
    base, small = load("tiny"), load(str(tiny8))
    in_32_bits = 4 * sum(weight.numel() for weight in base.model.parameters())
    assert (tiny8 / WEIGHTS).stat().st_size < 0.3 * in_32_bits
    some = [text for text in texts if text]
    assert cosines(encode(base, some), encode(small, some)).min() > 0.999
    assert {weight.dtype for weight in small.model.parameters()} == {torch.float32}
    assert small.model.max_seq_length == base.model.max_seq_length
    assert small.model.identity != base.model.identity


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_opens_with_what_was_stored(
    family: str, make_folder: Make, load: Make, texts: list[str], tmp_path: Path
) -> None:
    folder = make_folder(family)
    small = load(str(save_int8(folder, tmp_path / "small")))
    assert small.model.fused
    own, state = small.model.masked_lm.state_dict(), dequantized(tmp_path / "small")
    original = load(str(folder)).model.masked_lm.state_dict()
    for name, tensor in state.items():
        torch.testing.assert_close(own[name], tensor, rtol=0, atol=0)
        assert (tensor - original[name]).abs().max() <= original[name].abs().max() / 250, name
    assert small.model.masked_lm.get_input_embeddings().weight is small.model.decoder[0].weight
    assert encode(small, texts).nnz > 0


def test_names_and_kinds_in_the_file(tiny8: Path, load: Make) -> None:
    stored = load_file(tiny8 / WEIGHTS)
    words = "bert.embeddings.word_embeddings.weight"
    assert stored[words].dtype == torch.int8
    assert stored[f"{words}.scale"].dtype == torch.float32
    assert stored[f"{words}.scale"].shape == (30522,)
    assert sum(tensor.shape == (30522, 128) for tensor in stored.values()) == 1, (
        "tied weights are stored once"
    )
    assert {tensor.dtype for tensor in stored.values() if tensor.dim() == 1} == {torch.float32}
    assert json.loads((tiny8 / "quantization.json").read_text()) == {
        "format": "splade-int8", "version": 1, "weights": WEIGHTS,
    }  # fmt: skip


def test_sentence_transformers_refuses_and_the_card_says_so(tiny8: Path, stock: Make) -> None:
    with pytest.raises(OSError, match="no file named"):
        stock(tiny8)
    assert "`sentence_transformers.SparseEncoder` cannot open it" in (tiny8 / "README.md").read_text()


def test_loading_leaves_the_seed_alone(tiny8: Path, load: Make) -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    load(str(tiny8))
    assert torch.equal(torch.rand(3), expected)


def test_a_pruned_model_can_be_quantized_but_not_the_other_way(
    bert_folder: Path, load: Make, texts: list[str], tmp_path: Path
) -> None:
    from splade_cli.deploy.export.pruning import prune_vocabulary

    pruned = prune_vocabulary(bert_folder, tmp_path / "pruned", range(40))
    small = load(str(save_int8(tmp_path / "pruned", tmp_path / "both")))
    assert small.model.dimensions == pruned.after
    assert cosines(encode(small, texts[:4]), encode(load(str(tmp_path / "pruned")), texts[:4])).min() > 0.99
    with pytest.raises(ModelError, match="has int8 weights already"):
        prune_vocabulary(tmp_path / "both", tmp_path / "none", [])
    with pytest.raises(ModelError, match="has int8 weights already"):
        save_int8(tmp_path / "both", tmp_path / "none")


def test_damage_is_told(tiny8: Path, load: Make, tmp_path: Path) -> None:
    def refused(message: str) -> None:
        with pytest.raises(ModelError, match=message) as caught:
            load(str(folder))
        assert caught.value.hint

    folder = Path(shutil.copytree(tiny8, tmp_path / "copy"))
    mark, stored = json.loads((folder / "quantization.json").read_text()), load_file(folder / WEIGHTS)
    (folder / "quantization.json").write_text(json.dumps({**mark, "version": 2}))
    refused("format splade-int8 2, not splade-int8 1")
    (folder / "quantization.json").write_text(json.dumps(mark))
    scale = "bert.embeddings.word_embeddings.weight.scale"
    save_file({name: tensor for name, tensor in stored.items() if name != scale}, folder / WEIGHTS)
    refused("has no scale")
    save_file(
        {name: tensor for name, tensor in stored.items() if name != "cls.predictions.bias"}, folder / WEIGHTS
    )
    refused(r"not those that its config\.json describes.*cls\.predictions")
    (folder / WEIGHTS).write_bytes((tiny8 / WEIGHTS).read_bytes()[:1000])
    refused("damaged")
    (folder / WEIGHTS).unlink()
    refused("could not be read")
