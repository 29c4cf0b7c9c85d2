"""A model for other runtimes: graphs equal to the model, one length limit, and what each loader looks for."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from splade_cli.deploy.export import openvino
from splade_cli.deploy.export.graph_model import OnnxGraph, loaded_graph
from splade_cli.deploy.export.query_graph import LogitsGraph
from splade_cli.deploy.export.runtime import folder as runtime_folder
from splade_cli.deploy.export.runtime import graphs, loader_files
from splade_cli.deploy.export.runtime.folder import RuntimeFolder, RuntimeOptions, export_runtime
from splade_cli.errors import InputError, ModelError
from splade_cli.model.encode import encode

Make = Callable[..., Any]
LONG = "the lathe needs a steady hand and a code at every login " * 30
NODE_MODULES = Path(__file__).resolve().parents[3] / "node_modules"
"""Where `npm install --ignore-scripts @huggingface/transformers` in the repository puts it."""


@pytest.fixture(scope="module")
def made(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> RuntimeFolder:
    """A small BERT for other runtimes, without int8: whose rounding tiny weights do not stand."""
    output = tmp_path_factory.mktemp("runtime") / "model"
    return export_runtime(str(bert_folder), output, RuntimeOptions(int8=False))


def test_graphs_are_the_model(made: RuntimeFolder, bert_folder: Path, load: Make, texts: list[str]) -> None:
    assert [graph.path for graph in made.graphs] == ["onnx/model.onnx", "onnx/pooled.onnx"]
    assert all(graph.difference <= 1e-4 and graph.megabytes > 0 for graph in made.graphs)
    assert made.notes == ()
    loaded = load(str(bert_folder))
    wanted = encode(loaded, [*texts, LONG]).toarray()
    for graph in made.graphs:
        model = loaded_graph(OnnxGraph(made.folder / graph.path), loaded, graph.path)
        assert model.model.fused == (graph.output == "weights")
        np.testing.assert_allclose(encode(model, [*texts, LONG]).toarray(), wanted, rtol=1e-4, atol=1e-4)
    loaded.model.max_active = 3
    model = loaded_graph(OnnxGraph(made.folder / "model.onnx"), loaded, "top")
    assert encode(model, texts).getnnz(axis=1).max() == 3


def test_each_file_says_the_same_limit(made: RuntimeFolder) -> None:
    folder = made.folder
    read = {path.name: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert read["tokenizer_config.json"]["model_max_length"] == made.max_seq_length
    assert read["tokenizer.json"]["truncation"]["max_length"] == made.max_seq_length
    assert read["sentence_bert_config.json"]["max_seq_length"] == made.max_seq_length
    assert read["special_tokens_map.json"]["mask_token"] == "[MASK]"
    assert read["config.json"]["architectures"] == ["BertForMaskedLM"]
    assert not (folder / "idf.json").exists()
    assert "| `onnx/model.onnx` | logits |" in (folder / "README.md").read_text()


def test_the_top_graph_is_that_of_the_folder(made: RuntimeFolder) -> None:
    assert (made.folder / "model.onnx").read_bytes() == (made.folder / "onnx" / "model.onnx").read_bytes()


def test_two_logarithms_are_one_in_the_graph(bert_folder: Path, load: Make) -> None:
    model = load(str(bert_folder)).splade
    model.head.activation = "log1p_relu"
    ids = torch.randint(5, model.dimensions, (2, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    with torch.inference_mode():
        logits = LogitsGraph(model)(ids, mask)
        pooled = torch.log1p(torch.relu(logits)).amax(1)
        wanted = model(input_ids=ids, attention_mask=mask)
    torch.testing.assert_close(pooled, wanted, rtol=1e-5, atol=1e-5)


def test_what_other_runtimes_do_not_do_is_said(bert_folder: Path, load: Make, tmp_path: Path) -> None:
    loaded = load(str(bert_folder))
    model = loaded.splade
    model.head.pooling = "sum"
    model.prompts = {"query": "query: ", "document": ""}
    model.max_active = 64
    table = np.zeros(model.dimensions, np.float32)
    table[[5, 9]] = 1.5, 2.25
    model.query_table = table
    notes = " ".join(loader_files.write_loader_files(loaded, tmp_path))
    for word in ("pools by a sum", "prompts", "64 largest", "idf.json"):
        assert word in notes
    names = {number: token for token, number in loaded.tokenizer.get_vocab().items()}
    assert json.loads((tmp_path / "idf.json").read_text()) == {names[5]: 1.5, names[9]: 2.25}
    assert json.loads((tmp_path / "config_sentence_transformers.json").read_text())["max_active_dims"] == 64


def test_what_is_refused(bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = Path(shutil.copytree(bert_folder, tmp_path / "source"))
    for output in (source, tmp_path):
        with pytest.raises(InputError, match="is or holds the model"):
            export_runtime(str(source), output, RuntimeOptions(force=True))
    with pytest.raises(InputError, match="unknown runtime 'coreml'"):
        export_runtime(str(source), tmp_path / "out", RuntimeOptions(to="coreml"))
    monkeypatch.setattr(openvino, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="openvino is not installed") as caught:
        export_runtime(str(source), tmp_path / "out", RuntimeOptions(to="openvino"))
    assert caught.value.hint == 'pip install "splade-cli[openvino]"'
    assert not (tmp_path / "out").exists()


def test_openvino_computes_the_same(
    made: RuntimeFolder, bert_folder: Path, load: Make, texts: list[str], tmp_path: Path
) -> None:
    pytest.importorskip("openvino", reason="openvino is not installed")
    openvino.write_openvino(made.folder / "model.onnx", tmp_path / "openvino" / openvino.NAME)
    loaded = load(str(bert_folder))
    graph = openvino.OpenVinoGraph(tmp_path / "openvino" / openvino.NAME)
    got = encode(loaded_graph(graph, loaded, "openvino"), texts).toarray()
    np.testing.assert_allclose(got, encode(loaded, texts).toarray(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("wrong", [1.5, float("nan")])
def test_an_openvino_graph_that_differs_is_refused(
    bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    class Other(OnnxGraph):
        def run(self, feed: Any) -> Any:
            return super().run(feed) * np.float32(wrong)

    def copied(graph: Path, into: Path) -> None:
        into.parent.mkdir(parents=True)
        shutil.copyfile(graph, into)

    monkeypatch.setattr(runtime_folder, "require_openvino", lambda: None)
    monkeypatch.setattr(graphs, "write_openvino", copied)
    monkeypatch.setattr(graphs, "OpenVinoGraph", Other)
    with pytest.raises(ModelError, match="cannot be exported to OpenVINO"):
        export_runtime(str(bert_folder), tmp_path / "out", RuntimeOptions(to="openvino", int8=False))
    assert not (tmp_path / "out").exists()


def test_fastembed_gives_the_same_vectors(
    made: RuntimeFolder, bert_folder: Path, load: Make, texts: list[str]
) -> None:
    fastembed = pytest.importorskip("fastembed", reason="fastembed is not installed")
    from fastembed.common.model_description import ModelSource, SparseModelDescription
    from fastembed.sparse.splade_pp import supported_splade_models

    loaded = load(str(bert_folder))
    name = "local/model"
    supported_splade_models.append(
        SparseModelDescription(
            model=name,
            vocab_size=loaded.model.dimensions,
            description="",
            license="",
            size_in_GB=0.1,
            sources=ModelSource(hf=name),
            model_file="model.onnx",
        )
    )
    embedder = fastembed.SparseTextEmbedding(
        name, specific_model_path=str(made.folder), local_files_only=True
    )
    wanted = encode(loaded, [*texts, LONG]).toarray()
    got = np.zeros_like(wanted)
    for row, embedding in zip(got, embedder.embed([*texts, LONG]), strict=True):
        row[embedding.indices] = embedding.values
    np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-4)


SCRIPT = """
import { AutoTokenizer, AutoModelForMaskedLM, env } from '@huggingface/transformers';
env.allowRemoteModels = false;
env.localModelPath = process.argv[2];
const tokenizer = await AutoTokenizer.from_pretrained('model');
const model = await AutoModelForMaskedLM.from_pretrained('model', { dtype: 'fp32' });
const rows = [];
for (const text of JSON.parse(process.argv[3])) {
  const { logits } = await model(await tokenizer(text, { truncation: true }));
  const [, length, size] = logits.dims;
  const row = new Array(size).fill(0);
  for (let at = 0; at < length * size; at++) {
    row[at % size] = Math.max(row[at % size], Math.log1p(Math.max(logits.data[at], 0)));
  }
  rows.push(row);
}
console.log(JSON.stringify(rows));
"""


def test_transformers_js_gives_the_same_vectors(
    made: RuntimeFolder, bert_folder: Path, load: Make, texts: list[str]
) -> None:
    if shutil.which("node") is None or not (NODE_MODULES / "@huggingface" / "transformers").is_dir():
        pytest.skip(
            "transformers.js is not installed: npm install --ignore-scripts @huggingface/transformers"
        )
    loaded = load(str(bert_folder))
    # it cuts off the closing token of a text beyond the limit, so only whole texts can be compared
    whole = [text for text in texts if len(loaded.tokenizer(text)["input_ids"]) <= made.max_seq_length]
    script = NODE_MODULES.parent / ".transformers.test.mjs"
    script.write_text(SCRIPT)
    try:
        done = subprocess.run(
            ["node", str(script), str(made.folder.parent), json.dumps(whole)],
            capture_output=True, text=True, timeout=600,
        )  # fmt: skip
    finally:
        script.unlink()
    assert done.returncode == 0, done.stderr
    wanted = encode(loaded, whole).toarray()
    np.testing.assert_allclose(np.array(json.loads(done.stdout)), wanted, rtol=1e-4, atol=1e-4)
