"""Model folders of strangers: sizes, paths and tokenizers that do not belong to the weights beside them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from splade_cli.errors import ModelError
from splade_cli.model.folder.settings import Settings, inside
from splade_cli.model.folder.sizes import require_sizes
from splade_cli.model.load import load_splade_model

Make = Callable[..., Any]


@pytest.fixture
def copy(bert_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bert_folder, tmp_path / "model"))


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vocab_size", 10**12),
        ("vocab_size", 7),
        ("hidden_size", 10**9),
        ("hidden_size", 1 << 16),
        ("num_hidden_layers", 10**6),
        ("max_position_embeddings", 10**9),
        ("max_position_embeddings", 10**7),
        ("type_vocab_size", 60_000),
        ("intermediate_size", 10**12),
        ("num_attention_heads", -1),
        ("vocab_size", "x"),
        ("num_labels", 10**9),
        ("pad_token_id", 10**12),
    ],
)
def test_a_size_that_the_weights_do_not_have(key: str, value: object, copy: Path) -> None:
    change(copy / "config.json", **{key: value})
    with pytest.raises(ModelError, match=f"config.json.* {key}.*{value}") as caught:
        load_splade_model(str(copy), device="cpu")
    assert "copy or download" in caught.value.hint


def test_whatever_a_library_raises_is_an_error_with_a_hint(copy: Path) -> None:
    for values in ({"layer_norm_eps": "x"}, {"hidden_act": 5}, {"model_type": 5}):
        shutil.copyfile(copy / "config.json", copy / "kept")
        change(copy / "config.json", **values)
        with pytest.raises(ModelError) as caught:
            load_splade_model(str(copy), device="cpu")
        assert caught.value.hint
        shutil.move(copy / "kept", copy / "config.json")


def test_a_tokenizer_of_another_model(copy: Path) -> None:
    path = copy / "tokenizer.json"
    content = json.loads(path.read_text())
    added = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized", "special"), False)
    content["added_tokens"].append({"id": 40_000, "content": "kettle", **added})
    path.write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"tokenizer of .* has a token of the number \d+, its weights have"):
        load_splade_model(str(copy), device="cpu")


@pytest.mark.parametrize("path", ["../..", "/etc", "a/../../b", "C:\\x", "..\\x", "a\0b", None, 5])
def test_paths_that_lead_outside(path: object) -> None:
    with pytest.raises(ModelError, match=r"^modules\.json names"):
        inside("modules.json", path)


def test_paths_inside() -> None:
    assert [inside("m", path) for path in ("", "1_Pooling", "a/b..c")] == ["", "1_Pooling", "a/b..c"]


def test_settings_of_another_type() -> None:
    settings = Settings("f.json", {"n": True, "p": {"query": 5}, "c": "mix"})
    with pytest.raises(ModelError, match=r"f\.json: n is True, a number from 1"):
        settings.size("n")
    with pytest.raises(ModelError, match="p is .*texts by their names"):
        settings.texts("p")
    with pytest.raises(ModelError, match="c is 'mix', did you mean 'max'"):
        settings.choice("c", ("max", "sum"))
    with pytest.raises(ModelError, match="holds a list"):
        Settings("f.json", [])
    assert Settings("f.json", None).size("n") is None


def test_a_folder_as_it_was_saved(bert_folder: Path) -> None:
    require_sizes(str(bert_folder))


def test_weights_of_whole_numbers(copy: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    save_file({name: value.astype("int32") for name, value in tensors.items()}, copy / "model.safetensors")
    with pytest.raises(ModelError, match=r"is of type I32, and weights are fractions") as caught:
        load_splade_model(str(copy), device="cpu")
    assert "not quantised" in caught.value.hint
