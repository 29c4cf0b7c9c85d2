"""Search, grouping and a session over an engine that knows nothing but the base protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.index.metadata.filters import Filter
from splade_cli.records import Chunk, Ranking
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import QUERIES_AT_ONCE, Searcher
from splade_cli.search.session.session import Session

WORDS = ("saw", "blade", "night", "backup", "login", "code")
CHUNKS = [
    Chunk("a#1", "a", "the saw and its blade, a blade for each saw, and how to change one"),
    Chunk("a#2", "a", "blade"),
    Chunk("b#1", "b", "a backup at night"),
    Chunk("c#1", "c", "The saw and its blade, a blade for each saw, and how to change one!"),
    Chunk("d#1", "d", "a code at login, at night"),
]


class RemoteEngine:
    """Adds up all products. `calls` names what was asked of it, with the number of queries or ids."""

    capabilities = frozenset({"exact"})

    def __init__(self, chunks: Sequence[Chunk], vectors: sp.csr_matrix) -> None:
        self._chunks = {chunk.id: chunk for chunk in chunks}
        self._names = list(self._chunks)
        self._matrix = vectors
        self.dimensions = int(vectors.shape[1])
        self.calls: list[tuple[str, int]] = []

    def __len__(self) -> int:
        return len(self._names)

    def search(self, queries: sp.csr_matrix, k: int, filter: Filter | None = None) -> Ranking:
        assert filter is None
        self.calls.append(("search", queries.shape[0]))
        ids, scores = [], []
        for line in (queries @ self._matrix.T).toarray():
            order = [row for row in np.argsort(-line, kind="stable")[:k] if line[row] > 0]
            ids.append([self._names[row] for row in order])
            scores.append(line[order].astype(np.float32))
        return Ranking(ids, scores)

    def fetch(self, ids: Sequence[str]) -> list[Chunk]:
        self.calls.append(("fetch", len(ids)))
        for each in ids:
            if each not in self._chunks:
                raise InputError(f"no document '{each}' in the index")
        return [self._chunks[each] for each in ids]

    def chunks_of(self, document_id: str) -> list[str]:
        return [chunk.id for chunk in self._chunks.values() if chunk.document_id == document_id]

    def fields(self) -> Mapping[str, str]:
        return {}

    def count(self, filter: Filter) -> int:
        raise InputError("this engine takes no filter")


class WordCounts:
    """Counts words, and how many texts it was given at once."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        self.calls.append(len(texts))
        counts = [[text.lower().split().count(word) for word in WORDS] for text in texts]
        return sp.csr_matrix(np.array(counts, dtype=np.float32))


@pytest.fixture
def engine() -> RemoteEngine:
    return RemoteEngine(CHUNKS, WordCounts().encode([chunk.text.replace(",", "") for chunk in CHUNKS]))


@pytest.fixture
def searcher(engine: RemoteEngine) -> Searcher:
    return Searcher(engine, WordCounts(), vocabulary=WORDS)


def test_hits_are_grouped_and_have_texts(searcher: Searcher) -> None:
    hits = searcher.search("saw blade")
    assert [(hit.id, hit.rank, hit.score, hit.document_id) for hit in hits] == [("a#1", 1, 4.0, "a")]
    assert (hits[0].windows, hits[0].duplicates) == (("a#2",), ("c#1",))
    assert hits[0].text == hits[0].snippet == CHUNKS[0].text
    assert hits[0].terms == (), "the engine does not hand out its vectors"
    apart = searcher.search("saw blade", options=SearchOptions(group="off"))
    assert [hit.id for hit in apart] == ["a#1", "c#1", "a#2"]


def test_a_batch_is_one_call_of_the_encoder_and_of_the_engine(
    searcher: Searcher, engine: RemoteEngine
) -> None:
    queries = ["saw", "night", "nothing", "login code"]
    batch = searcher.search(queries, 2)
    assert searcher.encoder.calls == [4]
    assert [call for call in engine.calls if call[0] == "search"] == [("search", 4)]
    assert batch == [searcher.search(query, 2) for query in queries]
    assert batch[2] == []
    assert searcher.search([]) == []


