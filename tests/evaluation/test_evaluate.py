"""A whole evaluation of a small collection: what is ranked, compared, noted, and left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.datasets.collections import Collection
from splade_cli.errors import InputError
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.evaluation.metrics import MEASURES, means, per_query
from splade_cli.evaluation.report import Report
from splade_cli.evaluation.systems import DEPTH, Source, depth_for, short, units_of
from splade_cli.index.bm25.search import Bm25
from splade_cli.index.engine.ranking import rrf, weighted
from splade_cli.index.vectors import dense as dense_index
from splade_cli.index.vectors.weighting import ALPHA, idf, reweighted
from splade_cli.model.query_encoders.encoders import attach_static, open_query_encoder
from splade_cli.records import Document
from splade_cli.search.rerank import Reranker

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
    report = evaluate(
        embedder, collection(), shards=tmp_path, progress=lambda stage, done, total: seen.append(stage)
    )
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
    report.write(tmp_path / "report.json")
    assert Report.read(tmp_path / "report.json") == report


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
    assert [(unit.id, unit.document_id, unit.text) for unit in units] == [
        (d.id, d.id, d.text) for d in DOCUMENTS
    ]


@pytest.mark.parametrize(("chunks", "documents"), [(3, 3), (1000, 1000), (5000, 100), (120, 100), (3, 1)])
def test_enough_rows_are_ranked(chunks: int, documents: int) -> None:
    units: list[Any] = [None] * chunks
    depth = depth_for(units, documents)
    assert depth >= min(chunks, DEPTH)
    if chunks != documents:
        assert depth <= chunks


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
    assert [each.name for each in report.systems] == [
        "tiny",
        "tiny, static queries",
        "tiny",
        "BM25 (english)",
    ]
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
            document.id: score
            for document, score in zip(DOCUMENTS, scores[place].tolist(), strict=True)
            if score > 0
        }
        assert static.run[query] == pytest.approx(expected, rel=1e-4), "the same documents, other queries"
    assert static.run != first.run
    assert static.figures == means(per_query(static.run, QRELS, ["P@1", "nDCG@10"]))
    assert static.versus is not None and first.versus is None
    assert static.versus.queries == 3
    assert static.versus.difference == pytest.approx(static.figures["nDCG@10"] - first.figures["nDCG@10"])
    assert static.cost is not None and first.cost is not None
    assert (static.cost.documents, static.cost.index_megabytes) == (
        first.cost.documents,
        first.cost.index_megabytes,
    )
    assert static.cost.queries.mean == pytest.approx(vectors.nnz / 3)
    assert static.cost.queries.mean < first.cost.queries.mean


def test_documents_are_encoded_once_for_both_query_encoders(
    embedder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds: list[str] = []
    original = embedder.encode

    def counted(texts: list[str], kind: str = "document", *others: Any) -> Any:
        kinds.append(kind)
        return original(texts, kind, *others)

    monkeypatch.setattr(embedder, "encode", counted)
    evaluate(embedder, collection(chunked=True), bm25=False, query=attach_static)
    assert kinds.count("document") == 1
    assert kinds.count("query") == 1 + len(QUERIES), "all at once, then one by one for the clock"


class Letters:
    """A dense model: how often each letter comes."""

    name = "letters"

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []

    def encode(self, texts: Any, kind: str = "document", *, progress: Any = None) -> np.ndarray:
        self.asked.append((kind, len(texts)))
        return np.array(
            [[text.lower().count(chr(97 + n)) for n in range(26)] for text in texts], dtype=np.float32
        )


class Longest(Reranker):
    """A judge that likes long texts."""

    def __call__(self, pairs: Any) -> np.ndarray:
        return np.array([len(text) for _, text in pairs], dtype=np.float32)


def run_of(found: Any, units: list[Any]) -> dict[str, dict[str, float]]:
    runs: dict[str, dict[str, float]] = {}
    for place, query in enumerate(QUERIES):
        runs[query] = {}
        for row, score in zip(found[0][place], found[1][place], strict=True):
            if row >= 0:
                runs[query].setdefault(units[row].document_id, pytest.approx(float(score), rel=1e-4))
    return runs


@pytest.mark.parametrize("chunked", [False, True])
def test_dense_and_hybrid_beside_the_model(
    embedder: Any, chunked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_cli.index.engine.ranking.DEPTH", 4)
    model = Letters()
    report = evaluate(embedder, collection(chunked), dense=model, fit_split=collection(chunked))
    names = ["tiny", "BM25 (english)", "letters", "hybrid, RRF", "hybrid, fitted"]
    assert [system.name for system in report.systems] == names
    assert [kind for kind, _ in model.asked] == ["document", "query"], "each text encoded once"
    units = units_of(collection(chunked))
    texts = [unit.content for unit in units]
    depth = depth_for(units, len(DOCUMENTS))
    sparse = (embedder.encode(list(QUERIES.values()), "query") @ embedder.encode(texts).T).toarray()
    order = np.argsort(-sparse, axis=1, kind="stable")[:, :depth]
    lists = [
        (np.where(np.take_along_axis(sparse, order, 1) > 0, order, -1), np.take_along_axis(sparse, order, 1)),
        Bm25(texts).search(list(QUERIES.values()), depth),
        dense_index.search(
            dense_index.unit(Letters().encode(texts)),
            dense_index.unit(Letters().encode(list(QUERIES.values()))),
            depth,
        ),
    ]
    fused = [(rows[:, :4], scores[:, :4]) for rows, scores in lists]
    for system, found in zip(report.systems[:4], [*lists, rrf(fused, depth)], strict=True):
        assert system.run == run_of(found, units)
        assert system.figures == means(per_query(system.run, QRELS))
    fitted = report.fitted
    assert fitted is not None
    assert fitted.names == tuple(names[:3])
    assert set(fitted.held_out) == set(QUERIES)
    for place, query in enumerate(QUERIES):
        one = [(rows[place : place + 1], scores[place : place + 1]) for rows, scores in fused]
        top = weighted(one, fitted.held_out[query], depth)
        first = units[top[0][0, 0]].document_id
        assert max(report.systems[4].run[query], key=report.systems[4].run[query].__getitem__) == first
    said = " ".join(report.notes)
    assert "RRF of tiny + BM25 (english) + letters does not help for certain" in said
    assert "fitted on test (3 queries): --mode hybrid --weights sparse=" in said
    assert "on test, cross-validated, fitted fusion" in said
    written = json.loads(json.dumps(report.to_json()))
    assert written["fusion"]["weights"] == list(fitted.weights)
    assert all("versus_first" in system for system in written["systems"][1:])


def test_a_hybrid_without_a_dense_model(embedder: Any) -> None:
    other = Collection(
        "mini",
        "dev",
        DOCUMENTS,
        {"x": "open the login page", "y": "backups"},
        {"x": {"pw": 1}, "y": {"backup": 1}},
    )
    report = evaluate(embedder, collection(), fit_split=other)
    assert [system.name for system in report.systems] == [
        "tiny",
        "BM25 (english)",
        "hybrid, RRF",
        "hybrid, fitted",
    ]
    assert any("fitted on dev (2 queries): --mode hybrid --weights sparse=" in note for note in report.notes)
    assert evaluate(embedder, collection(), dense=Letters(), bm25=False).fitted is None
    with pytest.raises(InputError, match="--fit-split needs something to fuse with"):
        evaluate(embedder, collection(), bm25=False, fit_split=other)
    with pytest.raises(InputError, match="the split 'train' of a loaded collection"):
        evaluate(embedder, collection(), fit_split="train")


def test_queries_by_idf_stand_beside_the_model_and_are_fused(embedder: Any) -> None:
    report = evaluate(embedder, collection(), idf=ALPHA, dense=Letters(), bm25=False, measures=["MAP"])
    assert [system.name for system in report.systems] == [
        "tiny",
        "tiny, IDF queries",
        "letters",
        "hybrid, RRF",
    ]
    documents = embedder.encode([unit.content for unit in units_of(collection())])
    weights = idf(np.bincount(documents.indices, minlength=documents.shape[1]), 3)
    queries = reweighted(embedder.encode(list(QUERIES.values()), "query"), weights, ALPHA)
    scores = (queries @ documents.T).toarray()
    for place, query in enumerate(QUERIES):
        expected = {
            doc.id: score for doc, score in zip(DOCUMENTS, scores[place].tolist(), strict=True) if score > 0
        }
        assert report.systems[1].run[query] == pytest.approx(expected, rel=1e-4)
    assert report.systems[1].cost is not None
    assert any("RRF of tiny, IDF queries + letters" in note for note in report.notes)


def test_the_first_hits_of_the_model_reranked(embedder: Any) -> None:
    report = evaluate(embedder, collection(), bm25=False, reranker=Longest("judge"), rerank_top=2)
    first, reranked = report.systems
    assert reranked.name == "tiny, reranked by judge"
    lengths = {
        document.id: len(unit.content)
        for document, unit in zip(DOCUMENTS, units_of(collection()), strict=True)
    }
    for query in QUERIES:
        top = sorted(first.run[query], key=lambda name: -first.run[query][name])[:2]
        assert reranked.run[query] == {name: lengths[name] for name in top}
    assert any("the first 2 only" in note for note in report.notes)


def test_names_of_models_in_folders(tmp_path: Path) -> None:
    assert short(str(tmp_path)) == tmp_path.name
    assert short("org/model") == "org/model"
    assert Source("a", lambda queries, depth: None) != Source("a", lambda queries, depth: None)  # type: ignore[arg-type]
