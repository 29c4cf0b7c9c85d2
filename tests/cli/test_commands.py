"""The commands on real input: what they print, where, and what they leave behind."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

COMMANDS = ("build", "gen-data", "train", "index", "search", "query", "evaluate", "tune", "export")


def test_help_is_light():
    code = (
        "import sys, splade_cli.cli.main as m\n"
        "from typer.testing import CliRunner\n"
        f"for words in [[], *[[c] for c in {COMMANDS!r}]]:\n"
        "    result = CliRunner().invoke(m.app, [*words, '--help'])\n"
        "    assert result.exit_code == 0 and 'Usage' in result.output, result.output\n"
        "heavy = {'torch', 'transformers', 'sentence_transformers', 'numpy', 'scipy', 'openai'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def test_search_prints_json(splade, built):
    result = splade("search", "firing clay", "--index", built / "index", "--json", "-k", "2")
    hits = json.loads(result.stdout)["hits"]
    assert hits[0]["document_id"] == "kiln.md"
    assert hits[0]["score"] == 1.75, "the best by the model and by words"
    score = hits[0]["parts"]["sparse"]["score"]
    assert score == pytest.approx(sum(term["contribution"] for term in hits[0]["terms"]), rel=1e-5)


def test_search_says_where_no_word_of_the_query_is_in_the_index(splade, built, tmp_path):
    unknown = splade("search", "zzxqj", "wqpfkj", "--index", built / "index")
    assert unknown.exit_code == 0
    assert "no word of this query is in the index" in " ".join(unknown.stderr.split())
    assert "no word" not in splade("search", "clay", "--index", built / "index").stderr
    (tmp_path / "rules.txt").write_text("zzxqj = clay\n")
    expanded = splade("search", "zzxqj", "--index", built / "index", "--expand", tmp_path / "rules.txt")
    assert expanded.exit_code == 0 and "no word" not in expanded.stderr, "rules add one that is"


def test_search_reads_a_query_a_line(splade, built):
    result = splade("search", "-", "--index", built / "index", input="squealing brakes\n\nweave wool\n")
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert [answer["hits"][0]["document_id"] for answer in answers] == ["bike.md", "loom.txt"]


def test_query_from_a_pipe_gives_jsonl(splade, built):
    lines = "squealing brakes\n1\n/explain 1\n/terms\n/why loom.txt\n/top 2\n/stats\n/help\n/nope\nq\nnever asked\n"
    result = splade("query", "--index", built / "index", input=lines)
    assert result.exit_code == 0, result.output
    replies = [json.loads(line) for line in result.stdout.splitlines()]
    assert [reply["kind"] for reply in replies] == [
        "hits", "text", "explain", "terms", "why", "hits", "stats", "help", "error",
    ]  # fmt: skip


def test_query_over_documents_in_memory(splade, docs):
    result = splade("query", "--docs", docs, input="firing clay\n")
    assert json.loads(result.stdout.splitlines()[0])["hits"][0]["id"] == "kiln.md"


def test_evaluate_prints_table_and_json_and_run(splade, built, tmp_path):
    run = tmp_path / "run.txt"
    result = splade("evaluate", "--data", built / "data", "--split", "train", "--run", run)
    assert result.exit_code == 0, result.output
    assert "nDCG@10" in result.stdout
    assert "BM25" in result.stdout
    assert len(run.read_text().splitlines()[0].split()) == 6
    result = splade("evaluate", "--data", built / "data", "--split", "train", "--json", "--per-query")
    report = json.loads(result.stdout)
    assert report["systems"][0]["measures"]["nDCG@10"] > 0.5
    assert len(report["systems"][0]["per_query"]["nDCG@10"]) == report["queries"]


def test_train_index_search(splade, built, tmp_path):
    from sentence_transformers import SparseEncoder

    from splade_cli import SpladeEmbedder

    run = tmp_path / "run"
    words = [
        "train",
        "--train-file",
        built / "data/train.json",
        "--val-file",
        built / "data/val.json",
        "-o",
        run,
    ]
    result = splade(*words, "--max-steps", "4", "--batch-size", "4", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["steps"] == 4
    steps = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert any("loss" in row for row in steps)
    assert any(row.get("nDCG@10") is not None and row.get("document_terms", 0) > 0 for row in steps)
    assert "training.max_steps = 4  (flag)" in (run / "origins.txt").read_text()
    text = "how hot is the kiln"
    ours = SpladeEmbedder(run).encode([text], "query").toarray()[0]
    theirs = SparseEncoder(str(run / "final"), device="cpu").encode_query([text]).to_dense()[0].numpy()
    assert abs(ours - theirs).max() < 1e-5
    assert splade("index", built / "docs", "-o", tmp_path / "index", "--model", run).exit_code == 0
    found = splade("search", "firing clay", "--index", tmp_path / "index", "--json")
    assert json.loads(found.stdout)["hits"][0]["document_id"] == "kiln.md"


def test_train_dry_run_and_print_config(splade, built, tmp_path, monkeypatch):
    monkeypatch.setenv("SPLADE_TRAINING__LEARNING_RATE", "3e-5")
    path = tmp_path / "c.yaml"
    path.write_text("training:\n  learning_rate: 2e-5\n  weight_decay: 1e-3\n")
    result = splade("train", "--config", path, "--print-config", "--epochs", "2")
    assert "training.learning_rate = 3e-05  (SPLADE_TRAINING__LEARNING_RATE)" in result.stdout
    assert f"training.weight_decay = 0.001  ({path})" in result.stdout
    assert "training.num_train_epochs = 2.0  (flag)" in result.stdout
    result = splade(
        "train", "--train-file", built / "data/train.json", "-o", tmp_path / "run", "--dry-run", "--json"
    )
    assert json.loads(result.stdout)["steps"] > 0
    assert not (tmp_path / "run").exists()


def test_version(splade):
    result = splade("--version")
    assert result.exit_code == 0
    for word in ("splade ", "Python ", "torch ", "sentence-transformers ", "device "):
        assert word in result.stdout


def test_index_verify(splade, built):
    assert splade("index", "verify", built / "index").exit_code == 0


@pytest.fixture(scope="module")
def static(built, tmp_path_factory):
    """The documents of `built` under an index that carries static query weights, and what the command said."""
    from typer.testing import CliRunner

    from splade_cli.cli.main import app

    folder = tmp_path_factory.mktemp("static") / "index"
    result = CliRunner().invoke(app, ["index", str(built / "docs"), "-o", str(folder), "--query", "static"])
    assert result.exit_code == 0, result.output
    return folder, result


def test_index_with_static_queries_says_what_they_cost(static):
    folder, result = static
    rows = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if line.startswith("queries"))
    assert rows == {"queries": "static (corpus idf), carried by the index"}
    said = " ".join(result.stderr.split())
    found = re.search(
        r"(\d+) queries written from these documents find their chunk with MRR@10 (0\.\d{4}|1\.0000), "
        r"(0\.\d{4}|1\.0000) by the model itself \(([+-]\d\.\d{4})\); (\d+)% of the ten best are the same",
        said,
    )
    assert found, said
    assert int(found[1]) > 0
    assert float(found[4]) == pytest.approx(float(found[2]) - float(found[3]), abs=2e-4)
    assert f"splade evaluate --data DATA --index {folder}" in said
    assert {path.name for path in folder.rglob("query.*")} == {"query.table.npy"}


def test_index_without_them_says_so(splade, docs, tmp_path):
    result = splade("index", docs, "-o", tmp_path / "index", "--json")
    assert json.loads(result.stdout)["queries"] == "by the model"
    assert "MRR@10" not in result.stderr
    assert not list((tmp_path / "index").rglob("query.*"))


def test_search_and_query_on_static_queries(splade, static, built):
    folder, _ = static
    result = splade("search", "firing clay", "--index", folder, "--json", "-k", "2")
    assert result.exit_code == 0, result.output
    hits = json.loads(result.stdout)["hits"]
    assert hits[0]["document_id"] == "kiln.md"
    assert {term["term"] for term in hits[0]["terms"]} <= {"firing", "clay"}, (
        "no expansion on the query's side"
    )
    named = splade("search", "firing clay", "--index", folder, "--json", "--model", "tiny")
    full = splade("search", "firing clay", "--index", built / "index", "--json")
    assert json.loads(named.stdout)["hits"] == json.loads(full.stdout)["hits"]
    asked = splade("query", "--index", folder, input="firing clay\n/terms\n")
    assert [json.loads(line)["kind"] for line in asked.stdout.splitlines()] == ["hits", "terms"]
    assert splade("index", "verify", folder).exit_code == 0


def test_evaluate_with_static_queries(splade, built):
    words = ["evaluate", "--data", built / "data", "--split", "train", "--query", "static", "--no-bm25"]
    result = splade(*words, "--json")
    assert result.exit_code == 0, result.output
    full, static = json.loads(result.stdout)["systems"]
    assert (full["name"], static["name"]) == ("tiny", "tiny, static queries")
    assert 0 < static["measures"]["nDCG@10"] <= 1
    assert static["cost"]["queries"]["mean"] < full["cost"]["queries"]["mean"]
    assert "versus_first" in static
    assert "tiny, static queries" in splade(*words).stdout


@pytest.mark.parametrize("command", ["index", "evaluate"])
def test_unknown_query_encoders(splade, docs, tmp_path, command):
    words = [docs, "-o", tmp_path / "out"] if command == "index" else ["--data", docs]
    result = splade(command, *words, "--query", "nonsense")
    assert result.exit_code == 2
    assert "error: unknown --query 'nonsense'" in result.stderr
    assert "hint: one of full, static, onnx, onnx-int8" in result.stderr
    assert not list(tmp_path.glob("*out*"))


@pytest.mark.parametrize("workers", ["0", "-2"])
def test_workers_that_cannot_be(splade, docs, tmp_path, workers):
    result = splade("index", docs, "-o", tmp_path / "out", "--workers", workers)
    assert result.exit_code == 2
    assert f"error: workers must be above 0, got {workers}" in result.stderr
    assert "hint: " in result.stderr
    assert not list(tmp_path.glob("*out*"))
