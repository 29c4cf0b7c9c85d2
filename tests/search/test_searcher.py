"""Searching with the embedded model: hits, reasons, absences, and indexes that another model made."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.engines.local import LocalEngine
from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.indexing.build import index_documents
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.indexing.on_disk import cache_of
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Chunk, Hit
from splade_cli.search.in_memory import retrieve_documents
from splade_cli.search.options import SearchOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.retriever import Retriever
from splade_cli.search.searcher import Searcher

TEXTS = {
    "guide::1": "To reset a forgotten password, open the login page and follow the link in the mail.",
    "guide::2": "Backups run every night at two and are kept for thirty days.",
    "saw::1": "The table saw needs a sharp blade and a riving knife to prevent kickback.",
}


@pytest.fixture(scope="module")
def searcher(embedder: SpladeEmbedder) -> Searcher:
    chunks = [
        Chunk(name, name.split("::")[0] + ".md", text, title="T", metadata={"n": 1})
        for name, text in TEXTS.items()
    ]
    return Searcher.over(index_chunks(chunks, embedder), embedder, options=SearchOptions(group="off"))


def test_what_hits_are_made_of_is_read_once(
    embedder: SpladeEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunks = [Chunk(name, name, text) for name, text in TEXTS.items()]
    engine = LocalEngine(index_chunks(chunks, embedder))
    read: list[str] = []

    def counted(name: str) -> None:
        method = getattr(LocalEngine, name)

        def asked(self: LocalEngine, ids: list[str]) -> Any:
            read.extend(f"{name} {each}" for each in ids)
            return method(self, ids)

        monkeypatch.setattr(LocalEngine, name, asked)

    counted("fetch")
    counted("vectors")
    searcher = Searcher.over(engine.index, embedder)
    first = searcher.search("forgotten password of a saw", 3)
    assert sorted(read) == sorted(
        f"{what} {hit.id}" for hit in first for what in ("fetch", "fetch", "vectors")
    )
    read.clear()
    tokenised: list[str] = []
    matcher = searcher.matcher()
    monkeypatch.setattr(matcher, "read", lambda text, terms: tokenised.append(text))
    assert searcher.search("forgotten password of a saw", 3) == first
    assert (read, tokenised) == ([], [])


def test_hits_without_explanation_cost_no_terms(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    full = searcher.search("I forgot my password", 3)

    def refuse(*_: Any) -> None:
        raise AssertionError("terms were looked for")

    monkeypatch.setattr(type(searcher.matcher()), "literal", refuse)
    plain = searcher.search("I forgot my password", 3, SearchOptions(group="off", explain=False))
    assert plain == [replace(hit, terms=()) for hit in full]
    assert all(hit.terms for hit in full)


def test_hits_are_ranked_and_their_terms_add_up(searcher: Searcher) -> None:
    hits = searcher.search("I forgot my password", 3)
    assert hits[0].id == "guide::1"
    assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    query = searcher.encode("I forgot my password")
    for hit in hits:
        assert isinstance(hit, Hit)
        stored = searcher.engine.vectors([hit.id])
        assert hit.score == pytest.approx(float((query @ stored.T).toarray()[0, 0]), rel=1e-5)
        assert sum(term.contribution for term in hit.terms) == pytest.approx(hit.score, rel=1e-5)
        assert (hit.text, hit.document_id) == (TEXTS[hit.id], hit.id.split("::")[0] + ".md")
        assert (hit.title, hit.metadata) == ("T", {"n": 1})
    best = {term.term: term.literal for term in hits[0].terms}
    assert best["password"] is True
    assert False in best.values(), "expansion terms are marked as such"


def test_explanations_can_be_left_out(searcher: Searcher) -> None:
    with_terms = searcher.search("password", 1)[0]
    without = searcher.search("password", 1, SearchOptions(explain=False))[0]
    assert with_terms.terms
    assert without.terms == ()
    assert (without.id, without.score, without.snippet) == (
        with_terms.id,
        with_terms.score,
        with_terms.snippet,
    )


def test_empty_queries_and_bad_k(searcher: Searcher) -> None:
    for query in ("", " \n"):
        with pytest.raises(InputError, match="the query is empty"):
            searcher.search(query)
    with pytest.raises(InputError, match="k must be above 0"):
        searcher.search("password", 0)


def test_why(searcher: Searcher) -> None:
    query = "night backups"
    hits = searcher.search(query, 3)
    for rank, hit in enumerate(hits, 1):
        absence = searcher.why(query, hit.id)
        assert (absence.rank, absence.hit.id) == (rank, hit.id)
        assert absence.hit.score == pytest.approx(hit.score)
    vector = searcher.encode(query)
    lacking = dict(searcher.why(query, "saw::1").lacking)
    met = {term.term for term in searcher.why(query, "saw::1").hit.terms}
    assert met | set(lacking) == {name for name, _ in searcher.terms(query, 10_000)}
    assert not met & set(lacking)
    assert len(met) + len(lacking) == vector.nnz
    with pytest.raises(InputError, match="no document 'none'"):
        searcher.why(query, "none")


def test_a_name_is_a_chunk_or_all_chunks_of_a_document(searcher: Searcher) -> None:
    assert searcher.chunks_of("guide::2") == ["guide::2"]
    assert searcher.chunks_of("guide.md") == ["guide::1", "guide::2"]
    with pytest.raises(InputError, match="no document 'none'"):
        searcher.chunks_of("none")


def test_an_index_folder_knows_its_model(
    searcher: Searcher, bert_folder: Path, make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    searcher.engine.index.save(tmp_path / "index")
    found = Searcher.open(tmp_path / "index", device="cpu").search("password", 2)
    assert [(hit.id, hit.score) for hit in found] == [
        (hit.id, pytest.approx(hit.score)) for hit in searcher.search("password", 2)
    ]
    with pytest.raises(IndexFolderError, match="was made by another model than"):
        Searcher.open(tmp_path / "index", model=str(bert_folder), device="cpu")
    SpladeIndex.from_vectors(searcher.engine.index.vectors).save(tmp_path / "unnamed")
    with pytest.raises(IndexFolderError, match="does not say which model made it"):
        Searcher.open(tmp_path / "unnamed")
    with pytest.raises(IndexFolderError, match="no index at"):
        Searcher.open(tmp_path / "nothing")


def test_a_changed_model_folder_is_noticed(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    import shutil

    model = tmp_path / "model"
    shutil.copytree(make_folder("bert"), model)
    embedder = SpladeEmbedder(model, device="cpu")
    index_chunks([Chunk("a", "a", "reset a password")], embedder).save(tmp_path / "index")
    assert Searcher.open(tmp_path / "index", device="cpu").search("reset")
    shutil.copy(make_folder("bert", seed=1) / "model.safetensors", model)
    with pytest.raises(IndexFolderError, match="was made by another model"):
        Searcher.open(tmp_path / "index", device="cpu")


def test_retrieve_documents_and_unpacking(load: Callable[..., Any]) -> None:
    tokenizer, model, device = load("tiny")
    found = retrieve_documents("forgotten password", list(TEXTS.values()), tokenizer, model, device, top_k=2)
    assert len(found) == 2
    assert (found[0]["rank"], found[0]["index"], found[0]["document"]) == (1, 0, TEXTS["guide::1"])
    assert found[0]["score"] > found[1]["score"] > 0
    assert set(found[0]) == {"rank", "score", "snippet", "document", "index"}


def test_documents_without_a_term_of_the_query_come_last(load: Callable[..., Any]) -> None:
    """As many as were asked for, as people's code counts on, and never more than there are."""
    tokenizer, model, device = load("tiny")
    texts = ["the glacier melts", "reset a password", "4711 0815", "ice on a glacier"]
    found = retrieve_documents("password", texts, tokenizer, model, device, top_k=3)
    assert [hit["rank"] for hit in found] == [1, 2, 3]
    assert found[0]["index"] == 1
    assert found[-1]["score"] == 0
    assert len(retrieve_documents("password", texts, tokenizer, model, device, top_k=9)) == 4
    assert len({hit["index"] for hit in found}) == 3


