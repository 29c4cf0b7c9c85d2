"""Folders of sentence-transformers with routes: inference-free against the stock encoder, others refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from splade_cli.errors import ModelError
from splade_cli.model.encode import encode
from splade_cli.model.layout import Layout, read_layout

Make = Callable[..., Any]
QUERIES = ["saw saw the saw blade saw", "", "reset a password", "unheard-of words 日本", "the " * 200]
QUERY, DOCUMENT = "query_0_SparseStaticEmbedding", "document_0_Transformer"


def routed(queries: list[Any], documents: list[Any], folder: Path, **options: Any) -> Path:
    """Saves a model that sends queries and documents through modules of their own."""
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules.router import Router

    router = Router.for_query_document(query_modules=queries, document_modules=documents)
    SparseEncoder(modules=[router], device="cpu", **options).save_pretrained(str(folder))
    return folder


def static(tokenizer: Any, frozen: bool = False) -> Any:
    """Random weights for query tokens; some are zero, one is negative."""
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    weight = torch.rand(len(tokenizer), generator=torch.Generator().manual_seed(7)) + 0.1
    weight[::9] = 0
    weight[10] = -0.5
    return SparseStaticEmbedding(tokenizer=tokenizer, weight=weight, frozen=frozen)


@pytest.fixture(scope="module")
def free(bert_folder: Path, stock: Make, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An inference-free model folder."""
    encoder = stock(bert_folder)
    folder = tmp_path_factory.mktemp("free") / "model"
    return routed([static(encoder.tokenizer)], [encoder[0], encoder[1]], folder)


@pytest.fixture
def copy(free: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(free, tmp_path / "copy"))


def dense(encoder: Any, texts: list[str], kind: str) -> np.ndarray:
    method = encoder.encode_query if kind == "query" else encoder.encode_document
    return method(texts, convert_to_sparse_tensor=False, show_progress_bar=False).float().numpy()


def check_same(
    loaded: Any, encoder: Any, texts: list[str], kinds: tuple[str, ...] = ("document", "query")
) -> None:
    for kind in kinds:
        ours = encode(loaded, texts, kind)
        assert ours.dtype == np.float32
        assert ours.has_sorted_indices
        assert (ours.data != 0).all()
        assert ours.nnz > 0
        np.testing.assert_allclose(ours.toarray(), dense(encoder, texts, kind), rtol=1e-5, atol=1e-5)


def refused(load: Make, folder: Path, message: str) -> None:
    with pytest.raises(ModelError, match=message) as caught:
        load(str(folder))
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_equal_to_the_stock_encoder(free: Path, load: Make, stock: Make, texts: list[str]) -> None:
    loaded = load(str(free))
    assert loaded.model.fused
    assert loaded.model.query_table is not None
    assert loaded.model.query_table.dtype == np.float32
    check_same(loaded, stock(free), [*texts, *QUERIES])
    weights = dict(
        zip(loaded.tokenizer.convert_ids_to_tokens(range(126)), loaded.model.query_table, strict=True)
    )
    once, often = encode(loaded, ["saw", "saw SAW saw"], "query")
    assert (once != often).nnz == 0, "a token counts once"
    assert once.data.tolist() == [weights["saw"]]


@pytest.mark.parametrize("frozen", [True, False])
def test_prompts_pooling_and_limits(
    frozen: bool, bert_folder: Path, load: Make, stock: Make, texts: list[str], tmp_path: Path
) -> None:
    encoder = stock(bert_folder)
    encoder.max_seq_length = 20
    encoder[1].pooling_strategy, encoder[1].activation_function = "sum", "log1p_relu"
    prompts = {"query": "how do I ", "document": "The table saw: "}
    modules = [static(encoder.tokenizer, frozen)], [encoder[0], encoder[1]]
    folder = routed(*modules, tmp_path / "model", prompts=prompts)
    loaded = load(str(folder))
    assert (loaded.model.pooling, loaded.model.activation) == ("sum", "log1p_relu")
    assert (loaded.model.max_seq_length, loaded.model.prompts) == (20, prompts)
    check_same(loaded, stock(folder), [*texts, *QUERIES])
    empty = encode(loaded, [""], "query")
    assert empty.nnz > 0, "the words of the prompt remain"


