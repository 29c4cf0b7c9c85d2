"""Filters are held against a slow evaluator that looks at one record at a time, over segments that do not
agree."""

from __future__ import annotations

import fnmatch
import json
import math
import operator
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splade_cli.errors import InputError
from splade_cli.index.metadata.columns import Columns
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.metadata.filters import And, Not, Or, Test, Value, fields_of
from splade_cli.index.metadata.matching import passing
from splade_cli.index.store.chunks import chunk_from_json

ROWS: list[dict[str, Any]] = [
    {
        "id": "0",
        "title": "One",
        "metadata": {"year": 2019, "lang": "no", "path": "docs/a.md", "when": "2024-05-01"},
    },
    {
        "id": "1",
        "title": "Two",
        "metadata": {"year": 2020, "lang": "da", "path": "docs/sub/b.MD", "draft": True},
    },
    {
        "id": "2",
        "title": "Three words here",
        "metadata": {"year": "2021", "lang": False, "tags": ["c++", "search"]},
    },
    {"id": "3", "title": "O'Neil", "metadata": {"year": None, "lang": "NO", "tags": "search", "my key": 1}},
    {"id": "4", "metadata": {"year": "n.d.", "author": {"name": "Ann Lee"}, "tags": [], "draft": False}},
    {
        "id": "5",
        "metadata": {"year": [1, 2030], "and": "x", "when": "2023-12-31T10:00:00", "tags": [3, "x*y"]},
    },
]


def columns_of(rows: list[dict[str, Any]]) -> Columns:
    return Columns.build(chunk_from_json(json.dumps(row)) for row in rows)


def found(text: str) -> list[int]:
    return [int(row) for row in np.flatnonzero(passing(parse_filter(text), [columns_of(ROWS)]))]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("year = 2020", [1]),
        ("year>=2020", [1, 2, 4, 5]),
        ("year >= '2020'", [1, 2, 4, 5]),
        ("year < 2020", [0, 5]),
        ("year != 2020", [0, 2, 4, 5]),
        ("not year = 2020", [0, 2, 3, 4, 5]),
        ("year exists", [0, 1, 2, 4, 5]),
        ("NOT year EXISTS", [3]),
        ("lang = no", [0, 2]),
        ("lang in (no, da)", [0, 1, 2]),
        ("lang not in (no, da)", [3]),
        ("lang ~ n", [0, 3]),
        ("lang not contains n", [1, 2]),
        ("draft = true or draft = off", [1, 4]),
        ("draft = 1", []),
        ("tags = search", [2, 3]),
        ("tags = c++", [2]),
        ("tags contains EARCH", [2, 3]),
        ("tags = 3", [5]),
        ("tags = 'x*y'", [5]),
        ("tags = x*", [5]),
        ("tags = 'x*'", []),
        ('author.name = "Ann Lee"', [4]),
        ("author.name ~ 'ann l'", [4]),
        ("title = o'neil or title = O'Neil", [3]),
        ("title = 'O\\'Neil'", [3]),
        ("title = *words*", [2]),
        ("path = docs/*.md", [0]),
        ("path = docs/?.md", [0]),
        ("folder = docs", [0]),
        ("extension = md", [0, 1]),
        ("file in (a.md, b.MD)", [0, 1]),
        ("path != docs/s*", [0]),
        ("when >= 2024-01-01", [0]),
        ("when < 2024-01-01 and when > 2023", [5]),
        ("when <= 2024-05-01", [0, 5]),
        ("when < 2024-05-01", [5]),
        ("when >= 2024-05-01", [0]),
        ("when > 2024-05-01", []),
        ("year <= 2019", [0, 5]),
        ("year > 2020", [2, 4, 5]),
        ("year < '2021'", [0, 1, 5]),
        ("year <= '2021'", [0, 1, 2, 5]),
        ("id = 1 or id = 2 and year = 2019", [1]),
        ("(id = 1 or id = 2) and year > 2020", [2]),
        ("not (id = 0 or not year exists)", [1, 2, 4, 5]),
        ('"my key" = 1', [3]),
        ('"and" = x', [5]),
        ("lang = or", []),
        ("id in (4,5)", [4, 5]),
        ("id == 3", [3]),
    ],
)
def test_what_passes(text: str, rows: list[int]) -> None:
    assert found(text) == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected a field, found the end at character 1"),
        ("year", "after 'year', found the end at character 5"),
        ("year >=", "expected a value, found the end at character 8"),
        ("year => 2020", "expected a value, found '>' at character 7"),
        ("year = 2020 lang = no", "expected 'and', 'or' or the end, found 'lang' at character 13"),
        ("title = two words", "found 'words' at character 13"),
        ("(year = 2020", "expected ')', found the end at character 13"),
        ("year = 2020)", "found ')' at character 12"),
        ("lang in no", "expected '(' after 'in', found 'no'"),
        ("lang in (no", "expected ',' or ')', found the end"),
        ("lang in ()", "expected a value, found ')' at character 10"),
        ("and year = 1", "expected a field, found 'and'"),
        ("year = 1 and", "expected a field, found the end"),
        ("lang not = no", "expected 'in' or 'contains' after 'not', found '='"),
        ("title = 'open", "expected a closing quote, found ''' at character 9"),
        ("year ! 3", "expected a name, a value or a sign, found '!' at character 6"),
        ("(" * 200 + "id = 1" + ")" * 200, "levels of parentheses"),
        ("not " * 5000 + "id = 1", "levels of parentheses"),
    ],
)
def test_what_is_no_filter_is_told_with_its_place(text: str, message: str) -> None:
    with pytest.raises(InputError) as error:
        parse_filter(text)
    assert message in error.value.message and error.value.hint


