"""The syntax tree of a metadata filter: tests of one field each, joined by and, or, not.

`parse_filter` reads one from text, `matching.passing` evaluates it over an index's columns, and an engine on
a server translates it into a query of its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from splade_cli.index.metadata.fields import spelled_number

Operator = Literal["=", "<", "<=", ">", ">=", "~", "exists"]
"""``~`` is "contains", case ignored; ``!=``, ``in`` and ``not in`` are ``=`` with several values or
negated."""


@dataclass(frozen=True)
class Value:
    """What a field is compared with; only a bare (unquoted) value is a pattern, or a number when texts are
    compared."""

    text: str
    bare: bool = True

    @property
    def number(self) -> float:
        """The number that it spells, or NaN."""
        return spelled_number(self.text)


@dataclass(frozen=True)
class Test:
    """A test of one field, which passes where one of the field's values stands in `operator` to one of
    `values`.

    `negated` passes the other rows that have the field: a row without it passes no test.
    """

    __test__ = False
    field: str
    operator: Operator
    values: tuple[Value, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class And:
    """Passes what all `parts` pass."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Or:
    """Passes what one of `parts` passes."""

    parts: tuple[Filter, ...]


@dataclass(frozen=True)
class Not:
    """Passes what `part` does not pass."""

    part: Filter


Filter: TypeAlias = Test | And | Or | Not


def fields_of(filter: Filter) -> list[str]:
    """The names of the fields that a filter tests, each once, in order."""
    return list(dict.fromkeys(_fields(filter)))


def _fields(filter: Filter) -> Iterator[str]:
    if isinstance(filter, Test):
        yield filter.field
    elif isinstance(filter, Not):
        yield from _fields(filter.part)
    else:
        for part in filter.parts:
            yield from _fields(part)
