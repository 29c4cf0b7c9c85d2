"""Why a document did not come up: by its best chunk, with a rank that is looked for in bounded depth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.engines.local import LocalEngine
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import DenseInfo
from splade_cli.records import Chunk
from splade_cli.search.explain import absence
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.session import Session

WORDS = ("saw", "blade", "night", "backup", "login", "code")
CHUNKS = [
    *(Chunk(f"many#{n}", "many", "saw saw blade blade") for n in range(4)),
    Chunk("guide#1", "guide", "night backup", metadata={"year": 2020}),
    Chunk("guide#2", "guide", "saw login code", metadata={"year": 2020}),
    Chunk("guide#3", "guide", "saw blade code", metadata={"year": 2020}),
    Chunk("other", "other", "night"),
]
MODES = ("sparse", "bm25", "dense", "hybrid")


def encode(texts: Sequence[str]) -> sp.csr_matrix:
    counts = [[text.split().count(word) for word in WORDS] for text in texts]
    return sp.csr_matrix(np.array(counts, dtype=np.float32))


class Encoder:
    """Counts words, as sparse or as dense vectors."""

    def encode(self, texts: Sequence[str], kind: str = "") -> Any:
        vectors = encode(texts)
        return vectors.toarray() + np.float32(0.01) if kind else vectors


@pytest.fixture
def searcher() -> Searcher:
    texts = [chunk.text for chunk in CHUNKS]
    dense = Encoder().encode(texts, "document")
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    index = SpladeIndex.from_vectors(
        encode(texts), chunks=CHUNKS, vocabulary=WORDS, language="english", dense=(DenseInfo("m"), dense)
    )
    return Searcher(LocalEngine(index), Encoder(), vocabulary=WORDS, open_dense=Encoder)


@pytest.mark.parametrize("mode", MODES)
def test_the_best_chunk_answers_for_its_document(searcher: Searcher, mode: str) -> None:
    options = SearchOptions(mode=mode, group="off")
    why = searcher.why("saw blade", "guide", options)
    hits = searcher.search("saw blade", 10, options)
    [hit] = [hit for hit in hits if hit.id == "guide#3"]
    assert (why.hit.id, why.rank, why.hit.rank) == ("guide#3", hit.rank, hit.rank)
    assert why.hit.score == pytest.approx(hit.score)
    assert why.hit.terms == hit.terms
    assert searcher.why("saw blade", "guide#2", options).hit.id == "guide#2", "a chunk answers for itself"


@pytest.mark.parametrize("mode", MODES)
def test_beyond_the_depth_there_is_a_score_and_no_rank(
    searcher: Searcher, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = SearchOptions(mode=mode, group="off")
    expected = searcher.why("saw blade", "guide", options)
    monkeypatch.setattr(absence, "DEPTH", 3)
    why = searcher.why("saw blade", "guide", options)
    assert (why.hit.id, why.rank, why.depth) == ("guide#3", None, 3)
    score = 0.0 if mode == "hybrid" else expected.hit.score
    assert why.hit.score == pytest.approx(score)
    assert why.lacking == expected.lacking


def test_the_whole_index_is_not_ranked(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    search = LocalEngine.search

    def counting(self: LocalEngine, queries: Any, k: int, filter: Any = None) -> Any:
        asked.append(k)
        return search(self, queries, k, filter)

    monkeypatch.setattr(LocalEngine, "search", counting)
    monkeypatch.setattr(absence, "DEPTH", 3)
    searcher.why("saw blade", "guide", SearchOptions(mode="sparse"))
    assert asked == [3, 3], "the first three, then the three chunks of the document"


def test_what_it_lacks_and_what_keeps_it_out(searcher: Searcher) -> None:
    why = searcher.why("saw blade night", "guide")
    assert why.hit.id == "guide#3"
    assert why.lacking == [("night", 1.0)]
    late = SearchOptions(filter="year > 2021")
    kept_out = searcher.why("saw blade", "guide", late)
    assert (kept_out.filtered, kept_out.hit.id) == (True, "guide#3")
    assert kept_out.rank == 5, "the one that it would have without the filter"
    assert not searcher.why("saw blade", "guide", SearchOptions(filter="year = 2020")).filtered
    nothing = searcher.why("login", "many", SearchOptions(mode="sparse"))
    assert (nothing.rank, nothing.hit.score, nothing.hit.terms) == (None, 0.0, ())


def test_a_session_opens_the_best_chunk_of_a_document_that_is_no_hit(
    searcher: Searcher, tmp_path: Path
) -> None:
    session = Session(searcher, top=1, marks=tmp_path / "marks.jsonl")
    assert [hit.document_id for hit in session.handle("saw blade").hits] == ["many"]
    assert session.handle("/open guide").hit.text == "saw blade code"
    why = session.handle("/why guide")
    assert (why.hit.id, why.rank, why.depth) == ("guide#3", 5, 1000)
    session.handle("login")
    assert session.handle("/open guide").hit.id == "guide#2"
