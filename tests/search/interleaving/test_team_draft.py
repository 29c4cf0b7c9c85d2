"""Team draft: fair teams, no repetition, and a shorter list is the beginning of a longer one."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.search.interleaving.team_draft import Pick, team_draft

RANKINGS = st.permutations([f"d{number}" for number in range(12)])


def names(picks: list[Pick], a: list[str], b: list[str]) -> list[str]:
    return [(a if pick.team == "a" else b)[pick.position] for pick in picks]


@given(RANKINGS, RANKINGS, st.integers(0, 12), st.integers(0, 99))
def test_each_document_once_and_both_teams_alike(a: list[str], b: list[str], k: int, seed: int) -> None:
    picks = team_draft(a, b, k, random.Random(seed))
    listed = names(picks, a, b)
    assert len(listed) == len(set(listed)) == k
    for size in range(k + 1):
        teams = [pick.team for pick in picks[:size]]
        assert abs(teams.count("a") - teams.count("b")) <= 1


@given(RANKINGS, RANKINGS, st.integers(0, 12), st.integers(0, 12), st.integers(0, 99))
def test_a_shorter_list_begins_a_longer_one(a: list[str], b: list[str], k: int, more: int, seed: int) -> None:
    long = team_draft(a, b, k + more, random.Random(seed))
    # what a shorter search gives either side is the beginning of what a longer one does
    assert team_draft(a[:k], b[:k], k, random.Random(seed)) == long[:k]


@given(RANKINGS, RANKINGS, st.integers(0, 99))
def test_a_pick_is_the_best_that_its_team_has_left(a: list[str], b: list[str], seed: int) -> None:
    taken: set[str] = set()
    for pick in team_draft(a, b, 12, random.Random(seed)):
        ranking = a if pick.team == "a" else b
        assert ranking[pick.position] == next(name for name in ranking if name not in taken)
        taken.add(ranking[pick.position])


def test_one_side_picks_on_where_the_other_has_nothing_left() -> None:
    a = ["x"]
    b = ["x", "y", "z"]
    assert names(team_draft(a, b, 5, random.Random(1)), a, b) == ["x", "y", "z"]
    assert team_draft([], [], 5, random.Random(1)) == []


def test_who_picks_first_is_thrown_anew() -> None:
    first = [team_draft(["x"], ["y"], 1, random.Random(f"0 query {n}"))[0].team for n in range(400)]
    assert first.count("a") == pytest.approx(200, abs=50)
