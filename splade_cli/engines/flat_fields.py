"""Fields of a stored text as few facts that any query language compares: equality, order, ``like``.

Many languages cannot ask whether some member of a list is larger than a value, so each field stores its
smallest and largest: some value is larger exactly when the largest is. Texts are stored and asked for in a
spelling without quotes, backslashes and wildcards; those that are compared by order as hexadecimal bytes of
UTF-8, whose order is that of code points.

    {"year": {"e": ["n:2019.0"], "nl": 2019.0, "nm": 2019.0}}

- ``e``: what the values are equal to, each in its kind;
- ``nl`` and ``nm``: the smallest and largest number, ``sl`` and ``sm`` of texts that spell numbers;
- ``ul`` and ``um``: the first and last of the other texts, ``al`` and ``am`` of all texts;
- ``j``: the texts joined, ``c``: the same with case folded.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from splade_cli.engines.remote.conditions import (
    FlagIs,
    NumberIs,
    TextContains,
    TextIs,
    TextMatches,
    TextOrder,
)
from splade_cli.engines.remote.rows import field_values
from splade_cli.errors import InputError
from splade_cli.index.metadata.fields import Scalar, spelled_number
from splade_cli.records import Chunk, JsonValue

_PRIVATE = 0xE000
"""A code point for private use: characters that an expression reads as something else stand this far up."""
_SEPARATOR = chr(_PRIVATE + 0xFF) * 2
"""Between texts, twice, so that no wildcard of one character reaches over it."""
_ODD = re.compile("[\"'\\\\%_\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Member:
    """``e`` of a field has `value`."""

    field: str
    value: str


@dataclass(frozen=True)
class Compare:
    """A fact of a field, where it is there, stands so to a value: ``<``, ``<=``, ``>`` or ``>=``."""

    field: str
    fact: str
    operator: str
    value: float | str


@dataclass(frozen=True)
class Like:
    """A fact of a field, where it is there, fits a pattern of LIKE, in which nothing is escaped."""

    field: str
    fact: str
    pattern: str


Flat: TypeAlias = Member | Compare | Like


def plain(text: str) -> str:
    """A text without characters that an expression reads as something else."""
    return _ODD.sub(lambda odd: chr(_PRIVATE + ord(odd[0])), text)


def flat_fields(chunk: Chunk) -> dict[str, JsonValue]:
    """The facts of each field; names are `plain`."""
    return {plain(name): _facts(values) for name, values in field_values(chunk).items()}


def flat_tests(
    condition: NumberIs | FlagIs | TextIs | TextOrder | TextMatches | TextContains,
) -> tuple[Flat, ...]:
    """Tests of facts of which one passes exactly where the condition does.

    Raises:
        InputError: a pattern with ``*`` inside, which would reach from one text to the next.
    """
    field = plain(condition.field)
    if isinstance(condition, FlagIs):
        return (Member(field, _flag(condition.flag)),)
    if isinstance(condition, TextIs):
        return (Member(field, _text(condition.text)),)
    if isinstance(condition, TextContains):
        return (Like(field, "c", f"%{plain(condition.text.casefold())}%"),)
    if isinstance(condition, TextMatches):
        return (Like(field, "j", _pattern(condition.pattern)),)
    if isinstance(condition, NumberIs):
        if condition.operator == "=":
            return (Member(field, _number(condition.number)),)
        return (_beyond(field, "n", condition.operator, condition.number),)
    text = _ordered(condition.text)
    if condition.number is None:
        return (_beyond(field, "a", condition.operator, text),)
    spelled = _beyond(field, "s", condition.operator, condition.number)
    return (spelled, _beyond(field, "u", condition.operator, text))


def _beyond(field: str, kind: str, operator: str, value: float | str) -> Compare:
    """Some value of a kind stands so to `value`: the smallest does, or the largest."""
    end = "l" if operator.startswith("<") else "m"
    return Compare(field, kind + end, operator, value)


def _pattern(pattern: str) -> str:
    body = pattern.strip("*")
    if "*" in body:
        raise InputError(
            f"this engine finds no texts like '{pattern}': * stands at the ends only",
            f"two tests in its place: {body.partition('*')[0]}* and *{body.rpartition('*')[2]}",
        )
    start = "" if pattern.startswith("*") else _SEPARATOR
    end = "" if pattern.endswith("*") else _SEPARATOR
    return f"%{start}{plain(body).replace('?', '_')}{end}%"


def _facts(values: Iterable[Scalar]) -> dict[str, JsonValue]:
    equal: list[JsonValue] = []
    numbers = []
    texts = []
    for value in values:
        if isinstance(value, bool):
            equal.append(_flag(value))
        elif isinstance(value, str):
            texts.append(value)
            equal.append(_text(value))
        else:
            numbers.append(float(value))
            equal.append(_number(float(value)))
    found: dict[str, JsonValue] = {"e": equal, **_ends("n", numbers)}
    if not texts:
        return found
    spelled = [spelled_number(text) for text in texts]
    other = [text for text, number in zip(texts, spelled, strict=True) if math.isnan(number)]
    found |= _ends("s", [number for number in spelled if not math.isnan(number)])
    found |= _ends("u", [_ordered(text) for text in other])
    found |= _ends("a", [_ordered(text) for text in texts])
    found["j"] = _between(plain(text) for text in texts)
    found["c"] = _between(plain(text.casefold()) for text in texts)
    return found


def _ordered(text: str) -> str:
    """A text as digits that stand in the same order as texts do."""
    return text.encode("utf-8", "replace").hex()


def _ends(kind: str, values: list[float] | list[str]) -> Mapping[str, JsonValue]:
    if not values:
        return {}
    return {f"{kind}l": min(values), f"{kind}m": max(values)}


def _between(texts: Iterable[str]) -> str:
    return _SEPARATOR + _SEPARATOR.join(texts) + _SEPARATOR


def _flag(flag: bool) -> str:
    return f"f:{str(flag).lower()}"


def _number(number: float) -> str:
    return f"n:{number + 0.0!r}"


def _text(text: str) -> str:
    return f"t:{plain(text)}"
