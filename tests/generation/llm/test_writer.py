"""LlmWriter against a real HTTP server on loopback whose answers are scripted."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from splade_cli.errors import InputError, ServiceError
from splade_cli.generation.llm.answers import SPACE, Answer
from splade_cli.generation.llm.budget import Usage
from splade_cli.generation.llm.client import chat, failures, pace
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.prompts import Prompt
from splade_cli.generation.llm.writer import LlmWriter, QueryQuestion
from splade_cli.generation.options import GenerateOptions
from splade_cli.generation.pipeline import generate, plan
from splade_cli.records import Chunk, WrittenQuery
from splade_cli.storage.cache import Cache

KEY = "sk-very-secret-0123456789"
GOOD = json.dumps(
    {"queries": [{"type": "question", "text": "How long?"}, {"type": "keywords", "text": "backup retention"}]}
)
Reply = Callable[["Stub", dict[str, Any]], None]


class Stub(BaseHTTPRequestHandler):
    """One request; the server's `script` says what happens to it."""

    disable_nagle_algorithm = True  # a body behind its head is not held back for 40 ms
    protocol_version = "HTTP/1.1"
    server: StubServer

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            number = len(self.server.requests)
            self.server.requests.append(body)
        script = self.server.script
        script[min(number, len(script) - 1)](self, body)

    def send(self, status: int, body: Any, **headers: str) -> None:
        data = json.dumps(body).encode() if not isinstance(body, bytes) else body
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


