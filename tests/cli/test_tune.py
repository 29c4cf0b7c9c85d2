"""`splade tune` on a real index: what it prints, as a table and as JSON, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from splade_cli.evaluation.tuning.settings import SETTINGS

JUDGED = {
    "q1": ("firing clay", "kiln.md"),
    "q2": ("sharp tool", "lathe.md"),
    "q3": ("brakes squeal", "bike.md"),
}


@pytest.fixture
def data(built: Path, tmp_path: Path) -> Path:
    """Three judged queries about the documents of `built`."""
    folder = tmp_path / "data"
    (folder / "qrels").mkdir(parents=True)
    shutil.copytree(built / "docs", folder / "documents")
    queries = [json.dumps({"_id": name, "text": text}) for name, (text, _) in JUDGED.items()]
    (folder / "queries.jsonl").write_text("\n".join(queries))
    lines = [f"{name}\t{document}\t1" for name, (_, document) in JUDGED.items()]
    (folder / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]))
    return folder


def test_what_each_way_costs(splade: Callable[..., Any], built: Path, data: Path) -> None:
    words = ["tune", "--index", built / "index", "--data", data]
    result = splade(*words, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert (said["collection"], said["split"], said["queries"]) == ("data", "test", 3)
    assert len(said["rows"]) == len(SETTINGS) + 1
    first = said["rows"][0]
    assert (first["flags"], first["name"], first["figure"]) == ("", "full", 1.0)
    assert said["recommended"] in [row["flags"] for row in said["rows"]]
    shown = splade(*words, env={"COLUMNS": "100"})
    assert shown.exit_code == 0, shown.output
    table = [line.rstrip() for line in shown.stdout.splitlines()]
    assert table[0] == "data (test): 3 queries" and table[1].split()[:2] == ["nDCG@10", "p"]
    assert [line.split("  ")[0] for line in table[2 : 3 + len(SETTINGS)]][:2] == ["full", "--impacts 16"]
    assert sum(line.endswith("advised") for line in table) == 1
    following = "splade query"
    if said["recommended"]:
        smaller = built.resolve() / "index-smaller"
        following = f"splade index DOCS -o {smaller} --model tiny {said['recommended']}"
    assert f"next: {following}" in shown.stderr


def test_an_index_of_other_documents(
    splade: Callable[..., Any], built: Path, data: Path, tmp_path: Path
) -> None:
    index = tmp_path / "index"
    shutil.copytree(built / "index", index)
    removed = splade("index", "remove", "kiln.md", "--index", index, "--json")
    assert removed.exit_code == 0, removed.output
    result = splade("tune", "--data", data, "--index", index)
    assert result.exit_code == 1
    assert "error: 1 of 3 judged documents are not in the index: 'kiln.md'; it holds" in result.stderr
    assert splade("tune", "--data", data).exit_code == 2, "an index has to be named"
