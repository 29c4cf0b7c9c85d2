"""A filter as text in, a mask over the rows of columns out; knows no vectors and no files.

    year >= 2020 and (lang = no or tags in (search, "machine learning")) and not path = drafts/*

``and``, ``or``, ``not`` and parentheses join tests: ``= != < <= > >=``, ``in (a, b)``, ``not in (a, b)``,
``contains`` or ``~`` (substring, case ignored), ``exists``. Names and values with blanks or signs stand in quotes.

How a row's value is compared stands in `matching`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from splade_cli.errors import InputError, did_you_mean
from splade_cli.index.metadata.columns import Columns
from splade_cli.index.metadata.fields import OWN_FIELDS
from splade_cli.index.metadata.matching import ORDERS, Joined, Mask, Node, Test, Value, matching

_EXAMPLE = "e.g. year >= 2020 and lang = no"
_NESTING = 100
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign><=|>=|!=|==|[=<>~(),])"""
    r"""|(?P<word>[^\s"'=<>!~(),][^\s"=<>!~(),]*))""",
    re.DOTALL,
)


@dataclass(frozen=True)
class Filter:
    """A parsed filter; `text` is what the user wrote."""

    text: str
    root: Node

    def mask(self, *segments: Columns) -> Mask:
        """Which rows pass, bool [rows of all segments, one after the other].

        Raises:
            InputError: a field that no segment has.
        """
        known = {name for columns in segments for name in columns.fields} | set(OWN_FIELDS)
        for name in self.fields():
            if name not in known:
                there = ", ".join(sorted(known)[:30]) + (", ..." if len(known) > 30 else "")
                hint = did_you_mean(name, known)
                raise InputError(
                    f"--filter: no field '{name}'; there are {there}",
                    hint or "fields come from the metadata of the documents and from their paths",
                )
        masks = [matching(self.root, columns) for columns in segments]
        return np.concatenate(masks) if masks else np.zeros(0, dtype=bool)

    def fields(self) -> list[str]:
        """The names of the fields that are asked for, in order."""
        return list(dict.fromkeys(_fields(self.root)))


def parse(text: str) -> Filter:
    """Reads a filter. Raises InputError that names the place where it cannot be one."""
    reader = _Reader(text)
    root = reader.any_of(0)
    if reader.kind:
        raise reader.error(
            "'and', 'or' or the end", 'values of several words stand in quotes: title = "two words"'
        )
    return Filter(text, root)


class _Reader:
    """Takes a filter's text apart, one token ahead. `kind` is word, quoted, sign, or empty at the end."""

    def __init__(self, text: str) -> None:
        self._text, self._end = text, 0
        self.kind = self.token = ""
        self.start = 0
        self._next()

    def _next(self) -> None:
        found = _TOKEN.match(self._text, self._end)
        if found is None:
            rest = self._text[self._end :]
            self.start = self._end + len(rest) - len(rest.lstrip())
            if rest.strip():
                quote = rest.lstrip()[0]
                raise self.error(
                    "a closing quote" if quote in "\"'" else "a name, a value or a sign", shown=quote
                )
            self.kind = self.token = ""
            return
        self.kind = str(found.lastgroup)
        self.token, self.start, self._end = found[self.kind], found.start(self.kind), found.end()

    def error(self, expected: str, hint: str = _EXAMPLE, shown: str | None = None) -> InputError:
        found = f"'{shown or self.token}'" if shown or self.token else "the end"
        where = f"expected {expected}, found {found} at character {self.start + 1}"
        return InputError(f"--filter {self._text!r}: {where}", hint)

    def _taken(self, *tokens: str, kind: str = "sign") -> bool:
        """Steps over the token if it is one of `tokens`, words in any case."""
        if self.kind != kind or self.token.lower() not in tokens:
            return False
        self._next()
        return True

    def any_of(self, depth: int) -> Node:
        parts = [self._all_of(depth)]
        while self._taken("or", kind="word"):
            parts.append(self._all_of(depth))
        return parts[0] if len(parts) == 1 else Joined("or", tuple(parts))

    def _all_of(self, depth: int) -> Node:
        parts = [self._one(depth)]
        while self._taken("and", kind="word"):
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else Joined("and", tuple(parts))

    def _one(self, depth: int) -> Node:
        if depth > _NESTING:
            raise self.error(f"at most {_NESTING} levels of parentheses and not", "write it flatter")
        if self._taken("not", kind="word"):
            return Joined("not", (self._one(depth + 1),))
        if self._taken("("):
            inner = self.any_of(depth + 1)
            if not self._taken(")"):
                raise self.error("')'")
            return inner
        if self.kind == "word" and self.token.lower() in ("and", "or"):
            raise self.error("a field", f'a field of that name stands in quotes: "{self.token}"')
        name = self._value("a field").text
        if self._taken("exists", kind="word"):
            return Test(name, "exists")
        negated = self._taken("not", kind="word")
        if self._taken("in", kind="word"):
            return Test(name, "=", self._list(), negated)
        if self._taken("contains", kind="word") or (not negated and self._taken("~")):
            return Test(name, "~", (self._value("a value"),), negated)
        if negated:
            raise self.error("'in' or 'contains' after 'not'")
        if self._taken("=", "=="):
            return Test(name, "=", (self._value("a value"),))
        if self._taken("!="):
            return Test(name, "=", (self._value("a value"),), True)
        sign = self.token
        if not self._taken(*ORDERS):
            raise self.error(f"= != < <= > >= in contains or exists after '{name}'")
        return Test(name, sign, (self._value("a value"),))

    def _list(self) -> tuple[Value, ...]:
        if not self._taken("("):
            raise self.error("'(' after 'in'", "e.g. lang in (no, da)")
        values = [self._value("a value")]
        while self._taken(","):
            values.append(self._value("a value"))
        if not self._taken(")"):
            raise self.error("',' or ')'", "e.g. lang in (no, da)")
        return tuple(values)

    def _value(self, what: str) -> Value:
        if self.kind not in ("word", "quoted"):
            raise self.error(what)
        bare = self.kind == "word"
        found = Value(
            self.token if bare else re.sub(r"\\(.)", r"\1", self.token[1:-1], flags=re.DOTALL), bare
        )
        self._next()
        return found


def _fields(node: Node) -> Iterator[str]:
    if isinstance(node, Test):
        yield node.field
    else:
        for part in node.parts:
            yield from _fields(part)
