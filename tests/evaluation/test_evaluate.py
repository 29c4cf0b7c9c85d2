"""A whole evaluation of a small collection: what is ranked, compared, noted, and left behind."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.datasets.collections import Collection
from splade_cli.errors import InputError
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.evaluation.measures.notation import MEASURES, OF_JUDGEMENTS
from splade_cli.evaluation.metrics import means, per_query
from splade_cli.evaluation.options import EvaluationOptions
from splade_cli.evaluation.report import Report
from splade_cli.evaluation.systems.system import short, units_of
from splade_cli.idf import inverse_document_frequency
from splade_cli.index.bm25.fields import counted_text
from splade_cli.index.bm25_search import Bm25Search
from splade_cli.index.vectors import dense as dense_index
from splade_cli.index.vectors.weighting import ALPHA, reweighted
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.query_encoders.carried import exported
from splade_cli.model.query_encoders.static_export import export_static
from splade_cli.records import Document, Hit, Ranking
from splade_cli.search.options import SearchOptions
from splade_cli.search.ranking.fusion import rrf, weighted
from splade_cli.search.ranking.rerank import Reranker
from splade_cli.search.searcher import Searcher

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


ALONE = SearchOptions(mode="sparse")


def test_a_report(embedder: Any, tmp_path: Path) -> None:
    seen: list[str] = []
    report = evaluate(
        embedder, collection(), cache=tmp_path, progress=lambda stage, done, total: seen.append(stage)
    )
    assert (report.collection, report.split, report.documents, report.queries) == ("mini", "test", 3, 3)
    fused, first, lexical = report.systems
    assert (fused.name, first.name, lexical.name) == ("tiny + BM25", "tiny", "BM25 (english)")
    assert first.figures.keys() == {*MEASURES, *OF_JUDGEMENTS}
    assert fused.figures["nDCG@10"] == first.figures["nDCG@10"] == 1.0
    for system in report.systems:
        assert system.figures == means(per_query(system.run, QRELS, (*MEASURES, *OF_JUDGEMENTS)))
        assert set(system.run) == set(QUERIES)
    assert fused.versus is None
    assert lexical.versus is not None
    assert lexical.versus.queries == 3
    assert fused.cost is not None and first.cost is not None and lexical.cost is not None
    assert fused.cost.documents is None and lexical.cost.queries is None
    assert lexical.cost.index_megabytes > 0 and lexical.cost.index_seconds is None
    both = first.cost.index_megabytes + lexical.cost.index_megabytes
    assert fused.cost.index_megabytes == pytest.approx(both)
    assert fused.cost.total_p50 > 0 and lexical.cost.total_p50 > 0
    assert first.cost.documents.mean > first.cost.queries.mean > 0
    assert first.cost.total_p50 > 0 and first.cost.encode_p50 > 0
    assert any("only 3 queries" in note for note in report.notes)
    assert {"encode", "time queries", "rank: tiny + BM25", "rank: tiny", "rank: BM25 (english)"} <= set(seen)
    assert list(tmp_path.iterdir()) == [], "windows go when the figures stand"
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
    units = units_of(collection(chunked=True), embedder)
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


def test_whole_documents_are_ranked_where_the_collection_is_not_chunked(embedder: Any) -> None:
    units = units_of(collection(), embedder)
    assert [(unit.id, unit.document_id, unit.text) for unit in units] == [
        (d.id, d.id, d.text) for d in DOCUMENTS
    ]


def test_a_missing_collection(embedder: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        evaluate(embedder, tmp_path / "none")


def test_vectors_agree_with_the_run(embedder: Any) -> None:
    report = evaluate(embedder, collection(), bm25=False)
    documents = embedder.encode([unit.content for unit in units_of(collection(), embedder)])
    queries = embedder.encode(list(QUERIES.values()), "query")
    product = (queries @ documents.T).toarray()
    for place, query in enumerate(QUERIES):
        ours = report.systems[0].run[query]
        np.testing.assert_allclose(
            [ours.get(document.id, 0.0) for document in DOCUMENTS], product[place], rtol=1e-4, atol=1e-5
        )


def test_other_query_encoders_stand_beside_the_model(embedder: Any, tmp_path: Path) -> None:
    plain = evaluate(embedder, collection(), bm25=False)
    report = evaluate(
        embedder, collection(), baseline=embedder, query=export_static, search=ALONE, measures=["P@1"]
    )
    names = [each.name for each in report.systems]
    assert names == ["tiny", "tiny, static queries", "tiny", "BM25 (english)"]
    first, static, baseline, _ = report.systems
    assert first.run == plain.systems[0].run, "the model's own figures stay"
    assert baseline.run == first.run, "a baseline has its own queries"
    texts = [unit.content for unit in units_of(collection(), embedder)]
    carried = exported(export_static(embedder), texts, tmp_path)
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

    windows = embedder.encode_windows

    def counted_windows(*words: Any, **options: Any) -> Any:
        kinds.append("document")
        return windows(*words, **options)

    monkeypatch.setattr(embedder, "encode", counted)
    monkeypatch.setattr(embedder, "encode_windows", counted_windows)
    evaluate(embedder, collection(chunked=True), bm25=False, query=export_static)
    assert kinds.count("document") == 1
    assert kinds.count("query") == 1 + 1 + 2 * len(QUERIES) + 1, (
        "all at once, one to warm up, one by one for the clock, alone and within a search, and in a batch"
    )


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
    """A cross-encoder that likes long texts."""

    def __call__(self, pairs: Any) -> np.ndarray:
        return np.array([len(text) for _, text in pairs], dtype=np.float32)


def run_of(ranking: Ranking, units: list[Any]) -> dict[str, dict[str, float]]:
    documents = {unit.id: unit.document_id for unit in units}
    runs: dict[str, dict[str, float]] = {}
    for query, ids, scores in zip(QUERIES, ranking.ids, ranking.scores, strict=True):
        runs[query] = {}
        for each, score in zip(ids, scores.tolist(), strict=True):
            runs[query].setdefault(documents[each], pytest.approx(score, rel=1e-4))
    return runs


def ranking_of(rows: np.ndarray, scores: np.ndarray, units: list[Any]) -> Ranking:
    filled = [(line >= 0) & (values > 0) for line, values in zip(rows, scores, strict=True)]
    ids = [[units[row].id for row in line[mask]] for line, mask in zip(rows, filled, strict=True)]
    return Ranking(ids, [values[mask] for values, mask in zip(scores, filled, strict=True)])


@pytest.mark.parametrize("chunked", [False, True])
def test_dense_and_hybrid_beside_the_model(embedder: Any, chunked: bool) -> None:
    model = Letters()
    report = evaluate(embedder, collection(chunked), dense=model, fit_split=collection(chunked), search=ALONE)
    names = ["tiny", "BM25 (english)", "letters", "hybrid, usual weights", "hybrid, RRF", "hybrid, fitted"]
    assert [system.name for system in report.systems] == names
    assert [kind for kind, _ in model.asked].count("document") == 1, "each document is encoded once"
    assert model.asked[1] == ("query", 3), "and so are queries, but by the clock"
    units = units_of(collection(chunked), embedder)
    texts = [unit.content for unit in units]
    counted = [counted_text(unit) for unit in units]
    queries = list(QUERIES.values())
    sparse = (embedder.encode(queries, "query") @ embedder.encode(texts).T).toarray()
    order = np.argsort(-sparse, axis=1, kind="stable")
    letters = [dense_index.unit(Letters().encode(each)) for each in (texts, queries)]
    lists = [
        ranking_of(order, np.take_along_axis(sparse, order, 1), units),
        ranking_of(*Bm25Search.over(counted).search(queries, len(texts)), units),
        ranking_of(*dense_index.search(*letters, len(texts)), units),
    ]
    usual = weighted(lists, [1, 0.5, 1], 100)
    for system, ranking in zip(report.systems, [*lists, usual, rrf(lists, 100)], strict=False):
        assert system.run == run_of(ranking, units)
        assert system.figures == means(per_query(system.run, QRELS, (*MEASURES, *OF_JUDGEMENTS)))
    fitted = report.fitted
    assert fitted is not None
    assert (fitted.parts, fitted.names) == (("sparse", "bm25", "dense"), tuple(names[:3]))
    assert set(fitted.held_out) == set(QUERIES)
    for number, query in enumerate(QUERIES):
        one = [
            Ranking(ranking.ids[number : number + 1], ranking.scores[number : number + 1])
            for ranking in lists
        ]
        top = weighted(one, fitted.held_out[query], 100).ids[0][0]
        (document,) = [unit.document_id for unit in units if unit.id == top]
        run = report.systems[5].run[query]
        assert max(run, key=run.__getitem__) == document
    said = " ".join(report.notes)
    together = "tiny + BM25 (english) + letters does not help for certain"
    assert f"RRF of {together}" in said and f"usual weights of {together}" in said
    assert "fitted on test (3 queries): weights sparse=" in said
    assert "on test, cross-validated, fitted fusion" in said
    assert report.systems[3].options == {"mode": "hybrid"}
    assert report.systems[4].options == {"mode": "hybrid", "weights": "rrf"}
    assert report.systems[5].options == {"mode": "hybrid", "weights": fitted.by_part(fitted.weights)}
    written: Any = json.loads(json.dumps(report.to_json()))
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
    names = [system.name for system in report.systems]
    assert names == ["tiny + BM25", "tiny", "BM25 (english)", "hybrid, RRF", "hybrid, fitted"]
    assert any("fitted on dev (2 queries): weights sparse=" in note for note in report.notes)
    assert evaluate(embedder, collection(), dense=Letters(), bm25=False).fitted is None
    plain = evaluate(embedder, collection(), hybrid=True)
    assert [system.name for system in plain.systems] == names[:4]
    with pytest.raises(InputError, match="needs something to fuse with"):
        evaluate(embedder, collection(), bm25=False, fit_split=other)
    with pytest.raises(InputError, match="the split 'train' of a loaded collection"):
        evaluate(embedder, collection(), fit_split="train")


def test_queries_by_idf_stand_beside_the_model_and_are_fused(embedder: Any) -> None:
    report = evaluate(
        embedder,
        collection(),
        idf_exponent=ALPHA,
        dense=Letters(),
        bm25=False,
        search=ALONE,
        measures=["MAP"],
    )
    names = [system.name for system in report.systems]
    assert names == ["tiny", "tiny, IDF queries", "letters", "hybrid, usual weights", "hybrid, RRF"]
    assert report.systems[3].options == {"mode": "hybrid", "idf_exponent": ALPHA}
    documents = embedder.encode([unit.content for unit in units_of(collection(), embedder)])
    frequencies = np.bincount(documents.indices, minlength=documents.shape[1])
    weights = inverse_document_frequency(frequencies, 3).astype(np.float32)
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
    report = evaluate(embedder, collection(), bm25=False, reranker=Longest("by-length"), rerank_depth=2)
    first, reranked = report.systems
    assert reranked.name == "tiny, reranked by by-length"
    lengths = {
        document.id: len(unit.content)
        for document, unit in zip(DOCUMENTS, units_of(collection(), embedder), strict=True)
    }
    for query in QUERIES:
        top = sorted(first.run[query], key=lambda name: -first.run[query][name])[:2]
        assert reranked.run[query] == {name: lengths[name] for name in top}
    assert any("the first 2 only" in note for note in report.notes)


OWN = SearchOptions(mode="hybrid", filter="kind = guide", group="off", weights={"sparse": 0.2, "bm25": 0.8})


def test_a_model_is_searched_as_it_is_asked_for(embedder: Any) -> None:
    kinds = {"pw": "guide", "backup": "guide", "saw": "warning"}
    documents = [replace(document, metadata={"kind": kinds[document.id]}) for document in DOCUMENTS]
    data = replace(collection(), documents=documents)
    report = evaluate(embedder, data, search=OWN, baseline=embedder)
    names = [system.name for system in report.systems]
    assert names == ["tiny + BM25", "tiny", "tiny", "BM25 (english)"]
    index = index_chunks(units_of(data, embedder), embedder, bm25=True)
    searcher = Searcher.over(index, embedder)
    for query, text in QUERIES.items():
        expected = {hit.document_id: hit.score for hit in searcher.search(text, 10, OWN)}
        assert report.systems[0].run[query] == pytest.approx(expected)
        sparse = searcher.search(text, 10, replace(OWN, mode="sparse"))
        for system in report.systems[1:3]:
            assert system.run[query] == pytest.approx({hit.document_id: hit.score for hit in sparse})
    assert report.systems[0].run["q3"].keys() <= {"pw", "backup"}
    assert report.systems[0].figures["P@1"] < 1
    assert report.systems[1].options == {"mode": "sparse", "filter": "kind = guide", "group": "off"}
    assert any("tiny + BM25 searches with filter kind = guide" in note for note in report.notes)
    alone = [note for note in report.notes if "tiny alone against tiny: +0.0000 nDCG@10" in note]
    assert len(alone) == 1 and alone[0].endswith("p = 1.0000")
    ready = evaluate(searcher, data, search=OWN)
    assert ready.systems[0].run == report.systems[0].run


def test_two_step_search_has_no_costs_of_the_exact_one(embedder: Any) -> None:
    report = evaluate(embedder, collection(), backend="two-step=2:1", bm25=False, query=export_static)
    assert [system.name for system in report.systems] == ["tiny", "tiny, static queries"]
    assert [system.cost for system in report.systems] == [None, None]
    searcher = Searcher.over(
        index_chunks(units_of(collection(), embedder), embedder), embedder, backend="two-step=2:1"
    )
    for query, text in QUERIES.items():
        expected = {hit.document_id: hit.score for hit in searcher.search(text, 10)}
        assert report.systems[0].run[query] == pytest.approx(expected)
    with pytest.raises(InputError, match="what is ready has its engine"):
        evaluate(searcher, collection(), backend="two-step")
    with pytest.raises(InputError, match="no dense model to search by"):
        evaluate(embedder, collection(), search=SearchOptions(mode="dense"))
    with pytest.raises(InputError, match="filter 'kind ='"):
        evaluate(embedder, collection(), search=SearchOptions(filter="kind ="))


@pytest.mark.parametrize("k", [1, 10])
def test_rows_are_what_search_answers(embedder: Any, k: int) -> None:
    """The first hits of a search are the first documents of the run, in every mode and whatever k is."""
    units = units_of(collection(chunked=True), embedder)
    searcher = Searcher.over(index_chunks(units, embedder, bm25=True), embedder)
    report = evaluate(embedder, collection(chunked=True), hybrid=True)
    for system, options in (
        (report.systems[0], SearchOptions()),
        (report.systems[0], SearchOptions(mode="hybrid")),
        (report.systems[1], SearchOptions(mode="sparse")),
        (report.systems[2], SearchOptions(mode="bm25")),
        (report.systems[3], SearchOptions(mode="hybrid", weights="rrf")),
    ):
        for query, text in QUERIES.items():
            answered = [
                (hit.document_id, pytest.approx(hit.score)) for hit in searcher.search(text, k, options)
            ]
            assert list(system.run[query].items())[: len(answered)] == answered, system.name


def test_near_duplicates_rank_directly_behind_the_text_that_they_are_like(embedder: Any) -> None:
    text = (
        "The angle grinder is kept in the second drawer of the red cabinet, beside the two spare discs and a "
        "pair of gloves that nobody else may borrow. Put it back after every use, with the guard on and the "
        "cable wound around the handle twice, so that whoever comes next finds it dry and as clean as they "
        "would like to."
    )
    other = "An angle grinder in a drawer needs a guard."
    documents = [
        Document("a", f"{text} Ask the warden."),
        Document("b", other),
        Document("c", f"{text} Ask the wardens."),
        Document("d", f"{text} Ask a warden."),
    ]
    judged = Collection("mini", "test", documents, {"q": "angle grinder drawer"}, {"q": {"c": 1, "d": 1}})
    (system,) = evaluate(embedder, judged, bm25=False).systems
    ranked = list(system.run["q"])
    assert sorted(ranked) == ["a", "b", "c", "d"]
    alike = [document for document in ranked if document != "b"]
    assert ranked in ([*alike, "b"], ["b", *alike]), "what is alike stands together"
    scores = [system.run["q"][document] for document in alike]
    assert scores[0] > scores[1] > scores[2] == pytest.approx(scores[0], rel=1e-6)


def test_a_searcher_that_is_ready(embedder: Any) -> None:
    units = units_of(collection(), embedder)
    index = index_chunks(units, embedder, bm25=True, dense=Letters())
    searcher = Searcher.over(index, embedder)
    searcher.ranker._open_dense = Letters
    report = evaluate(searcher, collection(), name="my index", fit_split=collection())
    of_model = evaluate(embedder, collection(), dense=Letters(), fit_split=collection())
    names = [each.name for each in report.systems]
    assert names[:2] == ["my index + BM25 + letters", "my index"]
    assert names[2:] == [each.name for each in of_model.systems[2:]]
    for ours, theirs in zip(report.systems, of_model.systems, strict=True):
        assert ours.run == theirs.run
        assert ours.options == theirs.options
    cost = report.systems[1].cost
    assert cost is not None and cost.index_seconds is None
    assert of_model.systems[1].cost is not None and of_model.systems[1].cost.index_seconds is not None
    assert cost.documents == of_model.systems[1].cost.documents
    with pytest.raises(InputError, match="measured as it stands"):
        evaluate(searcher, collection(), query=export_static)
    bare = index_chunks(units, embedder, bm25=True)
    reweighted = Searcher.over(bare, embedder, options=SearchOptions(idf_exponent=0.5, weights="rrf"))
    options = [system.options for system in evaluate(reweighted, collection()).systems]
    assert options[0] == {"mode": "hybrid", "idf_exponent": 0.5, "weights": "rrf"}, "its own: the first row"
    assert options[3] == {"mode": "hybrid", "idf_exponent": 0.5}
    assert options[4] == {"mode": "hybrid", "idf_exponent": 0.5, "weights": "rrf"}


def test_a_searcher_that_searches_by_another_mode(embedder: Any) -> None:
    units = units_of(collection(), embedder)
    searcher = Searcher.over(
        index_chunks(units, embedder, bm25=True), embedder, options=SearchOptions(mode="hybrid")
    )
    report = evaluate(searcher, collection(), baseline=embedder, fit_split=collection())
    names = [system.name for system in report.systems]
    assert names == ["search + BM25", "search", "tiny", "BM25 (english)", "hybrid, RRF", "hybrid, fitted"]
    assert report.systems[1].run == report.systems[2].run
    assert report.fitted is not None and report.fitted.names == ("search", "BM25 (english)")
    assert any("usual weights of search + BM25 (english)" in note for note in report.notes)
    words = Searcher.over(searcher.engine.index, embedder, options=SearchOptions(mode="bm25"))
    names = [system.name for system in evaluate(words, collection()).systems]
    assert names == ["BM25 (english)", "search", "hybrid, usual weights", "hybrid, RRF"], "each once"


def test_an_index_of_other_documents_is_refused(embedder: Any) -> None:
    other = [
        replace(unit, id=f"x{unit.id}", document_id=f"x{unit.id}")
        for unit in units_of(collection(), embedder)
    ]
    searcher = Searcher.over(index_chunks(other, embedder), embedder)
    with pytest.raises(InputError, match="3 of 3 judged documents are not in the index: 'backup', 'pw'"):
        evaluate(searcher, collection())


class Answers:
    """A retriever of which nothing is known, as one over HTTP."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int, SearchOptions | None]] = []

    def search(
        self, queries: Sequence[str], k: int = 10, options: SearchOptions | None = None
    ) -> list[list[Hit]]:
        self.asked.append((len(queries), k, options))
        order = ("pw", "backup", "saw")
        return [
            [Hit(f"{name}#0", rank, 1 / rank, "", document_id=name) for rank, name in enumerate(order, 1)]
            for _ in queries
        ]


