"""`splade export` and its Python twin: what is written, what is printed where, and what is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from splade_cli.deploy.export.variant import ExportOptions, export_variant
from splade_cli.errors import InputError
from splade_cli.model.load import load_splade_model
from splade_cli.model.options import ModelOptions


def refused(result, *words: str, code: int = 2) -> None:
    assert result.exit_code == code, result.output
    assert not result.stdout
    assert "error: " in result.stderr and "hint: " in result.stderr
    for word in words:
        assert word in result.stderr, result.stderr


def test_prune_and_measure(splade, built, tmp_path):
    out = tmp_path / "small"
    result = splade(
        "export", "tiny", "-o", out, "--prune-vocabulary", "--corpus", built / "docs",
        "--data", built / "data", "--data", built / "data/train.json", "--split", "train", "--json",
        "--device", "cpu",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    made = json.loads(result.stdout)
    assert made["folder"] == str(out)
    assert (
        made["vocabulary"][0] == 30522 > made["vocabulary"][1] == load_splade_model(str(out)).model.dimensions
    )
    assert made["megabytes"][1] < made["megabytes"][0] / 2
    assert len(made["losses"]) == 2
    for loss in made["losses"]:
        assert loss["difference"] == pytest.approx(loss["variant"] - loss["base"])
        assert 0 < loss["p_value"] <= 1
    card = (out / "README.md").read_text()
    assert "Pruned vocabulary" in card and "What it is, and what it costs" in card
    assert f"{made['losses'][0]['base']:.4f}" in card
    assert f"--model {out}" in result.stderr.replace("\n", "")
    assert list(tmp_path.glob(".small*")) == []
    assert splade("index", built / "docs", "-o", tmp_path / "index", "--model", out).exit_code == 0
    found = splade("search", "firing clay", "--index", tmp_path / "index", "--json", "-k", "1")
    assert json.loads(found.stdout)["hits"][0]["document_id"] == "kiln.md"


def test_without_data_it_says_how_to_measure(splade, bert_folder, docs, tmp_path):
    source = Path(shutil.copytree(bert_folder, tmp_path / "source"))
    (source / "training.json").write_text('{"steps": 7}')
    out = tmp_path / "small"
    result = splade(
        "export", source, "-o", out, "--prune-vocabulary", "--corpus", docs, "--vocabulary-size", "130"
    )
    assert result.exit_code == 0, result.output
    assert "written to" in result.stdout and "tokens" in result.stdout and "MB" in result.stdout
    said = " ".join(result.stderr.split())
    assert f"splade evaluate --data COLLECTION --model {out} --baseline {source}" in said.replace("- ", "-")
    assert "next: splade index DOCS" in said
    assert json.loads((out / "config.json").read_text())["vocab_size"] <= 130
    assert json.loads((out / "training.json").read_text()) == {"steps": 7}


def test_what_is_refused(splade, bert_folder, docs, tmp_path):
    out = tmp_path / "out"
    refused(splade("export", "tiny", "-o", out), "nothing to do", "--prune-vocabulary --corpus DOCS")
    refused(splade("export", "tiny", "--prune-vocabulary"), "output folder", "-o smaller")
    refused(splade("export", "tiny", "-o", out, "--prune-vocabulary"), "--corpus DOCS")
    refused(
        splade("export", "tiny", "-o", out, "--vocabulary-size", "9"),
        "--vocabulary-size does nothing",
    )
    wanted = ("-o", out, "--prune-vocabulary", "--corpus")
    refused(splade("export", "./none", *wanted, docs), "no model folder ./none", code=1)
    refused(splade("export", "nobody/none", *wanted, docs), "hf download nobody/none", code=1)
    refused(
        splade("export", "tiny", *wanted, docs, "--data", tmp_path / "no"), "no such file or folder", code=1
    )
    prune = ("export", bert_folder, *wanted)
    refused(splade(*prune, tmp_path / "no"), "no such file or folder", code=1)
    refused(splade(*prune, docs, "--vocabulary-size", "3"), "a vocabulary of 3 is too small", code=1)
    refused(splade(*prune, docs, "--vocabulary-size", "-3"), "vocabulary_size must be above 0")
    assert not out.exists()
    assert list(tmp_path.glob(".out*")) == []


def test_an_output_is_replaced_only_by_force(splade, bert_folder, docs, tmp_path):
    out = tmp_path / "out"
    prune = ("export", bert_folder, "-o", out, "--prune-vocabulary", "--corpus", docs)
    out.mkdir()
    (out / "mine.txt").write_text("x")
    refused(splade(*prune, "--force"), "is not what this command writes", code=1)
    assert (out / "mine.txt").exists()
    (out / "modules.json").write_text("{}")
    refused(splade(*prune), "exists already", "--force", code=1)
    assert splade(*prune, "--force").exit_code == 0
    assert not (out / "mine.txt").exists()


def test_a_model_is_not_replaced_by_its_own_variant(bert_folder, docs, tmp_path):
    run = tmp_path / "run"
    shutil.copytree(bert_folder, run / "final")
    for output in (run, run / "final"):
        with pytest.raises(InputError, match="is or holds the model"):
            export_variant(str(run), output, docs, ExportOptions(force=True))
    made = export_variant(str(run), run / "small", docs, ExportOptions(model=ModelOptions(device="cpu")))
    assert made.vocabulary[0] > made.vocabulary[1]
    assert made.done == ("vocabulary pruned to what 5 documents need",)


def test_help_is_light():
    code = (
        "import sys, splade_cli.cli.main as m\nfrom typer.testing import CliRunner\n"
        "result = CliRunner().invoke(m.app, ['export', '--help'])\n"
        "assert result.exit_code == 0 and 'Usage' in result.output\n"
        "assert not {'torch', 'transformers', 'numpy', 'scipy'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