def test_an_unknown_field_is_told_with_those_there_are() -> None:
    columns = columns_of(ROWS)
    with pytest.raises(
        InputError, match="no field 'yaer'; there are and, author.name, document_id|and, author"
    ) as error:
        passing(parse_filter("lang = no or yaer = 1"), [columns])
    assert error.value.hint == "did you mean 'year'?"
    with pytest.raises(InputError, match="path"):
        passing(parse_filter("zzz = 1"), [columns])


def test_the_tree_is_made_of_frozen_parts() -> None:
    year = Test("year", ">=", (Value("2020"),))
    langs = Test("lang", "=", (Value("no"), Value("d a", bare=False)), negated=True)
    draft = Test("draft", "exists")
    assert parse_filter("year >= 2020") == year
    assert parse_filter("lang not in (no, 'd a') or not draft exists") == Or((langs, Not(draft)))
    assert parse_filter("year >= 2020 and lang not in (no, 'd a') and draft exists") == And(
        (year, langs, draft)
    )
    assert hash(parse_filter("year >= 2020")) == hash(year)
    built = And((Not(Test("lang", "=", (Value("no"),))), Test("year", "=", (Value("2020"),))))
    assert np.flatnonzero(passing(built, [columns_of(ROWS)])).tolist() == [1]


def test_a_field_need_only_be_in_one_segment() -> None:
    segments = [columns_of(ROWS[:2]), columns_of([]), columns_of(ROWS[2:])]
    np.testing.assert_array_equal(
        passing(parse_filter("tags = search"), segments), [False, False, True, True, False, False]
    )
    assert fields_of(parse_filter("year >= 2020 or tags = 3")) == ["year", "tags"]
    assert passing(parse_filter("id = 1"), []).shape == (0,)


def test_a_pattern_of_many_stars_ends() -> None:
    """Tried in every way, its thirty stars would take a power of the text's length."""
    columns = columns_of([{"id": "a" * 20_000}])
    assert not passing(parse_filter("id = " + "*a" * 30 + "*b"), [columns]).any()


# ---------------------------------------------------------------- against a slow evaluator

