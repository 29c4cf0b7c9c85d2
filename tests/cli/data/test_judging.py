"""`splade gen-data --judge`: flags that belong together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

URL = "http://127.0.0.1:9/v1"


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--relabel"], "--relabel does nothing without --judge"),
        (["--judge-grade", "2"], "--judge-grade does nothing without --judge"),
        (["--judge", "same"], "--judge same without --llm"),
        (["--judge", "m", "--judge-grade", "0"], "from 1 to 3"),
        (["--judge", "m", "--llm-negatives", "2"], "--llm-negatives does nothing without --llm"),
        (["--max-calls", "5"], "--max-calls does nothing without --llm"),
        (["--judge", "m", "--queries", "rows.jsonl"], "nothing to do with judged queries"),
    ],
)
def test_flags_that_do_not_go_together(
    splade: Callable[..., Result],
    docs: Path,
    tmp_path: Path,
    flags: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rows.jsonl").write_text('{"query": "clay", "positive_document": "The kiln fires clay."}')
    done = splade("gen-data", docs, "-o", tmp_path / "out", *flags)
    assert done.exit_code == 2
    assert said in f"{done.stderr}"
    assert not (tmp_path / "out").exists()


def test_a_dry_run_counts_what_a_judge_would_be_asked(
    splade: Callable[..., Result], docs: Path, tmp_path: Path
) -> None:
    words = (
        "gen-data",
        docs,
        "-o",
        tmp_path / "out",
        "--dry-run",
        "--json",
        "--judge",
        "m",
        "--judge-url",
        URL,
    )
    facts = json.loads(splade(*words, "--max-calls", 10).stdout)
    assert (facts["queries"], facts["calls"], facts["judge_calls"]) == (20, 20, 20)
    assert facts["within_limits"] is False
    facts = json.loads(splade(*words, "--relabel", "--negatives", 3).stdout)
    assert facts["judge_calls"] == 80
    both = splade(*words[:-4], "--llm", "w", "--base-url", URL, "--judge", "same")
    facts = json.loads(both.stdout)
    assert (facts["queries"], facts["calls"], facts["judge_calls"]) == (10, 15, 10)
