"""Conditions pass the rows that the local index passes, whatever the filter and the metadata."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.engines.local import LocalEngine
from splade_cli.engines.remote import conditions as c
from splade_cli.engines.remote.patience import LOADING, SEARCHING, Patience, patiently
from splade_cli.engines.remote.rows import field_values
from splade_cli.index.index import SpladeIndex
from splade_cli.index.metadata.fields import spelled_number
from splade_cli.index.metadata.filters import And, Filter, Not, Or, Test, Value
from splade_cli.records import Chunk

SIGNS = {"=": "__eq__", "<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}


def passes(condition: c.Condition, fields: Any) -> bool:
    """The plainest evaluation of a condition over the values of one row."""
    if isinstance(condition, c.AllOf):
        return all(passes(part, fields) for part in condition.parts)
    if isinstance(condition, c.AnyOf):
        return any(passes(part, fields) for part in condition.parts)
    if isinstance(condition, c.NoneOf):
        return not passes(condition.part, fields)
    values = fields.get(condition.field, [])
    texts = [value for value in values if isinstance(value, str)]
    if isinstance(condition, c.Present):
        return bool(values)
    if isinstance(condition, c.NumberIs):
        numbers = [value for value in values if isinstance(value, float)]
        return any(getattr(value, SIGNS[condition.operator])(condition.number) for value in numbers)
    if isinstance(condition, c.FlagIs):
        return any(value is condition.flag for value in values)
    if isinstance(condition, c.TextIs):
        return condition.text in texts
    if isinstance(condition, c.TextMatches):
        return any(fnmatchcase(text, condition.pattern) for text in texts)
    if isinstance(condition, c.TextContains):
        return any(condition.text.casefold() in text.casefold() for text in texts)
    return any(_in_order(text, condition) for text in texts)


def _in_order(text: str, condition: c.TextOrder) -> bool:
    sign = SIGNS[condition.operator]
    number = spelled_number(text)
    if condition.number is not None and not np.isnan(number):
        return bool(getattr(number, sign)(condition.number))
    return bool(getattr(text, sign)(condition.text))


scalars = st.one_of(
    st.sampled_from(["a", "ab", "B", "10", "9", "-1.5", "true", "no", "*", "ß"]),
    st.sampled_from([0, 9, 10, 2.5, -1, 10**400]),
    st.booleans(),
)
metadata = st.dictionaries(st.sampled_from(["f", "g"]), st.one_of(scalars, st.lists(scalars, max_size=3)))
values = st.builds(
    Value, st.sampled_from(["a", "a*", "?b", "10", "9.0", "yes", "false", "SS", "b"]), st.booleans()
)
tests: st.SearchStrategy[Filter] = st.builds(
    lambda field, sign, given, negated: Test(
        field, sign, () if sign == "exists" else tuple(given), negated and sign == "="
    ),
    st.sampled_from(["f", "g"]),
    st.sampled_from(["=", "<", "<=", ">", ">=", "~", "exists"]),
    st.lists(values, min_size=1, max_size=2),
    st.booleans(),
)
filters = st.recursive(
    tests,
    lambda part: st.one_of(
        st.builds(Not, part),
        st.builds(And, st.lists(part, min_size=1, max_size=2).map(tuple)),
        st.builds(Or, st.lists(part, min_size=1, max_size=2).map(tuple)),
    ),
    max_leaves=4,
)


@given(st.lists(metadata, min_size=1, max_size=5), filters)
def test_a_condition_passes_what_the_filter_passes(rows: list[dict[str, Any]], filter: Filter) -> None:
    every: list[dict[str, Any]] = [{"f": 1, "g": 1}, *rows]
    chunks = [Chunk(f"c{number}", "d", "", metadata=each) for number, each in enumerate(every)]
    index = SpladeIndex.from_vectors(sp.csr_matrix(np.ones((len(every), 1), np.float32)), chunks=chunks)
    wanted = index.mask(filter)
    condition = c.condition_of(filter)
    assert [passes(condition, field_values(chunk)) for chunk in chunks] == wanted.tolist()
    assert LocalEngine(index).count(filter) == int(wanted.sum())


def test_a_passing_failure_is_waited_for_and_a_lasting_one_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("splade_cli.engines.remote.patience.time.sleep", waits.append)
    failures = [OSError(), OSError()]

    def call() -> str:
        if failures:
            raise failures.pop()
        return "done"

    patience = Patience(10, first=1, most=3)
    assert patiently(call, lambda error: isinstance(error, OSError), patience) == "done"
    assert waits == [1, 2]
    failures[:] = [OSError()] * 20
    with pytest.raises(OSError):
        patiently(call, lambda error: True, patience)
    assert waits == [1, 2, 1, 2, 3, 3]
    with pytest.raises(OSError):
        patiently(call, lambda error: False, patience)
    assert len(waits) == 6


def test_time_that_calls_take_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("splade_cli.engines.remote.patience.time.sleep", lambda seconds: None)
    now = [0.0]
    calls = []

    def hang() -> None:
        calls.append(now[0])
        now[0] += 30
        raise OSError

    def clock() -> float:
        return now[0]

    with pytest.raises(OSError):
        patiently(hang, lambda error: True, SEARCHING, clock)
    assert len(calls) == 1, "somebody waits, and has waited for 30 seconds"
    calls.clear()
    with pytest.raises(OSError):
        patiently(hang, lambda error: True, LOADING, clock)
    assert len(calls) == 10, "300 seconds in all"
