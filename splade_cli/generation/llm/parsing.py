"""Parser of a language model's answer: raw text to queries, forgiving what small models do to a format."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, get_args

from splade_cli.corpus.near_duplicates import words
from splade_cli.records import WrittenQuery

if TYPE_CHECKING:
    from pydantic import TypeAdapter

QueryType = Literal["question", "keywords", "natural", "claim"]
QUERY_TYPES: tuple[QueryType, ...] = get_args(QueryType)
LONGEST_QUERY = 300


def read_queries(text: str, at_most: int) -> list[WrittenQuery]:
    """The usable queries in a model's answer, in its order; none where it makes no sense.

    Reads the JSON that was asked for, also fenced, within prose, as a bare list, keyed by kind or
    Example1..N, cut off, or beside an echo of the schema; else numbered lines, labelled lines and lines that
    are questions.
    """
    text = _THINKING.sub("", text)
    queries: dict[str, WrittenQuery] = {}
    for candidate, kind in _candidates(text):
        query = _trim(candidate)
        if label := _LABEL.match(query):
            kind = kind or label[1]
            query = _trim(query[label.end() :])
        if _is_query(query):
            row = {"text": query, "type": _kind(kind, query)}
            queries.setdefault(query.casefold(), _adapter().validate_python(row))
    return list(queries.values())[:at_most]


def _candidates(text: str) -> list[tuple[str, str]]:
    """What stands where a query should be in JSON, cut-off JSON or lines, and what was said of its kind."""
    candidates = [item for value in _json_values(text) for item in _items(value)]
    if not candidates:
        strings = [_json_or_none(f'"{string}"') for string in _CUT_OFF.findall(text)]
        candidates = [(str(string or ""), "") for string in strings]
    return candidates or list(_lines(text))


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
_SURROGATE = re.compile(r"[\ud800-\udfff]")  # half a character, which JSON can spell and no file can hold
_PLACEHOLDERS = {"string", "text", "query"}
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
    decoder = json.JSONDecoder(strict=False)
    start = 0
    failures = 0
    # Each failure reads to the end, so an answer of nothing but brackets would take the square of its length.
    while (opening := _OPENING.search(text, start)) and failures < 100:
        try:
            value, start = decoder.raw_decode(text, opening.start())
            yield value
        except (json.JSONDecodeError, RecursionError):
            start = opening.end()
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


def _is_query(text: str) -> bool:
    """Whether `text` can be a query: not too long, with letters, no placeholder, no loop of words."""
    if len(text) > LONGEST_QUERY or sum(map(str.isalpha, text)) < 2 or _SURROGATE.search(text):
        return False
    if _plain(text) in _KINDS or text.casefold() in _PLACEHOLDERS or text.startswith(("<", "{", "[")):
        return False
    found = words(text)
    repeats = len(found) >= 8 and 2 * len(set(found)) < len(found)
    return not repeats


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
