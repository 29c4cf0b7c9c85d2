"""Replies to JSON and back: every kind, and that none is left out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from splade_cli.records import Hit, Term
from splade_cli.search.explain.frequent_terms import FrequentTerm, FrequentTermReport
from splade_cli.search.explain.terms import Gap
from splade_cli.search.interleaving.preferences import Outcome
from splade_cli.search.session.compare import Move
from splade_cli.search.session.replies import (
    KINDS,
    ClearReply,
    CompareReply,
    ErrorReply,
    ExplainReply,
    FrequentTermsReply,
    HelpReply,
    HistoryReply,
    HitsReply,
    MarksReply,
    NoteReply,
    NothingReply,
    OutcomeReply,
    QuitReply,
    Reply,
    StatsReply,
    TermsReply,
    TextReply,
    WhyReply,
)

TERM = Term("kiln", 2.0, 2.0, 4.0, True, True)
HIT = Hit("a#1", 1, 4.5, "text", "text", "Title", "a", {"year": 2020, "tags": ["x"]}, (TERM,),
          {"bm25": {"rank": 3, "score": 7.5}}, ("a#2",), ("b",), ((0, 4),))  # fmt: skip
REPLIES = [
    HitsReply((HIT, HIT), "kiln", {"a#1": "good"}, "top 2 from now on"),
    HitsReply((HIT,)),
    TextReply(HIT, "kiln", 1, ((0, 4),)),
    ExplainReply(HIT, "kiln", 1, (TERM,), ("both",)),
    WhyReply(HIT, "kiln", 4, 1000, (("oven", 1.5),), (TERM,), ("both",), True, HIT, (Gap("kiln", 2.0, 1.0),)),
    WhyReply(HIT),
    TermsReply("kiln", (("kiln", 2.0), ("oven", 1.0))),
    TermsReply("a#1", (("kiln", 2.0),), True, (("kiln", 2.0, True),), ("kiln",)),
    FrequentTermsReply(
        FrequentTermReport(
            0.2, 9, 8, 0.5, 0.25, (FrequentTerm("the", "stop word", 1, 1, 1, 1, None, "a", "x"),)
        )
    ),
    CompareReply("kiln", "tiny", (Move("a", "A", 1, None, "gone"),), "0 of 1", "a remark"),
    MarksReply("kiln", {"a#1": "bad"}, {"good": 0, "bad": 1, "file": "m.jsonl"}),
    HelpReply({"/top N": "show N hits"}, "a hint"),
    HistoryReply({"1": "kiln"}),
    StatsReply({"chunks": 4, "active terms a chunk": 1.5, "model": "tiny"}),
    NoteReply("nothing", "kiln", "try other words"),
    ErrorReply("wrong", "right", "force"),
    OutcomeReply(Outcome("a", "b", 1, 5, 2, 0.2), "ab.jsonl"),
    QuitReply(),
    ClearReply(),
    NothingReply(),
]


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: reply.kind)
def test_there_and_back(reply: Reply) -> None:
    values: dict[str, Any] = json.loads(json.dumps(reply.to_json()))
    assert Reply.from_json(values) == reply
    assert values["kind"] == reply.kind
    assert not [key for key, value in values.items() if value in ("", [], {}, None)]


def test_every_kind_is_tried() -> None:
    assert {reply.kind for reply in REPLIES} == set(KINDS)
    assert len(KINDS) == len(Reply.__subclasses__())


def test_keys_of_one_hit_and_of_several() -> None:
    assert [hit["id"] for hit in REPLIES[0].to_json()["hits"]] == ["a#1", "a#1"]
    values = TextReply(HIT).to_json()
    assert (len(values["hits"]), "hit" in values) == (1, False)
    assert [hit["place"] for reply in (REPLIES[0], TextReply(HIT)) for hit in reply.to_json()["hits"]] == [
        "a"
    ] * 3


@pytest.mark.parametrize(
    "values", [{}, {"kind": "nope"}, {"kind": "error"}, {"kind": "hits", "hits": [{"id": 3}]}]
)
def test_what_is_no_reply(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Reply.from_json(values)
