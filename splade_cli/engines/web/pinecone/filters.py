"""Conditions of Pinecone, over the flat metadata that `bodies.record` writes."""

from __future__ import annotations

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
from splade_cli.engines.web.fields import FLAGS, KINDS, NUMBERS, NUMERALS, SPELLED, TEXTS
from splade_cli.errors import InputError

Body = dict[str, Any]
ORDERS = {"=": "$eq", "<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


def pinecone_filter(condition: Condition) -> Body:
    """A condition as a filter.

    Where a text is compared with a number by size, a text that spells none does not pass.

    Raises:
        InputError: ``not (...)`` and ``!=``, a part of a text, a pattern, or an order of texts, none of which
            Pinecone has.
    """
    if isinstance(condition, AllOf):
        return {"$and": [pinecone_filter(part) for part in condition.parts]}
    if isinstance(condition, AnyOf):
        return {"$or": [pinecone_filter(part) for part in condition.parts]}
    if isinstance(condition, NoneOf):
        raise InputError(
            "filter: Pinecone turns no condition round, as 'not' and '!=' do",
            "ask for what there is: lang in (no, da)",
        )
    if isinstance(condition, Present):
        return {"$or": [{key_of(kind, condition.field): {"$exists": True}} for kind in KINDS]}
    field = condition.field
    if isinstance(condition, FlagIs):
        return {key_of(FLAGS, field): {"$eq": condition.flag}}
    if isinstance(condition, NumberIs):
        return {key_of(NUMBERS, field): {ORDERS[condition.operator]: condition.number}}
    if isinstance(condition, TextIs):
        return {"$or": [{key_of(kind, field): {"$in": [condition.text]}} for kind in (TEXTS, NUMERALS)]}
    return _of_text(condition)


def _of_text(condition: TextOrder | TextMatches | TextContains) -> Body:
    if isinstance(condition, TextOrder):
        if condition.number is None:
            raise InputError(
                f"filter: Pinecone puts numbers in order, no texts such as '{condition.text}'",
                "e.g. year >= 2020",
            )
        return {key_of(SPELLED, condition.field): {ORDERS[condition.operator]: condition.number}}
    part = condition.pattern if isinstance(condition, TextMatches) else condition.text
    raise InputError(
        f"filter: Pinecone looks for no part of a text such as '{part}'", "compare whole values by ="
    )


def key_of(kind: str, field: str) -> str:
    """The key of a field of one kind."""
    return f"{kind}.{field}"
