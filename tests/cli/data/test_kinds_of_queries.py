"""`splade gen-data --kinds`: proportions as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result


def test_examples_that_are_not_there(splade: Callable[..., Result], docs: Path, tmp_path: Path) -> None:
    done = splade("gen-data", docs, "-o", tmp_path / "out", "--examples", tmp_path / "q.txt", "--llm", "m")
    assert done.exit_code == 1
    assert "no such file or folder" in done.stderr and "q.txt" in done.stderr
    assert not (tmp_path / "out").exists()


def test_kinds_without_a_language_model(splade: Callable[..., Result], docs: Path, tmp_path: Path) -> None:
    words = ("gen-data", docs, "-o", tmp_path / "out", "--model", "none", "--teacher", "none", "--json")
    done = splade(*words, "--kinds", "keywords=1, typo", "--without", "round-trip", "--queries-per-chunk", 2)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["queries"].keys() == {"keywords", "typo"}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--kinds", "keywords=x"], "--kinds takes KIND=NUMBER, got 'keywords=x'"),
        (["--kinds", "typo,typo"], "--kinds names typo twice"),
        (["--kinds", ""], "--kinds names no kind"),
        (["--kinds", "naturl", "--llm", "m"], "did you mean 'natural'?"),
        (["--persona", "a nurse"], "--persona does nothing without --llm"),
        (["--examples", "q.txt"], "--examples does nothing without --llm"),
        (["--queries", "q.jsonl", "--kinds", "typo"], "--kinds does nothing with --queries"),
    ],
)
def test_kinds_that_are_none(
    splade: Callable[..., Result], docs: Path, tmp_path: Path, flags: list[str], said: str
) -> None:
    done = splade("gen-data", docs, "-o", tmp_path / "out", *flags)
    assert done.exit_code == 2
    assert said in done.stderr
    assert not (tmp_path / "out").exists()