def test_max_active_dims_holds_for_queries_too(
    bert_folder: Path, load: Make, stock: Make, texts: list[str], tmp_path: Path
) -> None:
    encoder = stock(bert_folder)
    modules = [static(encoder.tokenizer)], [encoder[0], encoder[1]]
    folder = routed(*modules, tmp_path / "model", max_active_dims=3)
    check_same(load(str(folder)), stock(folder), texts)


def test_queries_have_a_limit_of_their_own(
    bert_folder: Path, load: Make, stock: Make, texts: list[str], tmp_path: Path
) -> None:
    encoder = stock(bert_folder)
    folder = routed([static(encoder.tokenizer)], [encoder[0], encoder[1]], tmp_path / "model")
    for part, limit in ((QUERY, 7), ("document_0_Transformer", 30)):
        path = folder / part / "tokenizer_config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "model_max_length": limit}))
    loaded = load(str(folder))
    assert (loaded.model.max_seq_length, loaded.model.query_length) == (30, 7)
    check_same(loaded, stock(folder), texts, kinds=("query",))


def test_an_inference_free_model_is_refused_as_a_plain_one(free: Path, load: Make) -> None:
    from splade_cli.config.schema import ModelSection
    from splade_cli.model.options import ModelOptions
    from splade_cli.training.trainable import open_trainable

    with pytest.raises(ModelError, match="inference-free") as caught:
        open_trainable(ModelSection(base_model=str(free)), ModelOptions(device="cpu"))
    assert "architecture inference-free-splade" in caught.value.hint


def test_an_empty_query_and_none_at_all(free: Path, load: Make) -> None:
    loaded = load(str(free))
    assert encode(loaded, ["", " \n"], "query").nnz == 0
    assert encode(loaded, [], "query").shape == (0, 126)


