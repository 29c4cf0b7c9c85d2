"""What a build decides by figures and by what it finds: mode of search, budget, fingerprints, what it reads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from splade_cli.building import fingerprints
from splade_cli.building.data_stage import generation_of, max_queries
from splade_cli.building.dense_part import dense_name, dense_part
from splade_cli.building.measuring import Contest, best_mode, contest, doubts
from splade_cli.building.options import BuildOptions
from splade_cli.building.training import configured
from splade_cli.corpus.documents import read_documents
from splade_cli.datasets.collections import Collection
from splade_cli.errors import InputError
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.generation.options import Judged, Llm
from splade_cli.generation.report import doubts_of_rows
from splade_cli.indexing.dense import DenseWindows
from splade_cli.progress import silent
from splade_cli.storage.cache import Cache
from tests.building.conftest import write_documents

QUERIES = [f"q{number}" for number in range(20)]


def report(**values: float) -> Report:
    """Figures that are the same for all queries but the first, which all systems answer alike."""
    systems = []
    for name, value in values.items():
        by_query = {"nDCG@10": {query: value if query != "q0" else 0.5 for query in QUERIES}}
        systems.append(SystemResult(name.replace("_", " "), {"nDCG@10": value}, by_query))
    return Report("c", "val", 3, len(QUERIES), tuple(systems))


@pytest.mark.parametrize(
    ("sparse", "bm25", "mode"),
    [(0.5, 0.4, "auto"), (0.6, 0.4, "sparse"), (0.6, 0.7, "bm25"), (0.5, 0.5, "auto")],
)
def test_the_mode_of_the_folder_is_that_of_significant_figures(sparse: float, bm25: float, mode: str) -> None:
    chosen = best_mode(report(fused=0.5, model=sparse, BM25_english=bm25, tiny=0.9), "model")
    assert chosen.mode == mode
    assert chosen.sentence.startswith(mode)


def test_a_lead_on_a_few_queries_does_not_choose_the_mode() -> None:
    few = report(fused=0.5, model=0.5, BM25=0.5)
    lucky = {"nDCG@10": few.systems[2].values["nDCG@10"] | {"q1": 1.0, "q2": 1.0}}
    systems = (*few.systems[:2], replace(few.systems[2], values=lucky))
    assert best_mode(replace(few, systems=systems), "model").mode == "auto"


@pytest.mark.parametrize(("new", "promoted"), [(0.4999, False), (0.5, True), (0.6, True)])
def test_the_model_with_the_lower_mean_is_not_promoted(new: float, promoted: bool) -> None:
    collection = Collection("c", "val", [], dict.fromkeys(QUERIES, "text"), {})

    def measure(model: str, baseline: str | None, collection: Collection, progress: object) -> Report:
        return report(fused=0.5, new=new, old=0.5)

    assert contest("new", "old", collection, measure, silent).promoted is promoted


def test_a_model_is_used_where_no_query_can_compare_it() -> None:
    assert Contest("old").promoted, "nothing to compare on speaks against none"
    assert "no held-out query" in Contest("old").sentence


def test_a_budget_has_fewer_queries_unless_they_are_judged(tmp_path: Path) -> None:
    options = BuildOptions(tmp_path / "docs", tmp_path / "out")
    assert max_queries(options) == 5000
    assert max_queries(replace(options, minutes=2)) == 600
    assert max_queries(replace(options, minutes=600)) == 5000
    assert max_queries(replace(options, minutes=2, queries=Judged("train"))) == 5000


def test_documents_are_read_without_what_the_build_writes(tmp_path: Path) -> None:
    docs = write_documents(tmp_path / "docs")
    options = BuildOptions(docs, docs / "my [engine]!")
    reading = fingerprints.reading_of(options)
    before = fingerprints.of_documents(docs, reading)
    options.output.mkdir()
    (options.output / "report.html").write_text("<p>A report about the documents that are above it.</p>")
    assert fingerprints.of_documents(docs, reading) == before
    assert len(read_documents(docs, generation_of(options).reading).documents) == 5
    (docs / "loom.txt").write_text("The loom is sold, and nothing is woven here any more.")
    assert fingerprints.of_documents(docs, reading) != before
    with pytest.raises(InputError, match="lie in"):
        BuildOptions(options.output / "data", options.output)


def test_what_makes_a_stage_anew(tmp_path: Path) -> None:
    options = BuildOptions(tmp_path / "docs", tmp_path / "out", queries=Llm("m"))
    data = fingerprints.of_data(options, "documents", 5000)
    elsewhere = replace(options, output=tmp_path / "b", queries=Llm("m", base_url="http://127.0.0.1:8080/v1"))
    assert fingerprints.of_data(elsewhere, "documents", 5000) == data
    for other in (
        replace(options, seed=1),
        replace(options, queries=Llm("n")),
        replace(options, teacher=None),
    ):
        assert fingerprints.of_data(other, "documents", 5000) != data
    assert fingerprints.of_data(options, "others", 5000) != data
    training = fingerprints.of_training(configured(options, tmp_path / "run-1"), data, "base")
    assert fingerprints.of_training(configured(options, tmp_path / "run-2"), data, "base") == training
    more = replace(options, settings=("training.learning_rate=1e-5",))
    assert fingerprints.of_training(configured(more, tmp_path / "run-1"), data, "base") != training
    judged = replace(options, queries=Judged("train"))
    before = fingerprints.of_data(judged, "documents", 5000)
    (tmp_path / "docs/qrels").mkdir(parents=True)
    (tmp_path / "docs/qrels/train.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\n")
    assert fingerprints.of_data(judged, "documents", 5000) != before, "documents alone do not tell"
    with pytest.raises(InputError, match="decided by the build"):
        configured(replace(options, settings=("datasets.train_file=rows.json",)), tmp_path / "run-1")


def test_a_dense_part_that_is_better_alone_is_chosen() -> None:
    judged = report(fused=0.5, model=0.3, BM25_english=0.2, dense=0.9)
    assert best_mode(judged, "model", "models/dense").mode == "auto", "no system is called so"
    assert best_mode(judged, "model", "dense").mode == "dense"


def test_the_dense_model_of_a_build_is_the_one_that_ranked_for_its_rows(tmp_path: Path) -> None:
    options = BuildOptions(tmp_path / "docs", tmp_path / "out")
    data = tmp_path / "data"
    assert dense_name(options, data) is None, "there is no data yet"
    data.mkdir()
    written = {"language": "english", "teachers": ["bm25", "org/dense"]}
    (data / "report.json").write_text(json.dumps(written))
    assert dense_name(replace(options, teacher="org/dense"), data) == "org/dense"
    assert dense_name(replace(options, teacher="org/other"), data) is None
    assert dense_name(replace(options, teacher=None), data) is None
    assert dense_name(replace(options, dense=None), data) is None
    assert dense_name(replace(options, dense="org/third"), data) == "org/third"
    (data / "report.json").write_text("half a repo")
    assert dense_name(options, data) is None


def test_texts_that_were_ranked_are_not_encoded_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_cli.indexing.dense.dense_identity", lambda name: name)
    with dense_part(None, tmp_path) as nothing:
        assert nothing is None
    ranked = SimpleNamespace(
        name="org/dense", encode=lambda texts: np.ones((len(texts), 3), dtype=np.float32)
    )
    with Cache(tmp_path / "cache.sqlite3") as cache:
        DenseWindows(ranked, cache).encode(["a text"])  # type: ignore[arg-type]
    with dense_part("org/dense", tmp_path) as dense:
        assert dense is not None
        np.testing.assert_allclose(dense.encode(["a text"]), np.full((1, 3), 3**-0.5), rtol=1e-6)


def test_doubts_are_said() -> None:
    values = {"nDCG@10": {str(number): 0.5 for number in range(12)}}
    open_ended = SystemResult("m", {"nDCG@10": 0.5}, values)
    answered = SystemResult("m", {"nDCG@10": 0.99}, values)
    assert "only 12 queries" in doubts(Report("c", "val", 9, 12, (open_ended,)))[0]
    both = doubts(Report("c", "val", 9, 12, (answered, answered)))
    assert len(both) == 2 and "answered already, by every system" in both[1]
    assert doubts(Report("c", "val", 9, 150, (answered, open_ended))) == ()


def test_teachers_that_disagree_are_a_doubt() -> None:
    names = ("bm25", "all-MiniLM-L6-v2")
    (told,) = doubts_of_rows(0.153, names)
    assert told.startswith(
        "the teachers (bm25, all-MiniLM-L6-v2) have 15% of their first 20 chunks in common"
    )
    assert doubts_of_rows(0.25, names) == () == doubts_of_rows(None, names[:1])
