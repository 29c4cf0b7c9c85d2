"""Reader of a chat completion: the body of a response, one JSON object or an event stream, to an Answer.

Servers that call themselves compatible differ in everything but the names of the fields: whatever stands in a
field, an odd value is left out, and only a body without any choice is no completion.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from splade_cli.generation.llm.answers import Answer

LONGEST_TEXT = 200_000
_TEXT_PARTS = ("text", "output_text", None)
_MOST_TOKENS = 1_000_000_000


class NoCompletionError(ValueError):
    """A response of status 200 that is no chat completion; has what `failures` reads of the client's errors.

    Attributes:
        status_code: of the error within the body, 0 where it has none.
        body: the error within the body, or what it begins with.
        code, type: what the body calls its error.
    """

    def __init__(self, body: Any) -> None:
        super().__init__("not a chat completion")
        error = body.get("error") if isinstance(body, Mapping) else None
        self.status_code = 0
        self.code = self.type = None
        self.body: Any = f"not a chat completion: {str(body)[:300]!r}"
        if isinstance(error, Mapping):
            self.code = error.get("code")
            self.type = error.get("type")
            self.body = error
            if isinstance(self.code, int) and 400 <= self.code < 600:
                self.status_code = self.code
        elif error:
            self.body = f"not a chat completion: {str(error)[:300]!r}"


def read_completion(body: bytes) -> Answer:
    """The first choice of a completion. Raises NoCompletionError where there is none."""
    text = body.decode("utf-8", "replace").lstrip("\ufeff \t\r\n")
    if text.startswith(("data:", "event:", ":", "id:")):
        return _read_stream(text)
    completion = _json_or_none(text)
    if not isinstance(completion, dict):
        raise NoCompletionError(text)
    choice = _first_choice(completion)
    if choice is None:
        raise NoCompletionError(completion)
    message = choice.get("message")
    if not isinstance(message, dict):
        message = {"content": choice.get("text")}
    return _answer(message, choice.get("finish_reason"), completion.get("usage"))


def _read_stream(text: str) -> Answer:
    """The deltas of server-sent events, put together: some servers stream whatever they are asked."""
    content: list[str] = []
    reasoning: list[str] = []
    refusal: list[str] = []
    finish: Any = None
    usage: Any = None
    ended = False
    for event in _events(text):
        ended = ended or event == "[DONE]"
        part = _json_or_none(event)
        if not isinstance(part, dict):
            continue
        if part.get("error"):
            raise NoCompletionError(part)
        usage = part.get("usage") or usage
        choice = _first_choice(part) or {}
        finish = choice.get("finish_reason") or finish
        delta = choice.get("delta") or choice.get("message")
        if isinstance(delta, dict):
            content.append(_text(delta.get("content")))
            reasoning.append(_reasoning(delta))
            refusal.append(_text(delta.get("refusal")))
    if not (ended or finish):
        raise NoCompletionError("an event stream that was cut off")
    message = {"content": "".join(content), "reasoning": "".join(reasoning), "refusal": "".join(refusal)}
    return _answer(message, finish, usage)


def _events(text: str) -> Iterator[str]:
    for line in text.splitlines():
        if line.startswith("data:"):
            yield line.removeprefix("data:").strip()


def _first_choice(completion: dict[str, Any]) -> dict[str, Any] | None:
    choices = completion.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        return choices[0]
    return None


def _answer(message: dict[str, Any], finish: Any, usage: Any) -> Answer:
    text = _text(message.get("content"))
    counts = usage if isinstance(usage, dict) else {}
    return Answer(
        text=text,
        prompt_tokens=_count(counts.get("prompt_tokens")),
        completion_tokens=_count(counts.get("completion_tokens")),
        finish_reason=_text(finish)[:40],
        refusal=_text(message.get("refusal"))[:500],
        # Some servers take all that a model says for its thoughts.
        reasoning="" if text.strip() else _reasoning(message),
    )


def _reasoning(message: dict[str, Any]) -> str:
    return _text(message.get("reasoning_content")) or _text(message.get("reasoning"))


def _text(value: Any) -> str:
    """A string, or the texts of a list of content parts without those that are thoughts; else nothing."""
    if isinstance(value, list):
        parts = []
        for part in value:
            if isinstance(part, str):
                parts.append(part)
            elif isinstance(part, dict) and part.get("type") in _TEXT_PARTS:
                parts.append(part["text"] if isinstance(part.get("text"), str) else "")
        value = "".join(parts)
    if not isinstance(value, str):
        return ""
    # Half a surrogate pair, which JSON can spell, is no character: no file and no terminal takes it.
    return value[:LONGEST_TEXT].encode("utf-8", "replace").decode()


def _count(value: Any) -> int:
    """A number of tokens, 0 for what is none."""
    if isinstance(value, str) and value.strip().isdecimal():
        value = _whole(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return 0
    return int(value) if 0 <= value <= _MOST_TOKENS else 0


def _whole(digits: str) -> int:
    """An integer; 0 for one of more digits than Python reads, which is no count of anything here."""
    return int(digits) if len(digits) <= 30 else 0


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text, parse_int=_whole)
    except (ValueError, RecursionError):
        return None
