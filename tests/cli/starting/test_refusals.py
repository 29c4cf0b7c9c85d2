"""What is wrong with an output or a name is said before libraries of models, or of numbers, are loaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from splade_cli.cli.options.checks import OVER_DENSE, require_models
from splade_cli.errors import ModelError, rebuild_hint

PROGRAM = """
import json, sys
from typer.testing import CliRunner
from splade_cli.cli.main import app

for words in json.loads(sys.argv[1]):
    result = CliRunner().invoke(app, words)
    loaded = [name for name in json.loads(sys.argv[2]) if name in sys.modules]
    print(json.dumps([words, result.exit_code, result.stderr, loaded]))
"""
HEAVY = ("torch", "transformers", "sentence_transformers", "scipy", "numba", "datasets", "onnxruntime")


def refused(commands: list[list[str]]) -> list[tuple[str, int, str, list[str]]]:
    """Runs commands in one process: each with its exit code, what it said, and what was loaded by then."""
    arguments = [json.dumps(commands), json.dumps(HEAVY)]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True, timeout=600
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return [(" ".join(words), code, said, loaded) for words, code, said, loaded in found]


def test_a_taken_output_is_refused_at_once(tmp_path: Path) -> None:
    docs, taken, rows = tmp_path / "docs", tmp_path / "taken", tmp_path / "rows"
    for folder, name in ((docs, "a.md"), (taken, "notes.md"), (rows, "corpus.jsonl")):
        folder.mkdir()
        (folder / name).write_text("A text.")
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "manifest.json").write_text("{}")
    output = ["-o", str(taken)]
    commands = [
        ["index", str(docs), *output],
        ["index", str(docs), *output, "--dense", "all-MiniLM-L6-v2"],
        ["gen-data", str(docs), "-o", str(rows)],
        ["build", str(docs), *output],
        ["train", "--train-file", str(rows / "corpus.jsonl"), *output],
        ["export", "tiny", "--to", "onnx", *output],
        ["export", "tiny", "--to", "openvino", *output],
        ["export", "tiny", "--prune-vocabulary", "--corpus", str(docs), *output],
        ["export", str(tmp_path / "index"), "--to", "jsonl", *output],
        ["evaluate", "--data", str(docs), "--report", str(taken / "notes.md")],
        ["evaluate", "--data", str(docs), "--run", str(taken)],
        ["evaluate", "--data", str(docs), "--failures", str(taken)],
        ["inspect", str(docs), "--report", str(taken / "notes.md")],
        [
            "tune",
            "--index",
            str(tmp_path / "index"),
            "--data",
            str(docs),
            "--report",
            str(taken / "notes.md"),
        ],
        ["query", "--docs", str(docs), "--query", "a", "--output-file", str(taken)],
    ]
    for words, code, said, loaded in refused(commands):
        assert code == 1, (words, said)
        assert "taken" in said or "rows" in said, (words, said)
        assert loaded == [], words
    assert [path.name for path in taken.iterdir()] == ["notes.md"]


def test_what_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "a.md").write_text("A text.")
    nowhere = str(tmp_path / "nowhere")
    output = ["-o", str(tmp_path / "out")]
    commands = [
        ["index", nowhere, *output],
        ["gen-data", nowhere, *output],
        ["build", nowhere, *output],
        ["query", "--docs", nowhere],
        ["query", "--index", nowhere],
        ["query", "--docs", str(docs), "--ab", nowhere],
        ["search", "a", "--index", nowhere],
        ["terms", "--index", nowhere],
        ["serve", "--index", nowhere],
        ["compare", nowhere],
        ["push", nowhere, "--to", "postgresql://localhost/docs"],
        ["tune", "--index", nowhere, "--data", str(docs)],
        ["index", "add", str(docs), "--index", nowhere],
        ["index", "sync", str(docs), "--index", nowhere],
        ["index", "remove", "a.md", "--index", nowhere],
        ["index", "merge", "--index", nowhere],
        ["index", "verify", nowhere],
        ["index", str(docs), "--dense", nowhere, *output],
        ["index", str(docs), "--model", nowhere, *output],
        ["build", str(docs), "--model", nowhere, *output],
        ["train", "--train-file", nowhere, *output],
        ["train", "--train-file", str(docs / "a.md"), "--model", nowhere, *output],
        ["evaluate", "--data", nowhere],
        ["evaluate", "--data", str(docs), "--model", nowhere],
        ["evaluate", "--data", str(docs), "--index", nowhere],
        ["evaluate", "--data", str(docs), "--dense", nowhere],
        ["evaluate", "--data", str(docs), "--baseline", nowhere],
        ["evaluate", "--data", str(docs), "--baseline", f"{nowhere}.json"],
        ["evaluate", "--data", str(docs), "--against-run", nowhere],
        ["evaluate", "--data", str(docs), "--fail-if-worse-than", nowhere],
        ["evaluate", "--data", str(docs), "--expand", nowhere],
        ["evaluate", "--texts", nowhere],
        ["gen-data", str(docs), *output, "--queries", nowhere],
        ["gen-data", str(docs), *output, "--for", nowhere],
        ["gen-data", str(docs), *output, "--model", nowhere],
        ["gen-data", str(docs), *output, "--teacher", nowhere],
        ["build", str(docs), "--data", nowhere, *output],
        ["build", str(docs), "--dense", nowhere, *output],
        ["export", nowhere, "--to", "onnx", *output],
    ]
    for words, code, said, loaded in refused(commands):
        assert code == 1 and nowhere in said.replace("\n", ""), (words, said)
        assert loaded == [], words
    assert not (tmp_path / "out").exists()


def test_what_contradicts_itself_is_told_at_once(tmp_path: Path) -> None:
    index = str(tmp_path / "index")
    commands = [
        ["evaluate", "--failures", "lost.jsonl"],
        ["evaluate", "--marks", "marks.jsonl"],
        ["evaluate", "--data", index, "--worse-by", "0.1"],
        ["query", "--index", index, "--docs", index],
        ["query", "--index", index, "--ab-log", "ab.jsonl"],
        ["search", "a", "--index", index, "--mode", "bm25", "--weights", "rrf"],
        ["serve", "--index", index, "--marks", "marks.jsonl", "--no-marks"],
        ["index", index, "-o", index, "--device", "tpu"],
        ["index", index, "-o", index, "--chunk-tokens", "many"],
    ]
    for words, code, said, loaded in refused(commands):
        assert (code, len(said.splitlines())) == (2, 2) and "no such" not in said, (words, said)
        assert loaded == [], words


@pytest.mark.parametrize("preset", ["csr", "laspar"])
def test_what_is_trained_over_a_dense_model_takes_its_name(preset: str) -> None:
    require_models("all-MiniLM-L6-v2", dense=preset in OVER_DENSE)
    with pytest.raises(ModelError):
        require_models("all-MiniLM-L6-v2")


def test_a_manifest_of_another_program_makes_no_index_of_a_folder(tmp_path: Path) -> None:
    app = tmp_path / "app"
    (app / "src").mkdir(parents=True)
    (app / "src" / "a.js").write_text("let a;")
    (app / "manifest.json").write_text('{"name": "app"}')
    (tmp_path / "a.md").write_text("A text.")
    ((_, code, said, loaded),) = refused([["index", str(tmp_path / "a.md"), "-o", str(app), "--force"]])
    assert code == 1 and "is not what this command writes" in said and loaded == []
    assert (app / "src" / "a.js").is_file()
    index = app / "idx"
    (index / "segments").mkdir(parents=True)
    (index / "manifest.json").write_text('{"format": "splade-index"}')
    assert f"-o {index} --force" in rebuild_hint(index / "segments" / "000001.safetensors")
    assert f"-o {index} --force" in rebuild_hint(index)
