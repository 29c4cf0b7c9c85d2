"""Evaluation of a filter over columns: the mask of the rows that pass.

A row's value is compared in its own kind, whatever other rows hold:

- a number with a value that spells a number; true and false with true/yes/on and false/no/off (YAML reads an
  unquoted ``no`` as false);
- text by its characters, so ISO dates compare as dates; but for ``< <= > >=`` as a number where both spell
  one and the value is not in quotes. In an unquoted value of ``=``, ``!=`` and ``in``, ``*`` stands for any
  characters and ``?`` for one;
- a list passes where one member passes.

A row without the field passes no test, ``!=`` and ``not in`` among them; ``not (...)`` is all other rows.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import InputError, did_you_mean
from splade_cli.index.containers.dictionary import TextDictionary
from splade_cli.index.metadata.columns import Columns, Entries, Field
from splade_cli.index.metadata.fields import OWN_FIELDS
from splade_cli.index.metadata.filters import And, Filter, Not, Operator, Or, Value, fields_of

Mask = NDArray[np.bool_]
_ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
TRUTH = {"true": 1, "yes": 1, "on": 1, "false": 0, "no": 0, "off": 0}


def passing(filter: Filter, segments: Sequence[Columns]) -> Mask:
    """Which rows pass, bool [rows of all segments, one after the other].

    Raises:
        InputError: a field that no segment has.
    """
    require_fields(filter, {name for columns in segments for name in columns.fields})
    masks = [_evaluated(filter, columns) for columns in segments]
    return np.concatenate([np.zeros(0, dtype=bool), *masks])


def require_fields(filter: Filter, fields: Collection[str]) -> None:
    """Raises InputError for a filter that asks for something else than `fields`, and what every row has."""
    known = {*fields, *OWN_FIELDS}
    for name in fields_of(filter):
        if name not in known:
            some = ", ".join(sorted(known)[:30]) + (", ..." if len(known) > 30 else "")
            hint = (
                did_you_mean(name, known) or "fields come from the metadata of the documents and their paths"
            )
            raise InputError(f"filter: no field '{name}'; there are {some}", hint)


def _evaluated(filter: Filter, columns: Columns) -> Mask:
    """bool [rows] of one segment; a field that these rows do not have passes no test."""
    if isinstance(filter, Not):
        return ~_evaluated(filter.part, columns)
    if isinstance(filter, And):
        masks = [_evaluated(part, columns) for part in filter.parts]
        return np.asarray(np.logical_and.reduce(masks))
    if isinstance(filter, Or):
        masks = [_evaluated(part, columns) for part in filter.parts]
        return np.asarray(np.logical_or.reduce(masks))
    mask = np.zeros(len(columns), dtype=bool)
    field = columns.field(filter.field)
    if field is None:
        return mask
    if filter.operator == "exists":
        return _present(field, mask)
    for value in filter.values:
        _mark(field, filter.operator, value, mask)
    if filter.negated:
        return _present(field, np.zeros_like(mask)) & ~mask
    return mask


def _present(field: Field, mask: Mask) -> Mask:
    for entries in (field.numbers, field.flags, field.texts):
        if entries is not None:
            entries.mark(mask, entries.present())
    return mask


def _mark(field: Field, sign: Operator, value: Value, mask: Mask) -> None:
    """Sets `mask` for the rows that hold a value which passes."""
    if field.numbers is not None and sign != "~":
        order = _ORDERS.get(sign, operator.eq)
        field.numbers.mark(mask, order(field.numbers.values, value.number))
    truth = TRUTH.get(value.text.lower())
    if field.flags is not None and sign == "=" and truth is not None:
        field.flags.mark(mask, field.flags.values == truth)
    if field.texts is not None and field.dictionary is not None:
        _mark_texts(field.texts, field.dictionary, sign, value, mask)


def _mark_texts(texts: Entries, dictionary: TextDictionary, sign: Operator, value: Value, mask: Mask) -> None:
    pattern = value.bare and sign == "=" and re.search(r"[*?]", value.text) is not None
    if sign == "~" or pattern:
        matches = _matcher(value.text, pattern)
        passing = np.fromiter(map(matches, dictionary), dtype=bool, count=len(dictionary))
    else:
        start, end = _range(dictionary, sign, value.text)
        as_numbers = sign != "=" and value.bare and not np.isnan(value.number)
        if dictionary.numbers is None or not as_numbers:
            texts.mark(mask, (texts.values >= start) & (texts.values < end))
            return
        passing = np.zeros(len(dictionary), dtype=bool)
        passing[start:end] = True
        numbers = dictionary.numbers
        passing = np.where(np.isnan(numbers), passing, _ORDERS[sign](numbers, value.number))
    # One more entry than texts, for the -1 of rows without a text.
    texts.mark(mask, np.append(passing, False)[texts.values])


def _range(dictionary: TextDictionary, sign: Operator, text: str) -> tuple[int, int]:
    """The span of an ascending dictionary whose texts stand in order `sign` to `text`."""
    low = bisect_left(dictionary, text)
    high = bisect_right(dictionary, text)
    spans = {
        "=": (low, high),
        "<": (0, low),
        "<=": (0, high),
        ">": (high, len(dictionary)),
        ">=": (low, len(dictionary)),
    }
    return spans[sign]


def _matcher(text: str, pattern: bool) -> Callable[[str], bool]:
    """Whether a text fits a pattern of ``*`` and ``?``, or else contains `text`, case ignored."""
    if pattern:
        first, *rest = [_pattern_part(part) for part in text.split("*")]
        # Atomic groups: the first match of a part will do, and a long text costs no power of its length.
        middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
        last = ".*" + rest[-1] if rest else ""
        match = re.compile(first + middle + last, re.DOTALL).fullmatch
        return lambda candidate: match(candidate) is not None
    wanted = text.casefold()
    return lambda candidate: wanted in candidate.casefold()


def _pattern_part(part: str) -> str:
    return "".join("." if character == "?" else re.escape(character) for character in part)
