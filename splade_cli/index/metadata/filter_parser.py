"""Parser of the filter language.

    year >= 2020 and (lang = no or tags in (search, "machine learning")) and not path = drafts/*

``and``, ``or``, ``not`` and parentheses join tests: ``= != < <= > >=``, ``in (a, b)``, ``not in (a, b)``,
``contains`` or ``~`` (substring, case ignored), ``exists``. Names and values with blanks or signs stand in
quotes. How a row's value is compared stands in `matching`.
"""

from __future__ import annotations

import re

from splade_cli.errors import OptionError
from splade_cli.index.metadata.filters import And, Filter, Not, Operator, Or, Test, Value

_EXAMPLE = "e.g. year >= 2020 and lang = no"
_NESTING = 100
_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign><=|>=|!=|==|[=<>~(),])"""
    r"""|(?P<word>[^\s"'=<>!~(),][^\s"=<>!~(),]*))""",
    re.DOTALL,
)
_ORDERS: tuple[Operator, ...] = ("<=", ">=", "<", ">")


def parse_filter(text: str) -> Filter:
    """Reads a filter. Raises OptionError that says at which character it cannot be one."""
    parser = _Parser(text)
    parsed = parser.any_of(0)
    if parser.kind:
        raise parser.error(
            "'and', 'or' or the end", 'values of several words stand in quotes: title = "two words"'
        )
    return parsed


class _Parser:
    """A recursive descent parser, one token ahead. `kind` is word, quoted, sign, or empty at the end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._end = 0
        self.kind = ""
        self.token = ""
        self.start = 0
        self._next()

    def _next(self) -> None:
        match = _TOKEN.match(self._text, self._end)
        if match is None:
            rest = self._text[self._end :]
            self.start = self._end + len(rest) - len(rest.lstrip())
            if rest.strip():
                character = rest.lstrip()[0]
                expected = "a closing quote" if character in "\"'" else "a name, a value or a sign"
                raise self.error(expected, shown=character)
            self.kind = ""
            self.token = ""
            return
        self.kind = str(match.lastgroup)
        self.token = match[self.kind]
        self.start = match.start(self.kind)
        self._end = match.end()

    def error(self, expected: str, hint: str = _EXAMPLE, shown: str | None = None) -> OptionError:
        token = shown or self.token
        actual = f"'{token}'" if token else "the end"
        where = f"expected {expected}, found {actual} at character {self.start + 1}"
        return OptionError(f"filter {self._text!r}: {where}", hint)

    def _accept(self, *tokens: str, kind: str = "sign") -> bool:
        """Steps over the token if it is one of `tokens`, words in any case."""
        if self.kind != kind or self.token.lower() not in tokens:
            return False
        self._next()
        return True

    def any_of(self, depth: int) -> Filter:
        parts = [self._all_of(depth)]
        while self._accept("or", kind="word"):
            parts.append(self._all_of(depth))
        if len(parts) == 1:
            return parts[0]
        return Or(tuple(parts))

    def _all_of(self, depth: int) -> Filter:
        parts = [self._one(depth)]
        while self._accept("and", kind="word"):
            parts.append(self._one(depth))
        if len(parts) == 1:
            return parts[0]
        return And(tuple(parts))

    def _one(self, depth: int) -> Filter:
        if depth > _NESTING:
            raise self.error(f"at most {_NESTING} levels of parentheses and not", "write it flatter")
        if self._accept("not", kind="word"):
            return Not(self._one(depth + 1))
        if self._accept("("):
            inner = self.any_of(depth + 1)
            if not self._accept(")"):
                raise self.error("')'")
            return inner
        if self.kind == "word" and self.token.lower() in ("and", "or"):
            raise self.error("a field", f'a field of that name stands in quotes: "{self.token}"')
        name = self._value("a field").text
        if self._accept("exists", kind="word"):
            return Test(name, "exists")
        negated = self._accept("not", kind="word")
        if self._accept("in", kind="word"):
            return Test(name, "=", self._list(), negated)
        if self._accept("contains", kind="word") or (not negated and self._accept("~")):
            return Test(name, "~", (self._value("a value"),), negated)
        if negated:
            raise self.error("'in' or 'contains' after 'not'")
        if self._accept("=", "=="):
            return Test(name, "=", (self._value("a value"),))
        if self._accept("!="):
            return Test(name, "=", (self._value("a value"),), True)
        for order in _ORDERS:
            if self._accept(order):
                return Test(name, order, (self._value("a value"),))
        raise self.error(f"= != < <= > >= in contains or exists after '{name}'")

    def _list(self) -> tuple[Value, ...]:
        if not self._accept("("):
            raise self.error("'(' after 'in'", "e.g. lang in (no, da)")
        values = [self._value("a value")]
        while self._accept(","):
            values.append(self._value("a value"))
        if not self._accept(")"):
            raise self.error("',' or ')'", "e.g. lang in (no, da)")
        return tuple(values)

    def _value(self, what: str) -> Value:
        if self.kind not in ("word", "quoted"):
            raise self.error(what)
        value = Value(self.token)
        if self.kind == "quoted":
            value = Value(re.sub(r"\\(.)", r"\1", self.token[1:-1], flags=re.DOTALL), bare=False)
        self._next()
        return value
