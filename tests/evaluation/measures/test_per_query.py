"""Condensed lists, unjudged results and fractional grades, against trec_eval and the definitions."""

from __future__ import annotations

import math
import random

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.evaluation.measures.notation import measures_of
from splade_cli.evaluation.measures.per_query import graded_ndcg, per_query, unjudged

WRITTEN = (
    "nDCG@10 nDCG R@5 P@3 AP AP(rel=2) P(rel=2)@5 RR RR(rel=2) Success@3 Rprec Bpref "
    "nDCG(judged_only=True)@10 Judged@10 nDCG@20 AP@7 R(rel=3)@10"
)


def case(seed: int) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, int]]]:
    generator = random.Random(seed)
    run = {}
    qrels = {}
    for query in ("q1", "q2", "q3"):
        documents = [f"d{number}" for number in range(40)]
        run[query] = {name: float(generator.randint(0, 9)) for name in generator.sample(documents, 25)}
        qrels[query] = {name: generator.randint(0, 3) for name in generator.sample(documents, 15)}
    return run, qrels


@given(st.integers(0, 10_000))
def test_as_ir_measures_has_them(seed: int) -> None:
    run, qrels = case(seed)
    names = measures_of([WRITTEN])
    found = per_query(run, qrels, names)
    for name in names:
        for metric in ir_measures.iter_calc([ir_measures.parse_measure(name)], qrels, run):
            assert found[name][metric.query_id] == pytest.approx(metric.value, abs=1e-9), name


@given(st.integers(0, 10_000), st.integers(1, 30))
def test_our_ndcg_is_trec_evals_where_grades_are_whole(seed: int, cutoff: int) -> None:
    run, qrels = case(seed)
    for judged_only, name in ((False, f"nDCG@{cutoff}"), (True, f"nDCG(judged_only=True)@{cutoff}")):
        expected = per_query(run, qrels, [name])[name]
        assert graded_ndcg(run, qrels, cutoff, judged_only) == pytest.approx(expected, abs=1e-9)


def test_fractions_are_gains() -> None:
    run = {"q": {"b": 3.0, "a": 2.0, "c": 1.0}}
    found = per_query(
        run, {"q": {"a": 0.5, "c": 2}}, ["nDCG@10", "nDCG(judged_only=True)@10", "R@2", "RR@10"]
    )
    reached = 0.5 / math.log2(3) + 2 / math.log2(4)
    ideal = 2 + 0.5 / math.log2(3)
    assert found["nDCG@10"]["q"] == pytest.approx(reached / ideal)
    assert found["nDCG(judged_only=True)@10"]["q"] == pytest.approx((0.5 + 2 / math.log2(3)) / ideal)
    assert found["R@2"]["q"] == found["RR@10"]["q"] == 0.5, "above 0 is relevant"


def test_unjudged_results() -> None:
    run = {"q": {"b": 3.0, "a": 2.0, "c": 1.0}, "few": {"x": 1.0}}
    qrels = {"q": {"a": 1, "c": 0}, "few": {"x": 1}, "none": {"x": 1}}
    assert unjudged(run, qrels, 2) == {"q": 0.5, "few": 0.0, "none": 0.0}
    assert per_query(run, qrels, ["Unjudged@3"])["Unjudged@3"]["q"] == pytest.approx(1 / 3)


def test_cut_lists_of_judged_documents_alone() -> None:
    run = {"q": {"x": 4.0, "y": 3.0, "a": 2.0}}
    found = per_query(run, {"q": {"a": 1}}, ["RR@1", "RR(judged_only=True)@1", "RR(judged_only=True)@10"])
    assert [values["q"] for values in found.values()] == [0, 1, 1]
