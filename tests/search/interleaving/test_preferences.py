"""Preferences: which side a query speaks for, the sign test, and a log that several processes may write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splade_cli.errors import InputError
from splade_cli.search.interleaving.preferences import (
    Preference,
    PreferenceLog,
    credits,
    outcome,
    sign_test,
)


def test_a_query_is_one_vote_for_the_side_with_more_hits_that_were_liked() -> None:
    acts = [
        Preference("one", "d1", "a", "open"),
        Preference("one", "d2", "b", "open"),
        Preference("one", "d3", "b", "good"),
        Preference("two", "d1", "a", "good"),
        Preference("two", "d1", "a", "open"),
        Preference("three", "d1", "a", "open"),
        Preference("three", "d2", "b", "open"),
        Preference("four", "d9", "a", "open"),
        Preference("four", "d9", "a", "bad"),
    ]
    found = outcome(acts, "old", "new")
    assert (found.won_by_a, found.won_by_b, found.ties) == (1, 1, 1)
    assert (found.p_value, found.winner) == (1.0, "")
    assert credits(acts)["four"] == {}


def test_a_side_that_wins_often_enough_is_named() -> None:
    acts = [Preference(f"q{number}", "d", "b", "open") for number in range(9)]
    acts.append(Preference("q9", "d", "a", "open"))
    found = outcome(acts, "old", "new")
    # 2 (C(10, 0) + C(10, 1)) / 2^10
    assert found.p_value == pytest.approx(22 / 1024)
    assert found.winner == "new"
    assert sign_test(0, 0) == 1.0
    assert sign_test(5, 0) == pytest.approx(2 / 32)


def test_the_log_counts_its_own_pair_and_goes_on_after_a_half_written_line(tmp_path: Path) -> None:
    path = tmp_path / "ab.jsonl"
    log = PreferenceLog(path, "old", "new")
    assert log.outcome().p_value == 1.0 and not path.exists()
    log.add(Preference("pass\u00e9\nword", "d1", "a", "open"))
    PreferenceLog(path, "old", "third").add(Preference("q", "d1", "b", "open"))
    path.write_text(path.read_text(encoding="utf-8").rstrip("\n"), encoding="utf-8")
    log.add(Preference("q2", "d2", "a", "good"))
    assert len(path.read_text(encoding="utf-8").splitlines()) == 3
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"query": "q", "label": 1}) + "\n")
    assert [act.query for act in log.preferences()] == ["pass\u00e9\nword", "q2"]
    assert log.outcome().won_by_a == 2


def test_what_cannot_be_a_log(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="compared with itself"):
        PreferenceLog(tmp_path / "ab.jsonl", "same", "same")
    with pytest.raises(InputError, match="JSONL"):
        PreferenceLog(tmp_path / "ab.json", "a", "b")
    (tmp_path / "dir.jsonl").mkdir()
    with pytest.raises(InputError, match="JSONL"):
        PreferenceLog(tmp_path / "dir.jsonl", "a", "b")
