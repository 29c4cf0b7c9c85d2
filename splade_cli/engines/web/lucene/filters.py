"""Conditions in the query language of Elasticsearch and OpenSearch, over the fields of `web.fields`."""

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

Body = dict[str, Any]
ORDERS = {"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}
BOTH = (TEXTS, NUMERALS)


def lucene_query(condition: Condition) -> Body:
    """A condition as a query that scores nothing."""
    if isinstance(condition, AllOf):
        return {"bool": {"filter": [lucene_query(part) for part in condition.parts]}}
    if isinstance(condition, AnyOf):
        return _any([lucene_query(part) for part in condition.parts])
    if isinstance(condition, NoneOf):
        return {"bool": {"must_not": [lucene_query(condition.part)]}}
    if isinstance(condition, Present):
        return _any([{"exists": {"field": _place(kind, condition.field)}} for kind in KINDS])
    return _of_value(condition)


def _of_value(
    condition: NumberIs | FlagIs | TextIs | TextOrder | TextMatches | TextContains,
) -> Body:
    field = condition.field
    if isinstance(condition, FlagIs):
        return {"term": {_place(FLAGS, field): condition.flag}}
    if isinstance(condition, NumberIs):
        return _number(_place(NUMBERS, field), condition.operator, condition.number)
    if isinstance(condition, TextIs):
        return _any([{"term": {_place(kind, field): condition.text}} for kind in BOTH])
    if isinstance(condition, TextMatches):
        pattern = condition.pattern.replace("\\", "\\\\")
        return _any([{"wildcard": {_place(kind, field): {"value": pattern}}} for kind in BOTH])
    if isinstance(condition, TextOrder):
        order = ORDERS[condition.operator]
        parts: list[Body] = [{"range": {_place(TEXTS, field): {order: condition.text}}}]
        if condition.number is None:
            parts.append({"range": {_place(NUMERALS, field): {order: condition.text}}})
        else:
            parts.append(_number(_place(SPELLED, field), condition.operator, condition.number))
        return _any(parts)
    pattern = f"*{_plain(condition.text.casefold())}*"
    return {"wildcard": {_place(FOLDED, field): {"value": pattern}}}


def _place(kind: str, field: str) -> str:
    return f"{kind}.{safe_name(field)}"


def _any(parts: list[Body]) -> Body:
    if not parts:
        return {"match_none": {}}
    return {"bool": {"should": parts, "minimum_should_match": 1}}


def _number(place: str, operator: str, number: float) -> Body:
    if operator == "=":
        return {"term": {place: number}}
    return {"range": {place: {ORDERS[operator]: number}}}


def _plain(text: str) -> str:
    """A text whose own stars and question marks stand for themselves."""
    return re.sub(r"([*?\\])", r"\\\1", text)
