"""Conditions of Qdrant, over the payload that `bodies.point` writes."""

from __future__ import annotations

import re
from typing import Any

from splade_cli.engines.remote.conditions import (
    AllOf,
    AnyOf,
    Condition,
    FlagIs,
    NoneOf,
    NumberIs,
    Present,
    TextContains,
    TextIs,
    TextMatches,
    TextOrder,
)
from splade_cli.engines.web.fields import FLAGS, FOLDED, KINDS, NUMBERS, NUMERALS, SPELLED, TEXTS, safe_name
from splade_cli.errors import InputError

Body = dict[str, Any]
ORDERS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
DAY = re.compile(r"\d{4}-\d\d-\d\d")


def qdrant_filter(condition: Condition) -> Body:
    """A condition as a filter with ``must``, ``should`` or ``must_not``.

    Where a text is compared with a number by size, a text that spells none does not pass.

    Parts of texts need a server that knows ``substring`` and ``prefix`` (1.20 or newer).

    Raises:
        InputError: another pattern than ``x*`` and ``*x*``, or an order of texts that are neither numbers nor
            days: Qdrant has no such conditions.
    """
    if isinstance(condition, AllOf):
        return {"must": [qdrant_filter(part) for part in condition.parts]}
    if isinstance(condition, AnyOf):
        return _any([qdrant_filter(part) for part in condition.parts])
    if isinstance(condition, NoneOf):
        return {"must_not": [qdrant_filter(condition.part)]}
    if isinstance(condition, Present):
        empty = [{"is_empty": {"key": _key(kind, condition.field)}} for kind in KINDS]
        return {"should": [{"must_not": [each]} for each in empty]}
    return {"should": _of_value(condition)}


def _any(parts: list[Body]) -> Body:
    if not parts:
        return {"must": [{"has_id": []}]}
    return {"should": parts}


def _of_value(
    condition: NumberIs | FlagIs | TextIs | TextOrder | TextMatches | TextContains,
) -> list[Body]:
    field = condition.field
    if isinstance(condition, FlagIs):
        return [{"key": _key(FLAGS, field), "match": {"value": condition.flag}}]
    if isinstance(condition, NumberIs):
        return [_number(NUMBERS, field, condition.operator, condition.number)]
    if isinstance(condition, TextIs):
        match = {"value": condition.text}
        return [{"key": _key(kind, field), "match": match} for kind in (TEXTS, NUMERALS)]
    if isinstance(condition, TextContains):
        return [{"key": _key(FOLDED, field), "match": {"substring": condition.text.casefold()}}]
    if isinstance(condition, TextMatches):
        match = _pattern(condition.pattern)
        return [{"key": _key(kind, field), "match": match} for kind in (TEXTS, NUMERALS)]
    if condition.number is not None:
        return [_number(SPELLED, field, condition.operator, condition.number)]
    if not DAY.fullmatch(condition.text):
        raise InputError(
            f"filter: Qdrant puts numbers and days in order, no texts such as '{condition.text}'",
            "e.g. year >= 2020, or date >= 2020-01-31",
        )
    moment = f"{condition.text}T00:00:00Z"
    return [{"key": _key(TEXTS, field), "range": {ORDERS[condition.operator]: moment}}]


def _pattern(pattern: str) -> Body:
    """A beginning or a part of a text; other patterns are refused."""
    part = pattern.strip("*")
    if not re.search(r"[*?]", part):
        if pattern == f"{part}*":
            return {"prefix": part}
        if pattern == f"*{part}*":
            return {"substring": part}
    raise InputError(
        f"filter: Qdrant knows beginnings and parts of texts, no pattern such as {pattern}",
        "e.g. folder = drafts*, or folder ~ drafts",
    )


def _key(kind: str, field: str) -> str:
    """The path of a field; quoted, as Qdrant takes other signs than letters in it."""
    return f'{kind}."{safe_name(field)}"'


def _number(kind: str, field: str, operator: str, number: float) -> Body:
    limits = {"gte": number, "lte": number}
    if operator != "=":
        limits = {ORDERS[operator]: number}
    return {"key": _key(kind, field), "range": limits}
