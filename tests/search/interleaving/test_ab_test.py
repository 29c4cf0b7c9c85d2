"""An A/B test: a reader who opens what answers them finds the better of two searchers, and sees neither."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_cli.errors import InputError
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.records import Chunk
from splade_cli.search.interleaving.ab_test import AbTest
from splade_cli.search.interleaving.preferences import PreferenceLog
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.session import Session

WORDS = ("password", "backup", "blade", "printer", "holiday", "invoice", "camera", "garden", "helmet")
FILLER = "of the house and its people, as it was agreed on in the meeting"


def over(embedder: Any, text: str) -> Searcher:
    chunks = [Chunk(f"{word}::1", word, text.format(word)) for word in WORDS]
    return Searcher.over(index_chunks(chunks, embedder, bm25=True), embedder)


@pytest.fixture(scope="module")
def good(embedder: Any) -> Searcher:
    return over(embedder, "{} " + FILLER)


@pytest.fixture(scope="module")
def bad(embedder: Any) -> Searcher:
    """Over texts of the same ids that all say the same."""
    return over(embedder, FILLER)


@pytest.fixture
def log(tmp_path: Path) -> PreferenceLog:
    return PreferenceLog(tmp_path / "ab.jsonl", "good", "bad")


def test_the_better_one_is_preferred(good: Searcher, bad: Searcher, log: PreferenceLog) -> None:
    test = AbTest(bad, log)
    options = SearchOptions()
    for word in WORDS:
        hits = test.search(good, f"the {word} of the people", 3, options)
        assert [hit.rank for hit in hits] == [1, 2, 3]
        assert len({hit.document_id for hit in hits}) == 3
        assert all(hit.score == 1 / hit.rank and not hit.parts for hit in hits)
        for hit in hits:
            if hit.document_id == word:
                test.act(good, f"the {word} of the people", hit.id, "open", 10, options)
    found = test.outcome()
    assert found.won_by_a > 2 * found.won_by_b
    assert found.won_by_a + found.won_by_b >= len(WORDS) - 3


def test_each_chunk_is_a_hit_where_nothing_is_folded(embedder: Any, log: PreferenceLog) -> None:
    chunks = [Chunk(f"d::{number}", "d", f"{word} {FILLER}") for number, word in enumerate(WORDS)]
    one = Searcher.over(index_chunks(chunks, embedder, bm25=True), embedder)
    options = SearchOptions(group="off")
    hits = AbTest(one, log).search(one, "people of the house", 5, options)
    assert len({hit.id for hit in hits}) == 5


def test_an_act_is_of_the_side_that_gave_the_hit(good: Searcher, log: PreferenceLog) -> None:
    test = AbTest(good, log)
    options = SearchOptions(mode="bm25")
    test.act(good, "password", "blade::1", "open", 1, options)
    assert list(log.preferences()) == []
    test.act(good, "password", "password::1", "open", 1, options)
    test.act(good, "password", "password::1", "open", 9, options)
    first, second = log.preferences()
    assert first == second


def test_the_session_counts_what_is_opened_and_marked(
    good: Searcher, bad: Searcher, log: PreferenceLog, tmp_path: Path
) -> None:
    session = Session(good, top=4, marks=tmp_path / "marks.jsonl", ab=AbTest(bad, log))
    assert session.handle("/ab").outcome.ties == 0
    session.handle("the camera of the house")
    session.handle("/open 1")
    session.handle("/mark good 2")
    session.handle("/mark bad 1")
    acts = [(act.id, act.act) for act in log.preferences()]
    first, second = (hit.id for hit in session.hits[:2])
    assert acts == [(first, "open"), (second, "good"), (first, "bad")]
    found = session.handle("/ab").outcome
    assert found.won_by_a + found.won_by_b == 1
    alone = Session(good, marks=tmp_path / "marks.jsonl").handle("/ab")
    assert alone.kind == "error" and "no two systems" in alone.message


def test_an_unknown_mode_is_an_error(good: Searcher, bad: Searcher, log: PreferenceLog) -> None:
    with pytest.raises(InputError, match="dense"):
        AbTest(bad, log).search(good, "camera", 3, SearchOptions(mode="dense"))
