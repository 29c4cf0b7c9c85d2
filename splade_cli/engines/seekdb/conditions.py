"""Conditions as SQL of MySQL over a JSON column of `flat_fields`."""

from __future__ import annotations

import json
from typing import TypeAlias

from splade_cli.engines.flat_fields import Compare, Flat, Member, flat_tests, plain
from splade_cli.engines.remote.conditions import AllOf, AnyOf, Condition, NoneOf, Present

Sql: TypeAlias = tuple[str, list[object]]
"""An expression that is true or false, never null, with ``%s`` for each parameter."""


def sql_of(condition: Condition) -> Sql:
    """A condition as SQL. Raises InputError as `flat_tests`."""
    if isinstance(condition, AllOf):
        return _joined([sql_of(part) for part in condition.parts], " and ", "1 = 1")
    if isinstance(condition, AnyOf):
        return _joined([sql_of(part) for part in condition.parts], " or ", "1 = 0")
    if isinstance(condition, NoneOf):
        text, values = sql_of(condition.part)
        return f"not ({text})", values
    if isinstance(condition, Present):
        return "json_extract(fields, %s) is not null", [_path(plain(condition.field))]
    return _joined([_test(each) for each in flat_tests(condition)], " or ", "1 = 0")


def _joined(parts: list[Sql], sign: str, of_none: str) -> Sql:
    if not parts:
        return of_none, []
    return f"({sign.join(text for text, _ in parts)})", [value for _, values in parts for value in values]


def _path(field: str, fact: str = "") -> str:
    """A path into the column; a plain name holds no quotes."""
    return f'$."{field}".{fact}' if fact else f'$."{field}"'


def _test(flat: Flat) -> Sql:
    if isinstance(flat, Member):
        value = json.dumps(flat.value, ensure_ascii=False)
        return "ifnull(json_contains(fields, %s, %s), 0)", [value, _path(flat.field, "e")]
    path = _path(flat.field, flat.fact)
    if isinstance(flat, Compare):
        if isinstance(flat.value, str):
            text = f"ifnull(json_unquote(json_extract(fields, %s)) {flat.operator} %s, 0)"
            return text, [path, flat.value]
        text = f"ifnull(json_extract(fields, %s) {flat.operator} {flat.value!r}, 0)"
        return text, [path]
    text = "ifnull(json_unquote(json_extract(fields, %s)) like %s collate utf8mb4_bin, 0)"
    return text, [path, flat.pattern]
