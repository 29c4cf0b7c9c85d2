"""Measurement of a model by several things at once, earlier results beside it, and what is refused first."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from splade_cli.errors import InputError, ServiceError
from splade_cli.evaluation.benchmarks.results import read_results
from splade_cli.evaluation.benchmarks.tables import nano_table, of_other_languages, task_table
from splade_cli.evaluation.benchmarks.task_scores import TaskScore
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.evaluation.measurement import MeasurementOptions, measure
from splade_cli.evaluation.options import EvaluationOptions
from splade_cli.evaluation.report import Report
from splade_cli.model.embedder import SpladeEmbedder
from tests.evaluation.benchmarks.stand_in import SCORE, install
from tests.evaluation.test_evaluate import collection

PLAIN = EvaluationOptions(bm25=False, measures=["nDCG@10", "MRR@10"])


class NotLoaded(SpladeEmbedder):
    """A model that must not be opened."""

    @property
    def loaded(self) -> Any:
        raise AssertionError("a model was loaded before everything was checked")


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    """The collection of test_evaluate as a folder, named mini."""
    folder = tmp_path / "mini"
    (folder / "qrels").mkdir(parents=True)
    mini = collection()
    corpus = [{"_id": doc.id, "title": doc.title, "text": doc.text} for doc in mini.documents]
    queries = [{"_id": name, "text": text} for name, text in mini.queries.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in corpus))
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    lines = [
        f"{query}\t{doc}\t{grade}" for query, grades in mini.qrels.items() for doc, grade in grades.items()
    ]
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + "\n".join(lines) + "\n")
    return folder


def earlier(folder: Path, **others: Any) -> Path:
    """A report of before, in which the third query was missed."""
    report = evaluate(SpladeEmbedder("tiny", device="cpu", precision="fp32"), collection(), options=PLAIN)
    first = report.systems[0]
    values = {"nDCG@10": {"q1": 1.0, "q2": 1.0, "q3": 0.0}}
    path = folder / "before.json"
    systems = (replace(first, figures={"nDCG@10": 2 / 3}, values=values),)
    # of before there were fingerprints
    Report(**{**vars(report), "systems": systems, "fingerprint": "", **others}).write(path)
    return path


def test_everything_at_once(
    beir: Path, embedder: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch)
    wanted = MeasurementOptions(
        data=beir, options=PLAIN, nano_beir=[str(beir)], tasks=["SNLRetrieval"], texts=["clay"]
    )
    found = measure(embedder, replace(wanted, options=replace(PLAIN, baseline=embedder)))
    assert found.report is not None and found.sparsity is not None
    assert [report.collection for report in found.reports] == ["mini", "mini"]
    assert [score.ndcg for score in (*found.tasks, *found.baseline_tasks)] == [SCORE, SCORE]
    document = found.to_json()
    assert list(document) == ["reports", "mteb", "mteb_baseline", "sparsity", "sparsity_baseline"]
    assert document["sparsity"] == document["sparsity_baseline"]
    path = tmp_path / "all.json"
    path.write_text(json.dumps(document))
    results = read_results(path)
    assert results.reports == found.reports
    assert results.tasks["SNLRetrieval"].ndcg == SCORE
    assert (
        measure(embedder, MeasurementOptions(data=beir, options=PLAIN)).to_json().keys()
        == found.report.to_json().keys()
    )


def test_a_report_is_a_baseline(beir: Path, embedder: Any, tmp_path: Path) -> None:
    results = read_results(earlier(tmp_path))
    found = measure(embedder, MeasurementOptions(data=beir, options=PLAIN, results=[results]))
    assert found.report is not None
    now, before = found.report.systems
    assert (before.name, before.figures) == ("tiny, as reported", {"nDCG@10": 2 / 3})
    assert before.versus is not None
    assert before.versus.difference == pytest.approx(1 / 3)
    assert (before.versus.better, before.versus.worse, before.versus.queries) == (1, 0, 3)
    table = found.report.quality_table()
    assert table.rows[1] == (before.name, 2 / 3, None, pytest.approx(-1 / 3), before.versus.p_value)
    assert now.figures["nDCG@10"] == 1.0


def test_means_alone_give_a_gain_without_a_test(beir: Path, embedder: Any, tmp_path: Path) -> None:
    path = earlier(tmp_path)
    document = json.loads(path.read_text())
    del document["systems"][0]["per_query"]
    path.write_text(json.dumps(document))
    found = measure(embedder, MeasurementOptions(data=beir, options=PLAIN, results=[read_results(path)]))
    assert found.report is not None
    assert found.report.systems[1].versus is None
    assert found.report.quality_table().rows[1][-2:] == (pytest.approx(-1 / 3), None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"collection": "other"}, r"has no results on what is to be measured, but on other \(test\)"),
        ({"split": "dev"}, r"has no results on what is to be measured, but on mini \(dev\)"),
        ({"queries": 2}, "the report is on 2 queries, mini has 3"),
    ],
)
def test_results_that_cannot_be_compared(
    change: dict[str, Any], message: str, beir: Path, tmp_path: Path
) -> None:
    results = read_results(earlier(tmp_path, **change))
    with pytest.raises(InputError, match=message):
        measure(NotLoaded(), MeasurementOptions(data=beir, options=PLAIN, results=[results]))


def test_a_report_on_other_queries_or_without_the_measure(beir: Path, tmp_path: Path) -> None:
    document = json.loads(earlier(tmp_path).read_text())
    system = document["systems"][0]
    values = system["per_query"]["nDCG@10"]
    values["q9"] = values.pop("q1")
    for name, message in (
        ("queries.json", "on other queries than those of mini"),
        ("mrr.json", "has no nDCG@10"),
    ):
        path = tmp_path / name
        path.write_text(json.dumps(document))
        with pytest.raises(InputError, match=message):
            measure(NotLoaded(), MeasurementOptions(data=beir, options=PLAIN, results=[read_results(path)]))
        system["measures"] = {"MRR@10": 0.5}


def test_what_is_refused_is_refused_first(beir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "SNLRetrieval")
    for wanted, message in (
        (MeasurementOptions(), "nothing to measure"),
        (MeasurementOptions(data=beir, tasks=["SNL"]), "the data of MTEB SNLRetrieval cannot be fetched"),
        (MeasurementOptions(data=beir, tasks=["NorQuADs"]), "mteb has no task"),
        (MeasurementOptions(data=beir, nano_beir=["msmarcos"]), "NanoBEIR has no collection"),
        (MeasurementOptions(data=beir / "nowhere", texts=["a"]), "no such file or folder"),
    ):
        with pytest.raises((InputError, ServiceError), match=message):
            measure(NotLoaded(), replace(wanted, options=PLAIN))


def test_the_table_of_tasks() -> None:
    ours = [
        TaskScore(
            "A",
            {
                "test": [{"ndcg_at_10": 0.6, "main_score": 0.6}],
                "dev": [{"ndcg_at_10": 0.2, "main_score": 0.2}],
            },
            ("nob",),
        ),
        TaskScore("B", {"test": [{"main_score": 0.5}]}),
        TaskScore("C", {"test": [{"ndcg_at_10": 0.3, "main_score": 0.3}]}, ("nob",)),
    ]
    theirs = [
        TaskScore("A", {"test": [{"ndcg_at_10": 0.5}]}, ("nno",)),
        TaskScore("B", {"test": [{"ndcg_at_10": 0.5}]}),
    ]
    rows = task_table(ours, theirs).rows
    assert rows[0] == ("A", 0.4, 0.4, 0.5, pytest.approx(0.1), pytest.approx(0.2)), "of the split in common"
    assert rows[1] == ("B", None, 0.5, 0.5, None, None)
    assert rows[2] == ("C", 0.3, 0.3, None, None, None)
    assert task_table(ours).names == ["task", "nDCG@10", "main score"]
    assert of_other_languages(ours, theirs) == ["A"]
    assert of_other_languages(ours, ours) == []


def test_the_table_of_nano_beir(embedder: Any) -> None:
    report = evaluate(embedder, collection(), options=PLAIN)
    worse = replace(
        report, collection="other", systems=(replace(report.systems[0], figures={"nDCG@10": 0.5}),)
    )
    table = nano_table([report, worse], "nDCG@10")
    assert table.names == ["NanoBEIR", "tiny"]
    assert table.rows == (("mini", 1.0), ("other", 0.5), ("mean", 0.75))
    assert nano_table([report], "nDCG@10").rows == (("mini", 1.0),)
