"""The reader of chat completions: whatever stands in a field, an answer or an error that is expected."""

from __future__ import annotations

import json
from typing import Any
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.generation.llm.answers import Answer
from splade_cli.generation.llm.client.completion import LONGEST_TEXT, NoCompletionError, read_completion
from splade_cli.generation.llm.parsing import read_queries
from splade_cli.generation.llm.usefulness import why_useless


def body(content: Any, finish: Any = "stop", usage: Any = None, **message: Any) -> bytes:
    choice = {"message": {"content": content, **message}, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": usage}).encode()


def test_as_it_should_be() -> None:
    usage = {"prompt_tokens": 7, "completion_tokens": 3}
    assert read_completion(body("hello", usage=usage)) == Answer("hello", 7, 3, "stop")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        (42, ""),
        ({"text": "x"}, ""),
        (["a", {"type": "text", "text": "b"}, {"text": "c"}, {"type": "output_text", "text": "d"}], "abcd"),
        ([{"type": "thinking", "thinking": "no"}, {"type": "text", "text": 3}, None], ""),
        ("half \ud800 a pair", "half ? a pair"),
        ("\x00", "\x00"),
        ("x" * (LONGEST_TEXT + 5), "x" * LONGEST_TEXT),
    ],
)
def test_contents(content: Any, text: str) -> None:
    assert read_completion(body(content)).text == text


@pytest.mark.parametrize(
    ("said", "tokens"),
    [(5, 5), ("5", 5), (5.0, 5), (-5, 0), ("many", 0), (True, 0), (None, 0), ([5], 0), (10**12, 0)],
)
def test_token_counts(said: Any, tokens: int) -> None:
    assert read_completion(body("x", usage={"prompt_tokens": said})).prompt_tokens == tokens


def test_numbers_that_no_json_has() -> None:
    odd = body("x", usage={"prompt_tokens": 11, "completion_tokens": 12})
    odd = (
        odd.replace(b"11", b"NaN")
        .replace(b"12", b"1e999")
        .replace(b'{"choices"', b'{"id": ' + b"9" * 6000 + b', "choices"')
    )
    answer = read_completion(odd)
    assert (answer.text, answer.prompt_tokens, answer.completion_tokens) == ("x", 0, 0)


def test_thoughts_are_read_only_where_nothing_else_is_said() -> None:
    assert read_completion(body("", reasoning_content="hm")).reasoning == "hm"
    assert read_completion(body("yes", reasoning="hm")).reasoning == ""


def test_an_event_stream() -> None:
    parts = [
        {"choices": [{"delta": {"role": "assistant", "content": ""}}]},
        {"choices": [{"delta": {"content": "hel"}}]},
        {"choices": [{"delta": {"content": "lo"}, "finish_reason": "stop"}]},
        {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 2}},
    ]
    stream = "".join(f"data: {json.dumps(part)}\n\n" for part in parts)
    assert read_completion(stream.encode()) == Answer("hello", 4, 2, "stop")
    with pytest.raises(NoCompletionError):
        read_completion(stream.partition('"finish_reason"')[0].encode())
    with pytest.raises(NoCompletionError):
        read_completion(b'data: {"error": {"message": "gone"}}\n\ndata: [DONE]\n\n')


@pytest.mark.parametrize(
    "raw",
    [b"", b"null", b"[]", b"{}", b"<html>", b'{"choices": []}', b'{"choices": [null]}', b'{"choices": {"0": 1}}',
     b"[" * 100_000, b"\xff\xfe", b'{"error": {"message": "no"}}'],
)  # fmt: skip
def test_what_is_no_completion(raw: bytes) -> None:
    with pytest.raises(NoCompletionError):
        read_completion(raw)


def test_an_error_with_status_200_keeps_its_code() -> None:
    with pytest.raises(NoCompletionError) as raised:
        read_completion(b'{"error": {"code": 402, "message": "no credit", "type": "billing"}}')
    assert (raised.value.status_code, raised.value.body["message"]) == (402, "no credit")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON, JSON, JSON)
def test_no_field_of_any_kind_fails(content: Any, finish: Any, usage: Any, refusal: Any) -> None:
    answer = read_completion(body(content, finish, usage, refusal=refusal))
    read_queries(answer.text, 3)
    str(why_useless(answer))
    kept = Answer.from_json(answer.to_json())
    assert kept == answer
    kept.text.encode()


@given(st.binary(max_size=200))
def test_no_bytes_fail(raw: bytes) -> None:
    try:
        read_completion(raw)
    except NoCompletionError as error:
        str(error.body)


@given(JSON)
def test_no_json_within_an_answer_fails(value: Any) -> None:
    for query in read_queries(json.dumps({"queries": value}), 3):
        query.text.encode()
        assert not [character for character in query.text if category(character) == "Cc"]
