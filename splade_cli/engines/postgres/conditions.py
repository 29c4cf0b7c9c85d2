"""Conditions as SQL over a column ``fields jsonb``: ``{"name": [values, each in its own kind]}``."""

from __future__ import annotations

import json
import re
from typing import TypeAlias

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

Sql: TypeAlias = tuple[str, list[object]]
"""An expression that is true or false, never null, with ``%s`` for each parameter."""
REPLACED = "\ufffd"
"""Stands in ``fields`` where NUL does, which jsonb cannot hold."""
_NUMBER = "^[+-]?([0-9]{1,250}(\\.[0-9]*)?|\\.[0-9]+)([eE][+-]?[0-9]{1,3})?$"
_TEXT = "(e #>> '{}')"
_SIGNS = {"=": "==", "<": "<", "<=": "<=", ">": ">", ">=": ">="}


def sql_of(condition: Condition, folds: bool) -> Sql:
    """A condition as SQL.

    Args:
        folds: whether the server can fold case as Unicode says (PostgreSQL 18), else it makes lower case.
    """
    if isinstance(condition, AllOf):
        return _joined(condition.parts, " and ", "true", folds)
    if isinstance(condition, AnyOf):
        return _joined(condition.parts, " or ", "false", folds)
    if isinstance(condition, NoneOf):
        text, values = sql_of(condition.part, folds)
        return f"not ({text})", values
    if isinstance(condition, Present):
        return "(fields -> %s) is not null", [without_nul(condition.field)]
    if isinstance(condition, NumberIs):
        return _path(condition.field, _SIGNS[condition.operator], condition.number)
    if isinstance(condition, FlagIs):
        return _contained(condition.field, condition.flag)
    if isinstance(condition, TextIs):
        return _contained(condition.field, without_nul(condition.text))
    if isinstance(condition, TextOrder):
        return _ordered(condition)
    if isinstance(condition, TextMatches):
        return _some_text(condition.field, f'{_TEXT} collate "C" like %s', [_like(condition.pattern)])
    return _containing(condition, folds)


def without_nul(text: str) -> str:
    """A text as ``fields`` holds it."""
    return text.replace("\0", REPLACED)


def _joined(parts: tuple[Condition, ...], sign: str, of_none: str, folds: bool) -> Sql:
    if not parts:
        return of_none, []
    made = [sql_of(part, folds) for part in parts]
    return f"({sign.join(text for text, _ in made)})", [value for _, values in made for value in values]


def _path(field: str, sign: str, value: object) -> Sql:
    """A value of its own kind stands so to `value`; jsonpath compares no kind with another, and texts by
    code points."""
    path = f"$[*] ? (@ {sign} $value)"
    given = json.dumps({"value": value}, ensure_ascii=False)
    text = "coalesce(jsonb_path_exists(fields -> %s, %s::jsonpath, %s::jsonb), false)"
    return text, [without_nul(field), path, given]


def _contained(field: str, value: object) -> Sql:
    """Equality as containment, which a GIN index on ``fields`` would serve."""
    return "fields @> %s::jsonb", [json.dumps({without_nul(field): [value]}, ensure_ascii=False)]


def _some_text(field: str, test: str, values: list[object]) -> Sql:
    """A text among the values of a field passes a test of ``e``."""
    text = (
        "exists (select from jsonb_array_elements(coalesce(fields -> %s, '[]'::jsonb)) e "
        f"where jsonb_typeof(e) = 'string' and {test})"
    )
    return text, [without_nul(field), *values]


def _ordered(condition: TextOrder) -> Sql:
    text = without_nul(condition.text)
    if condition.number is None:
        return _path(condition.field, condition.operator, text)
    test = (
        f"case when {_TEXT} ~ %s then {_TEXT}::numeric {condition.operator} %s::numeric "
        f'else {_TEXT} collate "C" {condition.operator} %s end'
    )
    return _some_text(condition.field, test, [_NUMBER, repr(condition.number), text])


def _containing(condition: TextContains, folds: bool) -> Sql:
    if folds:
        test = f'strpos(casefold({_TEXT} collate "pg_unicode_fast") collate "C", %s) > 0'
        return _some_text(condition.field, test, [without_nul(condition.text).casefold()])
    return _some_text(
        condition.field, f"strpos(lower({_TEXT}), %s) > 0", [without_nul(condition.text).lower()]
    )


def _like(pattern: str) -> str:
    """``*`` and ``?`` as LIKE has them."""
    escaped = re.sub(r"([\\%_])", r"\\\1", without_nul(pattern))
    return escaped.replace("*", "%").replace("?", "_")