def test_queries_go_through_no_transformer(free: Path, load: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = load(str(free))
    monkeypatch.setattr(loaded.model, "masked_lm", None)
    assert encode(loaded, QUERIES, "query").nnz > 0


def test_the_weights_are_part_of_the_identity(free: Path, copy: Path, load: Make) -> None:
    from safetensors.torch import load_file, save_file

    before = load(str(copy)).model
    assert before.identity == load(str(free)).model.identity
    path = copy / QUERY / "model.safetensors"
    save_file({"weight": load_file(path)["weight"] * 2}, path)
    after = load(str(copy)).model
    assert after.identity != before.identity
    np.testing.assert_allclose(after.query_table, before.query_table * 2)


def test_weights_named_by_their_tokens(copy: Path, load: Make) -> None:
    """The older form: a JSON file that config.json names."""
    (copy / QUERY / "config.json").write_text(json.dumps({"path": "idf.json", "frozen": True}))
    (copy / "idf.json").write_text(json.dumps({"saw": 2.5, "the": 0.25, "no such token": 9}))
    (copy / QUERY / "model.safetensors").unlink()
    loaded = load(str(copy))
    numbers = loaded.tokenizer.get_vocab()
    found = encode(loaded, ["the saw needs the blade"], "query")
    assert dict(zip(found.indices.tolist(), found.data.tolist(), strict=True)) == {
        numbers["saw"]: 2.5, numbers["the"]: 0.25,
    }  # fmt: skip
    (copy / "idf.json").write_text("{")
    refused(load, copy, r"idf\.json is damaged: not JSON")


def test_the_same_modules_on_both_routes(
    bert_folder: Path, load: Make, stock: Make, texts: list[str], tmp_path: Path
) -> None:
    encoder = stock(bert_folder)
    modules = [encoder[0], encoder[1]]
    prompts = {"query": "question: ", "document": "passage: "}
    folder = routed(modules, modules, tmp_path / "model", prompts=prompts)
    loaded = load(str(folder))
    assert loaded.model.query_table is None
    check_same(loaded, stock(folder), texts)
    assert abs(encode(loaded, texts, "query") - encode(loaded, texts, "document")).max() > 1e-3


def test_routes_of_something_else(
    bert_folder: Path, make_folder: Make, load: Make, stock: Make, tmp_path: Path
) -> None:
    encoder, other = stock(bert_folder), stock(make_folder("bert", seed=1))
    both = [static(encoder.tokenizer)]
    refused(load, routed(both, both, tmp_path / "static"), "is made of a Router of .*SparseStaticEmbedding")
    two = routed([other[0], other[1]], [encoder[0], encoder[1]], tmp_path / "two")
    refused(load, two, r"Router of .*'query': 'Transformer \+ SpladePooling'.*a SPLADE model is")


@pytest.mark.parametrize(
    ("kinds", "shown"),
    [
        (["Transformer"], "is made of Transformer,"),
        (
            ["Transformer", "Pooling", "Normalize"],
            r"is a dense model, made of Transformer \+ Pooling \+ Normalize",
        ),
        (["SparseStaticEmbedding"], "is made of SparseStaticEmbedding,"),
        (["Router", "SpladePooling"], r"is made of Router \+ SpladePooling,"),
        ([], "is made of"),
    ],
)
def test_other_module_kinds(kinds: list[str], shown: str, copy: Path, load: Make) -> None:
    rows = [{"idx": n, "name": str(n), "path": str(n), "type": f"a.b.{kind}"} for n, kind in enumerate(kinds)]
    (copy / "modules.json").write_text(json.dumps(rows))
    refused(load, copy, shown)


def test_a_folder_without_modules_is_a_plain_one(bert_folder: Path) -> None:
    assert read_layout(str(bert_folder), "x") == Layout()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        "null",
        "3",
        '{"structure": {"query": [1], "document": ["d"]}}',
        '{"types": {}, "structure": {"query": ["q"], "document": ["d"]}}',
        '{"types": {"q": 1, "d": null}, "structure": {"query": ["q"], "document": ["d"]}}',
        '{"types": [], "structure": []}',
        '{"types": {}, "structure": {"query": 3}}',
    ],
)
def test_a_damaged_router(content: str, copy: Path, load: Make) -> None:
    (copy / "router_config.json").write_text(content)
    refused(load, copy, r"router_config\.json (is damaged|lacks|names no types)|is made of a Router of")


def test_a_router_whose_file_is_gone(copy: Path, load: Make) -> None:
    (copy / "router_config.json").unlink()
    refused(load, copy, "router|Router")


@pytest.mark.parametrize("content", ["{}", "3", '[{"idx": 0}]', '["Router"]', '[{"type": 3, "path": ""}]'])
def test_damaged_modules(content: str, copy: Path, load: Make) -> None:
    (copy / "modules.json").write_text(content)
    refused(load, copy, r"modules\.json (is no list|names)|is made of")


def test_missing_query_weights(copy: Path, load: Make) -> None:
    (copy / QUERY / "model.safetensors").unlink()
    refused(load, copy, f"has no query weights: {QUERY}/model.safetensors is missing")
    (copy / QUERY / "config.json").write_text('{"path": "idf.json"}')
    refused(load, copy, r"has no query weights: idf\.json is missing")


@pytest.mark.parametrize("how", ["cut", "empty", "other name"])
def test_damaged_query_weights(how: str, copy: Path, load: Make) -> None:
    from safetensors.torch import load_file, save_file

    path = copy / QUERY / "model.safetensors"
    if how == "other name":
        save_file({"weights": load_file(path)["weight"]}, path)
    else:
        path.write_bytes(path.read_bytes()[: 100 if how == "cut" else 0])
    refused(load, copy, "query weights")


def test_a_missing_transformer(copy: Path, load: Make) -> None:
    (copy / DOCUMENT / "config.json").unlink()
    refused(load, copy, r"has no config\.json")
