"""The parser of answers: what small models do to a format."""

from __future__ import annotations

import json

import pytest

from splade_cli.generation.llm.parsing import read_queries

GOOD = json.dumps(
    {"queries": [{"type": "question", "text": "How long?"}, {"type": "keywords", "text": "backup retention"}]}
)
READ = {
    "as asked": (GOOD, ["question: How long?", "keywords: backup retention"]),
    "fenced": (f"```json\n{GOOD}\n```", ["question: How long?", "keywords: backup retention"]),
    "within prose": (
        f"Of course! {GOOD} I hope it helps?",
        ["question: How long?", "keywords: backup retention"],
    ),
    "after thinking": (
        f'<think>{{"queries": ["not me"]}}</think>{GOOD}',
        ["question: How long?", "keywords: backup retention"],
    ),
    "bare list": ('[{"text": "is it up", "type": "natural"}]', ["natural: is it up"]),
    "strings": ('["When is it?", "keys and locks"]', ["question: When is it?", "keywords: keys and locks"]),
    "lines of JSON": (
        '{"query": "one two"}\n{"query": "three four"}',
        ["keywords: one two", "keywords: three four"],
    ),
    "schema echoed": (
        '{"$defs": {"Q": {"title": "Q", "properties": {"text": {"type": "string"}}}}, "required": '
        '["queries"], "properties": {"queries": [{"type": "claim", "text": "Locks rust."}]}}',
        ["claim: Locks rust."],
    ),
    "schema and nothing else": (
        '{"$defs": {"Q": {"properties": {"text": {"type": "string", "title": "T"}, "type": '
        '{"enum": ["question"]}}}}, "properties": {"queries": {"items": {"$ref": "#/$defs/Q"}, '
        '"type": "array"}}, "type": "object"}',
        [],
    ),
    "numbered keys": (
        '{"Example1": {"query": "rusty lock", "positive_document": "x"}, "Example2": "how to oil a lock"}',
        ["keywords: rusty lock", "keywords: how to oil a lock"],
    ),
    "keyed by kind": (
        '{"question": "Why rust?", "keywords": ["rust lock"], "natural_language": "my lock is stuck", '
        '"answer": "oil"}',
        ["question: Why rust?", "keywords: rust lock", "natural: my lock is stuck"],
    ),
    "cut off": (
        '{"queries": [{"type": "natural", "text": "a \\"stuck\\" lock"}, {"type": "question", "text": "Why d',
        ['natural: a "stuck" lock'],
    ),
    "cut off in the first": (
        '{"queries": [{"text": "a \\"stuck\\" lock", "type": "nat',
        ['keywords: a "stuck" lock'],
    ),
    "passage repeated": (
        json.dumps({"text": "x y " * 100, "queries": ["stuck lock"]}),
        ["keywords: stuck lock"],
    ),
    "numbered lines": (
        'Here are 3 queries:\n1. Why does it rust?\n2) "oil for locks"\n'
        "(3) **Claim**: Oil helps.\nGood luck!",
        ["question: Why does it rust?", "keywords: oil for locks", "claim: Oil helps."],
    ),
    "labelled lines": (
        "Question: Why?\n[keywords] oil lock\nnot this one",
        ["question: Why?", "keywords: oil lock"],
    ),
    "bullets": (
        "- how to oil a lock that has been outside all winter\n* 5 mm bit\n",
        ["natural: how to oil a lock that has been outside all winter", "keywords: 5 mm bit"],
    ),
    "no numbering": (
        '["3.5 mm jack", "keyword-based search", "natural language processing"]',
        ["keywords: 3.5 mm jack", "keywords: keyword-based search", "keywords: natural language processing"],
    ),
    "numbering within JSON": (
        '{"queries": ["1. rusty lock", "Query 2: \'oil can\'"]}',
        ["keywords: rusty lock", "keywords: oil can"],
    ),
    "doubles": ('["Rusty lock", "rusty lock", " rusty  lock "]', ["keywords: Rusty lock"]),
    "too long, empty, placeholder": (json.dumps(["x y" * 101, "", "...", "string", "<query>", "42"]), []),
    "loop": (json.dumps(["oil is oil, " * 8, "oil can"]), ["keywords: oil can"]),
    "wrong kind": (
        '[{"type": "keywords", "text": "Why?? Why rust?"}, {"type": "poem", "text": "rust never sleeps"}]',
        ["question: Why?? Why rust?", "keywords: rust never sleeps"],
    ),
    "prose": ("I cannot do that. The passage [1] says {nothing}.", []),
    "other languages": (
        '["Hvor lenge?", "保存期間は何日ですか？", "резервные копии"]',
        ["question: Hvor lenge?", "question: 保存期間は何日ですか？", "keywords: резервные копии"],
    ),
    "half a character": ('["oil \\ud83d can", "oil \\ud83d\\ude00 can"]', ["keywords: oil 😀 can"]),
    "deep nonsense": ("[" * 5000, []),
    "null": ('{"queries": [null, {"text": null, "type": 3}, {"text": 7}]}', []),
}


@pytest.mark.parametrize("name", READ)
def test_reading(name: str) -> None:
    text, expected = READ[name]
    assert [f"{query.type}: {query.text}" for query in read_queries(text, 5)] == expected


def test_reading_stops_at_the_number_asked_for() -> None:
    assert len(read_queries(json.dumps([f"query number {word}" for word in "abcdef"]), 2)) == 2
