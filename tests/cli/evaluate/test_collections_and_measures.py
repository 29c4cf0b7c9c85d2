"""`splade evaluate` on collections and measures as others write them: splits, TREC's qrels, ir-measures."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ir_measures

WRITTEN = "nDCG@5 RR@10 R@200 AP(rel=1) nDCG(judged_only=True)@10"


def test_what_gen_data_wrote_is_measured_as_it_is(
    splade: Callable[..., Any], built: Any, tmp_path: Path
) -> None:
    words = ["evaluate", "--data", built / "data", "--no-bm25", "--device", "cpu"]
    shown = splade(*words, "--measure", WRITTEN, "--measure", "Unjudged@10", "--json", "--per-query")
    assert shown.exit_code == 0, shown.output
    report = json.loads(shown.stdout)
    assert report["split"] == "val"
    assert "no split 'test': measured on 'val'" in report["notes"][0]
    assert list(report["systems"][0]["measures"]) == [*WRITTEN.split(), "Unjudged@10"]
    assert report["compared_on"] == "nDCG@5"
    refused = splade(*words, "--split", "test")
    assert refused.exit_code == 1 and "no split 'test', only train, val" in refused.stderr


def test_figures_are_those_of_the_written_run(splade: Callable[..., Any], built: Any, tmp_path: Path) -> None:
    run = tmp_path / "run.trec"
    # without what teachers think of the queries, which would be the judgements
    shutil.copytree(built / "data", tmp_path / "data", ignore=shutil.ignore_patterns("teacher.trec"))
    qrels = tmp_path / "data" / "qrels" / "train.tsv"
    words = ["evaluate", "--data", qrels, "--no-bm25", "--device", "cpu", "--measure", WRITTEN, "--run", run]
    shown = splade(*words, "--json", "--per-query")
    assert shown.exit_code == 0, shown.output
    system = json.loads(shown.stdout)["systems"][0]
    judged: dict[str, dict[str, int]] = {}
    for line in qrels.read_text().splitlines()[1:]:
        query, document, grade = line.split("\t")
        judged.setdefault(query, {})[document] = int(grade)
    oracle = list(ir_measures.read_trec_run(str(run)))
    for name in ("nDCG@5", "R@200", "AP(rel=1)", "nDCG(judged_only=True)@10"):
        expected = {
            metric.query_id: round(metric.value, 6)
            for metric in ir_measures.iter_calc([ir_measures.parse_measure(name)], judged, oracle)
        }
        found = {query: round(value, 6) for query, value in system["per_query"][name].items()}
        assert found == expected, name


def test_measures_that_are_not_known(splade: Callable[..., Any], built: Any) -> None:
    for name in ("nDGC@10", "nDCG@10 RBP(p=0.8)"):
        refused = splade("evaluate", "--data", built / "data", "--measure", name)
        assert refused.exit_code == 2 and "unknown measure" in refused.stderr


def test_ids_of_ir_datasets_need_the_package(splade: Callable[..., Any]) -> None:
    refused = splade("evaluate", "--data", "irds:beir/scifact/test")
    assert refused.exit_code == 1
    assert "pip install ir-datasets" in " ".join(refused.stderr.split())


def test_queries_in_other_words(splade: Callable[..., Any], built: Any) -> None:
    words = ["evaluate", "--data", built / "data", "--no-bm25", "--device", "cpu", "--split", "train"]
    shown = splade(*words, "--paraphrases", "--typos", "--json")
    assert shown.exit_code == 0, shown.output
    typos, paraphrases = json.loads(shown.stdout)["robustness"]
    assert (typos["kind"], paraphrases["kind"]) == ("typos", "paraphrases")
    assert typos["changed"] > 0 and typos["systems"][0]["after"] <= typos["systems"][0]["before"] + 0.5
    for flags in (["--llm", "writer"], ["--paraphrases", "--base-url", "http://127.0.0.1:1/v1"]):
        refused = splade(*words, *flags)
        assert refused.exit_code == 2, refused.output
        assert "--paraphrases" in refused.stderr or "--llm MODEL" in refused.stderr