def test_an_embedder_reads_as_much_as_it_is_told(embedder: SpladeEmbedder) -> None:
    long = "password " * 40
    short = SpladeEmbedder("tiny", max_length=8, device="cpu")
    assert short.options.max_seq_length == 8
    assert short.encode_text(long) == short.encode_text("password " * 30)
    assert short.encode_text(long, "query") == short.generate_sparse_embeddings([long], "query")[0]
    assert embedder.encode_text(long) != short.encode_text(long)


def test_embeddings_as_lists_are_the_matrix(embedder: SpladeEmbedder) -> None:
    texts = ["reset a password", ""]
    matrix = embedder.encode(texts, "query")
    rows = embedder.generate_sparse_embeddings(texts, "query")
    for number, row in enumerate(rows):
        assert row["indices"] == sorted(row["indices"])
        dense = np.zeros(matrix.shape[1], dtype=np.float32)
        dense[row["indices"]] = row["values"]
        np.testing.assert_array_equal(dense, matrix[number].toarray()[0])
    assert len(embedder.vocabulary) == matrix.shape[1] == 30522
    assert embedder.vocabulary[2003] == "is"


def test_an_embedder_loads_nothing_until_it_is_asked() -> None:
    assert SpladeEmbedder("no/such/model/at/all")._loaded is None


