"""`splade inspect`: what it shows, and what it says of rows that cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from typer.testing import Result

Splade = Callable[..., Result]


def test_it_describes_what_gen_data_wrote(splade: Splade, built: Path) -> None:
    done = splade("inspect", built / "data", "--rows", 3)
    assert done.exit_code == 0, done.output
    assert "rows with scores" in done.stdout
    assert "on two sides of the split: nothing" in done.stdout
    assert len(re.findall(r"^(?:train|val) \d+  \S", done.stdout, re.M)) == 3
    train, val = (built / "data" / f"{side}.json" for side in ("train", "val"))
    assert f"next: splade train --train-file {train} --val-file {val} -o model" in done.stderr


def test_json(splade: Splade, built: Path) -> None:
    done = splade("inspect", built / "data/train.json", "--json", "--rows", 2)
    facts = json.loads(done.stdout)
    assert (
        facts["rows"] == facts["sides"][0]["rows"] == len(json.loads((built / "data/train.json").read_text()))
    )
    assert len(facts["sample"]) == 2
    assert facts["faults"] == []


def test_rows_that_cannot_be_read(splade: Splade, tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(json.dumps([{"query": "\x1b[31mred", "positive": "text"}, {"query": 3, "positive": "x"}]))
    done = splade("inspect", path)
    assert done.exit_code == 1
    assert f"error: 1 of 2 rows cannot be read, the first: {path}: row 2: 'query' is a int" in done.stderr
    assert "red" in done.stdout
    assert "\x1b" not in done.output
    as_json = splade("inspect", path, "--json")
    assert (as_json.exit_code, len(json.loads(as_json.stdout)["faults"])) == (1, 1)


def test_pairs_of_columns_are_trained_on_as_a_dataset(splade: Splade, tmp_path: Path) -> None:
    (tmp_path / "faq.csv").write_text("anchor,positive\nhow hot is the kiln,it is hot\n")
    done = splade("inspect", tmp_path / "faq.csv")
    command = f"splade train --set datasets.own.source={tmp_path}/faq.csv -o model"
    assert f"next: {command}" in done.stderr
    tried = splade(*command.split()[1:-1], tmp_path / "model", "--dry-run", "--json")
    assert tried.exit_code == 0, tried.output
    assert json.loads(tried.stdout)["rows"] == 1


def test_nothing_there(splade: Splade, tmp_path: Path) -> None:
    done = splade("inspect", tmp_path / "nope.json")
    assert (done.exit_code, "no such file or folder" in done.stderr) == (1, True)
    assert splade("inspect", tmp_path, "--rows", "-1").exit_code == 1
