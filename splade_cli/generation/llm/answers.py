"""Answers of a language model, kept on disk and read: raw text comes in, `WrittenQuery` objects go out.

`Journal` keeps every answer that was paid for as it was said, so that a better reader can read it again; `read_queries`
is the reader, and forgives what small models do to a format. Knows nothing of servers, prompts or passages.
"""

from __future__ import annotations

import functools
import json
import os
import re
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from splade_cli.errors import InputError
from splade_cli.records import WrittenQuery

if TYPE_CHECKING:
    from pydantic import TypeAdapter

QueryType = Literal["question", "keywords", "natural", "claim"]
QUERY_TYPES: tuple[QueryType, ...] = get_args(QueryType)
LONGEST_QUERY = 300


@dataclass(frozen=True)
class Answer:
    """What a server said and charged; `text` is empty for a refusal, token counts are 0 where it gave none."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    finish_reason: str = ""


class Journal:
    """An append-only JSONL file of answers by key, flushed to the disk line by line."""

    def __init__(self, path: Path) -> None:
        """Reads what `path` holds, if it is there. Raises InputError if it is something other than a journal."""
        self.path = path
        self._answers: dict[str, list[str]] = {}
        self._lock = threading.Lock()
        self._ends_in_half_a_line = False
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise InputError(
                f"cannot read the journal {path}: {error.strerror}", "name another --journal"
            ) from None
        self._ends_in_half_a_line = bool(content) and not content.endswith(b"\n")
        lines = [line for line in content.split(b"\n") if line.strip()]
        for line in lines:
            # A killed process leaves half a line, and a later run writes on below it: one lost answer, asked again.
            row = _json_or_none(line.decode("utf-8", errors="replace"))
            if isinstance(row, dict) and isinstance(row.get("key"), str) and isinstance(row.get("text"), str):
                self._answers.setdefault(row["key"], []).append(row["text"])
        if len(lines) > 1 and not self._answers:
            raise InputError(
                f"{path} is not a journal of LLM answers", "name another file, or one that is not there"
            )

    def texts(self, key: str) -> list[str]:
        """The answers given to `key` so far, oldest first."""
        return list(self._answers.get(key, ()))

    def append(self, key: str, chunk_id: str, model: str, answer: Answer) -> None:
        """Keeps one answer; it is on the disk when this returns."""
        row = {"key": key, "chunk_id": chunk_id, "model": model, **asdict(answer)}
        line = json.dumps(row).encode() + b"\n"
        with self._lock:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with open(self.path, "ab") as out:
                    out.write(b"\n" + line if self._ends_in_half_a_line else line)
                    out.flush()
                    os.fsync(out.fileno())
            except OSError as error:
                raise InputError(
                    f"cannot write the journal {self.path}: {error.strerror}",
                    "free space there, or name another file",
                ) from None
            self._ends_in_half_a_line = False
            self._answers.setdefault(key, []).append(answer.text)


def read_queries(text: str, at_most: int) -> list[WrittenQuery]:
    """The usable queries in a model's answer, in its order; none where it makes no sense.

    Reads the JSON that was asked for, also fenced, within prose, as a bare list, keyed by kind or Example1..N, cut off,
    or beside an echo of the schema; else numbered lines, labelled lines and lines that are questions.
    """
    text = _THINKING.sub("", text)
    raw = [item for value in _json_values(text) for item in _items(value)]
    raw = raw or [(_json_or_none(f'"{found}"'), "") for found in _CUT_OFF.findall(text)] or list(_lines(text))
    queries: dict[str, WrittenQuery] = {}
    for said, kind in raw:
        words = _trim(str(said or ""))
        if label := _LABEL.match(words):
            kind, words = kind or label[1], _trim(words[label.end() :])
        if _worth_asking(words):
            found = {"text": words, "type": _kind(kind, words)}
            queries.setdefault(words.casefold(), _adapter().validate_python(found))
    return list(queries.values())[:at_most]


@functools.cache
def _adapter() -> TypeAdapter[WrittenQuery]:
    from pydantic import TypeAdapter

    return TypeAdapter(WrittenQuery)


_THINKING = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.S)
_CUT_OFF = re.compile(r'"(?:text|query)"\s*:\s*"((?:[^"\\\n]|\\.)+)"')
_OPENING = re.compile(r"[{\[]")
_TEXT_KEYS = ("text", "query", "query_text")
_EXAMPLE = re.compile(r"(?:examples?|quer(?:y|ies)|q)[\W_]*\d*", re.I)
_SCHEMA_KEYS = {"enum", "required", "type"}
_NUMBER = re.compile(r"\A[\s*_]*(?:\(?\d{1,2}\s?[.):](?!\d)|[-*•–](?=\s)|#+(?=\s))")
_LABEL = re.compile(
    r"[\[(]?(question|keywords?|natural(?:[ -]language)?|claim|statement|(?:example|query|q)\s*\d*)"
    r"(?: query)?[*_]*(?:[\])]\s*:?|\s*:|\s[-–]\s)",
    re.I,
)
_QUOTES = "\"'`“”„‘’«»*_ \t\r\n"
_ASKING = ("?", "？", "؟")
_KINDS: dict[str, QueryType] = {
    "question": "question",
    "keyword": "keywords",
    "natural": "natural",
    "natural language": "natural",
    "claim": "claim",
    "statement": "claim",
}


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        return None


def _json_values(text: str) -> Iterator[Any]:
    """Every whole JSON object or list in `text`, outermost ones only."""
    decoder, at, failures = json.JSONDecoder(strict=False), 0, 0
    # Each failure reads to the end, so an answer of nothing but brackets would take the square of its length.
    while (opening := _OPENING.search(text, at)) and failures < 100:
        try:
            value, at = decoder.raw_decode(text, opening.start())
            yield value
        except (json.JSONDecodeError, RecursionError):
            at = opening.end()
            failures += 1


def _items(value: Any, kind: str = "") -> Iterator[tuple[str, str]]:
    """Everything below `value` that stands where a query would stand, with what was said of its kind."""
    if isinstance(value, str):
        yield value, kind
    elif isinstance(value, list):
        for each in value:
            yield from _items(each, kind)
    elif isinstance(value, dict):
        kind = value["type"] if isinstance(value.get("type"), str) else kind
        for key in _TEXT_KEYS:
            # A longer one is the passage, repeated beside its queries.
            if isinstance(value.get(key), str) and len(value[key]) <= LONGEST_QUERY:
                yield value[key], kind
                return
        for key, each in value.items():
            named = _plain(key) in _KINDS
            if isinstance(each, dict) or (isinstance(each, list) and key not in _SCHEMA_KEYS):
                yield from _items(each, key if named else kind)
            elif isinstance(each, str) and (named or _EXAMPLE.fullmatch(key)):
                yield each, key if named else kind


def _lines(text: str) -> Iterator[tuple[str, str]]:
    """The lines of an answer in plain text that are marked as queries; prose around them is not."""
    for line in text.splitlines():
        if _NUMBER.match(line) or _LABEL.match(_trim(line)) or line.rstrip(_QUOTES).endswith(_ASKING):
            yield line, ""


def _trim(text: str) -> str:
    """`text` on one line, without the numbering and quotes around it."""
    text = _NUMBER.sub("", " ".join(text.split()).lstrip(_QUOTES.replace("*", "")), count=1)
    return text.strip(_QUOTES).rstrip(",").rstrip(_QUOTES)


def _worth_asking(text: str) -> bool:
    placeholder = (
        _plain(text) in _KINDS or text.casefold() in {"string", "text", "query"} or text[:1] in tuple("<{[")
    )
    words = re.findall(r"\w+", text.casefold())
    loop = len(words) >= 8 and 2 * len(set(words)) < len(words)
    return len(text) <= LONGEST_QUERY and sum(map(str.isalpha, text)) >= 2 and not placeholder and not loop


def _plain(kind: str) -> str:
    return kind.strip().casefold().replace("_", " ").replace("-", " ").removesuffix(" query").rstrip("s")


def _kind(said: str, text: str) -> QueryType:
    """The kind that the model meant, or else the one that the text has the shape of."""
    meant = _KINDS.get(_plain(said))
    if text.endswith(_ASKING):
        # Small models label at random, and a question mark settles it.
        return meant if meant == "natural" else "question"
    if meant:
        return meant
    if text.endswith((".", "。")):
        return "claim"
    return "keywords" if len(text.split()) <= 6 else "natural"
