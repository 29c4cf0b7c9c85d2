"""Exported query encoders against torch, for each family, and exports that are refused."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from splade_cli.deploy.export import graph
from splade_cli.deploy.export import onnx as module
from splade_cli.deploy.export.onnx import GRAPH, TOKENIZER, Exported, export_query_encoder
from splade_cli.deploy.export.query_graph import QueryGraph
from splade_cli.errors import InputError, ModelError
from splade_cli.model.encode import encode
from splade_cli.model.query_encoders.onnx import OnnxQueryEncoder, open_session
from splade_cli.model.splade.head import ReferenceHead

Make = Callable[..., Any]
CASES = (  # BERT: tests/search/test_query_onnx.py; an export takes seconds
    ("roberta", "max", "log1p_relu"),
    ("mpnet", "max", "relu"),
    ("modernbert", "sum", "log1p_relu"),
    pytest.param("distilbert", "sum", "relu", marks=pytest.mark.slow),
    pytest.param("electra", "max", "relu", marks=pytest.mark.slow),
)


def close(got: Any, wanted: Any) -> None:
    np.testing.assert_allclose(got.toarray(), wanted.toarray(), rtol=1e-4, atol=1e-4)


def one_layer(folder: Path, copy: Path) -> Path:
    """The model without its second layer, which tells nothing new and takes as long to export."""
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    kept = {
        key: 1 for key in ("num_hidden_layers", "n_layers") if key in config and "layer_types" not in config
    }
    (copy / "config.json").write_text(json.dumps(config | kept))
    return copy


def padding_changes_nothing(loaded: Any, graph: Path) -> None:
    features = dict(loaded.tokenizer(["reset a password"], return_tensors="np"))
    pads = {name: np.zeros((1, 3), np.int64) for name in features}
    pads["input_ids"] += loaded.tokenizer.pad_token_id
    session = open_session(graph)
    alone = session.run(["weights"], features)[0]
    right = {name: np.hstack([features[name], pads[name]]) for name in features}
    left = {name: np.hstack([pads[name], features[name]]) for name in features}
    np.testing.assert_allclose(session.run(["weights"], right)[0], alone, atol=1e-4)
    if loaded.model.masked_lm.config.model_type in (
        "mpnet",
        "roberta",
    ):  # positions count from the first real token
        np.testing.assert_allclose(session.run(["weights"], left)[0], alone, atol=1e-4)
    right["attention_mask"][:] = 0
    assert not session.run(["weights"], right)[0].any()


@pytest.mark.parametrize(("family", "pooling", "activation"), CASES)
def test_family_equals_torch_and_stays_as_it_was(
    family: str,
    pooling: str,
    activation: str,
    make_folder: Make,
    load: Make,
    texts: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loaded = load(str(one_layer(make_folder(family), tmp_path / "model")))
    model, folder = loaded.model, tmp_path / "exported"
    folder.mkdir()
    model.head.pooling, model.head.activation = pooling, activation
    model.prompts = {"query": "how to "}
    model.train(family == "mpnet")
    attention, kind = model.masked_lm.config._attn_implementation, type(model.decoder)
    before = (
        None if model.training else encode(loaded, texts, "query")
    )  # dropout: nothing to compare in training

    exported = export_query_encoder(loaded, folder)

    assert sorted(path.name for path in folder.iterdir()) == [GRAPH, TOKENIZER]
    assert exported.bytes == (folder / GRAPH).stat().st_size
    assert exported.difference <= 1e-4
    assert exported.int8_difference is None
    assert capsys.readouterr().out == ""
    assert model.training == (family == "mpnet")
    assert type(model.decoder) is kind and model.masked_lm.config._attn_implementation == attention
    model.eval()
    wanted = encode(loaded, texts, "query")
    if before is not None:
        assert (before != wanted).nnz == 0

    files = folder / GRAPH, folder / TOKENIZER
    encoder = OnnxQueryEncoder(*files, max_seq_length=model.max_seq_length, prompt="how to ")
    close(encoder.encode(texts), wanted)
    padding_changes_nothing(loaded, folder / GRAPH)
    model.max_seq_length, model.max_active, model.prompts = 16, 5, {}
    encoder = OnnxQueryEncoder(*files, max_seq_length=16, max_active=5)
    close(encoder.encode(texts), encode(loaded, texts, "query"))


@pytest.mark.parametrize("pooling", ["max", "sum"])
@pytest.mark.parametrize("activation", ["relu", "log1p_relu"])
def test_pooling_of_the_graph_is_that_of_the_model(
    pooling: str, activation: str, bert_folder: Path, load: Make
) -> None:
    model = load(str(bert_folder)).model
    model.head.pooling, model.head.activation = pooling, activation
    ids = torch.randint(5, model.dimensions, (4, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones(4, 7, dtype=torch.int64)
    mask[1, 4:], mask[2, :3], mask[3] = 0, 0, 0
    for fused in (True, False):
        if not fused:  # as where skip_decoder finds no linear decoder
            model.decoder.__class__ = torch.nn.Linear
            model.head = ReferenceHead(model.dimensions, pooling, activation)
        with torch.inference_mode():
            output = model.head_input(input_ids=ids, attention_mask=mask)
            wanted = model.head.pool(output, mask)
            torch.testing.assert_close(QueryGraph(model)(ids, mask), wanted, rtol=1e-5, atol=1e-5)


def test_the_embedded_model_in_int8(load: Make, tmp_path: Path) -> None:
    loaded = load("tiny")
    exported = export_query_encoder(loaded, tmp_path, int8=True)
    weights = sum(parameter.numel() for parameter in loaded.model.parameters())
    assert exported.difference <= 1e-4
    assert exported.int8_difference is not None and 1e-4 < exported.int8_difference < 1
    assert exported.bytes == (tmp_path / GRAPH).stat().st_size < 2.2 * weights

    encoder = OnnxQueryEncoder(
        tmp_path / GRAPH, tmp_path / TOKENIZER, max_seq_length=loaded.model.max_seq_length
    )
    for query in ("how do I reset a password", "bread flour protein", "interest rates of the central bank"):
        got, wanted = encoder.encode([query]).toarray()[0], encode(loaded, [query], "query").toarray()[0]
        assert got @ wanted > 0.98 * np.linalg.norm(got) * np.linalg.norm(wanted)
        assert got.argmax() == wanted.argmax()


class _Program:
    """Stands in for what torch exports."""

    def save(self, path: Path, **options: Any) -> None:
        path.write_bytes(b"graph")


def test_a_graph_that_computes_something_else_is_refused(
    bert_folder: Path, load: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.onnx, "export", lambda *given, **options: _Program())
    monkeypatch.setattr(graph, "OnnxGraph", lambda path: None)
    monkeypatch.setattr(graph.Probes, "compare", lambda *given: (0.25, 1.0))
    with pytest.raises(
        ModelError, match=r"eager attention: differs from torch by 0.25, tolerance is 0.0001; sdpa"
    ) as e:
        export_query_encoder(load(str(bert_folder)), tmp_path)
    assert "search with the model itself" in e.value.hint
    assert not list(tmp_path.iterdir())


def test_a_model_that_cannot_be_traced_is_refused(
    bert_folder: Path, load: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def export(*given: Any, **options: Any) -> Any:
        raise RuntimeError("no translation of aten::odd\nand many lines more")

    monkeypatch.setattr(torch.onnx, "export", export)
    with pytest.raises(ModelError, match="cannot be exported to ONNX .*aten::odd; sdpa") as e:
        export_query_encoder(load(str(bert_folder)), tmp_path)
    assert "many lines" not in e.value.message
    assert not list(tmp_path.iterdir())


def test_int8_that_changes_too_much_is_refused(
    bert_folder: Path, load: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_graph", lambda *given: 1e-6)
    monkeypatch.setattr(graph, "quantise", lambda source, into: None)
    monkeypatch.setattr(graph, "OnnxGraph", lambda path: None)
    monkeypatch.setattr(graph.Probes, "compare", lambda *given: (0.4, 0.97))
    with pytest.raises(ModelError, match="int8 changes .* too much .cosine similarity 0.9700, 0.99 wanted"):
        export_query_encoder(load(str(bert_folder)), tmp_path, int8=True)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_library_names_the_extra(
    missing: str, bert_folder: Path, load: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"ONNX needs {missing}") as e:
        export_query_encoder(load(str(bert_folder)), tmp_path)
    assert e.value.hint == 'pip install "splade-cli[onnx]"'


def test_exported_prints_its_figures() -> None:
    assert Exported(10, 1e-6)._asdict() == {
        "bytes": 10,
        "difference": 1e-6,
        "int8_difference": None,
    }