TEXTS = st.sampled_from(
    ["", "a", "A", "ab", "b*", "7", "07", "-1.5", "1e1", "no", "true", "å", "x y", "2024-05-01"]
)
SCALARS = st.one_of(TEXTS, st.integers(-2, 12), st.sampled_from([1.5, -1.5, 10.0]), st.booleans(), st.none())
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=3))
RECORDS = st.lists(st.dictionaries(st.sampled_from(["f", "g.h"]), VALUES, max_size=2), max_size=12)
SIGNS = {"=": operator.eq, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


@st.composite
def literals(draw: st.DrawFn) -> tuple[str, bool]:
    text = draw(st.one_of(TEXTS, st.sampled_from(["a*", "*", "?", "*b", "1", "10", "-2", "off", "2024"])))
    quoted = draw(st.booleans()) or not re.fullmatch(r"[^\s\"'=<>!~(),]+", text)
    return text, quoted


@st.composite
def conditions(draw: st.DrawFn) -> tuple[str, Any]:
    """A test as text, and the same as a function of a record's list of values."""
    kind = draw(st.sampled_from([*SIGNS, "!=", "~", "contains", "in", "not in", "exists"]))
    if kind == "exists":
        return "exists", bool
    values = draw(st.lists(literals(), min_size=1, max_size=3 if "in" in kind and kind != "contains" else 1))
    shown = [f'"{text}"' if quoted else text for text, quoted in values]
    text = f"{kind} ({', '.join(shown)})" if kind.endswith("in") else f"{kind} {shown[0]}"
    sign = {"!=": "=", "in": "=", "not in": "=", "contains": "~"}.get(kind, kind)

    def passes(held: list[Any]) -> bool:
        one = any(slow(value, sign, *literal) for value in held for literal in values)
        return bool(held) and not one if kind in ("!=", "not in") else one

    return text, passes


def slow(value: Any, sign: str, text: str, quoted: bool) -> bool:
    spelled = float(text) if re.fullmatch(r"-?\d+(\.\d+)?(e\d+)?", text) else math.nan
    if isinstance(value, bool):
        return (
            sign == "=" and text in ("true", "yes", "on")
            if value
            else sign == "=" and text in ("false", "no", "off")
        )
    if isinstance(value, int | float):
        return sign != "~" and SIGNS[sign](value, spelled)
    if sign == "~":
        return text.lower() in value.lower()
    if sign == "=":
        return value == text if quoted else fnmatch.fnmatchcase(value, text)
    own = float(value) if re.fullmatch(r"-?\d+(\.\d+)?(e\d+)?", value) else math.nan
    numbers = not quoted and not math.isnan(own) and not math.isnan(spelled)
    return SIGNS[sign](own, spelled) if numbers else SIGNS[sign](value, text)


@st.composite
def filters(draw: st.DrawFn, depth: int = 2) -> tuple[str, Any]:
    kind = draw(st.sampled_from(["test", "and", "or", "not"])) if depth else "test"
    if kind == "test":
        name = draw(st.sampled_from(["f", "g.h"]))
        text, passes = draw(conditions())
        return f"{name} {text}", lambda record: passes(record.get(name, []))
    if kind == "not":
        text, inner = draw(filters(depth - 1))
        return f"not ({text})", lambda record: not inner(record)
    (first, left), (second, right) = draw(filters(depth - 1)), draw(filters(depth - 1))
    both = (
        (lambda record: left(record) and right(record)) if kind == "and" else (lambda r: left(r) or right(r))
    )
    return f"({first}) {kind} ({second})", both


@settings(max_examples=400, deadline=None)
@given(records=RECORDS, filtered=filters(), cut=st.integers(0, 12))
def test_like_a_slow_evaluator(records: list[dict[str, Any]], filtered: tuple[str, Any], cut: int) -> None:
    text, passes = filtered
    rows = [{"id": str(number), "metadata": dict(record)} for number, record in enumerate(records)]
    everything = {"id": "last", "metadata": {"f": 1, "g": {"h": "x"}}}
    plain = [
        {
            name: [each for each in (v if isinstance(v, list) else [v]) if each is not None]
            for name, v in record.items()
        }
        for record in [*records, {"f": [1], "g.h": ["x"]}]
    ]
    segments = [columns_of(rows[:cut]), columns_of([*rows[cut:], everything])]
    assert passing(parse_filter(text), segments).tolist() == [bool(passes(record)) for record in plain], text