def test_a_long_list_is_answered_in_parts(searcher: Searcher, engine: RemoteEngine) -> None:
    found = searcher.search(["night"] * (QUERIES_AT_ONCE + 3), 1)
    assert {hits[0].id for hits in found} == {"b#1"}
    assert [call for call in engine.calls if call[0] == "search"] == [
        ("search", QUERIES_AT_ONCE),
        ("search", 3),
    ]


def test_hits_without_texts_cost_one_look_at_a_text(searcher: Searcher, engine: RemoteEngine) -> None:
    bare = SearchOptions(texts=False)
    hits = searcher.search("saw blade", options=bare)
    assert [(hit.id, hit.document_id, hit.duplicates, hit.text) for hit in hits] == [
        ("a#1", "a", ("c#1",), "")
    ]
    assert hits[0].score == searcher.search("saw blade")[0].score
    engine.calls.clear()
    searcher.search(["saw blade", "blade"], options=bare)
    assert [name for name, _ in engine.calls] == ["search"], "near-duplicates are known by now"


def test_ranking_gives_chunks_and_no_texts(searcher: Searcher, engine: RemoteEngine) -> None:
    ranking = searcher.rank(["saw blade", "night"], 2)
    assert ranking.ids == [["a#1", "c#1"], ["b#1", "d#1"]]
    assert [scores.tolist() for scores in ranking.scores] == [[4, 4], [1, 1]]
    assert [name for name, _ in engine.calls] == ["search"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (SearchOptions(mode="bm25"), "cannot be searched by bm25"),
        (SearchOptions(mode="hybrid"), "cannot be searched by hybrid"),
        (SearchOptions(filter="year = 2020"), "takes no filter"),
        (SearchOptions(idf_exponent=0.5), "does not know its document frequencies"),
    ],
)
def test_what_the_engine_cannot_do_is_said(searcher: Searcher, options: SearchOptions, message: str) -> None:
    with pytest.raises(InputError, match=message):
        searcher.search("saw", options=options)


def test_why_answers_for_the_best_ranked_chunk(searcher: Searcher) -> None:
    absence = searcher.why("login code", "d")
    assert (absence.hit.id, absence.rank, absence.hit.score, absence.lacking) == ("d#1", 1, 2.0, [])
    assert searcher.why("night", "a").rank is None
    with pytest.raises(InputError, match="no document 'z'"):
        searcher.why("night", "z")


def test_a_session(searcher: Searcher, tmp_path: Path) -> None:
    session = Session(searcher, marks=tmp_path / "marks.jsonl")
    assert [hit.id for hit in session.handle("saw blade").hits] == ["a#1"]
    assert session.handle("1").hit.text == CHUNKS[0].text
    assert session.handle("/open b").hit.id == "b#1"
    assert session.handle("/why b#1").hit.id == "b#1"
    assert session.handle("/why z").kind == "error"
    assert session.handle("/stats").facts["chunks"] == len(CHUNKS)
    assert session.handle("/mark good 1").kind == "marks"
    for line in ("/mode bm25", "/filter year = 2020", "/terms frequent", "/terms of 1"):
        assert session.handle(line).kind == "error", line
    assert session.handle("/terms login").terms == (("login", 1.0),)


def test_the_reranker_reads_all_queries_in_one_call(engine: RemoteEngine) -> None:
    read: list[tuple[str, str]] = []

    def cross_encoder(pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        read.extend(pairs)
        return np.array([len(text) for _, text in pairs], dtype=np.float32)

    searcher = Searcher(engine, WordCounts(), open_reranker=lambda name: cross_encoder)
    options = replace(searcher.options, reranker="by length", rerank_depth=2)
    hits = searcher.search(["night", "blade"], 5, options)
    assert [[hit.id for hit in each] for each in hits] == [["d#1", "b#1"], ["c#1"]]
    assert hits[0][0].parts == {"sparse": {"rank": 2, "score": 1.0}}
    assert [query for query, _ in read] == ["night", "night", "blade", "blade"]
