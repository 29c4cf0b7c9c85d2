"""The pace of calls: waits that a server asks for, waits that double, and what is said of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import httpx2
import openai
import pytest
from typer.testing import CliRunner

from reliability.llm.replies import REPLIES
from reliability.llm.server import LlmServer
from splade_cli.generation.llm.client import pace
from splade_cli.generation.llm.client.pace import Pace

SERVER = "http://127.0.0.1:8080/v1"
Step = Callable[[float], None]


@pytest.fixture
def step(monkeypatch: pytest.MonkeyPatch) -> Step:
    """A clock that stands still until it is told to go on by so many seconds; jitter is the longest."""
    now = [100.0]

    def go_on(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(pace, "random", SimpleNamespace(uniform=lambda low, high: high))
    return go_on


def failure(status: int, **headers: str) -> openai.APIStatusError:
    request = httpx2.Request("POST", SERVER)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    response = httpx2.Response(status, headers=named, request=request)
    return openai.APIStatusError("no", response=response, body=None)


def test_a_wait_that_the_server_asks_for_is_said_and_holds_all_calls(step: Step) -> None:
    said: list[str] = []
    calls = Pace(None, SERVER, said.append)
    assert calls.backoff(failure(503, Retry_After="7"), "overloaded", 0) == 7
    assert said == [f"waiting 7 s for {SERVER}, as it asks: overloaded"]
    assert calls.next_call() == 7


def test_a_wait_within_one_that_was_said_is_not_said_again(step: Step) -> None:
    said: list[str] = []
    calls = Pace(None, SERVER, said.append)
    for _ in range(4):
        calls.backoff(failure(429, Retry_After="7"), "slow down", 0)
    assert len(said) == 1
    step(8)
    calls.backoff(failure(429, Retry_After="7"), "slow down", 1)
    assert len(said) == 2


def test_backoff_doubles_up_to_a_limit_and_short_waits_are_not_said(step: Step) -> None:
    said: list[str] = []
    calls = Pace(None, SERVER, said.append)
    assert [calls.backoff(failure(500), "upset", tries) for tries in (0, 1, 2, 9)] == [1, 2, 4, 30]
    assert said[0] == f"waiting 1 s for {SERVER}, try 1 failed: upset"
    assert calls.next_call() == 0, "a fault of one call holds no other"
    quiet: list[str] = []
    Pace(None, SERVER, quiet.append).backoff(failure(503, Retry_After="0.5"), "upset", 0)
    assert quiet == []


def test_the_rate_limit_spaces_calls(step: Step) -> None:
    calls = Pace(120, SERVER, print)
    assert [calls.next_call() for _ in range(3)] == [0, 0.5, 1.0]
    step(10)
    assert calls.next_call() == 0


def test_the_command_shows_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from splade_cli.cli.main import app

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    document = tmp_path / "d.txt"
    document.write_text("The letterpress prints cards with wooden type and oil based ink.\n")
    server = LlmServer(REPLIES["429, Retry-After in seconds"], "first")
    try:
        words = ["gen-data", str(document), "-o", str(tmp_path / "out"), "--llm", "m"]
        words += ["--base-url", server.url, "--teacher", "none", "--model", "none"]
        result = CliRunner().invoke(app, words)
    finally:
        server.close()
    assert result.exit_code == 0, result.output
    shown = " ".join(result.stderr.split())
    assert f"waiting 1 s for {server.url}, as it asks: slow down" in shown
