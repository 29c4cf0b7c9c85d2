"""The brain of the interactive session: every command, every mistake, over a small index in memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from splade_cli.records import Chunk
from splade_cli.search.indexing import index_chunks
from splade_cli.search.searcher import Searcher
from splade_cli.search.session import COMMANDS, LEAVE, MOST_HITS, Session

TEXTS = (
    "To reset a forgotten password, open the login page and follow the link in the mail.",
    "A password has at least twelve characters and is never sent by mail.",
    "Backups run every night and are kept for thirty days.",
    "The table saw needs a sharp blade and a riving knife.",
)


@pytest.fixture(scope="module")
def searcher(embedder: Any) -> Searcher:
    chunks = [Chunk(f"d{number}::1", f"d{number}", text) for number, text in enumerate(TEXTS)]
    return Searcher(index_chunks(chunks, embedder), embedder)


@pytest.fixture
def session(searcher: Searcher) -> Session:
    return Session(searcher, top=3)


def fails(session: Session, line: str, message: str, hint: str) -> None:
    reply = session.handle(line)
    assert reply.kind == "error"
    assert message in reply.message
    assert hint in reply.hint


def test_a_query_gives_hits_and_is_remembered(session: Session) -> None:
    reply = session.handle("  forgotten password ")
    assert (reply.kind, reply.query) == ("hits", "forgotten password")
    assert reply.hits[0].document_id == "d0"
    assert len(reply.hits) <= 3
    assert session.handle("/history").facts == {"1": "forgotten password"}
    session.handle("night backups")
    assert session.handle("/history").facts == {"1": "forgotten password", "2": "night backups"}


def test_top(session: Session) -> None:
    reply = session.handle("/top 1")
    assert (reply.kind, reply.message) == ("note", "1 hits from now on")
    assert len(session.handle("password").hits) == 1
    reply = session.handle("/TOP 2")
    assert (reply.kind, reply.query, len(reply.hits)) == ("hits", "password", 2)
    assert session.handle(f"/top {MOST_HITS}").kind == "hits"


@pytest.mark.parametrize("rest", ["", "0", "-1", "x", "1.5", str(MOST_HITS + 1), "²"])
def test_top_with_a_bad_number(rest: str, session: Session) -> None:
    fails(session, f"/top {rest}", f"a number from 1 to {MOST_HITS}, got '{rest}'", "/top 10")
    assert session.top == 3


def test_explain_toggles_and_explains_one_hit(session: Session) -> None:
    assert session.handle("/explain").message == "explanations on"
    assert session.explain
    assert session.handle("/explain").message == "explanations off"
    hits = session.handle("forgotten password").hits
    reply = session.handle("/explain")
    assert (reply.kind, reply.hits) == ("hits", hits)
    reply = session.handle("/explain 2")
    assert (reply.kind, reply.rank, reply.hits) == ("explain", 2, (hits[1],))
    assert sum(term.contribution for term in reply.explained) == pytest.approx(hits[1].score, rel=1e-5)


def test_terms(session: Session) -> None:
    fails(session, "/terms", "needs a text", "/terms how to")
    reply = session.handle("/terms night backups")
    assert reply.kind == "terms"
    assert "night" in dict(reply.terms)
    assert [weight for _, weight in reply.terms] == sorted((weight for _, weight in reply.terms), reverse=True)
    session.handle("table saw")
    assert session.handle("/terms").query == "table saw"


def test_why(session: Session) -> None:
    fails(session, "/why d3", "nothing was asked yet", "ask something first")
    session.handle("forgotten password")
    fails(session, "/why", "needs a document's id", "ids stand behind")
    fails(session, "/why nothing", "no document 'nothing'", "ids stand behind")
    reply = session.handle("/why d3")
    assert (reply.kind, reply.hits[0].document_id) == ("why", "d3")
    assert "password" in dict(reply.terms), "what the document lacks"
    first = session.handle("/why d0::1")
    assert first.rank == 1
    assert sum(term.contribution for term in first.explained) == pytest.approx(first.hits[0].score, rel=1e-5)


def test_open(session: Session) -> None:
    fails(session, "/open 1", "there are no hits yet", "ask something first")
    hits = session.handle("forgotten password").hits
    for line in ("1", "/open 1", "/open", "/open d0", "/open d0::1"):
        reply = session.handle(line)
        assert (reply.kind, reply.rank, reply.hits) == ("text", 1, (hits[0],)), line
    assert session.handle("2").hits == (hits[1],)
    for line in ("0", "9", "/open 9"):
        fails(session, line, f"no hit {line.split()[-1]}, the last query has {len(hits)}", "/top N")
    assert session.handle("/open d3").hits[0].text == TEXTS[3], "a document that did not come up"
    fails(session, "/open none", "no document 'none'", "ids stand behind")


def test_a_number_is_a_query_while_there_are_no_hits(session: Session) -> None:
    assert session.handle("404").query == "404"


def test_superscripts_are_no_rank(session: Session) -> None:
    """str.isdigit() is true for ², int() refuses it."""
    session.handle("password")
    assert session.handle("²").kind in ("hits", "note")
    assert session.handle("/explain ²").kind == "error"


@pytest.mark.parametrize("line", sorted(LEAVE | {"QUIT", " q "}))
def test_leaving(line: str, session: Session) -> None:
    assert session.handle(line).kind == "quit"


def test_nothing_help_stats_and_unknown_commands(session: Session) -> None:
    assert session.handle("  ").kind == "nothing"
    assert session.handle("/help").facts == COMMANDS
    facts = session.handle("/stats").facts
    assert facts is not None
    assert (facts["chunks"], facts["documents"], facts["dimensions"]) == (4, 4, 30522)
    assert (facts["model"], facts["index"], facts["hits shown"]) == ("tiny", "in memory", 3)
    fails(session, "/explian 1", "unknown command '/explian'", "did you mean '/explain'?")
    fails(session, "/zzz", "unknown command '/zzz'", "/help")
    fails(session, "/", "unknown command '/'", "/help")


def test_every_command_of_the_help_is_known(session: Session) -> None:
    for command in COMMANDS:
        reply = session.handle(command.split()[0])
        assert "unknown command" not in reply.message, command


def test_replies_are_json_ready(session: Session) -> None:
    for line in ("password", "/explain 1", "/terms", "/why d2", "1", "/stats", "/help", "/nope"):
        value = session.handle(line).as_dict()
        assert json.loads(json.dumps(value))["kind"] == value["kind"]


def test_a_failed_line_leaves_the_last_hits(session: Session) -> None:
    hits = session.handle("password").hits
    for line in ("/top x", "/why zzz", "/nope", "77"):
        session.handle(line)
    assert tuple(session.hits) == hits
    assert session.handle("1").hits == (hits[0],)
