"""The demo of who has no clone: the same sample, from the package or beside it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from splade_cli.datasets.collections import load_collection, sample
from splade_cli.errors import InputError

ROOT = Path(__file__).resolve().parents[2]


def test_the_sample_is_there_and_judged() -> None:
    folder = sample.sample_folder()
    found = load_collection(folder)
    assert len(found.queries) == 150 and len(list((folder / "documents").rglob("*.*"))) == 72


def test_a_wheel_has_it_where_the_program_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["hatch"]["build"]
    place = Path(built["targets"]["wheel"]["force-include"][sample.NAME])
    installed = tmp_path / "splade_cli" / "datasets" / "collections" / "sample.py"
    (tmp_path / place / "documents").mkdir(parents=True)
    monkeypatch.setattr(sample, "__file__", str(installed))
    assert sample.sample_folder() == tmp_path / place
    (tmp_path / place / "documents").rmdir()
    with pytest.raises(InputError, match="no sample_docs"):
        sample.sample_folder()


def test_a_dry_run_counts_and_writes_nothing(splade, tmp_path):
    result = splade("demo", "-o", tmp_path / "demo", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "documents" in result.stdout and "steps" in result.stdout
    assert "splade build" in result.stderr and not (tmp_path / "demo").exists()


@pytest.mark.slow
def test_the_demo_searches_what_it_built(splade, tmp_path):
    result = splade("demo", "-o", tmp_path / "demo", "--no-train")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "demo" / "report.html").is_file()
    assert result.stdout.count(" 1  ") >= 3 and "workshop/drivetrain-wear.rst" in result.stdout
