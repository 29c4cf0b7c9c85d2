"""Conditions as expressions of Milvus over a JSON column of `flat_fields`."""

from __future__ import annotations

from splade_cli.engines.flat_fields import Compare, Flat, Member, flat_tests, plain
from splade_cli.engines.remote.conditions import AllOf, AnyOf, Condition, NoneOf, Present

_NEVER = "position < 0"
_ALWAYS = "position >= 0"


def expression_of(condition: Condition) -> str:
    """A condition as an expression. Raises InputError as `flat_tests`."""
    if isinstance(condition, AllOf):
        return _joined([expression_of(part) for part in condition.parts], " and ", _ALWAYS)
    if isinstance(condition, AnyOf):
        return _joined([expression_of(part) for part in condition.parts], " or ", _NEVER)
    if isinstance(condition, NoneOf):
        return f"(not ({expression_of(condition.part)}))"
    if isinstance(condition, Present):
        return f'(exists fields["{plain(condition.field)}"])'
    return _joined([_test(each) for each in flat_tests(condition)], " or ", _NEVER)


def _joined(parts: list[str], sign: str, of_none: str) -> str:
    return f"({sign.join(parts)})" if parts else of_none


def _test(flat: Flat) -> str:
    """A test that is false where the fact is not there: it would be neither true nor false by itself, which
    a negation leaves as it is."""
    field = f'fields["{flat.field}"]'
    if isinstance(flat, Member):
        return f'(exists {field} and json_contains({field}["e"], "{flat.value}"))'
    path = f'{field}["{flat.fact}"]'
    if isinstance(flat, Compare):
        value = f'"{flat.value}"' if isinstance(flat.value, str) else repr(flat.value)
        return f"(exists {path} and {path} {flat.operator} {value})"
    return f'(exists {path} and {path} like "{flat.pattern}")'
