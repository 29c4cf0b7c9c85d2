"""`splade gen-data --without`: filters by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result


def test_a_filter_that_is_switched_off_keeps_more(
    splade: Callable[..., Result], docs: Path, tmp_path: Path
) -> None:
    words = ("gen-data", docs, "--model", "none", "--teacher", "none", "--val-ratio", "0", "--json")
    rows = []
    for name, flags in (("all", ()), ("fewer", ("--without", "duplicate", "--without", "copy"))):
        done = splade(*words, "-o", tmp_path / name, *flags)
        assert done.exit_code == 0, done.output
        rows.append(json.loads(done.stdout)["train_rows"])
        rejected = (tmp_path / name / "rejected.jsonl").read_text().splitlines()
        assert len(rejected) == sum(json.loads(done.stdout)["left_out"].values())
    assert rows[1] >= rows[0]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--without", "roundtrip"], "did you mean 'round-trip'?"),
        (["--without", "ceiling"], "they go through: duplicate, copy, round-trip"),
        (
            ["--without", "round-trip", "--round-trip", "3"],
            "--round-trip does nothing with --without round-trip",
        ),
    ],
)
def test_filters_that_are_none(
    splade: Callable[..., Result], docs: Path, tmp_path: Path, flags: list[str], said: str
) -> None:
    done = splade("gen-data", docs, "-o", tmp_path / "out", *flags)
    assert done.exit_code == 2
    assert said in done.stderr