def test_any_retriever(embedder: Any) -> None:
    retriever = Answers()
    report = evaluate(
        retriever, collection(), options=EvaluationOptions(measures=["MRR@10"]), baseline=embedder
    )
    first, baseline = report.systems
    assert (first.name, baseline.name) == ("search", "tiny")
    assert first.figures["MRR@10"] == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert first.cost is None and report.device == ""
    ((count, k, options),) = retriever.asked
    assert (count, k) == (3, 100)
    assert options == SearchOptions(explain=False, texts=False, group="document")


def test_names_of_models_in_folders(tmp_path: Path) -> None:
    assert short(str(tmp_path)) == tmp_path.name
    assert short("org/model") == "org/model"


def test_a_query_that_is_a_document_is_no_result_of_itself(embedder: Any) -> None:
    texts = {"a": "Pumps need priming before they start.", "b": "Close valves slowly."}
    questions = {
        "q1": "Should pumps be primed before the start?",
        "a": "Close a valve",  # the id of a document that says something else
        "b": "Close valves slowly.",  # judged to answer itself
    }
    documents = [Document(name, text) for name, text in texts.items()]
    documents.append(Document("q1", questions["q1"]))
    qrels = {"q1": {"a": 1}, "a": {"b": 1}, "b": {"b": 1}}
    twice = Collection("twins", "test", documents, questions, qrels)
    assert twice.twins == {"q1", "a"}
    report = evaluate(embedder, twice, hybrid=True)
    for system in report.systems:
        assert "q1" not in system.run["q1"] and "a" not in system.run["a"]
        assert next(iter(system.run["b"])) == "b"
    assert report.systems[0].figures["MRR@10"] == 1
    assert "2 queries have the id of a document, which is no result of theirs" in report.notes
