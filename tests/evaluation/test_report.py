"""A whole evaluation of a small collection: what is ranked, compared, noted, and left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.corpus.collections import Collection
from splade_cli.errors import InputError
from splade_cli.evaluation.metrics import MEASURES, means, per_query
from splade_cli.evaluation.report import DEPTH, depth_for, evaluate, floors_of, units_of
from splade_cli.records import Document
from splade_cli.search.queries import attach_static, open_query_encoder

LONG = "The riving knife stands behind the blade and keeps the cut open. " * 40
DOCUMENTS = [
    Document("pw", "To reset a forgotten password, open the login page.", "Password"),
    Document("backup", "Backups run every night and are kept for thirty days.", "Backups"),
    Document("saw", f"{LONG}\n\nKickback throws wood at the operator.\n\n{LONG}", "Table saw"),
]
QUERIES = {"q1": "forgotten password", "q2": "how long are backups kept", "q3": "kickback of the table saw"}
QRELS = {"q1": {"pw": 1}, "q2": {"backup": 1}, "q3": {"saw": 1}}


def collection(chunked: bool = False) -> Collection:
    return Collection("mini", "test", DOCUMENTS, QUERIES, QRELS, chunked)


def test_a_report(embedder: Any, tmp_path: Path) -> None:
    seen: list[str] = []
    report = evaluate(embedder, collection(), shards=tmp_path, progress=lambda stage, done, total: seen.append(stage))
    assert (report.collection, report.split, report.documents, report.queries) == ("mini", "test", 3, 3)
    first, lexical = report.systems
    assert (first.name, lexical.name) == ("tiny", "BM25 (english)")
    assert first.figures.keys() == set(MEASURES)
    assert first.figures["nDCG@10"] == 1.0
    for system in report.systems:
        assert system.figures == means(per_query(system.run, QRELS))
        assert set(system.run) == set(QUERIES)
    assert first.versus is None
    assert lexical.versus is not None
    assert lexical.versus.queries == 3
    assert first.cost is not None
    assert lexical.cost is None
    assert first.cost.documents.mean > first.cost.queries.mean > 0
    assert first.cost.total_p95 >= first.cost.encode_p50 > 0
    assert any("only 3 queries" in note for note in report.notes)
    assert {"encode", "time queries", "BM25"} <= set(seen)
    assert list(tmp_path.iterdir()) == [], "shards go when the figures stand"
    json.dumps(report.as_dict())
    assert "per_query" in report.as_dict(per_query_values=True)["systems"][0]


def test_against_a_baseline_and_without_bm25(embedder: Any) -> None:
    report = evaluate(embedder, collection(), baseline=embedder, bm25=False, measures=["P@1"])
    assert [system.name for system in report.systems] == ["tiny", "tiny"]
    versus = report.systems[1].versus
    assert versus is not None
    assert (versus.difference, versus.p_value) == (0, 1)
    assert set(report.systems[0].figures) == {"P@1", "nDCG@10"}, "what is compared on is measured as well"


def test_a_document_of_chunks_scores_as_its_best_one(embedder: Any) -> None:
    units = units_of(collection(chunked=True))
    assert len(units) > 3
    report = evaluate(embedder, collection(chunked=True), bm25=False)
    assert any(f"{len(units)} chunks" in note for note in report.notes)
    (system,) = report.systems
    vectors = embedder.encode([unit.content for unit in units])
    for query, text in QUERIES.items():
        scores = (vectors @ embedder.encode([text], "query").T).toarray()[:, 0]
        best = {
            document.id: max(
                score for unit, score in zip(units, scores, strict=True) if unit.document_id == document.id
            )
            for document in DOCUMENTS
        }
        expected = {name: score for name, score in best.items() if score > 0}
        assert system.run[query] == pytest.approx(expected, rel=1e-4)
        assert list(system.run[query]) == sorted(expected, key=lambda name: -expected[name])


def test_whole_documents_are_ranked_where_the_collection_is_not_chunked() -> None:
    units = units_of(collection())
    assert [(unit.id, unit.document_id, unit.text) for unit in units] == [(d.id, d.id, d.text) for d in DOCUMENTS]


@pytest.mark.parametrize(("chunks", "documents"), [(3, 3), (1000, 1000), (5000, 100), (120, 100), (3, 1)])
def test_enough_rows_are_ranked(chunks: int, documents: int) -> None:
    units: list[Any] = [None] * chunks
    depth = depth_for(units, documents)
    assert depth >= min(chunks, DEPTH)
    if chunks != documents:
        assert depth <= chunks


def test_floors() -> None:
    assert floors_of(["nDCG@10=0.45", " MRR@10 = 1"]) == {"nDCG@10": 0.45, "MRR@10": 1.0}
    for option in ("nDCG@10", "nDCG@10=", "nDCG@10=high", "nDCG@10=nan", "=0.5x", ""):
        with pytest.raises(InputError, match="MEASURE=VALUE"):
            floors_of([option])


def test_a_missing_collection(embedder: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        evaluate(embedder, tmp_path / "none")


def test_vectors_agree_with_the_run(embedder: Any) -> None:
    report = evaluate(embedder, collection(), bm25=False)
    documents = embedder.encode([unit.content for unit in units_of(collection())])
    queries = embedder.encode(list(QUERIES.values()), "query")
    product = (queries @ documents.T).toarray()
    for place, query in enumerate(QUERIES):
        ours = report.systems[0].run[query]
        np.testing.assert_allclose(
            [ours.get(document.id, 0.0) for document in DOCUMENTS], product[place], rtol=1e-4, atol=1e-5
        )


def test_other_query_encoders_stand_beside_the_model(embedder: Any, tmp_path: Path) -> None:
    plain = evaluate(embedder, collection(), bm25=False)
    report = evaluate(embedder, collection(), baseline=embedder, query=attach_static, measures=["P@1"])
    assert [each.name for each in report.systems] == ["tiny", "tiny, static queries", "tiny", "BM25 (english)"]
    first, static, baseline, _ = report.systems
    assert first.run == plain.systems[0].run, "the model's own figures stay"
    assert baseline.run == first.run, "a baseline has its own queries"
    texts = [unit.content for unit in units_of(collection())]
    carried = open_query_encoder(tmp_path, attach_static(embedder, texts, tmp_path).query)
    assert carried is not None
    vectors = carried.encode(list(QUERIES.values()))
    scores = (vectors @ embedder.encode(texts).T).toarray()
    for place, query in enumerate(QUERIES):
        expected = {
            document.id: score for document, score in zip(DOCUMENTS, scores[place].tolist(), strict=True) if score > 0
        }
        assert static.run[query] == pytest.approx(expected, rel=1e-4), "the same documents, other queries"
    assert static.run != first.run
    assert static.figures == means(per_query(static.run, QRELS, ["P@1", "nDCG@10"]))
    assert static.versus is not None and first.versus is None
    assert static.versus.queries == 3
    assert static.versus.difference == pytest.approx(static.figures["nDCG@10"] - first.figures["nDCG@10"])
    assert static.cost is not None and first.cost is not None
    assert (static.cost.documents, static.cost.index_megabytes) == (first.cost.documents, first.cost.index_megabytes)
    assert static.cost.queries.mean == pytest.approx(vectors.nnz / 3)
    assert static.cost.queries.mean < first.cost.queries.mean
    json.dumps(report.as_dict(per_query_values=True))


def test_documents_are_encoded_once_for_both_query_encoders(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[str] = []
    original = embedder.encode

    def counted(texts: list[str], kind: str = "document", *others: Any) -> Any:
        kinds.append(kind)
        return original(texts, kind, *others)

    monkeypatch.setattr(embedder, "encode", counted)
    evaluate(embedder, collection(chunked=True), bm25=False, query=attach_static)
    assert kinds.count("document") == 1
    assert kinds.count("query") == 1 + len(QUERIES), "all at once, then one by one for the clock"
