"""Conditions on typed values: a filter tree in the few steps that every query language has.

The local index compares a value in its own kind, whatever other rows hold (`index.metadata.matching`). A
store that keeps the values of a field with their kinds evaluates the same by these conditions: each holds for
a row where one of the values of its field passes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from splade_cli.index.metadata.filters import And, Filter, Not, Or, Test, Value
from splade_cli.index.metadata.matching import TRUTH

Order = Literal["<", "<=", ">", ">="]


@dataclass(frozen=True)
class Present:
    """The field has a value."""

    field: str


@dataclass(frozen=True)
class NumberIs:
    """A number among the values stands so to `number`."""

    field: str
    operator: Literal["=", "<", "<=", ">", ">="]
    number: float


@dataclass(frozen=True)
class FlagIs:
    """A truth value among the values is `flag`."""

    field: str
    flag: bool


@dataclass(frozen=True)
class TextIs:
    """A text among the values is `text`, character by character."""

    field: str
    text: str


@dataclass(frozen=True)
class TextOrder:
    """A text among the values stands so to `text` in the order of code points; where `number` is given, a
    text that spells a number is compared with that in place of it."""

    field: str
    operator: Order
    text: str
    number: float | None = None


@dataclass(frozen=True)
class TextMatches:
    """A text among the values fits `pattern`, in which ``*`` is any characters and ``?`` is one."""

    field: str
    pattern: str


@dataclass(frozen=True)
class TextContains:
    """A text among the values contains `text`, case ignored."""

    field: str
    text: str


@dataclass(frozen=True)
class AllOf:
    """Every part holds; of no parts, always."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class AnyOf:
    """A part holds; of no parts, never."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True)
class NoneOf:
    """The part does not hold."""

    part: Condition


Condition: TypeAlias = (
    Present | NumberIs | FlagIs | TextIs | TextOrder | TextMatches | TextContains | AllOf | AnyOf | NoneOf
)


def condition_of(filter: Filter) -> Condition:
    """A filter as conditions, which pass the rows that the local index would pass."""
    if isinstance(filter, And):
        return AllOf(tuple(condition_of(part) for part in filter.parts))
    if isinstance(filter, Or):
        return AnyOf(tuple(condition_of(part) for part in filter.parts))
    if isinstance(filter, Not):
        return NoneOf(condition_of(filter.part))
    if filter.operator == "exists":
        return Present(filter.field)
    met = AnyOf(tuple(part for value in filter.values for part in _of_value(filter, value)))
    if filter.negated:
        return AllOf((Present(filter.field), NoneOf(met)))
    return met


def _of_value(test: Test, value: Value) -> Iterable[Condition]:
    """What a value of a test comes to, one condition for each kind that it can meet."""
    name = test.field
    if test.operator == "~":
        yield TextContains(name, value.text)
        return
    number = value.number
    is_number = not np.isnan(number)
    if test.operator == "=":
        if is_number:
            yield NumberIs(name, "=", number)
        truth = TRUTH.get(value.text.lower())
        if truth is not None:
            yield FlagIs(name, bool(truth))
        if value.bare and re.search(r"[*?]", value.text):
            yield TextMatches(name, value.text)
        else:
            yield TextIs(name, value.text)
        return
    assert test.operator != "exists"
    if is_number:
        yield NumberIs(name, test.operator, number)
    yield TextOrder(name, test.operator, value.text, number if value.bare and is_number else None)
