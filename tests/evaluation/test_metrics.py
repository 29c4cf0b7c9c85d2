"""Measures against figures that trec_eval, pytrec_eval and ir_measures gave for the same runs."""

from __future__ import annotations

import json
import math
import random
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.datasets.formats.trec import Run, read_qrels, write_run
from splade_cli.errors import InputError
from splade_cli.evaluation.metrics import (
    MEASURES,
    below_thresholds,
    means,
    parse_measure,
    parse_thresholds,
    per_query,
    run_of,
    run_of_ranking,
)
from splade_cli.records import Hit, Ranking

CASES = (
    "perfect", "rank2", "miss", "query_missing_from_run", "query_missing_from_qrels", "fewer_than_k",
    "graded", "negative_and_zero_grades", "ties", "more_relevant_than_k", "no_relevant_at_all", "random50",
)  # fmt: skip
OURS = {"AP": "MAP", "RR": "MRR"}
TREC = {"map": "MAP", "recip_rank": "MRR", "P_5": "P@5", "P_10": "P@10", "P_100": "P@100", "ndcg": "nDCG"}
TREC_PER_QUERY = {**TREC, "ndcg_cut_10": "nDCG@10", "recall_10": "Recall@10", "recall_100": "Recall@100"}
PYTREC = {
    **TREC_PER_QUERY,
    "P_1": "P@1",
    "ndcg_cut_5": "nDCG@5",
    "success_10": "Success@10",
    "success_1": "Success@1",
}
del PYTREC["P_100"]


def our_name(name: str) -> str:
    base, _, cut = name.partition("@")
    return OURS.get(base, base) + (f"@{cut}" if cut else "")


@pytest.fixture(scope="module")
def cases(shared_data: Path) -> dict[str, Any]:
    found = json.loads((shared_data / "data/vectors/metrics.json").read_text())["cases"]
    assert sorted(case["name"] for case in found) == sorted(CASES)
    return {case["name"]: case for case in found}


@pytest.mark.parametrize("name", CASES)
def test_means_over_all_judged_queries(name: str, cases: dict[str, Any]) -> None:
    case = cases[name]
    expected = {our_name(key): value for key, value in case["mean_over_qrels_queries_ir_measures"].items()}
    if name == "ties":  # another implementation, another rule for ties in RR@k
        del expected["MRR@10"]
    assert len(expected) >= 13
    found = means(per_query(case["run"], case["qrels"], list(expected)))
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_each_query(name: str, cases: dict[str, Any]) -> None:
    case = cases[name]
    found = per_query(case["run"], case["qrels"], list(PYTREC.values()))
    for query, expected in case["per_query_pytrec_eval"].items():
        if query not in case["qrels"]:
            continue
        for key, name_of_ours in PYTREC.items():
            assert found[name_of_ours][query] == pytest.approx(expected[key], abs=1e-9), (query, key)


def test_ties_go_by_document_id_descending_for_every_cutoff(cases: dict[str, Any]) -> None:
    case = cases["ties"]
    found = per_query(case["run"], case["qrels"], ["MRR", "MRR@10", "MRR@2", "MRR@1", "nDCG@10"])
    expected = case["per_query_pytrec_eval"]["q1"]["recip_rank"]
    assert expected == 0.5
    assert [found[name]["q1"] for name in ("MRR", "MRR@10", "MRR@2")] == [expected] * 3
    assert found["MRR@1"]["q1"] == 0


def read_run(path: Path) -> Run:
    """A TREC run: ``query Q0 document rank score tag``."""
    run: Run = {}
    for line in path.read_text().splitlines():
        query, _, document, _, score, _ = line.split()
        run.setdefault(query, {})[document] = float(score)
    return run


def trec_eval_means(path: Path) -> dict[str, float]:
    rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
    return {TREC[key]: float(value) for key, query, value in rows if query == "all" and key in TREC}


def test_trec_eval_means(shared_data: Path) -> None:
    """trec_eval averages over the queries that both files have; ours is over all judged ones."""
    folder = shared_data / "data/trec_eval"
    run, qrels = read_run(folder / "results.test"), read_qrels(folder / "qrels.test")
    qrels = {query: grades for query, grades in qrels.items() if query in run}
    assert len(qrels) == 3
    expected = trec_eval_means(folder / "out.test")
    assert len(expected) >= 5
    assert means(per_query(run, qrels, list(expected))) == pytest.approx(expected, abs=1e-4)


def test_trec_eval_each_query(shared_data: Path) -> None:
    folder = shared_data / "data/trec_eval"
    found = per_query(
        read_run(folder / "results.test"), read_qrels(folder / "qrels.test"), list(TREC_PER_QUERY.values())
    )
    checked = 0
    for line in (folder / "out.test.aq").read_text().splitlines():
        key, query, value = line.split()[:3]
        if key in TREC_PER_QUERY and query != "all":
            assert found[TREC_PER_QUERY[key]][query] == pytest.approx(float(value), abs=1e-4), line
            checked += 1
    assert checked == 3 * len(TREC_PER_QUERY)


def slow_ndcg(ranking: list[str], grades: dict[str, int], cut: int) -> float:
    def gain(values: list[int]) -> float:
        return sum(max(0, value) / math.log2(place + 2) for place, value in enumerate(values[:cut]))

    ideal = gain(sorted(grades.values(), reverse=True))
    return gain([grades.get(document, 0) for document in ranking]) / ideal if ideal else 0.0