def test_documents_to_an_index_and_what_remains_of_a_stopped_run(
    embedder: SpladeEmbedder, tmp_path: Path
) -> None:
    docs, out = tmp_path / "docs", tmp_path / "index"
    docs.mkdir()
    for name, text in TEXTS.items():
        (docs / f"{name.replace('::', '-')}.md").write_text(f"# {name}\n\n{text}\n")
    (docs / "broken.pdf").write_bytes(b"no pdf")

    def stop(stage: str, done: int, total: int | None) -> None:
        if stage == "encode":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        index_documents(docs, out, embedder=embedder, progress=stop)
    assert cache_of(out).is_file()
    assert not out.exists()
    made = index_documents(docs, out, embedder=embedder)
    assert not cache_of(out).exists()
    assert (made.documents, len(made.index), [skipped.path for skipped in made.skipped]) == (
        3,
        3,
        ["broken.pdf"],
    )
    in_memory = index_documents(docs, embedder=embedder).index
    assert abs(in_memory.vectors - SpladeIndex.open(out).vectors).max() < 1e-5
    with pytest.raises(InputError, match="exists already"):
        index_documents(docs, out, embedder=embedder)


@pytest.mark.parametrize("weights", [None, "rrf"])
def test_hits_of_a_hybrid_do_not_move_when_more_are_asked_for(
    embedder: SpladeEmbedder, weights: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ranking's scores depend on where it ends, so it ends after as many texts whatever k is."""
    monkeypatch.setattr("splade_cli.search.ranking.fusion.DEPTH", 5)
    chunks = [
        Chunk(f"c{number}", f"d{number}", f"Saw number {number} {'cuts wood ' * number}in the {place} shop.")
        for number, place in enumerate(("dry", "red", "old", "new", "big", "hot", "wet", "far"))
    ]
    searcher = Searcher.over(index_chunks(chunks, embedder, bm25=True), embedder)
    options = SearchOptions(mode="hybrid", weights=weights)
    asked = [searcher.search("which saw cuts wood in the old shop", k, options) for k in (1, 2, 5)]
    for fewer in asked[:2]:
        more = asked[2][: len(fewer)]
        assert [(hit.id, hit.score) for hit in fewer] == [(hit.id, hit.score) for hit in more]
    assert max(len(hits) for hits in asked) == 5


def test_terms_are_literal_by_the_tokenizer_that_the_index_keeps(
    embedder: SpladeEmbedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docs = tmp_path / "docs.jsonl"
    text = "Resetting a forgotten password takes one mail and an unglazed cup of tea."
    docs.write_text(json.dumps({"id": "a", "text": text}) + "\n")
    index_documents(docs, tmp_path / "index", embedder=embedder)
    query = "resets of passwords, unglazed"
    in_memory = Searcher.over(index_documents(docs, embedder=embedder).index, embedder).search(query)

    def no_model(self: ModelEncoder) -> None:
        raise AssertionError("the folder has a tokenizer of its own")

    monkeypatch.setattr(ModelEncoder, "tokenizer", no_model)
    [hit] = Searcher.open(tmp_path / "index", device="cpu").search(query)
    assert [(hit.snippet, hit.highlights)] == [(each.snippet, each.highlights) for each in in_memory]
    assert [(t.term, t.literal, t.in_document) for t in hit.terms] == [
        (t.term, t.literal, t.in_document) for t in in_memory[0].terms
    ]
    tokens = {
        side: set(embedder.loaded.tokenizer.tokenize(each)) for side, each in (("q", query), ("d", text))
    }
    for term in hit.terms:
        assert (term.literal, term.in_document) == (term.term in tokens["q"], term.term in tokens["d"])
    assert {term.term for term in hit.terms if term.literal and term.in_document} >= {"reset", "##gl"}
    words = [hit.snippet[start:end] for start, end in hit.highlights]
    assert {"Resetting", "password", "unglazed"} <= set(words)
    assert not {"a", "of"} & set(words)


def test_one_query_looks_at_few_texts(embedder: SpladeEmbedder, monkeypatch: pytest.MonkeyPatch) -> None:
    chunks = [Chunk(f"c{number}", f"d{number}", f"password {number} backup") for number in range(200)]
    large = Searcher.over(index_chunks(chunks, embedder), embedder)
    fetched: list[int] = []
    fetch = LocalEngine.fetch

    def counting(self: LocalEngine, ids: Any) -> list[Chunk]:
        fetched.append(len(ids))
        return fetch(self, ids)

    monkeypatch.setattr(LocalEngine, "fetch", counting)
    assert len(large.search("password", 5)) == 5
    assert fetched == [15, 5], "three times as many as asked for to group, then the hits"
    retriever: Retriever = large
    assert len(retriever.search(["password", "backup"], 2)) == 2
