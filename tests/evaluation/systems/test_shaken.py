"""Robustness: every system is asked again with other texts of the queries, and only for those that changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from splade_cli.datasets.collections import Collection
from splade_cli.errors import InputError
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.evaluation.measurement import Measurement
from splade_cli.evaluation.pages.page import evaluation_page
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.evaluation.systems.shaken import Altered, robustness
from splade_cli.evaluation.systems.system import Evaluator, System
from splade_cli.generation.llm.options import Llm
from splade_cli.progress import silent
from splade_cli.records import Document, Hit
from splade_cli.reports.markdown import markdown
from splade_cli.search.options import SearchOptions
from tests.generation.llm.test_writer import Serve, says, serve  # noqa: F401

TEXTS = {"a": "the kiln fires clay slowly", "b": "wool on the loom", "c": "a saw cuts wood"}
QUERIES = {"q1": "how do i fire clay?", "q2": "who weaves the wool here today", "q3": "what causes sawdust"}
QRELS = {"q1": {"a": 1}, "q2": {"b": 1}, "q3": {"c": 1}}
MINI = Collection("mini", "test", [Document(*each) for each in TEXTS.items()], QUERIES, QRELS)


def hit(name: str) -> Hit:
    return Hit(name, 1, 1.0, "", document_id=name)


class Literal:
    """Finds the document of a query only by the words that are given for it."""

    def __init__(self, known: dict[str, str]) -> None:
        self.known = known
        self.asked: list[str] = []

    def search(
        self, queries: Sequence[str], k: int = 10, options: SearchOptions | None = None
    ) -> list[list[Hit]]:
        self.asked += queries
        return [[hit(self.known[text])] if text in self.known else [] for text in queries]


def test_what_changed_is_asked_again_and_the_rest_counts_as_before() -> None:
    retriever = Literal({"how do i fire clay?": "a", "who weaves the wool here today": "b"})
    system = System("literal", retriever, lambda ids: {})  # type: ignore[arg-type]
    evaluator = Evaluator(MINI, ["nDCG@10"], silent)
    values = {"q1": 1.0, "q2": 1.0, "q3": 0.0}
    result = SystemResult("literal", {"nDCG@10": 2 / 3}, {"nDCG@10": values})
    other = replace(MINI, queries={**QUERIES, "q1": "how to fire clay"})
    found = robustness(Altered("paraphrases", "by hand", other), [(system, result)], evaluator, "nDCG@10")
    assert retriever.asked == ["how to fire clay"]
    assert (found.changed, found.queries) == (1, 3)
    assert found.examples == (("how do i fire clay?", "how to fire clay"),)
    (shaken,) = found.systems
    assert (shaken.before, shaken.after) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert (shaken.versus.worse, shaken.versus.better) == (1, 0)


def test_nothing_to_change_is_said_and_nobody_is_asked() -> None:
    found = robustness(Altered("typos", "none", MINI), [], Evaluator(MINI, ["nDCG@10"], silent), "nDCG@10")
    assert (found.changed, found.systems) == (0, ())


def test_all_systems_of_an_evaluation(embedder: Any, tmp_path: Path) -> None:
    report = evaluate(embedder, MINI, typos=True, paraphrases=True, baseline=[embedder])
    names = [system.name for system in report.systems]
    assert [each.kind for each in report.robustness] == ["typos", "paraphrases"]
    for each in report.robustness:
        assert [shaken.name for shaken in each.systems] == names, "the fused, the model, BM25, the baseline"
        assert each.changed == 2 or each.kind == "typos"
    report.write(tmp_path / "report.json")
    assert Report.read(tmp_path / "report.json") == report
    page = markdown(evaluation_page(Measurement(report), MINI))
    assert "The same queries in other words" in page and "Spelling mistakes in the queries" in page
    assert "With other words for the same, in 2 of 3 queries, " in page
    again = evaluate(embedder, MINI, paraphrases=True).robustness[0]
    assert again.examples == report.robustness[1].examples, "the same words each time"


def test_a_language_model_writes_them_once(
    serve: Serve,  # noqa: F811
    embedder: Any,
    tmp_path: Path,
) -> None:
    answers = [says('{"queries": ["firing of pottery"]}'), says('{"queries": ["the weaver of cloth"]}')]
    server = serve(*answers, says('{"queries": ["origin of wood dust"]}'))
    llm = Llm("writer", base_url=server.url, concurrency=1)
    wanted = {"paraphrases": True, "rephrase": llm, "bm25": False, "cache": tmp_path, "keep_cache": True}
    report = evaluate(embedder, MINI, **wanted)  # type: ignore[arg-type]
    (found,) = report.robustness
    assert (found.how, found.changed) == ("written by writer", 3)
    assert ("how do i fire clay?", "firing of pottery") in found.examples
    asked = len(server.requests)
    assert evaluate(embedder, MINI, **wanted).robustness == report.robustness  # type: ignore[arg-type]
    assert len(server.requests) == asked, "answers are kept"


def test_a_file_that_is_no_cache_is_refused(embedder: Any, tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("notes of mine")
    llm = Llm("writer", base_url="http://127.0.0.1:1/v1", answers=tmp_path / "answers")
    with pytest.raises(InputError, match="is no cache of answers"):
        evaluate(embedder, MINI, paraphrases=True, rephrase=llm, bm25=False)
