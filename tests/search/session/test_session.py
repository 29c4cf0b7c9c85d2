"""The brain of the interactive session: settings, hits and errors, over a small index in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.errors import InputError
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.records import Chunk
from splade_cli.search.explain.absence import UNKNOWN
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.commands import COMMANDS, LEAVE
from splade_cli.search.session.session import Session
from splade_cli.search.session.settings import MOST_HITS

TEXTS = (
    "To reset a forgotten password, open the login page and follow the link in the mail.",
    "A password has at least twelve characters and is never sent by mail.",
    "Backups run every night and are kept for thirty days.",
    "The table saw needs a sharp blade and a riving knife.",
)


@pytest.fixture(scope="module")
def searcher(embedder: Any) -> Searcher:
    chunks = [
        Chunk(f"d{number}::1", f"d{number}", text, metadata={"year": 2020 + number, "lang": "en"})
        for number, text in enumerate(TEXTS)
    ]
    return Searcher.over(index_chunks(chunks, embedder, bm25=True), embedder)


@pytest.fixture
def session(searcher: Searcher, tmp_path: Path) -> Session:
    return Session(searcher, top=3, marks=tmp_path / "marks.jsonl")


def fails(session: Session, line: str, message: str, hint: str) -> None:
    reply = session.handle(line)
    assert (reply.kind, message in reply.message, hint in reply.hint) == ("error", True, True), reply


def test_a_query_gives_hits_and_is_remembered(session: Session) -> None:
    reply = session.handle("  forgotten password ")
    assert (reply.kind, reply.query) == ("hits", "forgotten password")
    assert reply.hits[0].document_id == "d0"
    assert len(reply.hits) <= 3
    assert session.handle("/history").facts == {"1": "forgotten password"}
    session.handle("night backups")
    session.handle("night backups")
    assert session.handle("/history").facts == {"1": "forgotten password", "2": "night backups"}


def test_top(session: Session) -> None:
    reply = session.handle("/top 1")
    assert (reply.kind, reply.message) == ("note", "top 1 from now on")
    assert len(session.handle("password").hits) == 1
    reply = session.handle("/TOP 2")
    assert (reply.kind, reply.query, len(reply.hits), reply.remark) == (
        "hits",
        "password",
        2,
        "top 2 from now on",
    )
    assert session.handle(f"/top {MOST_HITS}").kind == "hits"


@pytest.mark.parametrize("rest", ["", "0", "-1", "x", "1.5", str(MOST_HITS + 1), "²"])
def test_top_with_a_bad_number(rest: str, session: Session) -> None:
    fails(session, f"/top {rest}", f"a number from 1 to {MOST_HITS}, got '{rest}'", "/top 10")
    assert session.top == 3


def test_mode(session: Session, searcher: Searcher) -> None:
    assert session.handle("/mode").message == "mode hybrid, of sparse, bm25, hybrid"
    assert session.handle("/mode BM25").message == "mode bm25 from now on"
    reply = session.handle("forgotten password")
    assert [(hit.id, hit.score) for hit in reply.hits] == [
        (hit.id, hit.score) for hit in searcher.search("forgotten password", 3, SearchOptions(mode="bm25"))
    ]
    reply = session.handle("/mode hybrid")
    assert (reply.kind, reply.query, reply.remark) == (
        "hits",
        "forgotten password",
        "mode hybrid from now on",
    )
    assert set(reply.hits[0].parts) == {"sparse", "bm25"}
    fails(session, "/mode dense", "dense", "--dense")
    fails(session, "/mode sparce", "unknown mode 'sparce'", "did you mean 'sparse'?")
    assert session.mode == "hybrid"


def test_filter(session: Session) -> None:
    session.handle("password")
    assert {hit.id for hit in session.hits} >= {"d0::1", "d1::1"}
    reply = session.handle("/filter year >= 2021 and lang = en")
    assert reply.kind == "hits"
    assert "d0::1" not in {hit.id for hit in reply.hits}
    assert reply.remark == "filter year >= 2021 and lang = en from now on"
    fails(session, "/filter yaer >= 2021", "no field 'yaer'", "did you mean 'year'?")
    fails(session, "/filter year >=", "expected a value", "e.g.")
    fails(session, "/filter year", "year", "")
    assert session.filter == "year >= 2021 and lang = en"
    shown = session.handle("/filter")
    assert shown.message == "filter: year >= 2021 and lang = en"
    assert "year (number)" in shown.hint
    nothing = session.handle("/filter year > 3000")
    assert (nothing.kind, nothing.hint) == ("note", "without the filter: /filter off")
    assert session.handle("/filter OFF").remark == "filter off from now on"
    assert "d0::1" in {hit.id for hit in session.hits}


def test_a_filter_from_the_start(searcher: Searcher, tmp_path: Path) -> None:
    session = Session(searcher, filter="year = 2020", marks=tmp_path / "m.jsonl")
    assert [hit.id for hit in session.handle("password").hits] == ["d0::1"]
    with pytest.raises(InputError, match="^no field 'nope'"):
        Session(searcher, filter="nope = 1")


def test_a_setting_that_cannot_be_searched_with_is_not_kept(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.handle("password")
    hits = session.hits

    def stopped(*words: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(session.searcher, "search", stopped)
    for line in ("/mode bm25", "/top 1", "/filter year = 2020", "another query"):
        with pytest.raises(KeyboardInterrupt):
            session.handle(line)
    assert (session.mode, session.top, session.filter) == ("hybrid", 3, "")
    assert (session.query, session.hits, session.history) == ("password", hits, ["password"])


def test_a_number_is_a_query_while_there_are_no_hits(session: Session) -> None:
    assert session.handle("404").query == "404"


def test_superscripts_are_no_rank(session: Session) -> None:
    """str.isdigit() is true for ², int() refuses it."""
    session.handle("password")
    assert session.handle("²").kind == "hits"
    assert session.handle("/explain ²").kind == "error"


@pytest.mark.parametrize("line", sorted(LEAVE | {"QUIT", " q "}))
def test_leaving(line: str, session: Session) -> None:
    assert session.handle(line).kind == "quit"


def test_nothing_and_unknown_commands(session: Session) -> None:
    assert session.handle("  ").kind == "nothing"
    fails(session, "/explian 1", "unknown command '/explian'", "did you mean '/explain'?")
    fails(session, "/zzz", "unknown command '/zzz'", "/help")
    fails(session, "/", "unknown command '/'", "/help")


def test_help(session: Session) -> None:
    facts = session.handle("/help").facts
    assert facts == {each.usage: each.help for name, each in COMMANDS.items() if name != "/ab"}
    one = session.handle("/help filter").facts
    assert one is not None and list(one)[1:] == list(COMMANDS["/filter"].examples)
    assert session.handle("/help /FILTER").facts == one
    fails(session, "/help fliter", "unknown command '/fliter'", "did you mean '/filter'?")


@pytest.mark.parametrize("example", [each for command in COMMANDS.values() for each in command.examples])
def test_every_example_of_the_help_is_understood(
    session: Session, example: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    session.handle("password")
    reply = session.handle(example)
    expected = {"guide.md": "no document", "other-index": "other-index", "title": "title"}
    if reply.kind == "error":
        assert any(word in example and told in reply.message for word, told in expected.items()), reply


def test_stats(session: Session) -> None:
    facts = session.handle("/stats").facts
    assert facts is not None
    assert (facts["chunks"], facts["documents"], facts["dimensions"]) == (4, 4, 30522)
    assert (facts["model"], facts["index"], facts["hits shown"]) == ("tiny", "in memory", 3)
    assert (facts["mode"], facts["filter"], facts["queries"]) == (
        "hybrid (of sparse, bm25, hybrid)",
        "none",
        0,
    )
    assert "query p50, ms" not in facts
    for query in ("password", "saw", "night"):
        session.handle(query)
    session.seconds[:] = [0.001, 0.002, 0.010]
    facts = session.handle("/stats").facts or {}
    assert (facts["queries"], facts["query p50, ms"], facts["query p95, ms"]) == (3, 2.0, 9.2)


def test_replies_are_json_ready(session: Session) -> None:
    lines = ("password", "/explain 1", "/terms", "/terms frequent", "/terms of 1", "/why d2", "1",
             "/mark good 1", "/mark", "/stats", "/help", "/mode", "/filter", "/nope")  # fmt: skip
    for line in lines:
        value = session.handle(line).to_json()
        assert json.loads(json.dumps(value))["kind"] == value["kind"]


def test_a_failed_line_leaves_the_last_hits(session: Session) -> None:
    hits = session.handle("password").hits
    for line in ("/top x", "/why zzz", "/nope", "77", "/mode x", "/filter x"):
        assert session.handle(line).kind == "error", line
    assert tuple(session.hits) == hits
    assert session.handle("1").hit == hits[0]


def test_no_hit_says_what_to_try(session: Session, searcher: Searcher) -> None:
    session.handle("/mode bm25")
    reply = session.handle("zyxwvut")
    assert (reply.kind, reply.hint) == ("note", "try other words")
    fails(session, "/open 1", "there are no hits yet", "ask something first")


def test_more_goes_on_where_the_screen_ended(session: Session, searcher: Searcher) -> None:
    fails(session, "/more", "nothing was asked yet", "ask something first")
    session.handle("/top 1")
    every = searcher.search("a password by mail", 4)
    session.handle("a password by mail")
    assert [hit.id for hit in session.handle("/more 2").hits] == [hit.id for hit in every[1:3]]
    session.shown = 2  # the screen had no room for the last of these
    assert [(hit.id, hit.rank) for hit in session.handle("/more").hits] == [(every[2].id, 3)]
    assert session.handle("3").hit.id == every[2].id, "its number opens it"
    session.handle("/more 1000")
    reply = session.handle("/more")
    assert (reply.kind, reply.message) == ("note", f"no more hits, these were all {len(every)}")
    for wrong in ("0", "x", "-1"):
        fails(session, f"/more {wrong}", "takes a number above 0", "/more 10")


@pytest.mark.parametrize("line", ["help", "?", " HELP ", "/help"])
def test_help_without_a_slash(line: str, session: Session) -> None:
    assert session.handle(line).kind == "help"
    assert session.handle("help filter").kind == "hits", "more words are a query"


def test_help_fits_a_screen(session: Session) -> None:
    reply = session.handle("help")
    assert len(reply.facts) + 1 <= 24 - 3
    width = max(map(len, reply.facts))
    assert all(width + 2 + len(told) <= 80 for told in reply.facts.values()) and len(reply.hint) <= 80
    assert session.handle("/help mark").hint == "without a rank the one opened last"


def test_settings_of_a_search(session: Session, searcher: Searcher, tmp_path: Path) -> None:
    session.handle("password")
    for line, options in {
        "/idf 0.5": SearchOptions(idf_exponent=0.5),
        "/idf off": SearchOptions(),
        "/fold off": SearchOptions(group="off"),
        "/fold document": SearchOptions(group="document"),
        "/fold Auto": SearchOptions(),
    }.items():
        reply = session.handle(line)
        expected = searcher.search("password", 3, options)
        assert [(hit.id, hit.score) for hit in reply.hits] == [(hit.id, hit.score) for hit in expected], line
        assert reply.remark.endswith("from now on")
    rules = tmp_path / "rules.txt"
    rules.write_text("password = backups\n", encoding="utf-8")
    assert "d2::1" not in {hit.id for hit in session.handle("/mode bm25").hits}
    assert "d2::1" in {hit.id for hit in session.handle(f"/expand {rules}").hits}
    assert session.unusual() == {"expand": "rules.txt"}
    assert session.handle("/expand off").remark == "expand off from now on"
    fails(session, "/expand no-such-file", "no-such-file", "")
    fails(session, "/idf -1", "takes a number from 0 on", "/idf 0.5")
    fails(session, "/fold maybe", "takes auto, document, section, off", "/fold section")
    assert session.handle("/fold").message == "fold auto, of auto, document, section, off"
    assert (session.idf, session.fold, session.expand) == (0.0, "auto", None)


def test_rerank(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    session.handle("password")
    fails(session, "/rerank no/such-model", "no/such-model", "")
    assert session.rerank is None
    monkeypatch.setitem(
        session.searcher._lazy._rerankers,
        "by-length",
        lambda pairs: np.array([-len(text) for _, text in pairs], np.float32),
    )
    hits = session.handle("/rerank by-length").hits
    assert [len(hit.text) for hit in hits] == sorted(len(hit.text) for hit in hits)
    assert session.handle("/stats").facts["rerank"] == "by-length"
    assert session.handle("/rerank off").remark == "rerank off from now on"


def test_words_that_the_index_has_not(session: Session, tmp_path: Path) -> None:
    reply = session.handle("zzxqj wqpfkj")
    assert reply.kind == "hits" and reply.remark == UNKNOWN
    assert session.handle("zzxqj password").remark == "", "one word is there"
    assert session.handle("the of and").remark == "", "words that every text has are none"
    assert session.handle("/terms zzxqj").unknown == ("zzxqj",)
    assert session.handle("/terms password").unknown == ()
    (tmp_path / "rules.txt").write_text("zzxqj = password\n")
    session.handle(f"/expand {tmp_path / 'rules.txt'}")
    assert session.handle("zzxqj").remark == "", "rules add a word that is there"
    session.handle("/expand off")
    session.handle("/mode bm25")
    assert session.handle("zzxqj").message == "no word of this query is in the index"


def test_export(session: Session, tmp_path: Path) -> None:
    fails(session, f"/export {tmp_path / 'hits.json'}", "no hits to export", "ask something first")
    hits = session.handle("password").hits
    for ending in (".json", ".jsonl", ".md"):
        path = tmp_path / f"hits{ending}"
        assert session.handle(f"/export {path}").message == f"{len(hits)} hits written to {path}"
        fails(session, f"/export {path}", "exists already", "another file")
        assert hits[0].id in path.read_text(encoding="utf-8")
    document = json.loads((tmp_path / "hits.json").read_text(encoding="utf-8"))
    assert [hit["id"] for hit in document["hits"]] == [hit.id for hit in hits]
    fails(session, "/export hits.txt", "ends with .json, .jsonl, .md", "/export hits.json")
    fails(session, "/export", "ends with .json", "")


def test_a_command_that_is_cut_short_names_what_it_may_be(session: Session) -> None:
    fails(session, "/mo", "unknown command '/mo'", "did you mean /more or /mode?")
    fails(session, "/", "unknown command '/'", "/help lists them")


def test_fused_hits_say_which_words_matched(session: Session) -> None:
    hit = session.handle("forgotten password").hits[0]
    assert "password" in {term.term for term in hit.words}
    assert sum(term.contribution for term in hit.words) == pytest.approx(hit.parts["bm25"]["score"], rel=1e-5)
