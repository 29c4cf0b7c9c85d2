"""A parsed filter's tests and the columns of some rows in, a mask over the rows out; knows no filter language.

A row's value is compared in its own kind, whatever other rows hold:

- a number with a value that spells a number; true and false with true/yes/on and false/no/off (YAML reads an unquoted
  ``no`` as false);
- text by its characters, so ISO dates compare as dates; but for ``< <= > >=`` as a number where both spell one and the
  value is not in quotes. In an unquoted value of ``=``, ``!=`` and ``in``, ``*`` stands for any characters and ``?``
  for one;
- a list passes where one member passes.

A row without the field passes no test, ``!=`` and ``not in`` among them; ``not (...)`` is all other rows.
"""

from __future__ import annotations

import operator
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.metadata.columns import Columns, Entries, Field, Words
from splade_cli.index.metadata.fields import spelled_number

Mask = NDArray[np.bool_]
ORDERS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TRUTH = {"true": 1, "yes": 1, "on": 1, "false": 0, "no": 0, "off": 0}


@dataclass(frozen=True)
class Value:
    """What a field is compared with; only a bare value is a pattern or a number in comparisons with text."""

    text: str
    bare: bool = True

    @property
    def number(self) -> float:
        """The number that it spells, or NaN."""
        return spelled_number(self.text)


@dataclass(frozen=True)
class Test:
    """One field's test; `sign` is one of ``= < <= > >= ~ exists``, and passes where it does for one of `values`."""

    __test__ = False
    field: str
    sign: str
    values: tuple[Value, ...] = ()
    negated: bool = False


@dataclass(frozen=True)
class Joined:
    """`parts` joined by ``and``, ``or`` or, a single one, ``not``."""

    word: str
    parts: tuple[Node, ...]


Node = Test | Joined


def matching(node: Node, columns: Columns) -> Mask:
    """Which rows pass, bool [rows]; a field that these rows do not have passes no test."""
    if isinstance(node, Joined):
        masks = [matching(part, columns) for part in node.parts]
        if node.word == "not":
            return ~masks[0]
        both = np.logical_and if node.word == "and" else np.logical_or
        return np.asarray(both.reduce(masks), dtype=bool)
    out = np.zeros(len(columns), dtype=bool)
    field = columns.fields.get(node.field)
    if field is None:
        return out
    if node.sign == "exists":
        return _present(field, out)
    for value in node.values:
        _mark(field, node.sign, value, out)
    return _present(field, np.zeros_like(out)) & ~out if node.negated else out


def _present(field: Field, out: Mask) -> Mask:
    for entries in (field.numbers, field.flags, field.texts):
        if entries is not None:
            entries.mark(out, entries.present())
    return out


def _mark(field: Field, sign: str, value: Value, out: Mask) -> None:
    """Sets `out` for the rows that hold a value which passes."""
    if field.numbers is not None and sign != "~":
        order = ORDERS.get(sign, operator.eq)
        field.numbers.mark(out, order(field.numbers.values, value.number))
    truth = _TRUTH.get(value.text.lower())
    if field.flags is not None and sign == "=" and truth is not None:
        field.flags.mark(out, field.flags.values == truth)
    if field.texts is not None and field.words is not None:
        _mark_texts(field.texts, field.words, sign, value, out)


def _mark_texts(texts: Entries, words: Words, sign: str, value: Value, out: Mask) -> None:
    pattern = value.bare and sign == "=" and re.search(r"[*?]", value.text) is not None
    if sign == "~" or pattern:
        passing = np.fromiter(map(_seeker(value.text, pattern), words), dtype=bool, count=len(words))
    else:
        low, high = bisect_left(words, value.text), bisect_right(words, value.text)
        start, end = {"=": (low, high), "<": (0, low), "<=": (0, high), ">": (high, None), ">=": (low, None)}[
            sign
        ]
        if sign == "=" or words.numbers is None or not value.bare or np.isnan(value.number):
            texts.mark(out, (texts.values >= start) & (texts.values < (len(words) if end is None else end)))
            return
        passing = np.zeros(len(words), dtype=bool)
        passing[start:end] = True
        passing = np.where(np.isnan(words.numbers), passing, ORDERS[sign](words.numbers, value.number))
    # One more place than words, for the -1 of rows without a text.
    texts.mark(out, np.append(passing, False)[texts.values])


def _seeker(text: str, pattern: bool) -> Callable[[str], bool]:
    if pattern:
        first, *rest = [
            "".join("." if each == "?" else re.escape(each) for each in part) for part in text.split("*")
        ]
        # Atomic groups: the first place where a part fits will do, and a long text costs no power of its length.
        middle = "".join(f"(?>.*?{part})" for part in rest[:-1])
        match = re.compile(first + middle + (".*" + rest[-1] if rest else ""), re.DOTALL).fullmatch
        return lambda word: match(word) is not None
    wanted = text.casefold()
    return lambda word: wanted in word.casefold()
