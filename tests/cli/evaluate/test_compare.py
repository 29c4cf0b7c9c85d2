"""`splade compare` over saved evaluations, runs of others beside, and the gate against a saved one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="module")
def saved(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of BM25 with the model beside (a.json), of the model (b.json), and on another split (c.json)."""
    from typer.testing import CliRunner

    from splade_cli.cli.main import app

    folder = tmp_path_factory.mktemp("saved")
    shared = ["evaluate", "--data", str(built / "data"), "--device", "cpu"]
    for name, words in (
        ("a", ["--split", "train", "--mode", "bm25", "--run", str(folder / "theirs.run")]),
        ("b", ["--split", "train", "--mode", "sparse", "--no-bm25", "--measure", "nDCG@10 P@1"]),
        ("c", ["--split", "val", "--mode", "sparse", "--no-bm25"]),
    ):
        result = CliRunner().invoke(app, [*shared, *words, "--report", str(folder / f"{name}.json")])
        assert result.exit_code == 0, result.output
    return folder


def test_saved_evaluations(splade: Callable[..., Any], saved: Path) -> None:
    a, b = (json.loads((saved / f"{name}.json").read_text())["systems"] for name in "ab")
    shown = splade("compare", saved / "a.json", saved / "b.json")
    assert shown.exit_code == 0, shown.output
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert f"{a[0]['measures']['nDCG@10']:.4f}" in lines[2]
    assert lines[3][:2] == ["tiny", f"{b[0]['measures']['nDCG@10']:.4f}"]
    difference = b[0]["measures"]["nDCG@10"] - a[0]["measures"]["nDCG@10"]
    assert lines[-1][:2] == ["tiny", f"{difference:+.4f}"]
    assert lines[-2] == ["difference", "low", "high", "p", "p", "(Holm)", "wins", "ties", "losses"]
    assert sum(map(int, lines[-1][-3:])) == len(a[0]["per_query"]["nDCG@10"])
    found = json.loads(splade("compare", saved / "a.json", saved / "b.json", "--all", "--json").stdout)
    assert [system["name"] for system in found["systems"]] == ["BM25 (english)", "tiny (a)", "tiny (b)"]
    assert [row[1] for row in found["comparisons"]["rows"]] == [pytest.approx(difference)] * 2
    assert found["systems"][1]["versus_first"]["p_holm"] >= found["systems"][1]["versus_first"]["p_value"]
    by_p1 = json.loads(
        splade("compare", saved / "a.json", saved / "b.json", "--measure", "P@1", "--json").stdout
    )
    assert by_p1["compared_on"] == "P@1"


def test_evaluations_that_cannot_be_compared(splade: Callable[..., Any], saved: Path, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("{}")
    for words, message in (
        ([saved / "a.json", saved / "c.json"], "not the same documents, queries and judgements"),
        ([saved / "a.json"], "nothing to be compared with"),
        ([saved / "a.json", tmp_path / "none.json"], "no such file"),
        ([saved / "a.json", tmp_path / "x.json"], "holds no results"),
        ([saved / "a.json", saved / "b.json", "--measure", "MAP"], "tiny has no MAP, but nDCG@10, P@1"),
    ):
        refused = splade("compare", *words)
        assert refused.exit_code == 1, words
        assert message in " ".join(refused.stderr.split())


def test_a_gate_against_a_saved_evaluation(
    splade: Callable[..., Any], built: Any, saved: Path, tmp_path: Path
) -> None:
    words = ["evaluate", "--data", built / "data", "--split", "train", "--device", "cpu", "--no-bm25"]
    words += ["--mode", "sparse", "--measure", "nDCG@10"]
    same = splade(*words, "--fail-if-worse-than", saved / "b.json", "--worse-by", "0")
    assert same.exit_code == 0, same.output
    assert "nDCG@10 over tiny, as reported: +0.0000" in same.stdout
    better = json.loads((saved / "b.json").read_text())
    values = better["systems"][0]["per_query"]["nDCG@10"]
    better["systems"][0]["per_query"]["nDCG@10"] = {query: value + 0.2 for query, value in values.items()}
    better["systems"][0]["measures"]["nDCG@10"] += 0.2
    (tmp_path / "better.json").write_text(json.dumps(better))
    worse = splade(*words, "--fail-if-worse-than", tmp_path / "better.json")
    assert worse.exit_code == 3
    assert "significantly worse, p = 0.0" in " ".join(worse.stderr.split())
    tolerated = splade(*words, "--fail-if-worse-than", tmp_path / "better.json", "--worse-by", "0.3")
    assert tolerated.exit_code == 0
    alone = splade(*words, "--worse-by", "0.1")
    assert alone.exit_code == 2 and "--fail-if-worse-than FILE" in " ".join(alone.stderr.split())


def test_a_run_of_another_system(splade: Callable[..., Any], built: Any, saved: Path) -> None:
    words = ["evaluate", "--data", built / "data", "--split", "train", "--device", "cpu", "--json"]
    shown = splade(*words, "--against-run", saved / "theirs.run", "--baseline", "tiny", "--mode", "sparse")
    assert shown.exit_code == 0, shown.output
    systems = {system["name"]: system for system in json.loads(shown.stdout)["systems"]}
    assert list(systems) == ["tiny", "theirs", "BM25 (english)"], "of two of one name the second is seen"
    assert systems["theirs"]["measures"] == pytest.approx(systems["BM25 (english)"]["measures"])
    refused = splade("evaluate", "--analyze-sparsity", "--against-run", saved / "theirs.run")
    assert refused.exit_code == 2 and "--against-run is of a collection" in refused.stderr
