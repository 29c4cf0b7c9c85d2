"""Judging answers one after the other: what has no query, what is a copy, what many passages get alike."""

from __future__ import annotations

import pytest

from splade_cli.generation.llm.answers import Answer
from splade_cli.generation.llm.usefulness import Usefulness
from splade_cli.records import Chunk


def chunk(number: int) -> Chunk:
    return Chunk(id=f"c{number}", document_id="d", text=f"Backups are kept for {number} days.", title="")


@pytest.mark.parametrize("field", ["text", "reasoning"])
def test_answers_that_differ_are_of_use_wherever_they_stand(field: str) -> None:
    usefulness = Usefulness(3)
    for number in range(9):
        answer = Answer(**{"text": "", field: f"What of {number}?"})  # type: ignore[arg-type]
        assert usefulness.judge(chunk(number), answer, is_of_use=True) is None
    assert usefulness.repeated == 0


@pytest.mark.parametrize("field", ["text", "reasoning"])
def test_so_many_passages_with_one_answer_were_not_read(field: str) -> None:
    usefulness = Usefulness(3)
    answer = Answer(**{"text": "", field: "What of it?"})  # type: ignore[arg-type]
    judged = [usefulness.judge(chunk(number), answer, is_of_use=True) for number in range(3)]
    assert judged[:2] == [None, None]
    assert str(judged[2]) == "the same for different passages (said 'What of it?')"
    assert [each.id for each in usefulness.unread] == ["c0", "c1", "c2"]
    assert (usefulness.in_a_row, usefulness.repeated) == (3, 2)


def test_answers_without_a_query_are_counted_until_one_has_one() -> None:
    usefulness = Usefulness(8)
    for number in range(2):
        useless = usefulness.judge(chunk(number), Answer("", finish_reason="length"), is_of_use=False)
        assert useless is not None
        assert useless.kind == "cut off at the token limit"
    assert usefulness.in_a_row == 2
    assert usefulness.judge(chunk(2), Answer("What?"), is_of_use=True) is None
    assert usefulness.in_a_row == 0
    assert usefulness.useless == {"cut off at the token limit": 2}


@pytest.mark.parametrize("wanted", ["query", "negative"])
def test_what_is_lacking_is_named_with_advice(wanted: str) -> None:
    useless = Usefulness(8, wanted).judge(chunk(0), Answer("Well."), is_of_use=False)
    assert useless is not None
    assert useless.kind == f"without a {wanted}"
    assert useless.advice
