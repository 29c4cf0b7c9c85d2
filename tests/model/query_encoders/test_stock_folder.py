"""Queries of a stock SPLADE folder in NumPy: the model's own weights, or nothing, and no torch."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.errors import IndexFolderError, ModelError
from splade_cli.model.options import ModelOptions
from splade_cli.model.query_encoders.bert import BertQueryEncoder
from splade_cli.model.query_encoders.static import StaticQueryEncoder
from splade_cli.model.query_encoders.stock_folder import StockFolder, open_stock_folder

Make = Callable[..., Any]
HEAVY = {
    "torch",
    "transformers",
    "sentence_transformers",
    "datasets",
    "sklearn",
    "pandas",
    "numba",
    "onnxruntime",
    "openai",
    "bm25s",
    "prompt_toolkit",
    "huggingface_hub",
}
POOLINGS = [
    {},
    {"pooling_strategy": "sum"},
    {"activation_function": "log1p_relu"},
    {"pooling_strategy": "sum", "activation_function": "log1p_relu"},
]


def opened(folder: Path, limit: int = 64, **options: Any) -> StockFolder | None:
    return open_stock_folder(str(folder), ModelOptions(**options), folder / "tokenizer.json", limit)


def splade_folder(plain: Path, folder: Path, pooling: dict[str, Any], **outer: Any) -> Path:
    """A copy of a masked LM's folder with the modules of a SparseEncoder."""
    shutil.copytree(plain, folder)
    names = "sentence_transformers.sparse_encoder.modules"
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{names}.MLMTransformer"},
        {"idx": 1, "name": "1", "path": "1_SpladePooling", "type": f"{names}.SpladePooling"},
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_SpladePooling").mkdir()
    (folder / "1_SpladePooling" / "config.json").write_text(json.dumps(pooling))
    (folder / "config_sentence_transformers.json").write_text(json.dumps(outer))
    return folder


def changed(plain: Path, folder: Path, **values: Any) -> Path:
    """A copy of a model folder with other values in its configuration."""
    shutil.copytree(plain, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | values))
    return folder


@pytest.mark.parametrize("kind", ["bert", "distilbert"])
@pytest.mark.parametrize("limit", [5, 64, 1000])
def test_weights_are_those_of_the_model(
    kind: str, limit: int, make_folder: Make, load: Make, texts: list[str]
) -> None:
    from splade_cli.model.encode import encode

    folder = make_folder(kind)
    stock = opened(folder, limit)
    assert stock is not None
    assert isinstance(stock.encoder, BertQueryEncoder)
    loaded = load(str(folder), max_seq_length=limit)
    ours = stock.encoder.encode(texts)
    assert ours.dtype == np.float32 and ours.has_sorted_indices and ours.data.min() > 0
    np.testing.assert_allclose(ours.toarray(), encode(loaded, texts, "query").toarray(), rtol=1e-5, atol=1e-5)
    assert (stock.identity, stock.dimensions) == (loaded.model.identity, loaded.model.dimensions)
    assert stock.encoder.encode([]).shape == (0, stock.dimensions)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_poolings_prompts_and_the_largest_weights(
    pooling: dict[str, Any], bert_folder: Path, tmp_path: Path, load: Make, texts: list[str]
) -> None:
    from splade_cli.model.encode import encode

    folder = splade_folder(
        bert_folder, tmp_path / "splade", pooling, prompts={"query": "reset "}, max_active_dims=9
    )
    stock = opened(folder)
    assert stock is not None
    expected = encode(load(str(folder)), texts, "query").toarray()
    assert (expected > 0).sum(axis=1).max() == 9
    np.testing.assert_allclose(stock.encoder.encode(texts).toarray(), expected, rtol=1e-5, atol=1e-5)


def test_the_embedded_model(embedder: Any, texts: list[str]) -> None:
    from splade_cli.model.layout import resolve

    tokenizer = Path(resolve("tiny")) / "tokenizer.json"
    stock = open_stock_folder("tiny", ModelOptions(), tokenizer, 256)
    assert stock is not None
    expected = embedder.encode(texts, "query").toarray()
    np.testing.assert_allclose(stock.encoder.encode(texts).toarray(), expected, rtol=1e-5, atol=1e-5)


def test_an_inference_free_folder_is_its_table(inference_free: Path, load: Make, texts: list[str]) -> None:
    from splade_cli.model.encode import encode

    document = inference_free / "document_0_Transformer"
    stock = open_stock_folder(str(inference_free), ModelOptions(), document / "tokenizer.json", 64)
    assert stock is not None
    assert isinstance(stock.encoder, StaticQueryEncoder)
    expected = encode(load(str(inference_free)), texts, "query").toarray()
    assert expected.any()
    np.testing.assert_array_equal(stock.encoder.encode(texts).toarray(), expected)


