"""Limits of a run: reached before they are exceeded, said, and no loss."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from reliability.llm.server import LlmServer
from splade_cli.errors import InputError, LimitError
from splade_cli.generation.llm.answers import Answer
from splade_cli.generation.llm.budget import Budget, Limits
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.writer import LlmWriter
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
    for i, word in enumerate(WORDS)
]


@pytest.fixture
def server():
    server = LlmServer()
    yield server
    server.close()


def written(server: LlmServer, folder: Path, limits: Limits, **settings: int) -> LlmWriter:
    options = Llm("m", base_url=server.url, limits=limits, answer_tokens=50, **settings)
    writer = LlmWriter(options, Cache(folder / "cache.sqlite3"))
    list(writer.write(CHUNKS))
    return writer


def test_calls(server, tmp_path):
    with pytest.raises(LimitError, match="5 calls.*this run: 5 calls, 500 prompt"):
        written(server, tmp_path, Limits(calls=5))
    assert server.calls == 5
    with pytest.raises(LimitError):
        written(server, tmp_path, Limits(calls=5))
    assert server.calls == 10
    done = written(server, tmp_path, Limits(calls=5))
    assert (server.calls, done.usage.calls, done.cached) == (12, 2, 10)


@pytest.mark.parametrize("concurrency", [1, 4])
def test_tokens_are_not_exceeded_whatever_is_under_way(server, tmp_path, concurrency):
    with pytest.raises(LimitError, match="1,000 tokens"):
        written(server, tmp_path, Limits(tokens=1000), concurrency=concurrency)
    # each is 100 + 20, and may be 105 + 50 until it has been answered
    assert 6 <= server.calls <= 8
    assert server.calls * 120 <= 1000


def test_cost(server, tmp_path):
    limits = Limits(cost=0.001, price_in=1.0, price_out=5.0)
    with pytest.raises(LimitError, match=r"a cost of 0\.001.*a cost of 0\.0008") as raised:
        written(server, tmp_path, limits, concurrency=1)
    assert "same command again" in raised.value.hint
    assert server.calls * (100 * 1.0 + 20 * 5.0) / 1e6 <= 0.001


def test_a_call_that_may_have_been_charged_stays_set_aside():
    budget = Budget(Limits(tokens=400), answer_tokens=50)
    call = budget.open(200)
    budget.close(call, may_be_charged=True)
    assert budget.usage.unanswered == 1
    budget.close(budget.open(200), may_be_charged=False)
    assert budget.fits(200)
    budget.close(budget.open(200), may_be_charged=True)
    assert not budget.fits(200)
    assert "2 more had no whole answer" in budget.spent()


def test_tokens_that_a_server_does_not_count_are_estimated():
    budget = Budget(Limits(), answer_tokens=50)
    answer = budget.add(Answer("x" * 40), 400)
    assert (answer.prompt_tokens, answer.completion_tokens, answer.estimated) == (100, 10, True)
    assert "1 calls estimated by length" in budget.spent()


@pytest.mark.parametrize(
    "limits",
    [
        {"calls": 0},
        {"tokens": -1},
        {"cost": 0.0},
        {"cost": 1.0},
        {"price_in": -1.0},
        {"price_out": float("nan")},
    ],
)
def test_limits_that_cannot_be(limits):
    with pytest.raises(InputError) as raised:
        Limits(**limits)
    assert raised.value.hint


def test_the_command_says_what_was_spent(splade_command, server, tmp_path):
    documents = tmp_path / "docs.jsonl"
    documents.write_text("".join(json.dumps({"id": c.id, "text": c.text}) + "\n" for c in CHUNKS))
    words = ["gen-data", documents, "-o", tmp_path / "out", "--llm", "m", "--base-url", server.url]
    words += ["--teacher", "none", "--model", "none", "--price-in", "1", "--price-out", "5", "--json"]
    planned = splade_command(*words, "--dry-run", "--max-cost", "0.0001")
    facts = json.loads(planned.stdout)
    assert (facts["calls"], facts["within_limits"]) == (12, False)
    assert facts["cost"] > 0
    stopped = splade_command(*words, "--max-calls", "4")
    assert stopped.exit_code == 1
    assert "this run: 4 calls, 400 prompt and 80 completion tokens, a cost of 0.0008" in stopped.stderr
    done = splade_command(*words)
    assert done.exit_code == 0, done.stderr
    spent = json.loads(done.stdout)["llm"]
    assert (spent["calls"], spent["chunks cached"], spent["cost"]) == (8, 4, pytest.approx(0.0016))
    assert server.calls == 12


@pytest.fixture
def splade_command():
    from typer.testing import CliRunner

    from splade_cli.cli.main import app

    runner = CliRunner()
    return lambda *words: runner.invoke(app, [str(word) for word in words])
