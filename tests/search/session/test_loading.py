"""A session whose model is still being loaded: what answers, what is said, and what comes after."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from splade_cli.errors import ModelError
from splade_cli.index.index import SpladeIndex
from splade_cli.indexing.build import index_documents
from splade_cli.indexing.options import IndexOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.replies import ErrorReply, HitsReply
from splade_cli.search.session.session import Session

TEXTS = {
    "kiln.md": "the kiln fires clay",
    "lathe.md": "a lathe cuts threads",
    "loom.md": "the loom weaves wool",
}


class Late(ModelEncoder):
    """An encoder whose model is there when the test says so, or fails then."""

    def __init__(self, embedder: Any, error: ModelError | None = None) -> None:
        self.there = Event()
        self.asked = Event()
        self.error = error
        super().__init__(embedder, self._wait)

    def _wait(self) -> None:
        self.asked.set()
        self.there.wait()
        if self.error is not None:
            raise self.error


@pytest.fixture
def not_loaded(embedder: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The model, as if it were not in memory yet."""
    monkeypatch.setattr(type(embedder), "is_loaded", False)
    return embedder


def session_of(encoder: Late, folder: Path, *, words: bool) -> Session:
    (folder / "docs").mkdir()
    for name, text in TEXTS.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    index_documents(folder / "docs", folder / "index", IndexOptions(bm25=words), embedder=encoder.embedder)
    searcher = Searcher.over(SpladeIndex.open(folder / "index"), encoder.embedder, encoder=encoder)
    return Session(searcher, marks=folder / "marks.jsonl")


@pytest.fixture
def opened() -> Iterator[list[Late]]:
    """Encoders whose threads are let go at the end."""
    made: list[Late] = []
    yield made
    for encoder in made:
        encoder.there.set()


def finished(encoder: Late) -> None:
    """Waits for the thread that loads."""
    encoder.there.set()
    assert encoder._thread is not None
    encoder._thread.join()


def test_words_answer_until_the_model_is_there(not_loaded: Any, tmp_path: Path, opened: list[Late]) -> None:
    encoder = Late(not_loaded)
    opened.append(encoder)
    session = session_of(encoder, tmp_path, words=True)
    session.load_ahead()
    encoder.asked.wait()
    assert session.is_loading
    first = session.handle("clay")
    assert isinstance(first, HitsReply)
    assert "by words (bm25)" in first.remark
    assert [hit.id for hit in first.hits] == ["kiln.md"], "no expansion: one text has the word"
    changed = session.handle("/top 2")
    assert isinstance(changed, HitsReply)
    assert changed.remark.startswith("top 2 from now on; answered by words")
    finished(encoder)
    assert not session.is_loading
    second = session.handle("clay")
    assert isinstance(second, HitsReply)
    assert second.remark == ""
    direct = Searcher.over(session.searcher.engine.index, not_loaded).search("clay", 2)  # type: ignore[attr-defined]
    assert [(hit.id, hit.score) for hit in second.hits] == [(hit.id, hit.score) for hit in direct]


def test_without_words_the_model_is_waited_for(not_loaded: Any, tmp_path: Path, opened: list[Late]) -> None:
    encoder = Late(not_loaded)
    opened.append(encoder)
    session = session_of(encoder, tmp_path, words=False)
    session.load_ahead()
    encoder.asked.wait()
    assert session.is_loading and not session.has_stand_in
    encoder.there.set()
    answer = session.handle("clay")
    assert isinstance(answer, HitsReply)
    assert answer.remark == ""
    assert answer.hits[0].id == "kiln.md"


def test_a_model_that_fails_says_so(not_loaded: Any, tmp_path: Path, opened: list[Late]) -> None:
    encoder = Late(not_loaded, ModelError("the weights are damaged", "copy them again"))
    opened.append(encoder)
    session = session_of(encoder, tmp_path, words=True)
    session.load_ahead()
    encoder.asked.wait()
    assert isinstance(session.handle("clay"), HitsReply)
    finished(encoder)
    assert session.handle("clay") == ErrorReply("the weights are damaged", "copy them again")
    session.handle("/mode bm25")
    assert isinstance(session.handle("clay"), HitsReply)


def test_nothing_is_loaded_for_words_or_twice(embedder: Any, tmp_path: Path, opened: list[Late]) -> None:
    loaded = Late(embedder)
    opened.append(loaded)
    session = session_of(loaded, tmp_path, words=True)
    session.load_ahead()
    assert loaded._thread is None, "the model is in memory"
    session.mode = "bm25"
    session.load_ahead()
    assert not session.is_loading and not loaded.asked.is_set()