@pytest.fixture(scope="module")
def inference_free(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Router with a table of weights for queries."""
    from safetensors.numpy import save_file

    folder = tmp_path_factory.mktemp("free") / "model"
    shutil.copytree(bert_folder, folder / "document_0_Transformer")
    rows = json.loads((bert_folder / "config.json").read_text())["vocab_size"]
    names = "sentence_transformers.sparse_encoder.modules"
    kinds = {
        "query_0_SparseStaticEmbedding": "SparseStaticEmbedding",
        "document_0_Transformer": "MLMTransformer",
        "document_1_SpladePooling": "SpladePooling",
    }
    structure = {
        "query": [name for name in kinds if name.startswith("query")],
        "document": [name for name in kinds if name.startswith("document")],
    }
    router = {
        "types": {name: f"{names}.{kind}" for name, kind in kinds.items()},
        "structure": structure,
        "parameters": {},
    }
    router_module = {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.base.modules.Router"}
    (folder / "modules.json").write_text(json.dumps([router_module]))
    (folder / "router_config.json").write_text(json.dumps(router))
    table = np.random.default_rng(0).random(rows, dtype=np.float32)
    for name in kinds:
        (folder / name).mkdir(exist_ok=True)
    save_file({"weight": table}, folder / "query_0_SparseStaticEmbedding" / "model.safetensors")
    (folder / "document_1_SpladePooling" / "config.json").write_text("{}")
    return folder


@pytest.mark.parametrize(
    "values",
    [
        {"hidden_act": "relu"},
        {"position_embedding_type": "relative_key"},
        {"tie_word_embeddings": False},
        {"architectures": ["BertModel"]},
        {"model_type": "roberta"},
        {"num_hidden_layers": 3},
        {"num_attention_heads": 5},
        {"vocab_size": 7},
        {"max_position_embeddings": "many"},
        {"quantization_config": {"bits": 4}},
        {"splade_uncapped": True},
    ],
    ids=str,
)
def test_what_is_not_known_is_left_to_the_model(
    values: dict[str, Any], bert_folder: Path, tmp_path: Path
) -> None:
    assert opened(changed(bert_folder, tmp_path / "changed", **values)) is None


def test_other_folders_devices_and_precisions(make_folder: Make, bert_folder: Path, tmp_path: Path) -> None:
    assert opened(bert_folder) is not None
    assert opened(bert_folder, device="cuda") is None
    assert opened(bert_folder, precision="bf16") is None
    assert opened(bert_folder, revision="main") is None
    assert open_stock_folder("who/what", ModelOptions(), bert_folder / "tokenizer.json", 64) is None
    for file in ("adapter_config.json", "model.safetensors.index.json", "pytorch_model.bin"):
        folder = changed(bert_folder, tmp_path / file)
        (folder / file).write_text("{}")
        assert opened(folder) is None
    cut = changed(bert_folder, tmp_path / "cut")
    (cut / "model.safetensors").write_bytes((cut / "model.safetensors").read_bytes()[:-8])
    assert opened(cut) is None
    assert opened(make_folder("roberta")) is None


def test_a_decoder_of_its_own_is_left_to_the_model(bert_folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = changed(bert_folder, tmp_path / "untied")
    tensors = load_file(folder / "model.safetensors")
    decoder = tensors["bert.embeddings.word_embeddings.weight"].copy()
    for name, kept in (("same", True), ("another", False)):
        save_file(
            tensors | {"cls.predictions.decoder.weight": decoder},
            folder / "model.safetensors",
            {"format": "pt"},
        )
        assert (opened(folder) is not None) == kept, name
        decoder[0, 0] += 1


def test_a_weight_that_is_not_finite(bert_folder: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    folder = changed(bert_folder, tmp_path / "endless")
    tensors = load_file(folder / "model.safetensors")
    tensors["cls.predictions.bias"][3] = np.inf
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    stock = opened(folder)
    assert stock is not None
    with pytest.raises(ModelError, match="not finite"):
        stock.encoder.encode(["reset"])


@pytest.fixture(scope="module")
def index(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An index of three texts, and the model that made it."""
    from splade_cli.indexing.build import index_documents

    folder = tmp_path_factory.mktemp("stock")
    shutil.copytree(bert_folder, folder / "model")
    (folder / "docs").mkdir()
    for number, text in enumerate(("reset a password", "backups every night", "a sharp blade")):
        (folder / "docs" / f"{number}.txt").write_text(text)
    index_documents(folder / "docs", folder / "index", model=str(folder / "model"))
    return folder / "index", folder / "model"


def test_a_search_without_torch_ranks_as_the_model_does(index: tuple[Path, Path]) -> None:
    from splade_cli.search.query_encoder import ModelEncoder
    from splade_cli.search.searcher import Searcher

    full = Searcher.open(index[0], device="cpu")
    assert isinstance(full.encoder, ModelEncoder)
    few = Searcher.open(index[0], device="cpu", few_queries=True)
    assert isinstance(few.encoder, BertQueryEncoder)
    for query in ("reset my password", "a blade", "night"):
        found = few.search(query)
        expected = full.search(query)
        assert [hit.id for hit in found] == [hit.id for hit in expected]
        np.testing.assert_allclose([hit.score for hit in found], [hit.score for hit in expected], rtol=1e-4)


@pytest.mark.parametrize("words", [["search", "reset"], ["query", "--query", "reset"]], ids=" ".join)
def test_modules_of_a_cold_search(words: list[str], index: tuple[Path, Path]) -> None:
    program = (
        "import sys; from splade_cli.cli.main import app\n"
        "try: app(sys.argv[1:])\n"
        "except SystemExit as end: assert not end.code\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program, *words, "--index", str(index[0])],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "reset a password" in done.stdout
    assert done.stderr.splitlines()[-1] == "[]"


def test_another_model_in_its_place_is_refused(index: tuple[Path, Path], make_folder: Make) -> None:
    from splade_cli.search.searcher import Searcher

    with pytest.raises(IndexFolderError, match="made by another model"):
        Searcher.open(index[0], model=str(make_folder("bert", seed=1)), few_queries=True)
    with pytest.raises(ModelError, match="no model folder"):
        Searcher.open(index[0], model="./nowhere", few_queries=True)
