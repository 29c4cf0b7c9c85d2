"""Conditions in YQL, over arrays of (name, value) for each kind of value."""

from __future__ import annotations

import json

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


def vespa_filter(condition: Condition) -> str:
    """A condition as the part of a query after ``where``. Whole texts are compared without their case.

    Where a text is compared with a number by size, a text that spells none does not pass.

    Raises:
        InputError: an order of texts, a part of a text, or a pattern, which these fields cannot be asked for.
    """
    if isinstance(condition, AllOf):
        return "(" + " and ".join(["true", *map(vespa_filter, condition.parts)]) + ")"
    if isinstance(condition, AnyOf):
        return "(" + " or ".join(["false", *map(vespa_filter, condition.parts)]) + ")"
    if isinstance(condition, NoneOf):
        return f"(true and !{vespa_filter(condition.part)})"
    if isinstance(condition, Present):
        return _any([_same(kind, condition.field) for kind in KINDS])
    field = condition.field
    if isinstance(condition, FlagIs):
        return _same(FLAGS, field, f"= {int(condition.flag)}")
    if isinstance(condition, NumberIs):
        return _same(NUMBERS, field, f"{condition.operator} {condition.number!r}")
    if isinstance(condition, TextIs):
        return _any([_same(kind, field, f"contains {_text(condition.text)}") for kind in (TEXTS, NUMERALS)])
    return _of_text(condition)


def _of_text(condition: TextOrder | TextMatches | TextContains) -> str:
    if isinstance(condition, TextOrder):
        if condition.number is None:
            raise InputError(
                f"filter: Vespa puts numbers in order, no texts such as '{condition.text}'",
                "e.g. year >= 2020",
            )
        return _same(SPELLED, condition.field, f"{condition.operator} {condition.number!r}")
    part = condition.pattern if isinstance(condition, TextMatches) else condition.text
    raise InputError(
        f"filter: Vespa looks for no part of a text such as '{part}' in these fields",
        "compare whole values by =",
    )


def _any(parts: list[str]) -> str:
    return "(" + " or ".join(parts) + ")"


def _same(kind: str, field: str, test: str = "") -> str:
    parts = f"name contains {_text(field)}"
    if test:
        parts = f"{parts}, value {test}"
    return f"{kind} contains sameElement({parts})"


def _text(text: str) -> str:
    """A text in the quotes of YQL, whose escapes are those of JSON."""
    return json.dumps(text)
