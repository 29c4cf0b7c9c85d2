"""Shapes of training rows: one row of a file, by the names of its keys, as an `Example`.

    {"query", "positive_document", "negative_documents": [str | {"document", "explanation", "strategy"}],
     "scores"?}
    {"anchor" | "query", "positive" | "answer" | "document" | "pos", "negative" | "negative_1".. | "negs",
     "scores"?}
    {"query", "docs", "scores"}                       distillation rows, the best scored document first

A missing or None negative never drops a row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from splade_cli.errors import InputError
from splade_cli.records import Example

QUERY_KEYS = ("query", "anchor", "question")
POSITIVE_KEYS = ("positive_document", "positive", "answer", "document", "pos", "passage")
NEGATIVE_KEYS = ("negative_documents", "negatives", "negative", "negs", "neg")
SCORE_KEYS = ("scores", "score", "label", "labels")
SHAPE = 'rows look like {"query": "...", "positive_document": "...", "negative_documents": ["..."]}'


class _Negative(NamedTuple):
    """A negative and what is said of it; the text is empty where there is none."""

    text: str
    explanation: str = ""
    strategy: str = ""


def examples_of(row: Any, where: str) -> list[Example]:
    """One row as an example; none where its label says that the pair is not relevant.

    A negative that is None or blank takes its own score and explanation with it, and nothing else.

    Raises:
        InputError: no query, no positive, or values of another type; `where` opens the message.
    """
    if not isinstance(row, dict):
        raise InputError(f"{where} is a {type(row).__name__}, an object was expected", SHAPE)
    query = _text(row, QUERY_KEYS, "query", where)
    scores = _scores(row, where)
    if "docs" in row:
        return [_distillation_row(query, row["docs"], scores, where)]
    positive = _text(row, POSITIVE_KEYS, "positive_document", where)
    negatives = _negatives(row, where)
    filled = [number for number, negative in enumerate(negatives) if negative.text]
    if scores is not None and len(scores) == 1:
        # A single number is a label of the pair: not relevant means not a training row.
        if scores[0] <= 0:
            return []
        scores = None
    if scores is not None:
        if len(scores) == 1 + len(negatives):
            scores = (scores[0], *(scores[1 + number] for number in filled))
        _check_scores(scores, 1 + len(filled), where)
    example = Example(
        query=query,
        positive=positive,
        negatives=tuple(negatives[number].text for number in filled),
        scores=scores,
        explanations=_of_negatives(row.get("explanations"), [each.explanation for each in negatives], filled),
        strategies=_of_negatives(row.get("strategies"), [each.strategy for each in negatives], filled),
        query_type=str(row.get("query_type") or ""),
        source=str(row.get("source") or ""),
        chunk_id=str(row.get("chunk_id") or ""),
    )
    return [example]


def _distillation_row(query: str, documents: Any, scores: tuple[float, ...] | None, where: str) -> Example:
    """The documents by falling score; the first of them is the positive."""
    fits = isinstance(documents, list) and all(isinstance(text, str | None) for text in documents)
    filled: list[int] = []
    if fits:
        filled = [number for number, text in enumerate(documents) if text and text.strip()]
    if not filled:
        raise InputError(f"{where}: 'docs' must be a list of texts", SHAPE)
    ordered: tuple[float, ...] | None = None
    if scores is not None:
        _check_scores(scores, len(documents), where)
        by_number = dict(enumerate(scores))
        filled.sort(key=lambda number: -by_number[number])
        ordered = tuple(by_number[number] for number in filled)
    texts = [documents[number] for number in filled]
    return Example(query, texts[0], tuple(texts[1:]), ordered)


def _of_negatives(listed: Any, brought: list[str], filled: list[int]) -> tuple[str, ...]:
    """What is said of the negatives that are there: in a list of the row, or with each negative itself."""
    if isinstance(listed, list) and listed:
        texts = [str(text or "") for text in listed]
        if len(texts) != len(brought):
            return tuple(texts)
        return tuple(texts[number] for number in filled)
    said = tuple(brought[number] for number in filled)
    if not any(said):
        return ()
    return said


def _text(row: dict[str, Any], keys: Sequence[str], wanted: str, where: str) -> str:
    """The text under the first key that has a value."""
    for key in keys:
        value = row.get(key)
        if value is None:
            continue
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if not isinstance(value, str):
            raise InputError(f"{where}: '{key}' is a {type(value).__name__}, a text was expected", SHAPE)
        if not value.strip():
            raise InputError(f"{where}: '{key}' is empty", SHAPE)
        return value
    raise InputError(f"{where} has no '{wanted}', only {sorted(row)}", SHAPE)


def _negatives(row: dict[str, Any], where: str) -> list[_Negative]:
    """All negatives of a row in order, those that are missing as empty texts."""
    values = _negative_values(row)
    if all(value is None for value in values):
        return [_Negative("")] * len(values)
    negatives = []
    for value in values:
        details = value
        if not isinstance(value, dict):
            details = {"document": value}
        text = details.get("document")
        if text is not None and not isinstance(text, str):
            raise InputError(f"{where}: a negative is a {type(text).__name__}, a text was expected", SHAPE)
        explanation = str(details.get("explanation") or "")
        strategy = str(details.get("strategy") or "")
        if not text or not text.strip():
            text = ""
        negatives.append(_Negative(text, explanation, strategy))
    return negatives


def _negative_values(row: dict[str, Any]) -> list[Any]:
    values: list[Any] = []
    for key, value in row.items():
        is_numbered = key.startswith("negative_") and key.removeprefix("negative_").isdigit()
        if key not in NEGATIVE_KEYS and not is_numbered:
            continue
        if isinstance(value, list):
            values.extend(value)
        elif value is not None or is_numbered or key in ("negative", "neg"):
            # A column for many negatives may be None as a whole; one for a single negative has its score.
            values.append(value)
    return values


def _scores(row: dict[str, Any], where: str) -> tuple[float, ...] | None:
    for key in SCORE_KEYS:
        value = row.get(key)
        if value is None:
            continue
        values = value if isinstance(value, list) else [value]
        try:
            numbers = tuple(float(number) for number in values)
        except (TypeError, ValueError):
            numbers = (math.nan,)
        if not all(map(math.isfinite, numbers)):
            raise InputError(f"{where}: '{key}' must be numbers, got {value!r}", SHAPE)
        return numbers
    return None


def _check_scores(scores: Sequence[float], documents: int, where: str) -> None:
    if len(scores) != documents:
        raise InputError(
            f"{where}: {len(scores)} scores for {documents} documents", "one score each, positive first"
        )
