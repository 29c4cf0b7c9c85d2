"""What the commands of a session answer about hits and documents: reasons, terms, marks, comparisons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_cli.datasets.examples import read_examples
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.records import Chunk
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.session import Session

TEXTS = (
    "To reset a forgotten password, open the login page and follow the link in the mail.",
    "A password has at least twelve characters and is never sent by mail.",
    "Backups run every night and are kept for thirty days.",
    "The table saw needs a sharp blade and a riving knife.",
)


@pytest.fixture(scope="module")
def searcher(embedder: Any) -> Searcher:
    chunks = [
        Chunk(f"d{number}::1", f"d{number}", text, "Manual", ("Chapter",), metadata={"year": 2020 + number})
        for number, text in enumerate(TEXTS)
    ]
    return Searcher.over(index_chunks(chunks, embedder, bm25=True), embedder)


@pytest.fixture
def session(searcher: Searcher, tmp_path: Path) -> Session:
    return Session(searcher, top=2, marks=tmp_path / "marks.jsonl")


def fails(session: Session, line: str, message: str, hint: str) -> None:
    reply = session.handle(line)
    assert (reply.kind, message in reply.message, hint in reply.hint) == ("error", True, True), reply


def test_explain_toggles_and_explains_one_hit(session: Session) -> None:
    assert session.handle("/explain").message == "explanations on"
    assert session.explain
    assert session.handle("/explain").message == "explanations off"
    hits = session.handle("forgotten password").hits
    reply = session.handle("/explain on")
    assert (reply.kind, reply.hits) == ("hits", hits)
    assert session.handle("/explain OFF").kind == "note" and not session.explain
    reply = session.handle("/explain 2")
    assert (reply.kind, reply.rank, reply.hit) == ("explain", 2, hits[1])
    assert sum(term.contribution for term in reply.explained) == pytest.approx(
        hits[1].parts["sparse"]["score"], rel=1e-5
    )
    assert len(reply.origins) == len(reply.explained)
    found = dict(zip((term.term for term in reply.explained), reply.origins, strict=True))
    assert found["password"] == "both"
    assert set(found.values()) - {"both"}, "expansion terms are marked as such"
    fails(session, "/explain nothing", "no document 'nothing'", "ids stand")


def test_explanations_in_other_modes(session: Session) -> None:
    session.handle("forgotten password")
    hit = session.handle("/mode bm25").hits[0]
    reply = session.handle("/explain 1")
    assert sum(term.contribution for term in reply.explained) == pytest.approx(hit.score, rel=1e-5)
    assert {term.term for term in reply.explained} <= {"forgotten", "forgot", "password"}
    hit = session.handle("/mode hybrid").hits[0]
    parts = session.handle("/explain 1").hit.parts
    assert {name: part["rank"] for name, part in parts.items()} == {"sparse": 1, "bm25": 1}


def test_terms(session: Session, searcher: Searcher) -> None:
    fails(session, "/terms", "needs a text", "/terms how to")
    reply = session.handle("/terms night backups")
    assert reply.kind == "terms"
    assert "night" in dict(reply.terms)
    assert [weight for _, weight in reply.terms] == sorted(
        (weight for _, weight in reply.terms), reverse=True
    )
    session.handle("table saw")
    assert session.handle("/terms").query == "table saw"
    first = session.hits[0].id
    of = session.handle("/terms of 1")
    assert (of.query, of.terms) == (first, session.handle(f"/terms of {first}").terms)
    assert of.terms[0][1] == pytest.approx(searcher.engine.vectors([first]).max())
    fails(session, "/terms of d9::1", "no document 'd9::1'", "did you mean 'd")
    assert session.handle("/terms frequent mail").kind == "terms", "a text that begins like the command"


def test_frequent_terms(session: Session) -> None:
    report = session.handle("/terms frequent").report
    assert report is not None and (report.above, report.rows) == (0.2, 4)
    half = session.handle("/terms FREQUENT 50%").report
    assert half is not None and half.above == 0.5
    assert {term.term for term in half.terms} == {term.term for term in report.terms if term.documents > 0.5}
    fails(session, "/terms frequent 200%", "must be from 0 to 1, got 2", "0.2")


def test_why(session: Session) -> None:
    fails(session, "/why d3", "nothing was asked yet", "ask something first")
    session.handle("forgotten password")
    fails(session, "/why", "needs a document's id", "ids stand behind")
    fails(session, "/why nothing", "no document 'nothing'", "ids stand behind")
    fails(session, "/why d3::7", "no document 'd3::7'", "did you mean 'd3::1'?")
    reply = session.handle("/why d3")
    assert (reply.kind, reply.hit.document_id, reply.filtered) == ("why", "d3", False)
    assert "password" in dict(reply.terms), "what the document lacks"
    assert reply.against == session.hits[-1]
    of_parts = [hit.parts["sparse"]["score"] for hit in (session.hits[-1], reply.hit)]
    difference = of_parts[0] - of_parts[1]
    assert sum(gap.difference for gap in reply.gaps) == pytest.approx(difference, rel=1e-4)
    assert "password" in {gap.term for gap in reply.gaps[:3]}
    first = session.handle("/why d0::1")
    assert (first.rank, first.against, first.gaps) == (1, None, ())
    second = session.handle("/why 2")
    assert (second.rank, second.hit.id, second.against) == (2, session.hits[1].id, session.hits[0])


def test_why_names_the_filter(session: Session) -> None:
    session.handle("password")
    without = session.handle("/why d0")
    session.handle("/filter year >= 2021")
    reply = session.handle("/why d0")
    assert (without.filtered, reply.filtered, reply.rank) == (False, True, without.rank)
    assert session.handle("/why d1").filtered is False


def test_open(session: Session) -> None:
    fails(session, "/open 1", "there are no hits yet", "ask something first")
    hits = session.handle("forgotten password").hits
    for line in ("1", "/open 1", "/open", "/open d0", "/open d0::1"):
        reply = session.handle(line)
        assert (reply.kind, reply.rank, reply.hit) == ("text", 1, hits[0]), line
    assert session.handle("2").hit == hits[1]
    assert session.handle("/open").hit == hits[1], "the one that was opened last"
    for line in ("9", "/open 9"):
        fails(session, line, f"no hit 9, the last query has {len(hits)}", "/top 9 shows more")
    fails(session, "0", f"no hit 0, the last query has {len(hits)}", "hits count from 1")
    assert session.handle("/open d3").hit.text == TEXTS[3], "a document that did not come up"
    fails(session, "/open none", "no document 'none'", "ids stand behind")


def test_marks_are_training_rows(session: Session) -> None:
    fails(session, "/mark good", "there are no hits yet", "ask something first")
    session.handle("forgotten password")
    reply = session.handle("/mark bad 2")
    assert (reply.kind, reply.marks) == ("marks", {"d1::1": "bad"})
    assert reply.facts == {"good": 0, "bad": 1, "waiting": 1, "file": str(session.marks.path)}
    session.handle("/mark good 1")
    session.handle("/mark bad d3")
    (row,) = read_examples(session.marks.path)
    assert (row.query, row.chunk_id) == ("forgotten password", "d0::1")
    assert row.positive == f"Manual: Chapter\n{TEXTS[0]}", "what the model reads"
    assert row.negatives == tuple(f"Manual: Chapter\n{TEXTS[number]}" for number in (1, 3))
    assert session.handle("forgotten password").marks == {"d0::1": "good", "d1::1": "bad", "d3::1": "bad"}
    assert session.handle("/mark none 1 2").marks == {"d3::1": "bad"}
    assert session.handle("/mark").marks == {"d3::1": "bad"}


def test_mark_without_a_rank_takes_what_was_opened(session: Session) -> None:
    session.handle("password")
    assert set(session.handle("/mark good").marks or {}) == {session.hits[0].id}
    session.handle("2")
    assert (session.handle("/mark bad").marks or {})[session.hits[1].id] == "bad"
    second = session.hits[1].id
    session.handle("forgotten password mail")
    assert {hit.id for hit in session.hits} >= {second}
    assert set(session.handle("/mark good").marks or {}) == {session.hits[0].id}, (
        "a new query, nothing opened yet"
    )


def test_marks_that_are_none(session: Session) -> None:
    session.handle("password")
    fails(session, "/mark god 1", "takes good, bad or none, got 'god'", "did you mean 'good'?")
    fails(session, "/mark 1", "got '1'", "/mark good 1")
    fails(session, "/mark good 1 9", "no hit 9", "/top 9")
    assert not session.marks.path.exists(), "all or nothing"
    session.marks.path.mkdir()
    fails(session, "/mark good 1", "", "")


def test_marks_lie_in_the_working_folder_by_default(searcher: Searcher) -> None:
    assert Session(searcher).marks.path == Path("marks.jsonl")


def test_compare(session: Session, bert_folder: Path) -> None:
    fails(session, "/compare tiny", "nothing was asked yet", "ask something first")
    session.handle("forgotten password")
    fails(session, "/compare", "needs a model or an index", "/compare tiny")
    reply = session.handle("/compare tiny")
    assert (reply.kind, reply.message) == ("compare", "2 of the first 2 are the same")
    assert [(move.id, move.before, move.after, move.change) for move in reply.moves] == [
        (hit.id, hit.rank, hit.rank, "same") for hit in session.hits
    ]
    other = session.handle(f"/compare {bert_folder}")
    assert len([move for move in other.moves if move.change != "gone"]) == 2
    assert session.handle("/compare no/such/model").kind == "error"
    assert session.query == "forgotten password"


def test_terms_are_whole_words_and_say_whose_they_are(session: Session) -> None:
    reply = session.handle("/terms how to fix adhesion")
    assert any(name.startswith("##") for name, _ in reply.terms), "as the vocabulary has them"
    shown = {name: literal for name, _, literal in reply.shown}
    assert shown["adhesion"] and not any(name.startswith("##") for name in shown)
    assert not all(shown.values()), "the model added some"
    assert not reply.stored and session.handle("/terms of d0").stored
