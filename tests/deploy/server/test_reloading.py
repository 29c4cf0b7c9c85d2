"""A new generation of the index while requests are answered: none is lost, and the next ones see it."""

from __future__ import annotations

import gc
import time
import weakref
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from splade_cli.deploy.server.served_index import IndexSource, ServedIndex
from splade_cli.search.searcher import Searcher
from tests.deploy.server.conftest import TEXTS, chunks_of, write_index


def nothing() -> None:
    """Called where a refresh tells of something."""


def test_a_new_generation_is_served_and_the_old_one_read_to_its_end(tmp_path: Path) -> None:
    folder = write_index(tmp_path / "index")
    served = ServedIndex(IndexSource(folder))
    before = served.now
    served.refresh(pytest.fail, pytest.fail)
    assert served.now is before
    write_index(folder, (*TEXTS, "A second saw."))
    opened: list[int] = []
    served.refresh(lambda: opened.append(1), pytest.fail)
    assert opened == [1] and served.now.generation == before.generation + 1
    assert len(served.now.searcher.search("saw", 10)) == 2
    assert [hit.document_id for hit in before.searcher.search("saw", 10)] == ["d3"]
    assert before.searcher.search("backup", 1)[0].text == TEXTS[2]


def test_an_old_generation_is_freed(tmp_path: Path) -> None:
    folder = write_index(tmp_path / "index")
    served = ServedIndex(IndexSource(folder))
    served.now.searcher.search("saw", 1)
    old = weakref.ref(served.now.searcher)
    write_index(folder, (*TEXTS, "A second saw."))
    gc.disable()  # as a server whose garbage is too little to be looked for
    try:
        served.refresh(nothing, pytest.fail)
    finally:
        gc.enable()
    assert old() is None


def test_models_stay_where_the_new_generation_was_made_by_the_same(embedder: Any, tmp_path: Path) -> None:
    from splade_cli.indexing.in_memory import index_chunks

    chunks = chunks_of()
    index_chunks(chunks[:2], embedder).save(tmp_path / "index")
    served = ServedIndex(IndexSource(tmp_path / "index"))
    before = served.now
    index_chunks(chunks, embedder).save(tmp_path / "index", force=True)
    served.refresh(nothing, pytest.fail)
    assert served.now.generation == 2 and served.now.documents is before.documents is not None
    assert served.now.searcher.search("sharp blade", 1)[0].document_id == "d3"
    searcher = Searcher.over(served.now.index, embedder)
    by_model = IndexSource(tmp_path / "index").next(replace(served.now, searcher=searcher))
    assert by_model.searcher.encoder is searcher.encoder


def test_a_damaged_generation_is_told_once_and_the_old_one_stays(tmp_path: Path) -> None:
    folder = write_index(tmp_path / "index")
    served = ServedIndex(IndexSource(folder))
    whole = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").write_text("{}")
    failed: list[int] = []
    for _ in range(3):
        served.refresh(pytest.fail, lambda: failed.append(1))
    assert failed == [1] and served.now.searcher.search("saw")
    (folder / "manifest.json").write_bytes(whole)
    served.refresh(nothing, pytest.fail)
    assert served.now.searcher.search("saw")


def test_no_request_is_lost_while_generations_change(serve: Any, tmp_path: Path) -> None:
    folder = write_index(tmp_path / "index")
    client = serve(folder, look_seconds=0.01)
    statuses: list[int] = []
    generations: list[int] = []
    stop = Event()

    def ask() -> None:
        while not stop.is_set():
            answer = client.get("/search", params={"q": "saw", "k": 5})
            statuses.append(answer.status_code)
            generations.append(answer.json()["generation"])

    asking = Thread(target=ask)
    asking.start()
    try:
        for count in (1, 2, 3):
            write_index(folder, (*TEXTS, *["Another saw."] * count))
            for _ in range(2000):
                if generations and generations[-1] == count + 1:
                    break
                time.sleep(0.01)
    finally:
        stop.set()
        asking.join()
    assert set(statuses) == {200}
    assert generations == sorted(generations) and generations[-1] == 4
    # a generation answers a moment before it is counted
    for _ in range(2000):
        if "splade_reloads_total 3" in client.get("/metrics").text:
            break
        time.sleep(0.01)
    else:
        pytest.fail("not counted")
