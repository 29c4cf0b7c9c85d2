"""The page of an evaluation: words that agree with the figures, plots of them, hits of a run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from splade_cli.datasets.collections import Collection
from splade_cli.evaluation.analysis.lost import Analysis, DecidingTerm, LostQuery
from splade_cli.evaluation.costs import Cost, Sparsity
from splade_cli.evaluation.measurement import Measurement
from splade_cli.evaluation.metrics import means, per_query
from splade_cli.evaluation.pages.page import DIFFERENCES, QUALITY, evaluation_page, rival
from splade_cli.evaluation.pages.plots import DEPTHS, recall_by_depth
from splade_cli.evaluation.pages.tables import quality
from splade_cli.evaluation.pages.words import certainty, verdict
from splade_cli.evaluation.report import ALONE, Report, SystemResult
from splade_cli.evaluation.significance import Comparison
from splade_cli.records import Document
from splade_cli.reports.histogram import Histogram

COST = Cost(
    0.83,
    9.2,
    13.8,
    13.7,
    17.9,
    Sparsity(195.4, 205, 276, 0.99, Histogram(40, 20, (3, 0, 7))),
    Sparsity(25, 24, 40, 0.999, Histogram(10, 5, (1, 1))),
    3.06,
)
SURE = Comparison(0.08, 0.047, 0.115, 0.0001, 54, 14, 150)
OPEN = Comparison(0.025, -0.009, 0.058, 0.1535, 44, 29, 150)
LOST = Comparison(-0.08, -0.115, -0.047, 0.0001, 14, 54, 150)
DOCUMENTS = [Document(f"d{n}", f"# Head\n\nText {n} of a document", f"Title {n}") for n in range(1, 8)]
QUERIES = {"q1": "first", "q2": "second", "q3": "third"}
QRELS = {"q1": {"d1": 2, "d2": 1, "d3": 0}, "q2": {"d4": 1}, "q3": {"d5": 1, "d6": 1, "d7": 1}}
COLLECTION = Collection("shop", "test", DOCUMENTS, QUERIES, QRELS)
RUNS = {
    "model + BM25": {
        "q1": {"d3": 3.0, "d1": 2.0},
        "q2": {"d4": 1.0},
        "q3": {"d1": 2.0, "d2": 1.5, "d7": 1.0},
    },
    "tiny": {"q1": {"d1": 9.0, "d2": 8.0}, "q2": {"d1": 2.0, "d4": 1.0}, "q3": {"d5": 5.0}},
    "BM25 (english)": {"q1": {"d2": 1.0}, "q3": {}},
}


def system(name: str, versus: Comparison | None = None, cost: Cost | None = None) -> SystemResult:
    values = per_query(RUNS[name], QRELS, ["nDCG@10", "Recall@10"])
    return SystemResult(name, means(values), values, cost, versus, run=RUNS[name])


REPORT = Report(
    "shop",
    "test",
    7,
    3,
    (
        system("model + BM25", cost=replace(COST, total_p50=20.0, index_megabytes=2.0)),
        system("tiny", OPEN, COST),
        system("BM25 (english)", SURE),
    ),
    notes=("a remark",),
)


def test_the_verdict_names_whom_it_beats_and_whom_perhaps() -> None:
    said = verdict(REPORT)
    assert said.startswith("model + BM25 finds more than BM25 (english) and cannot be told apart from tiny")
    assert f"nDCG@10 {REPORT.systems[0].figures['nDCG@10']:.3f}" in said
    lost = replace(REPORT, systems=(REPORT.systems[0], replace(REPORT.systems[1], versus=LOST)))
    assert verdict(lost).startswith("model + BM25 finds less than tiny:")
    assert verdict(replace(REPORT, systems=REPORT.systems[:1])).endswith("nothing stands beside it.")


@pytest.mark.parametrize(
    ("versus", "words"),
    [
        (SURE, "This is sure: chance alone would do that less than 1 time in 1,000 (p < 0.001)"),
        (OPEN, "This is not sure: chance alone does that about 1 time in 7 (p = 0.15)"),
        (
            replace(OPEN, p_value=0.04),
            "This is sure: chance alone would do that about 1 time in 25 (p = 0.040)",
        ),
        (replace(OPEN, p_value=1.0), "more often than not (p = 1.00)"),
        (replace(OPEN, difference=0.0, better=0, worse=0, p_value=1.0), "No query tells them apart."),
    ],
)
def test_significance_in_words(versus: Comparison, words: str) -> None:
    assert words in certainty(versus)


def test_the_page_has_the_figures_of_the_report() -> None:
    page = evaluation_page(Measurement(REPORT), COLLECTION)
    by_title = {section.title: section.table for section in page.sections}
    shown = by_title[QUALITY]
    assert shown.names[:4] == ["system", "nDCG@10", "gain", "p"], "what decides needs no scrolling"
    assert by_title["Costs"].names[:2] == ["system", "query p50, ms"]
    for table, figures in ((shown, REPORT.quality_table()), (by_title["Costs"], REPORT.cost_table())):
        assert sorted(map(str, table.rows[0])) == sorted(map(str, figures.rows[0])), "all figures are there"
    assert by_title[DIFFERENCES].rows[1][:6] == (
        "BM25 (english)",
        0.08,
        0.047,
        0.115,
        0.0001,
        "surely better",
    )
    assert any("20.0 ms (median; 95% take no more than 17.9 ms)" in text for text in page.paragraphs)
    assert any("only 3 judged queries" in text for text in page.paragraphs)
    assert page.notes == ("a remark",)
    latency, size, differences, recall, documents, queries = page.plots
    assert [series.x for series in latency.series] == [(20.0,), (13.7,)]
    assert [series.x for series in size.series] == [(2.0,), (0.83,)]
    assert latency.series[1].y == (REPORT.systems[1].figures["nDCG@10"],)
    assert "Not measured for BM25 (english)" in latency.description
    assert documents.series[0].x == (40.0, 60.0, 80.0) and documents.series[0].y == (3.0, 0.0, 7.0)
    assert documents.bar == 20.0 and queries.series[0].labels == (
        "10 to 14 active terms",
        "15 to 19 active terms",
    )
    assert differences.series[0].y == tuple(sorted(differences.series[0].y))
    assert len(differences.series[0].y) == len(recall.series) == 3
    assert {series.number for series in recall.series} == {0, 1, 2}


def test_recall_by_depth_is_that_of_trec_eval() -> None:
    for run in RUNS.values():
        names = [f"Recall@{depth}" for depth in DEPTHS]
        expected = means(per_query(run, QRELS, names))
        assert recall_by_depth(run, QRELS, DEPTHS) == pytest.approx([expected[name] for name in names])


def test_hits_side_by_side_are_those_of_the_runs_the_greatest_loss_first() -> None:
    hits = evaluation_page(Measurement(REPORT), COLLECTION, baseline="tiny").hits
    assert hits is not None and hits.systems == ("model + BM25", "tiny", "BM25 (english)")
    leads = [query.values[0] - query.values[1] for query in hits.queries]
    assert leads == sorted(leads) and leads[0] < 0 < leads[-1]
    for query in hits.queries:
        for name, first, found in zip(hits.systems, query.first, query.found, strict=True):
            run = RUNS[name].get(query.id, {})
            assert {hits.documents[hit.document].id: hit.score for hit in first} == run
            assert [hit.score for hit in first] == sorted(run.values(), reverse=True)
            for number, rank in found.items():
                assert hits.documents[first[rank - 1].document].id == hits.documents[number].id
        grades = {hits.documents[number].id: grade for number, grade in query.grades.items()}
        assert grades == {name: grade for name, grade in QRELS[query.id].items() if grade > 0}
    assert [document.text for document in hits.documents if document.id == "d1"] == [
        "Head Text 1 of a document"
    ]


def test_the_rival_is_the_baseline_then_earlier_results_then_bm25_then_the_second() -> None:
    assert rival(REPORT, "tiny").name == "tiny"
    assert rival(REPORT).name == "BM25 (english)"
    assert rival(replace(REPORT, systems=REPORT.systems[:2])).name == "tiny"
    assert rival(replace(REPORT, systems=REPORT.systems[:1])) is None
    reported = replace(REPORT.systems[1], name="model, as reported")
    assert rival(replace(REPORT, systems=(*REPORT.systems, reported))).name == "model, as reported"


def test_paths_of_models_are_cut_as_long_as_they_tell_systems_apart() -> None:
    named = [
        replace(REPORT.systems[0], name=name) for name in ("/home/me/run/final + BM25", "/home/me/run/final")
    ]
    page = evaluation_page(Measurement(replace(REPORT, systems=tuple(named))))
    assert page.title == "run/final + BM25 on shop"
    named[1] = replace(named[1], name="/elsewhere/run/final + BM25")
    page = evaluation_page(Measurement(replace(REPORT, systems=tuple(named))))
    assert page.title == "/home/me/run/final + BM25 on shop"


def test_an_analysis_says_why_queries_are_lost() -> None:
    lost = LostQuery(
        "q3",
        "third",
        0.2,
        "d5",
        "d1",
        baseline=0.6,
        difference=-0.4,
        rank=12,
        terms=(DecidingTerm("kiln", 1.5, 0.25),),
        causes=("cut text",),
    )
    analysis = Analysis("nDCG@10", "model", "tiny", 1, {"cut text": 1}, (lost,), (("the", 0.91),))
    page = evaluation_page(Measurement(replace(REPORT, analysis=analysis)), COLLECTION)
    by_title = {section.title: section.table for section in page.sections}
    assert by_title["Why queries are lost"].rows[0][:2] == ("cut text", 1)
    assert by_title["Lost queries"].rows == (
        ("q3", "third", 0.2, -0.4, "d5", 12, "d1", "kiln 1.50 against 0.25", "cut text"),
    )
    assert by_title["Terms in many texts"].texts() == [["the", "91%"]]


def test_a_report_that_was_read_back_has_no_hits_but_all_figures() -> None:
    page = evaluation_page(Measurement(Report.from_json(REPORT.to_json())))
    assert page.hits is None
    assert page.sections[0].table == quality(REPORT)
    by_query = next(plot for plot in page.plots if plot.kind == "bars")
    assert by_query.listed_in == "" and len(by_query.table().rows) == 3


def test_benchmarks_alone_make_a_page() -> None:
    nano = replace(REPORT, collection="NanoMSMARCO", split="train")
    page = evaluation_page(Measurement(nano_beir=(nano,)))
    assert page.title == "Measured on NanoBEIR" and page.verdict.startswith("NanoMSMARCO: model + BM25")
    assert [section.title for section in page.sections] == ["NanoBEIR"]


def test_what_the_model_is_worth_by_itself_is_said_in_the_text() -> None:
    note = f"tiny{ALONE}base: +0.0200 nDCG@10 [+0.0010, +0.0390], p = 0.0400"
    page = evaluation_page(Measurement(replace(REPORT, notes=("other", note))))
    assert "By itself, tiny against base: +0.0200 nDCG@10 [+0.0010, +0.0390], p = 0.0400." in page.paragraphs
    assert "other" in page.notes and note not in page.notes