class StubServer(ThreadingHTTPServer):
    """Counts its requests; the last entry of `script` serves all later ones too."""

    daemon_threads = True

    def __init__(self, *script: Reply) -> None:
        super().__init__(("127.0.0.1", 0), Stub)
        self.script, self.lock = script, threading.Lock()
        self.requests: list[dict[str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


Serve = Callable[..., StubServer]


@pytest.fixture(autouse=True)
def quick_and_without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "FIRST_BACKOFF", 0.01)
    for name in ("OPENAI_API_KEY", "SPLADE_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def serve() -> Iterator[Serve]:
    with contextlib.ExitStack() as stack:

        def start(*script: Reply) -> StubServer:
            server = stack.enter_context(StubServer(*script))
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
            stack.callback(server.shutdown)
            return server

        yield start


class Hang:
    """Answers nothing until the test is over; counts the calls that it has let go."""

    def __init__(self) -> None:
        self.ended = 0
        self.over = threading.Event()

    def __call__(self, handler: Stub, body: dict[str, Any]) -> None:
        self.over.wait(300)
        self.ended += 1


@pytest.fixture
def hang() -> Iterator[Hang]:
    reply = Hang()
    yield reply
    reply.over.set()


def says(content: Any, finish_reason: Any = "stop", **message: Any) -> Reply:
    def reply(handler: Stub, body: dict[str, Any]) -> None:
        choice = {
            "index": 0,
            "finish_reason": finish_reason,
            "message": {"role": "assistant", "content": content, **message},
        }
        usage = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
        handler.send(
            200,
            {
                "id": "x",
                "object": "chat.completion",
                "created": 0,
                "model": body["model"],
                "choices": [choice],
                "usage": usage,
            },
        )

    return reply


def fails(
    status: int, message: str = "no", code: str | None = None, param: str | None = None, **headers: str
) -> Reply:
    error = {"message": message, "type": code or "error", "code": code, "param": param}
    return lambda handler, body: handler.send(status, {"error": error}, **headers)


def chunks(count: int, text: str = "Backups are kept for {} days.") -> list[Chunk]:
    return [Chunk(id=f"c{i}", document_id="d", text=text.format(i), title="Retention") for i in range(count)]


def writer(
    server: StubServer | str, tmp_path: Path, *, language: str | None = None, **settings: Any
) -> LlmWriter:
    """A writer that keeps its answers in `tmp_path`."""
    url = server if isinstance(server, str) else server.url
    options = Llm("tiny", base_url=url, **{"concurrency": 2, "timeout": 60.0, "retries": 2, **settings})
    return LlmWriter(options, Cache(tmp_path / "cache.sqlite3"), language=language)


def cached_answers(tmp_path: Path) -> int:
    """How many answers are on the disk, seen by another connection."""
    with Cache(tmp_path / "cache.sqlite3") as cache:
        return cache.count(SPACE)


def test_good_answers_come_in_chunk_order_with_usage_and_progress(serve: Serve, tmp_path: Path) -> None:
    def late(handler: Stub, body: dict[str, Any]) -> None:
        time.sleep(0.2 if "for 1 days" in body["messages"][-1]["content"] else 0.0)
        says(GOOD)(handler, body)

    server, seen = serve(late), []
    wrote = writer(server, tmp_path, concurrency=4)
    result = list(wrote.write(chunks(6), lambda *step: seen.append(step)))
    assert [chunk.id for chunk, _ in result] == [f"c{i}" for i in range(6)]
    assert all(
        q == [WrittenQuery("How long?", "question"), WrittenQuery("backup retention", "keywords")]
        for _, q in result
    )
    assert wrote.usage == Usage(6, 600, 120) and wrote.failed == 0
    assert seen == [("write queries", done, 6) for done in range(1, 7)]
    first = server.requests[0]
    assert (
        first["response_format"]["type"] == "json_schema"
        and first["max_tokens"] == 1024
        and not first.get("stream")
    )
    assert "Retention\nBackups are kept" in first["messages"][-1]["content"]


def formats_of(server: StubServer) -> list[str | None]:
    return [request.get("response_format", {}).get("type") for request in server.requests]


def takes(*names: str | None, refusal: Reply) -> Reply:
    """A server that answers requests with these formats only."""

    def reply(handler: Stub, body: dict[str, Any]) -> None:
        name = body.get("response_format", {}).get("type")
        (says(GOOD) if name in names else refusal)(handler, body)

    return reply


def test_a_format_that_is_refused_by_name_is_not_sent_again(serve: Serve, tmp_path: Path) -> None:
    server = serve(takes(None, refusal=fails(400, "this response_format is not supported")))
    assert all(queries for _, queries in writer(server, tmp_path).write(chunks(4)))
    assert formats_of(server) == ["json_schema", "json_object", None, None, None, None]


def test_a_server_that_fails_for_a_format_is_asked_in_another(serve: Serve, tmp_path: Path) -> None:
    server = serve(takes("json_object", refusal=fails(500)))
    assert all(queries for _, queries in writer(server, tmp_path).write(chunks(4)))
    first = ["json_schema", "json_schema", "json_object"]
    assert formats_of(server) == [*first, "json_schema", "json_schema", *3 * ["json_object"]]


@pytest.mark.parametrize("failures", [1, 2, 3])
@pytest.mark.parametrize("status", [500, 400, 422, 503])
def test_a_fault_of_the_first_call_does_not_lower_the_format(
    serve: Serve, tmp_path: Path, status: int, failures: int
) -> None:
    server = serve(*failures * [fails(status, "upset")], says(GOOD))
    result = list(writer(server, tmp_path, retries=4).write(chunks(6)))
    assert sum(bool(queries) for _, queries in result) >= 5
    assert formats_of(server)[failures + 1 :].count("json_schema") >= 4
    assert formats_of(server)[-1] == "json_schema"


def test_an_answer_of_nothing_but_copies_of_the_text_is_of_no_use() -> None:
    text = "Backups are kept for thirty days and then deleted every night at two in the morning"
    question = QueryQuestion(Llm("m"), None)
    passage = Chunk(id="c", document_id="d", text=f"{text}.", title="")
    assert question.read(passage, Answer(json.dumps({"queries": [{"text": text}]}))) == []
    both = {"queries": [{"text": text}, {"text": "How long?"}]}
    assert [query.text for query in question.read(passage, Answer(json.dumps(both)))] == [text, "How long?"]


def test_response_format_that_is_ignored(serve: Serve, tmp_path: Path) -> None:
    server = serve(
        says("Sure, here they are:\n\n1. **Question**: How long are they kept?\n2. backup retention\n")
    )
    ((_, queries),) = writer(server, tmp_path).write(chunks(1))
    assert queries == [
        WrittenQuery("How long are they kept?", "question"),
        WrittenQuery("backup retention", "keywords"),
    ]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
def test_passing_failures_are_tried_again(serve: Serve, tmp_path: Path, status: int) -> None:
    server = serve(says(GOOD), fails(status, Retry_After="0"), says(GOOD))
    wrote = writer(server, tmp_path, concurrency=1)
    assert all(queries for _, queries in wrote.write(chunks(2)))
    assert len(server.requests) == 3 and wrote.usage.calls == 2


def test_retry_after_is_waited_for_and_capped(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []

    async def noted(client: chat.ChatClient, seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(chat.ChatClient, "sleep", noted)
    server = serve(fails(429, Retry_After="3600"), fails(503, Retry_After="7"), says(GOOD))
    assert all(queries for _, queries in writer(server, tmp_path).write(chunks(1)))
    assert failures.LONGEST_WAIT in waits and 7.0 in waits
    assert max(waits) == failures.LONGEST_WAIT == 120


def test_rate_limit_that_stays_ends_the_run(serve: Serve, tmp_path: Path) -> None:
    server = serve(fails(429, "slow down", Retry_After="0"))
    with pytest.raises(ServiceError, match="slow down") as raised:
        list(writer(server, tmp_path).write(chunks(4)))
    assert "lower rate limit" in raised.value.hint and len(server.requests) == 3


def test_empty_account_is_asked_once(serve: Serve, tmp_path: Path) -> None:
    server = serve(fails(429, "You exceeded your current quota", "insufficient_quota"))
    with pytest.raises(ServiceError, match="quota") as raised:
        list(writer(server, tmp_path, concurrency=4).write(chunks(8)))
    assert "run the same command again" in raised.value.hint
    assert len(server.requests) == 1


def test_account_that_runs_empty_keeps_what_was_paid_for(serve: Serve, tmp_path: Path) -> None:
    server = serve(says(GOOD), says(GOOD), fails(402, "Insufficient Balance"))
    with pytest.raises(ServiceError, match="Insufficient Balance"):
        list(writer(server, tmp_path, concurrency=1).write(chunks(5)))
    again = serve(says(GOOD))
    wrote = writer(again, tmp_path)
    assert wrote.estimate(chunks(5)).cached == 2
    assert all(queries for _, queries in wrote.write(chunks(5))) and len(again.requests) == 3


@pytest.mark.parametrize(("status", "hint"), [(401, "OPENAI_API_KEY"), (403, "key"), (404, "/models")])
def test_hopeless_refusals_end_the_run_with_a_hint(
    serve: Serve, tmp_path: Path, status: int, hint: str
) -> None:
    server = serve(fails(status, "refused"))
    with pytest.raises(ServiceError, match="refused") as raised:
        list(writer(server, tmp_path).write(chunks(3)))
    assert hint in raised.value.hint and len(server.requests) == 1


def test_options_that_a_model_refuses_are_changed_once(serve: Serve, tmp_path: Path) -> None:
    server = serve(
        fails(
            400,
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            param="max_tokens",
        ),
        fails(400, "'temperature' does not support 0.7 with this model", param="temperature"),
        lambda handler, body: handler.send(
            422, {"detail": [{"loc": ["body", "seed"], "msg": "forbidden", "input": 1}]}
        ),
        says(GOOD),
    )
    assert all(queries for _, queries in writer(server, tmp_path, answer_tokens=77).write(chunks(2)))
    assert len(server.requests) == 5
    for request in server.requests[3:]:
        assert request["max_completion_tokens"] == 77 and request["response_format"]["type"] == "json_schema"
        assert not {"max_tokens", "temperature", "seed"} & set(request)


def test_dripping_body_is_cut_at_the_deadline(serve: Serve, tmp_path: Path) -> None:
    cut = threading.Event()

    def drip(handler: Stub, body: dict[str, Any]) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        try:
            for _ in range(1000):
                handler.wfile.write(b" ")
                time.sleep(0.1)
        except OSError:
            cut.set()

    server = serve(says(GOOD), drip, says(GOOD))
    wrote = writer(server, tmp_path, concurrency=1, timeout=2.0, retries=0)
    assert [len(queries) for _, queries in wrote.write(chunks(3))] == [2, 0, 2]
    assert wrote.failed == 1
    assert cut.wait(60), "the connection was closed on the drip"


def test_server_that_never_answers_in_time_ends_the_run(serve: Serve, tmp_path: Path, hang: Hang) -> None:
    with pytest.raises(ServiceError, match=r"no whole answer within 0.1 s"):
        list(writer(serve(hang), tmp_path, timeout=0.1, retries=0).write(chunks(9)))


USELESS = {
    "refused": (says(None, refusal="I cannot help with that."), 1),
    "refused in prose": (says("I am sorry, there is nothing here. Anything else?"), 1),
    "stopped by a content filter": (says("", finish_reason="content_filter"), 1),
    "empty": (says(""), 3),
    "without a query": (says("The passage is about days."), 3),
    "cut off at the token limit": (says("<think>Let me see. Is it", finish_reason="length"), 3),
}


@pytest.mark.parametrize("kind", USELESS)
def test_a_useless_answer_is_counted_with_its_reason_and_asked_again_by_the_next_run(
    serve: Serve, tmp_path: Path, kind: str
) -> None:
    reply, calls = USELESS[kind]

    def to_the_first(handler: Stub, body: dict[str, Any]) -> None:
        (reply if "for 0 days" in body["messages"][-1]["content"] else says(GOOD))(handler, body)

    server = serve(to_the_first)
    wrote = writer(server, tmp_path)
    assert [len(queries) for _, queries in wrote.write(chunks(2))] == [0, 2]
    assert wrote.failed == 1 and wrote.usage.calls == 1 + calls
    assert wrote.last_failure.startswith(kind.removesuffix(" in prose"))
    assert len(server.requests) == 1 + calls

    healthy = serve(says(GOOD))
    again = writer(healthy, tmp_path)
    assert [len(queries) for _, queries in again.write(chunks(2))] == [2, 2]
    assert len(healthy.requests) == 1, "the usable answer is not asked again"
    seeds = [request["seed"] for request in server.requests if "for 0 " in request["messages"][-1]["content"]]
    assert seeds == list(range(42, 42 + calls))
    assert healthy.requests[0]["seed"] == 42 + calls, "the same seed would give the same answer"


def test_useless_answers_in_a_row_end_the_run_with_the_cause(serve: Serve, tmp_path: Path) -> None:
    server = serve(says(GOOD), says("", finish_reason="length"))
    with pytest.raises(ServiceError, match="4 answers .* cut off at the token limit.*'length'") as raised:
        list(writer(server, tmp_path, most_useless=4, concurrency=1).write(chunks(50)))
    assert "answer_tokens" in raised.value.hint
    assert len(server.requests) == 5
    healthy = serve(says(GOOD))
    assert all(queries for _, queries in writer(healthy, tmp_path, most_useless=99).write(chunks(4)))
    assert len(healthy.requests) == 3


def test_the_same_answer_to_all_passages_ends_the_run_and_is_asked_again(
    serve: Serve, tmp_path: Path
) -> None:
    with pytest.raises(ServiceError, match="the same for different passages"):
        list(writer(serve(says(GOOD)), tmp_path).write(chunks(20)))
    healthy = serve(says(GOOD))
    list(writer(healthy, tmp_path, most_useless=99).write(chunks(3)))
    assert len(healthy.requests) == 3


def test_passage_that_is_refused_is_counted(serve: Serve, tmp_path: Path) -> None:
    server = serve(says(GOOD), fails(400, "content filter"), says(GOOD))
    wrote = writer(server, tmp_path, concurrency=1)
    assert [len(queries) for _, queries in wrote.write(chunks(3))] == [2, 0, 2] and wrote.failed == 1
    assert wrote.last_failure == "content filter"


def test_server_that_refuses_every_passage_ends_the_run(serve: Serve, tmp_path: Path) -> None:
    server = serve(fails(400, "who are you"))
    with pytest.raises(ServiceError, match="3 passages in a row.*who are you"):
        list(writer(server, tmp_path).write(chunks(20)))


def test_address_of_a_web_page_ends_the_run(serve: Serve, tmp_path: Path) -> None:
    server = serve(lambda handler, body: handler.send(200, b"<html>hello</html>", Content_Type="text/html"))
    with pytest.raises(ServiceError, match="not a chat completion"):
        list(writer(server, tmp_path).write(chunks(5)))


def test_resume_asks_nothing_twice(serve: Serve, tmp_path: Path) -> None:
    server = serve(says(GOOD))
    first = list(writer(server, tmp_path).write(chunks(5)))
    wrote = writer(server, tmp_path)
    assert list(wrote.write(chunks(5))) == first
    assert len(server.requests) == 5 and wrote.usage == Usage()
    assert len(list(writer(server, tmp_path).write(chunks(7)))) == 7 and len(server.requests) == 7
    list(writer(server, tmp_path, temperature=0.1).write(chunks(1)))
    list(writer(server, tmp_path, language="Norwegian").write(chunks(1)))
    assert len(server.requests) == 9


def test_same_content_is_asked_once(serve: Serve, tmp_path: Path) -> None:
    server = serve(says(GOOD))
    result = list(writer(server, tmp_path, concurrency=4).write(chunks(6, "the same words")))
    assert len(result) == 6 and all(queries for _, queries in result) and len(server.requests) == 1


def test_stopping_early_keeps_what_was_answered(serve: Serve, tmp_path: Path, hang: Hang) -> None:
    run = writer(serve(says(GOOD), says(GOOD), hang), tmp_path, concurrency=1).write(chunks(50))
    next(run)
    next(run)
    run.close()  # type: ignore[attr-defined]
    assert hang.ended == 0, "it did not wait for the call under way"
    assert not [thread for thread in threading.enumerate() if thread.name == "query-writer"]
    assert cached_answers(tmp_path) == 2


def test_ctrl_c_stops_at_once(serve: Serve, tmp_path: Path, hang: Hang) -> None:
    def interrupted(handler: Stub, body: dict[str, Any]) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        hang(handler, body)

    server = serve(says(GOOD), interrupted, hang)
    with pytest.raises(KeyboardInterrupt):
        list(writer(server, tmp_path).write(chunks(50)))
    assert hang.ended == 0, "it did not wait for the calls under way"
    assert len(server.requests) <= 3
    assert cached_answers(tmp_path) == 1


def test_a_call_that_breaks_off_because_of_ctrl_c_is_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetched = []

    async def breaks_off(client: chat.ChatClient, request: dict[str, Any]) -> bytes:
        fetched.append(request)
        try:
            os.kill(os.getpid(), signal.SIGINT)
            await asyncio.sleep(300)
        except asyncio.CancelledError:
            raise ConnectionError("closed while it was read") from None
        return b""

    monkeypatch.setattr(chat.ChatClient, "_fetch", breaks_off)
    with pytest.raises(KeyboardInterrupt):
        list(writer("http://127.0.0.1:9/v1", tmp_path).write(chunks(50)))
    assert len(fetched) == 1


def test_an_answer_that_is_damaged_on_the_disk_is_asked_again(serve: Serve, tmp_path: Path) -> None:
    server = serve(says(GOOD))
    list(writer(server, tmp_path).write(chunks(3)))
    with contextlib.closing(sqlite3.connect(tmp_path / "cache.sqlite3")) as connection, connection:
        connection.execute(
            "UPDATE entries SET value = x'7b7d' WHERE rowid = (SELECT MAX(rowid) FROM entries)"
        )
    list(writer(server, tmp_path).write(chunks(3)))
    assert len(server.requests) == 4
    list(writer(server, tmp_path).write(chunks(3)))
    assert len(server.requests) == 4


def test_answers_are_cached_before_they_are_yielded(serve: Serve, tmp_path: Path) -> None:
    wrote = writer(serve(says(GOOD)), tmp_path / "deep" / "er")
    for number, _ in enumerate(wrote.write(chunks(3)), 1):
        assert cached_answers(tmp_path / "deep" / "er") >= number
    with contextlib.closing(sqlite3.connect(tmp_path / "deep" / "er" / "cache.sqlite3")) as connection:
        rows = [json.loads(value) for (value,) in connection.execute("SELECT value FROM entries")]
    expected = {"text": GOOD, "prompt_tokens": 100, "completion_tokens": 20, "finish_reason": "stop"}
    assert rows == [expected] * 3


def test_an_answer_that_cannot_be_kept_is_not_used(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise InputError("the disk is full")

    wrote = writer(serve(says(GOOD)), tmp_path)
    monkeypatch.setattr(Cache, "put", full)
    with pytest.raises(InputError, match="the disk is full"):
        list(wrote.write(chunks(1)))
    assert wrote.usage == Usage(1, 100, 20), "it was paid for"


def test_unreachable_server_is_named(tmp_path: Path) -> None:
    with StubServer(says(GOOD)) as closed:
        url = closed.url
    with pytest.raises(ServiceError, match=url) as raised:
        list(writer(url, tmp_path).write(chunks(3)))
    assert "start that server" in raised.value.hint


def test_only_a_server_elsewhere_needs_a_key(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    assert all(queries for _, queries in writer(serve(says(GOOD)), tmp_path).write(chunks(1)))
    with pytest.raises(ServiceError, match="needs an API key") as raised:
        writer("https://llm.example.com/v1", tmp_path).write(chunks(1))
    assert "OPENAI_API_KEY" in raised.value.hint


def test_key_is_in_no_error_and_no_cache(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)

    def echo(handler: Stub, body: dict[str, Any]) -> None:
        fails(401, f"bad header: {handler.headers['Authorization']}")(handler, body)

    with pytest.raises(ServiceError, match=r"bad header: Bearer \*\*\*") as raised:
        list(writer(serve(says(GOOD), echo), tmp_path, concurrency=1).write(chunks(3)))
    shown = f"{raised.value!r} {raised.value.message} {raised.value.hint} {raised.value.__cause__}"
    kept = (tmp_path / "cache.sqlite3").read_bytes() + (tmp_path / "cache.sqlite3-wal").read_bytes()
    assert b"backup retention" in kept
    assert KEY.encode() not in kept
    assert KEY not in shown + caplog.text


@pytest.mark.parametrize("key", ["sk-\u201cquoted\u201d", "sk-a\nb"])
def test_key_that_cannot_be_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("SPLADE_API_KEY", key)
    with pytest.raises(ServiceError, match="characters") as raised:
        writer("http://127.0.0.1:1/v1", tmp_path).write(chunks(1))
    assert key not in str(raised.value) + raised.value.hint


def test_password_in_the_address_is_not_shown(tmp_path: Path) -> None:
    with StubServer(says(GOOD)) as closed:
        url = closed.url.replace("//", "//me:hunter2@")
    with pytest.raises(ServiceError) as raised:
        list(writer(url, tmp_path).write(chunks(1)))
    assert "hunter2" not in raised.value.message + raised.value.hint


def test_rate_limit_spaces_the_calls(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock stands still: each call is told to wait for those before it."""
    waits: list[float] = []

    async def noted(chat_client: Any, seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(pace, "time", SimpleNamespace(monotonic=lambda: 100.0))
    monkeypatch.setattr(chat.ChatClient, "sleep", noted)
    server = serve(says(GOOD))
    list(writer(server, tmp_path, concurrency=4, rate_limit=600).write(chunks(5)))
    assert waits == pytest.approx([0.0, 0.1, 0.2, 0.3, 0.4])


def test_estimate_asks_nobody_and_needs_no_key() -> None:
    wrote = LlmWriter(Llm("tiny"), None)
    few = wrote.estimate(chunks(2))
    many = wrote.estimate(chunks(20))
    assert (few.calls, few.cached) == (2, 0)
    assert few.prompt_tokens > 100
    assert many.prompt_tokens == pytest.approx(10 * few.prompt_tokens, rel=0.05)
    assert many.completion_tokens == 10 * few.completion_tokens


def test_kinds_go_round() -> None:
    wanted = Prompt("generic", None, 1)
    asked = {wanted.messages(chunk)[-1]["content"].split("than its own: ")[1] for chunk in chunks(40)}
    assert len(asked) == 4
    eight = Prompt("generic", None, 8).messages(chunks(1)[0])[-1]["content"]
    assert "Write 8 " in eight and eight.count("a question") == 2


def test_importing_it_is_light() -> None:
    code = (
        "import sys, splade_cli.generation.llm.writer\n"
        "print([name for name in ('openai', 'httpx2', 'pydantic') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "settings",
    [
        {"queries_per_chunk": 0},
        {"rate_limit": 0},
        {"temperature": -1},
        {"retries": -1},
        {"template": "tecnical"},
        {"timeout": 0},
        {"template": "no/such.json"},
        {"base_url": "localhost:8080"},
        {"base_url": "http://localhost:x/v1"},
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError) as raised:
        LlmWriter(Llm("tiny", **settings), None)
    assert raised.value.hint


def test_template_file(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "ships.json"
    path.write_text(
        json.dumps({"name": "ships", "language": "Norwegian", "description": "", "system_prompt": "Ahoy."})
    )
    server = serve(says(GOOD))
    list(writer(server, tmp_path, template=str(path)).write(chunks(1)))
    messages = server.requests[0]["messages"]
    assert messages[0]["content"].startswith("Ahoy.") and "Write in Norwegian" in messages[-1]["content"]
    for content in ("[]", "{}", "not json", '{"system_prompt": 3}'):
        path.write_text(content)
        with pytest.raises(InputError, match=r"ships\.json"):
            writer(server, tmp_path, template=str(path))


def test_a_run_goes_on_where_it_was_and_keeps_only_answers(serve: Serve, tmp_path: Path) -> None:
    documents = tmp_path / "docs.jsonl"
    lines = [{"id": f"d{number}", "text": f"Backup {number} is kept for days."} for number in range(4)]
    documents.write_text("".join(json.dumps(line) + "\n" for line in lines))
    output = tmp_path / "out"

    def options(server: StubServer) -> GenerateOptions:
        llm = Llm("tiny", base_url=server.url, concurrency=1, retries=0)
        return GenerateOptions(documents, output, llm, teacher=None, model=None, round_trip=4)

    def about(handler: Stub, body: dict[str, Any]) -> None:
        number = body["messages"][-1]["content"].split("Backup ")[1][0]
        says(json.dumps([f"How long is backup {number} kept?"]))(handler, body)

    first = serve(about, about, fails(402, "empty"))
    with pytest.raises(ServiceError, match="empty"):
        generate(options(first))
    assert not (output / "train.json").exists()
    second = serve(about)
    estimate = plan(options(second)).estimate
    assert estimate is not None
    assert (estimate.cached, estimate.calls) == (2, 2)
    made = generate(options(second))
    assert len(second.requests) == 2
    assert made.llm is not None
    assert (made.llm.usage.calls, made.llm.queries.failed) == (2, 0)
    assert made.report.query_types == {"question": 4}
    with Cache(output / "cache.sqlite3") as cache:
        assert cache.spaces() == [SPACE]
        assert cache.count(SPACE) == 4
