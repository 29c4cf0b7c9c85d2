"""Runs that share a cache at the same time: each answer is paid for once."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from reliability.llm.server import LlmServer
from splade_cli.errors import InputError
from splade_cli.generation.llm.answers import CLAIMS, SPACE, AnswerCache
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.writer import LlmWriter
from splade_cli.generation.options import GenerateOptions
from splade_cli.generation.pipeline import generate
from splade_cli.records import Chunk
from splade_cli.storage.cache import Cache

WORDS = (
    "kiln",
    "lathe",
    "loom",
    "press",
    "anvil",
    "forge",
    "crane",
    "winch",
    "pulley",
    "bellows",
    "mast",
    "dam",
)
CHUNKS = [
    Chunk(id=f"c{i}", document_id="d", text=f"The {word} stands in the hall of {word}s, far from {i}.")
    for i, word in enumerate(WORDS[:10])
]


@pytest.fixture
def server():
    server = LlmServer(delay=0.05)
    yield server
    server.close()


def test_two_runs_at_once_pay_for_nothing_twice(server, tmp_path):
    made: list[list] = [[], []]

    def run(number: int) -> None:
        with Cache(tmp_path / "answers.sqlite3") as cache:
            writer = LlmWriter(Llm("m", base_url=server.url), cache)
            made[number] = [queries for _, queries in writer.write(CHUNKS)]

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.calls == len(CHUNKS)
    assert made[0] == made[1]
    assert all(made[0])
    with Cache(tmp_path / "answers.sqlite3") as cache:
        assert cache.spaces() == [SPACE]


def test_a_claim_of_a_process_that_is_gone_is_nothing(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    with Cache(tmp_path / "answers.sqlite3") as cache:
        answers = AnswerCache(cache, ["m"])
        claim = {"process": ended.pid, "since": time.time()}
        cache.put(CLAIMS, {answers.content_key(CHUNKS[0]): json.dumps(claim).encode()})
        assert answers.claim(CHUNKS[0])
        assert not answers.claim(CHUNKS[0]), "this process has it now, and is there"
        answers.release(CHUNKS[0])
        assert answers.claim(CHUNKS[0])


def test_outputs_of_their_own_share_a_file_of_answers(server, tmp_path):
    documents = tmp_path / "docs.jsonl"
    documents.write_text("".join(json.dumps({"id": c.id, "text": c.text}) + "\n" for c in CHUNKS))

    def made(name: str, answers: Path):
        llm = Llm("m", base_url=server.url, answers=answers)
        return generate(GenerateOptions(documents, tmp_path / name, llm, teacher=None, model=None))

    first = made("one", tmp_path / "paid" / "answers.sqlite3")
    second = made("two", tmp_path / "paid" / "answers.sqlite3")
    assert (server.calls, first.llm.usage.calls, second.llm.queries.cached) == (10, 10, 10)
    assert not (tmp_path / "one" / "cache.sqlite3").exists()
    notes = tmp_path / "notes.txt"
    notes.write_text("not to be lost")
    with pytest.raises(InputError, match="no cache of answers"):
        made("three", notes)
    assert notes.read_text() == "not to be lost"
