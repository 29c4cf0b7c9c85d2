"""Fault injections of `make reliability`: the quick ones with a few tries each, the others by the whole run."""

from __future__ import annotations

from pathlib import Path

import pytest

from reliability.__main__ import CHECKS, run
from reliability.outcome import Outcome, row

QUICK = ("damaged_index", "crafted_index")
"""Checks whose few tries take a minute; the others start a command for each try."""


def test_the_table_counts_what_ended_wrong() -> None:
    outcome = Outcome("a page turned over")
    outcome.right("found and named")
    outcome.failed("wrong answer", "seed 3")
    assert outcome.tried == 2
    assert row(outcome) == ("| a page turned over | 2 | 1 found and named | 1 wrong answer |")


def test_every_check_is_listed() -> None:
    folder = Path(__file__).parents[2] / "reliability"
    modules = [path for path in folder.glob("*/*.py") if "\ndef check(" in path.read_text()]
    assert {f"{path.parent.name}.{path.stem}" for path in modules} == set(CHECKS.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_few_tries_end_right(name: str) -> None:
    outcomes = list(run(name, count=3, seed=1))
    assert sum(outcome.tried for outcome in outcomes) > 0
    assert [note for outcome in outcomes for note in outcome.notes] == []
