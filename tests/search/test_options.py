"""Searching with filters, expansion rules, folding, reranking and other modes, with the embedded model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.engines.local import LocalEngine
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Chunk
from splade_cli.search.options import DEFAULT, SearchOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.searcher import Searcher

LINK = "To reset a forgotten password, follow the link"
CHUNKS = [
    Chunk("g#1", "g", f"{LINK}.", metadata={"year": 2019}),
    Chunk("g#2", "g", "A password has twelve letters at least.", metadata={"year": 2019}),
    Chunk("h", "h", f"{LINK}!", metadata={"year": 2024}),
    Chunk("s", "s", "The table saw needs a sharp blade.", metadata={"year": 2024}),
]


@pytest.fixture(scope="module")
def index(embedder: SpladeEmbedder) -> SpladeIndex:
    vectors = embedder.encode([chunk.text for chunk in CHUNKS])
    return SpladeIndex.from_vectors(
        vectors,
        chunks=CHUNKS,
        vocabulary=embedder.vocabulary,
        language="english",
        encoder=embedder.description,
    )


APART = SearchOptions(group="off")


def over(index: SpladeIndex, embedder: SpladeEmbedder, **options: Any) -> Searcher:
    """Each chunk a hit, so that every one is seen."""
    return Searcher.over(index, embedder, options=replace(APART, **options))


def ids(searcher: Searcher, query: str, k: int = 10, **options: Any) -> list[str]:
    return [hit.id for hit in searcher.search(query, k, replace(searcher.options, **options))]


def test_filters_of_the_searcher_and_of_a_call(index: SpladeIndex, embedder: SpladeEmbedder) -> None:
    searcher = over(index, embedder, filter="year >= 2020")
    assert set(ids(searcher, "forgotten password")) == {"h", "s"} & set(ids(searcher, "forgotten password"))
    assert ids(searcher, "forgotten password")[0] == "h"
    assert ids(searcher, "forgotten password", filter="year < 2020")[:2] == ["g#1", "g#2"]
    with pytest.raises(InputError, match="no field 'yeer'"):
        ids(searcher, "password", filter="yeer = 1")
    assert searcher.fields()["year"] == "number"
    absence = searcher.why("forgotten password", "g#1")
    assert (absence.filtered, absence.rank) == (True, 1)
    assert not searcher.why("forgotten password", "h").filtered


def test_windows_and_near_duplicates_are_folded(index: SpladeIndex, embedder: SpladeEmbedder) -> None:
    apart = over(index, embedder, mode="sparse").search("forgotten password", 3)
    assert [hit.id for hit in apart] == ["g#1", "g#2", "h"]
    grouped = Searcher.over(index, embedder, options=SearchOptions(mode="sparse")).search(
        "forgotten password", 2
    )
    assert grouped[0].id == "g#1"
    assert (grouped[0].windows, grouped[0].duplicates) == (("g#2",), ("h",))
    assert all(hit.document_id != "g" for hit in grouped[1:])


def test_expansion_rules_reach_what_the_query_does_not_say(
    index: SpladeIndex, embedder: SpladeEmbedder, tmp_path: Path
) -> None:
    rules = tmp_path / "rules.txt"
    rules.write_text("pw = password\n")
    plain = over(index, embedder, mode="bm25")
    assert ids(plain, "pw") == []
    expanded = over(index, embedder, mode="bm25", expansion=rules)
    assert set(ids(expanded, "pw")) == {"g#1", "g#2", "h"}
    assert expanded.search("pw")[0].terms[0].term == "password"
    rules.write_text("pw = password ^0.5\n")
    lighter = over(index, embedder, mode="bm25", expansion=rules).search("pw")[0]
    assert lighter.score == pytest.approx(expanded.search("pw")[0].score / 2, rel=1e-5)
    assert sum(term.contribution for term in lighter.terms) == pytest.approx(lighter.score, rel=1e-5)
    sparse = over(index, embedder, expansion=rules)
    assert {term.term: term.literal for term in sparse.search("pw")[0].terms}["password"], "the rule said it"
    assert set(ids(sparse, "pw")[:3]) == {"g#1", "g#2", "h"}
    assert ids(over(index, embedder), "pw") == []


def test_terms_of_bm25_add_up_and_parts_of_a_hybrid_are_told(
    index: SpladeIndex, embedder: SpladeEmbedder
) -> None:
    searcher = over(index, embedder)
    assert searcher.modes == ("sparse", "bm25", "hybrid")
    for hit in searcher.search("reset a forgotten password", options=replace(APART, mode="bm25")):
        assert sum(term.contribution for term in hit.terms) == pytest.approx(hit.score, rel=1e-5)
    equal = searcher.search("reset a forgotten password", 2, replace(APART, mode="hybrid"))
    assert equal[0].score == pytest.approx(1.75), "the best of both parts"
    ranks = over(index, embedder, mode="hybrid", weights="rrf")
    hybrid = ranks.search("reset a forgotten password", 2)
    assert set(hybrid[0].parts) == {"sparse", "bm25"}
    assert hybrid[0].score == pytest.approx(sum(1 / (60 + part["rank"]) for part in hybrid[0].parts.values()))
    with pytest.raises(InputError, match="cannot be searched by dense"):
        over(index, embedder, mode="dense")


def test_a_reranker_orders_the_best_anew(index: SpladeIndex, embedder: SpladeEmbedder) -> None:
    opened: list[str] = []
    seen: list[tuple[str, str]] = []

    def judge(pairs: Any) -> np.ndarray:
        seen.extend(pairs)
        return np.array([float("twelve" in text) for _, text in pairs], dtype=np.float32)

    def open_reranker(name: str) -> Any:
        opened.append(name)
        return judge

    searcher = Searcher(
        LocalEngine(index),
        ModelEncoder(embedder),
        vocabulary=index.vocabulary,
        open_reranker=open_reranker,
        options=replace(APART, reranker="by-hand", rerank_depth=3),
    )
    hits = searcher.search("forgotten password", 2)
    assert [hit.id for hit in hits] == ["g#2", "g#1"]
    assert len(seen) == 3
    assert (hits[0].score, hits[0].parts["sparse"]["rank"]) == (1.0, 2)
    assert len(searcher.search("forgotten password", 10)) == 3, "what it has not read is no result"
    assert opened == ["by-hand"]


def test_two_step_search_finds_the_same(index: SpladeIndex, embedder: SpladeEmbedder, tmp_path: Path) -> None:
    index.save(tmp_path / "index")
    exact = Searcher.open(tmp_path / "index", device="cpu")
    other = Searcher.open(tmp_path / "index", device="cpu", backend="two-step=200:0")
    for query in ("forgotten password", "sharp saw"):
        expected = [(hit.id, hit.score) for hit in exact.search(query, 2)]
        assert [(hit.id, pytest.approx(hit.score)) for hit in other.search(query, 2)] == expected
    assert ids(other, "forgotten password", 1, filter="year >= 2020") == ["h"]
    SpladeIndex.open(tmp_path / "index", verify=True)
    with pytest.raises(InputError, match="unknown backend 'faiss'"):
        Searcher.open(tmp_path / "index", device="cpu", backend="faiss")


def test_the_default_is_what_the_command_does() -> None:
    from splade_cli.cli.options import ranking

    chosen = ranking.search_options("auto", None, 0.0, None, "auto", None, 50, None)
    assert chosen == DEFAULT


def test_words_weigh_less_than_a_model_and_least_beside_two() -> None:
    usual = SearchOptions()
    assert usual.fusion_weights(("sparse", "bm25")) == {"sparse": 1, "bm25": 0.75}
    assert usual.fusion_weights(("sparse", "bm25", "dense")) == {"sparse": 1, "bm25": 0.5, "dense": 1}
    assert usual.fusion_weights(("sparse", "dense")) == {"sparse": 1, "dense": 1}
    assert SearchOptions(weights={"bm25": 1}).fusion_weights(("sparse", "bm25")) == {"bm25": 1}
    assert SearchOptions(weights="rrf").fusion_weights(("sparse", "bm25")) is None
