"""Answers in tables, YAML and strings of JSON: the same queries as in the JSON that was asked for."""

from __future__ import annotations

import json

import pytest

from splade_cli.generation.llm.parsing import read_queries

ASKED = {
    "queries": [
        {"type": "question", "text": "How long is it kept?"},
        {"type": "keywords", "text": "backup retention"},
    ]
}
QUERIES = [("question", "How long is it kept?"), ("keywords", "backup retention")]


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps(ASKED),
        json.dumps(json.dumps(ASKED)),
        "<think>a string?</think>" + json.dumps(json.dumps(ASKED)),
        json.dumps({"answer": json.dumps(ASKED)}),
        "queries:\n  - type: question\n    text: How long is it kept?\n  - type: keywords\n    text: 'backup retention'\n",
        '```yaml\n- query: "How long is it kept?"\n  kind: question\n- query: backup retention\n  kind: keywords\n```',
        "queries:\n  - question: How long is it kept?\n  - keywords: backup retention\n",
        "Here:\n\n| type | text |\n|---|---|\n| question | How long is it kept? |\n| keywords | backup retention |\n\nDone.",
        "Query | Kind\n--- | ---\nHow long is it kept? | question\nbackup retention | keywords",
        "| # | Query |\n|:-:|:--|\n| 1 | How long is it kept? |\n| 2 | backup retention |",
    ],
)
def test_all_are_read_alike(answer: str) -> None:
    assert [(query.type, query.text) for query in read_queries(answer, 4)] == QUERIES


@pytest.mark.parametrize(
    "answer",
    [
        "| a | b |\n|---|---|\n| c | d |",
        "| query |\n| --- |\n",
        '"just a string"',
        json.dumps({"error": json.dumps("no")}),
        json.dumps({"note": "[1, 2"}),
        "| query |\n|---|\n| N/A |\n| None |",
        "type: question\n\ntext: cut",
    ],
)
def test_nothing_is_made_up(answer: str) -> None:
    assert read_queries(answer, 4) == []
