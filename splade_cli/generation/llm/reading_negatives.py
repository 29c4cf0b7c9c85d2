"""Parser of an answer that is to hold one negative: JSON, cut-off JSON, or labelled lines."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from splade_cli.corpus.near_duplicates import SHINGLE, shingles, words
from splade_cli.generation.llm.parsing import after_thoughts, json_values, refuses, without_marks

LEAST_LETTERS = 20
LONGEST = 8000
"""Characters of a negative."""
LEAST_NEW = 0.8
"""Share of its runs of words that are not said before: small models fall into loops."""
_TEXT_KEYS = ("document", "negative_document", "negative", "passage", "text", "content")
_REASON_KEYS = ("explanation", "reason", "why")
_CUT_OFF = re.compile(r'"(document|negative|explanation)"\s*:\s*("(?:[^"\\]|\\.)*")')
_LABELLED = re.compile(
    r"^\W*(?:document|passage|negative)\W*:\s*(?P<document>.+?)"
    r"(?:^\W*(?:explanation|reason|why)\W*:\s*(?P<explanation>.+))?\Z",
    re.I | re.M | re.S,
)
_QUOTES = "\"'`“”„«» \t\r\n"


def read_negative(answer: str, query: str, passage: str) -> tuple[str, str] | None:
    """A negative for a query with its explanation, None where the answer has none that could be used.

    A copy of the passage, of a part of it, or of the query is none; nor is a refusal or a loop of words.
    """
    text = after_thoughts(answer)
    for document, explanation in (*_of_json(text), *_of_cut_off_json(text), *_of_lines(text)):
        document = _cleaned(document)
        if _is_usable(document, query, passage):
            return document, _cleaned(explanation)
    return None


def _of_json(text: str) -> Iterator[tuple[str, str]]:
    for value in json_values(text):
        yield from _objects(value, 0)


def _objects(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    """What the objects below `value` that name a text say."""
    if isinstance(value, Mapping):
        document = _first(value, _TEXT_KEYS)
        if document:
            yield document, _first(value, _REASON_KEYS)
        value = list(value.values())
    if isinstance(value, list) and depth < 10:
        for each in value:
            yield from _objects(each, depth + 1)


def _first(row: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    for key in keys:
        if isinstance(row.get(key), str):
            return str(row[key])
    return ""


def _of_cut_off_json(text: str) -> Iterator[tuple[str, str]]:
    """Where an answer ended within the object, after its text."""
    found: dict[str, str] = {}
    for key, quoted in _CUT_OFF.findall(text):
        try:
            found.setdefault(key, json.loads(quoted, strict=False))
        except ValueError:
            continue
    document = found.get("document") or found.get("negative")
    if document:
        yield document, found.get("explanation", "")


def _of_lines(text: str) -> Iterator[tuple[str, str]]:
    match = _LABELLED.search(text)
    if match and "{" not in text:
        yield match["document"], match["explanation"] or ""


def _cleaned(text: str) -> str:
    text = without_marks(text).encode("utf-8", "ignore").decode()
    return text.strip(_QUOTES)


def _is_usable(document: str, query: str, passage: str) -> bool:
    if len(document) > LONGEST or sum(map(str.isalpha, document)) < LEAST_LETTERS or refuses(document):
        return False
    found = words(document)
    runs = max(1, len(found) - SHINGLE + 1)
    if len(shingles(document)) < LEAST_NEW * runs:
        return False
    said = f" {' '.join(found)} "
    true = f" {' '.join(words(passage))} "
    return said not in true and true not in said and said.split() != words(query)
