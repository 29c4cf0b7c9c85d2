"""Reports of the commands as pages: written by their ending, refused before anything is computed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def test_an_evaluation_as_a_page_and_as_markdown(
    splade: Callable[..., Any], built: Path, tmp_path: Path
) -> None:
    words = ["evaluate", "--data", built / "data", "--split", "train", "--device", "cpu"]
    done = splade(*words, "--report", tmp_path / "report.html")
    assert done.exit_code == 0, done.output
    assert "nDCG@10" in done.stdout, "the terminal has its table all the same"
    assert f"report written to {tmp_path / 'report.html'}" in " ".join(done.stderr.replace("\n", "").split())
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") and page.count("<svg") >= 3
    assert '<script type="application/json" id="data">' in page
    assert f"<span>{built / 'data' / 'corpus.jsonl'}</span> <span>-o</span> <span>index</span>" in page
    again = splade(*words, "--no-bm25", "--report", tmp_path / "report.md")
    assert again.exit_code == 0, again.output
    assert (tmp_path / "report.md").read_text(encoding="utf-8").startswith("<!-- splade-cli report -->")


@pytest.mark.parametrize(
    ("name", "message"),
    [("README.md", "README.md exists and is not a report"), ("report.pdf", "ends in .html")],
)
def test_what_cannot_be_a_report_is_refused_first(
    splade: Callable[..., Any], tmp_path: Path, name: str, message: str
) -> None:
    (tmp_path / "README.md").write_text("# Mine\n", encoding="utf-8")
    done = splade("evaluate", "--data", tmp_path / "missing", "--report", tmp_path / name)
    assert done.exit_code == 1
    assert message in " ".join(done.stderr.replace("\n", " ").split()).replace("- ", "-")
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "# Mine\n"
    assert not (tmp_path / "report.pdf").exists()


def test_training_data_as_a_page(splade: Callable[..., Any], built: Path, tmp_path: Path) -> None:
    done = splade("inspect", built / "data", "--rows", 2, "--report", tmp_path / "data.html")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "data.html").read_text(encoding="utf-8")
    assert "Rows to read" in page and f"splade train --train-file {built}" in page.replace(
        "<span>", ""
    ).replace("</span>", "")


def test_index_settings_as_a_page(splade: Callable[..., Any], built: Path, tmp_path: Path) -> None:
    made = splade("index", built / "data" / "corpus.jsonl", "-o", tmp_path / "index", "--device", "cpu")
    assert made.exit_code == 0, made.output
    words = ["tune", "--index", tmp_path / "index", "--data", built / "data", "--split", "train"]
    done = splade(*words, "--report", tmp_path / "settings.md")
    assert done.exit_code == 0, done.output
    page = (tmp_path / "settings.md").read_text(encoding="utf-8")
    assert "# Index settings on data" in page and "| full | " in page
    assert splade(*words, "--report", tmp_path).exit_code == 1


def test_a_run_as_a_page(splade: Callable[..., Any], bert_folder: Path, built: Path, tmp_path: Path) -> None:
    rows = built / "data" / "val.json"
    words = ["train", "--train-file", rows, "--val-file", rows, "-m", bert_folder, "-o", tmp_path / "run"]
    words += ["--device", "cpu", "--batch-size", "4", "--max-steps", "2", "--report", tmp_path / "run.html"]
    done = splade(*words)
    assert done.exit_code == 0, done.output
    page = (tmp_path / "run.html").read_text(encoding="utf-8")
    assert "Loss in training" in page and "training.max_steps" in page
    assert "<span>--baseline</span>" in page
    assert "Loss in training" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
