"""`splade evaluate` with dense, hybrid, IDF and reranked systems; its report on wide and narrow terminals."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from splade_cli.cli.render.evaluation import report as figures
from splade_cli.evaluation.costs import Cost, Sparsity
from splade_cli.evaluation.metrics import MEASURES
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.evaluation.significance import Comparison
from splade_cli.model.options import ModelOptions
from tests.evaluation.benchmarks.stand_in import install


class Letters:
    """In place of a dense model: how often each letter comes."""

    def __init__(self, name: str, options: ModelOptions) -> None:
        assert options == ModelOptions(device="cpu")
        self.name = name

    def encode(self, texts: Any, kind: str = "document", **options: Any) -> np.ndarray:
        return np.array(
            [[text.lower().count(chr(97 + n)) for n in range(26)] for text in texts], dtype=np.float32
        )


class Longest:
    """In place of a cross-encoder: long texts first."""

    def __init__(self, name: str, options: ModelOptions) -> None:
        assert options == ModelOptions(device="cpu")

    def scores(self, pairs: Any, batch_size: int) -> np.ndarray:
        return np.array([len(text) for _, text in pairs], dtype=np.float32)


@pytest.fixture
def models(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splade_cli.model.dense.DenseModel", Letters)
    monkeypatch.setattr("splade_cli.model.crossencoder.CrossEncoderModel", Longest)


def test_all_systems_in_one_run(splade: Callable[..., Any], built: Any, models: None) -> None:
    words = [
        "evaluate",
        "--data",
        built / "data",
        "--split",
        "train",
        "--device",
        "cpu",
        "--dense",
        "org/letters",
    ]
    words += [
        "--mode",
        "sparse",
        "--fit-split",
        "train",
        "--idf",
        "0.5",
        "--rerank",
        "org/longest",
        "--rerank-top",
        "3",
    ]
    result = splade(*words, "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert [system["name"] for system in report["systems"]] == [
        "tiny", "tiny, IDF queries", "BM25 (english)", "org/letters", "hybrid, usual weights", "hybrid, RRF",
        "hybrid, fitted", "tiny, IDF queries, reranked by org/longest",
    ]  # fmt: skip
    assert report["fusion"]["names"] == ["tiny, IDF queries", "BM25 (english)", "org/letters"]
    assert sum(report["fusion"]["weights"]) == pytest.approx(1)
    assert len(report["notes"]) >= 4
    shown = splade(*words)
    assert shown.exit_code == 0, shown.output
    assert max(map(len, shown.stdout.splitlines())) <= 80
    said = " ".join(shown.stderr.split())
    assert "fitted on train" in said
    weights = ",".join(
        f"{part}={weight:g}" for part, weight in report["systems"][6]["options"]["weights"].items()
    )
    assert f"to search with the fitted weights: --mode hybrid --weights {weights} --idf 0.5" in said


def test_an_index_is_measured_as_it_is(splade: Callable[..., Any], built: Any, tmp_path: Path) -> None:
    index = tmp_path / "my-index"
    made = splade("index", built / "data" / "corpus.jsonl", "-o", index, "--device", "cpu")
    assert made.exit_code == 0, made.output
    words = ["evaluate", "--data", built / "data", "--split", "train", "--device", "cpu"]
    result = splade(*words, "--index", index, "--report", tmp_path / "report.json", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    names = [system["name"] for system in report["systems"]]
    assert names == ["my-index + BM25", "my-index", "BM25 (english)", "hybrid, RRF"]
    of_model = json.loads(splade(*words, "--hybrid", "--json").stdout)
    for measured, expected in zip(report["systems"], of_model["systems"], strict=True):
        assert measured["measures"] == pytest.approx(expected["measures"]), measured["name"]
    written = Report.read(tmp_path / "report.json")
    assert written.systems[0].figures == report["systems"][0]["measures"]
    assert len(written.systems[0].values["nDCG@10"]) == report["queries"]
    refused = splade(*words, "--index", index, "--query", "static")
    assert refused.exit_code == 1 and "measured as it stands" in " ".join(refused.stderr.split())


def test_rows_of_an_index_are_what_search_answers(
    splade: Callable[..., Any], built: Any, tmp_path: Path
) -> None:
    """Each flag of a ranking means to `evaluate` what it means to `search`."""
    index = tmp_path / "index"
    assert splade("index", built / "data" / "corpus.jsonl", "-o", index, "--device", "cpu").exit_code == 0
    rules = tmp_path / "rules.txt"
    rules.write_text("clay = kiln\n")
    queries = json.loads((built / "data" / "queries.jsonl").read_text().splitlines()[0])
    for flags in (
        ["--mode", "hybrid", "--weights", "sparse=0.3,bm25=0.7"],
        ["--mode", "bm25", "--fold", "off"],
        ["--backend", "two-step", "--expand", rules],
        ["--filter", "title != nothing"],
    ):
        words = [*flags, "--index", index, "--device", "cpu"]
        run = tmp_path / "run.trec"
        data = ["--data", built / "data", "--split", "train", "--no-hybrid"]
        measured = splade("evaluate", *data, *words, "--run", run, "--json")
        assert measured.exit_code == 0, measured.output
        asked = splade("search", queries["text"], *words, "-k", "5", "--json")
        assert asked.exit_code == 0, asked.output
        documents = dict.fromkeys(hit["document_id"] for hit in json.loads(asked.stdout)["hits"])
        lines = [line.split() for line in run.read_text().splitlines()]
        ranked = [line[2] for line in lines if line[0] == queries["_id"]]
        if ranked:
            assert ranked[: len(documents)] == list(documents), flags


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--no-bm25", "--fit-split", "train"], "a split to fit to, needs something to fuse with"),
        (["--no-bm25", "--mode", "hybrid"], "a hybrid, or a split to fit to, needs something to fuse with"),
        (["--mode", "dense"], "no dense model to search by hint: name one, e.g. all-MiniLM-L6-v2 (--dense)"),
        (["--mode", "fast"], "unknown mode 'fast'"),
        (
            ["--mode", "sparse", "--weights", "sparse=1"],
            "--weights is for --mode hybrid, not for sparse hint: add --mode hybrid",
        ),
        (["--backend", "quick"], "unknown backend 'quick'"),
        (["--filter", "lang ="], "filter 'lang =': expected a value"),
        (["--rerank", "m", "--rerank-top", "0"], "rerank_top must be above 0"),
    ],
)
def test_what_cannot_be(splade: Callable[..., Any], built: Any, words: list[str], message: str) -> None:
    result = splade("evaluate", "--data", built / "data", "--split", "train", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--expand", "nowhere.txt"], "nowhere.txt"),
        (["--fit-split", "nowhere"], "has no split 'nowhere'"),
        (["--baseline", "nowhere.json"], "no such file or folder: nowhere.json"),
        (["--texts", "nowhere.txt"], "no such file or folder: nowhere.txt"),
        (["--analyze-sparsity", "--baseline", "no-model"], "no model folder no-model"),
    ],
)
def test_what_is_not_there(splade: Callable[..., Any], built: Any, words: list[str], message: str) -> None:
    result = splade("evaluate", "--data", built / "data", "--split", "train", *words)
    assert result.exit_code == 1
    assert message in " ".join(result.stderr.split())


COST = Cost(10.54, 0.2, 0.5, 1.2, 3.4, Sparsity(250.1, 240, 400, 0.99), Sparsity(50.2, 50, 80, 0.999), 10.03)
VERSUS = Comparison(-0.0662, -0.09, -0.04, 0.0001, 50, 100, 300)


def systems(count: int, names: tuple[str, ...] = MEASURES) -> list[SystemResult]:
    first = SystemResult("tiny", {name: 0.6436 for name in names}, cost=COST)
    others = [
        SystemResult(f"a system, number {n}", {name: 0.7098 for name in names}, versus=VERSUS)
        for n in range(count - 1)
    ]
    return [first, *others]


def printed(monkeypatch: pytest.MonkeyPatch, shown: list[SystemResult], width: int) -> list[str]:
    text = io.StringIO()
    monkeypatch.setattr(figures, "out", Console(file=text, width=width, highlight=False))
    monkeypatch.setattr(figures, "note", lambda remark: text.write(remark + "\n"))
    figures.report(Report("scifact", "test", 5183, 300, tuple(shown), "cpu fp32", notes=("a remark",)))
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    return lines


def test_few_systems_stand_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, systems(2), 80)
    assert lines[0] == "scifact (test): 5183 documents, 300 queries, cpu fp32"
    assert "tiny  a system, number 0" in lines[1]
    assert [line.split()[0] for line in lines[2:11]] == list(MEASURES)
    assert "0.6436              0.7098" in lines[2]
    text = " ".join(" ".join(lines).split())
    said = "nDCG@10 over a system, number 0: -0.0662 [-0.0900, -0.0400], p = 0.0001, significant (50 queries"
    assert said in text
    shown = {line[:22].strip(): line.split()[-1] for line in lines[11:20]}
    assert shown["query p50, ms"] == "1.2" and shown["encoding p95, ms"] == "0.5"
    assert shown["zeros in a document"] == "99.00%" and shown["active terms, document"] == "250.1"
    assert lines[-1] == "a remark"


def test_many_systems_stand_below_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, systems(6), 80)
    assert lines[1].split() == ["nDCG@10", "gain", "p", "+/=/-", "MRR@10", "Recall@100"]
    assert lines[2].split() == ["tiny", "0.6436", "0.6436", "0.6436"]
    assert lines[3].split() == [
        "a",
        "system,",
        "number",
        "0",
        "0.7098",
        "+0.0662",
        "0.0001",
        "100/150/50",
        "0.7098",
        "0.7098",
    ]
    text = "\n".join(lines)
    assert "no room for P@1, P@3, P@5, P@10, Recall@10, MAP: --json has them" in text.replace("\n", " ")
    assert lines[-3].split() == [
        "query",
        "terms",
        "document",
        "terms",
        "FLOPS",
        "MB",
        "ms",
        "p50",
        "ms",
        "p95",
    ]
    assert lines[-2].split() == ["tiny", "50.2", "250.1", "10.03", "10.54", "1.2", "3.4"]
    wide = printed(monkeypatch, systems(8), 150)
    assert not any("no room" in line for line in wide)
    assert len(wide[1].split()) == len(MEASURES) + 3


def test_measures_that_were_asked_for_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = printed(monkeypatch, systems(6, (*MEASURES[1:], "nDCG@20", "nDCG@10")), 80)
    assert lines[1].split()[:5] == ["nDCG@10", "gain", "p", "+/=/-", "nDCG@20"]


def test_long_names_and_narrow_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = [
        replace(system, name=f"organisation/a-model-of-a-very-long-name[{n}]")
        for n, system in enumerate(systems(5))
    ]
    lines = printed(monkeypatch, shown, 80)
    assert "0.7098" in " ".join(lines)
    assert "name[3]" in "".join(line[:26].strip() for line in lines), "brackets are no markup, names wrap"
    for width in (40, 50, 60):
        assert any("0.7098" in line for line in printed(monkeypatch, shown, width))


def test_sparsity_without_data(splade: Callable[..., Any], tmp_path: Path) -> None:
    shown = splade("evaluate", "--analyze-sparsity", "--device", "cpu")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.startswith("tiny: 4 texts, as documents and as queries\n")
    assert shown.stdout.count(" zeros; weights ") == 4
    texts = tmp_path / "texts.txt"
    texts.write_text("The kiln fires clay.\n" * 12)
    many = splade("evaluate", "--texts", texts, "--device", "cpu")
    assert "2 more texts: --json has them" in many.stderr
    document = json.loads(splade("evaluate", "--texts", texts, "--device", "cpu", "--json").stdout)
    assert list(document) == ["sparsity"]
    assert len(document["sparsity"]["texts"]) == 12
    term, weight = document["sparsity"]["texts"][0]["heaviest"][0]
    assert f"{term} {weight:.2f}" in many.stdout


def test_tasks_of_mteb_and_a_baseline_of_results(
    splade: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch)
    before = tmp_path / "before.json"
    before.write_text(json.dumps({"SNLRetrieval": {"test": {"ndcg_at_10": 0.4}}}))
    words = [
        "evaluate",
        "--device",
        "cpu",
        "--mteb",
        "SNL",
        "--mteb",
        "WebFAQRetrieval",
        "--mteb-language",
        "nob",
    ]
    words += ["--mteb-output", tmp_path / "results"]
    shown = splade(*words, "--baseline", before)
    assert shown.exit_code == 0, shown.output
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert lines == [
        ["MTEB"],
        ["nDCG@10", "main", "score", "baseline", "gain", "gain,", "%"],
        ["SNLRetrieval", "0.5000", "0.5000", "0.4000", "+0.1000", "+25.0%"],
        ["WebFAQRetrieval", "0.5000", "0.5000"],
    ]
    assert "the baseline has no results on WebFAQRetrieval" in shown.stderr
    (summary,) = (tmp_path / "results").glob("tiny_summary_*_*.json")
    assert str(summary) in shown.stderr.replace("\n", "")
    assert json.loads(summary.read_text())["SNLRetrieval"]["test"]["ndcg_at_10"] == 0.5
    assert (tmp_path / "results" / "tiny" / "SNLRetrieval.json").is_file()
    again = splade(*words, "--baseline", summary, "--json")
    assert json.loads(again.stdout)["mteb_baseline"] == json.loads(summary.read_text())


def test_nano_beir_of_a_folder(splade: Callable[..., Any], built: Any, tmp_path: Path) -> None:
    data = tmp_path / "copy"
    shutil.copytree(built / "data", data)
    (data / "qrels" / "train.tsv").rename(data / "qrels" / "test.tsv")
    words = ["evaluate", "--nano-beir", data, "--device", "cpu"]
    report = tmp_path / "report.json"
    shown = splade(*words, "--baseline", "tiny", "--report", report)
    assert shown.exit_code == 0, shown.output
    written = json.loads(report.read_text())["reports"][0]["systems"]
    figures = [f"{system['measures']['nDCG@10']:.4f}" for system in written]
    assert shown.stdout.splitlines()[0] == "nDCG@10"
    assert shown.stdout.splitlines()[-1].split() == [
        "copy,",
        "by",
        "their",
        "teachers",
        figures[0],
        figures[2],
    ]
    assert "no split" in splade("evaluate", "--nano-beir", built / "data").stderr
    again = splade("evaluate", "--data", data, "--baseline", report, "--no-bm25", "--device", "cpu")
    assert again.exit_code == 0, again.output
    assert "nDCG@10 over tiny, as reported: +0.0000" in again.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "nothing to measure"),
        (
            ["--analyze-sparsity", "--fail-under", "nDCG@10=0.5"],
            "--fail-under is of a collection of your own",
        ),
        (["--analyze-sparsity", "--run", "-"], "--run is of a collection of your own"),
        (["--nano-beir", "marco"], "did you mean 'msmarco'?"),
    ],
)
def test_what_cannot_be_without_data(splade: Callable[..., Any], words: list[str], message: str) -> None:
    result = splade("evaluate", *words)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())


def test_an_index_has_no_tasks(splade: Callable[..., Any], built: Any) -> None:
    result = splade("evaluate", "--index", built / "index", "--analyze-sparsity")
    assert result.exit_code == 2
    assert "of a model, not of an index" in " ".join(result.stderr.split())