@given(st.integers(0, 10_000))
def test_against_the_definitions(seed: int) -> None:
    generator = random.Random(seed)
    documents = [f"d{number}" for number in range(30)]
    grades = {document: generator.randint(0, 3) for document in generator.sample(documents, 12)}
    run = {document: float(generator.randint(0, 6)) for document in generator.sample(documents, 20)}
    ranking = [
        document for document, _ in sorted(run.items(), key=lambda pair: (pair[1], pair[0]), reverse=True)
    ]
    relevant = {document for document, grade in grades.items() if grade > 0}
    first = next((place for place, document in enumerate(ranking, 1) if document in relevant), 0)
    precisions = [
        len(relevant & set(ranking[:place])) / place
        for place, document in enumerate(ranking, 1)
        if document in relevant
    ]
    expected = {
        "nDCG@10": slow_ndcg(ranking, grades, 10),
        "MRR@5": 1 / first if 0 < first <= 5 else 0.0,
        "P@3": len(relevant & set(ranking[:3])) / 3,
        "Recall@10": len(relevant & set(ranking[:10])) / len(relevant) if relevant else 0.0,
        "MAP": sum(precisions) / len(relevant) if relevant else 0.0,
    }
    found = per_query({"q": run}, {"q": grades}, list(expected))
    assert {name: values["q"] for name, values in found.items()} == pytest.approx(expected, abs=1e-9)


def test_names_and_aliases() -> None:
    assert parse_measure("nDCG@10") == parse_measure("ndcg@10") == ("nDCG", 10)
    assert parse_measure("MRR@10") == parse_measure("RR@10") == ("RR", 10)
    assert parse_measure(" Recall@100 ") == parse_measure("R@100") == ("R", 100)
    assert parse_measure("MAP") == ("AP", None)
    assert all(parse_measure(name) for name in MEASURES)


@pytest.mark.parametrize(
    "name", ["nDGC@10", "nDCG@0", "nDCG@", "nDCG@-1", "", "@10", "P", "Success", "nDCG@1.5"]
)
def test_unknown_measures_are_named(name: str) -> None:
    with pytest.raises(InputError, match=re.escape(f"'{name}'")) as caught:
        parse_measure(name)
    assert caught.value.hint


def test_two_spellings_of_one_measure_both_get_their_values() -> None:
    found = per_query({"q": {"a": 2.0, "b": 1.0}}, {"q": {"b": 1}}, ["nDCG@10", "ndcg@10", "MRR", "RR"])
    assert found["nDCG@10"]["q"] == found["ndcg@10"]["q"] == pytest.approx(1 / math.log2(3))
    assert found["MRR"]["q"] == found["RR"]["q"] == 0.5


def test_a_document_keeps_its_best_chunk() -> None:
    scores = [np.array([9, 8, 7, 6, 5], dtype=np.float32), np.array([3], dtype=np.float32)]
    ranking = Ranking([["a#0", "b#0", "a#1", "c#0", "b#1"], ["b#1"]], scores)
    documents = {"a#0": "a", "a#1": "a", "b#0": "b", "b#1": "b", "c#0": "c"}
    expected = {"q1": {"a": 9.0, "b": 8.0, "c": 6.0}, "q2": {"b": 3.0}}
    assert run_of_ranking(["q1", "q2"], ranking, 10, documents) == expected
    shorter = {"q1": {"a": 9.0, "b": 8.0}, "q2": {"b": 3.0}}
    assert run_of_ranking(["q1", "q2"], ranking, 2, documents) == shorter
    assert list(run_of_ranking(["q1", "q2"], ranking, 9)["q1"]) == ranking.ids[0], "texts are documents"


def test_what_is_folded_into_a_hit_ranks_directly_behind_it(tmp_path: Path) -> None:
    hits = [
        Hit("a#3", 1, 2.5, "", document_id="a", duplicates=("x#0", "y#1")),
        Hit("b#0", 2, 2.25, "", document_id="b"),
        Hit("c#0", 3, -1.0, "", document_id="c", duplicates=("z#0",)),
    ]
    documents = {"x#0": "x", "y#1": "y", "z#0": "z"}
    (run,) = run_of(["q"], [hits], documents, 10).values()
    assert list(run) == ["a", "x", "y", "b", "c", "z"]
    assert run["a"] == 2.5 and run["b"] == 2.25
    write_run(tmp_path / "run", {"q": run})
    written = read_run(tmp_path / "run")["q"]
    assert list(written) == list(run) and len(set(written.values())) == 6, "also where a run is written"
    assert list(run_of(["q"], [hits], documents, 2)["q"]) == ["a", "x"]


def test_thresholds() -> None:
    assert parse_thresholds(["nDCG@10=0.45", " MRR@10 = 1"]) == {"nDCG@10": 0.45, "MRR@10": 1.0}
    for setting in ("nDCG@10", "nDCG@10=", "nDCG@10=high", "nDCG@10=nan", "=0.5x", ""):
        with pytest.raises(InputError, match="MEASURE=VALUE"):
            parse_thresholds([setting])
    assert below_thresholds({"nDCG@10": 0.5}, {"nDCG@10": 0.5}) == []
    below = below_thresholds({"nDCG@10": 0.4999}, {"nDCG@10": 0.5})
    assert below == ["nDCG@10 is 0.4999, below 0.5"]
