"""`splade export MODEL --to onnx`: what is written, what it loses, what is printed where, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from splade_cli.deploy.export.runtime import folder as runtime_folder
from splade_cli.deploy.export.runtime.folder import RuntimeFolder, RuntimeOptions
from splade_cli.deploy.export.runtime.graphs import GraphFile, GraphLoss
from splade_cli.deploy.export.variant import QualityLoss


@pytest.fixture
def splade() -> Callable[..., Result]:
    """``splade("export", model, ...)`` in this process."""
    from splade_cli.cli.main import app

    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_what_it_loses_is_measured(splade: Callable[..., Result], bert_folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    data = tmp_path / "data"
    (data / "qrels").mkdir(parents=True)
    rows = [
        {"_id": str(number), "text": f"about {word}"} for number, word in enumerate(("saw", "reset", "code"))
    ]
    (data / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (data / "queries.jsonl").write_text('{"_id": "q", "text": "reset"}\n')
    (data / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\n")
    output = tmp_path / "out"
    result = splade(
        "export", bert_folder, "--to", "onnx", "-o", output, "--no-int8", "--data", data, "--json"
    )
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert made["folder"] == str(output)
    assert [graph["path"] for graph in made["graphs"]] == ["onnx/model.onnx", "onnx/pooled.onnx"]
    for loss in made["losses"]:
        assert loss["loss"]["queries"] == 1
        assert loss["loss"]["variant"] == loss["loss"]["base"]
        assert loss["loss"]["difference"] == 0
    assert len(made["losses"]) == 2
    assert (output / "model.onnx").is_file()


def test_lines_for_people(
    splade: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[RuntimeOptions] = []
    loss = QualityLoss("kilns", 50, 0.5, 0.48, -0.02, 0.03)
    graphs = [GraphFile("onnx/model.onnx", "logits", 17.93, 3.4e-6)]
    losses = [GraphLoss("onnx/model.onnx", loss)]

    def export(model: str, output: Path, options: RuntimeOptions, *, progress: object) -> RuntimeFolder:
        given.append(options)
        kept = losses if options.data else []
        return RuntimeFolder(output, model, 256, graphs, kept, ("it has prompts",))

    monkeypatch.setattr(runtime_folder, "export_runtime", export)
    result = splade("export", "tiny", "--to", "openvino", "-o", tmp_path / "out", "--data", tmp_path)
    assert result.exit_code == 0, result.output
    assert "0.5000 -> 0.4800 (-0.0200, p = 0.0300, 50 queries)" in result.stdout
    assert "logits, 17.9 MB, weights within 3.4e-06 of the model's" in result.stdout
    assert "it has prompts" in result.stderr
    result = splade("export", "tiny", "--to", "onnx", "-o", tmp_path / "out", "--no-int8")
    assert "--data COLLECTION" in " ".join(result.stderr.split())
    assert [(one.to, one.int8) for one in given] == [("openvino", True), ("onnx", False)]


def test_what_is_refused(splade: Callable[..., Result], tmp_path: Path) -> None:
    for words, said in (
        (("--to", "coreml", "-o", tmp_path / "out"), "coreml"),
        (("--to", "onnx"), "output folder"),
        (("--to", "onnx", "-o", tmp_path / "out", "--prune-vocabulary"), "--prune-vocabulary with --to onnx"),
    ):
        result = splade("export", "tiny", *words)
        assert result.exit_code == 2 and not result.stdout
        assert said in result.stderr and "hint: " in result.stderr
    assert not (tmp_path / "out").exists()
