"""`splade export INDEX --to ...`: what is written, what is printed where, what is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from splade_cli.deploy.index_export.targets import TARGETS
from splade_cli.index.index import SpladeIndex
from splade_cli.search.searcher import Searcher
from tests.cli.test_export import refused


@pytest.mark.parametrize("to", sorted(TARGETS))
def test_each_destination(splade: Any, built: Path, tmp_path: Path, to: str) -> None:
    out = tmp_path / "out"
    result = splade("export", built / "index", "--to", to, "-o", out)
    assert result.exit_code == 0, result.output
    assert "written to" in result.stdout and to in result.stdout
    page = (out / "LOAD.md").read_text(encoding="utf-8")
    rows = len(SpladeIndex.open(built / "index"))
    assert f"{rows} texts of an index" in page and "model `tiny`" in page
    assert f"{out.name}/LOAD.md" in result.stderr.replace("\n", "")


def test_queries_are_encoded_as_the_index_does(splade: Any, built: Path, tmp_path: Path) -> None:
    queries = tmp_path / "queries.txt"
    queries.write_text("firing clay\nweave a scarf\n")
    out = tmp_path / "out"
    result = splade(
        "export", built / "index", "--to", "jsonl", "-o", out, "--queries", queries, "--names", "tokens",
        "--device", "cpu", "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["queries"] == 2
    first = json.loads((out / "queries.jsonl").read_text().splitlines()[0])
    assert first["text"] == "firing clay" and "clay" in first["vector"]
    searcher = Searcher.open(built / "index", device="cpu")
    vector = searcher.encode("firing clay")
    named = {searcher.vocabulary[column] for column in vector.indices.tolist()}
    assert set(first["vector"]) == named


def test_what_is_refused(splade: Any, built: Path, tmp_path: Path) -> None:
    index = built / "index"
    out = tmp_path / "out"
    refused(splade("export", index), "needs a destination", "--to jsonl -o exported", "elasticsearch")
    refused(splade("export", index, "--to", "vespa"), "needs an output folder", "--to vespa -o exported")
    refused(splade("export", index, "--to", "elastic", "-o", out), "goes to no 'elastic'", "(--to)")
    refused(splade("export", index, "--to", "qdrant", "--names", "tokens", "-o", out), "(--names)")
    refused(splade("export", "tiny", "--names", "ids", "-o", out), "--names is of an index, tiny is none")
    refused(splade("export", tmp_path / "none", "--to", "jsonl", "-o", out), "none", code=1)
    refused(splade("export", index, "--to", "ciff", "--scale", "0", "-o", out), "scale must be above 0")
    itself = splade("export", index, "--to", "jsonl", "-o", index, "--force")
    refused(itself, "is not what this command writes", code=1)
    refused(
        splade("export", "tiny", "--to", "jsonl", "-o", out), "tiny is a model, --to jsonl takes an index"
    )
    assert not out.exists()


def test_it_needs_no_model(built: Path, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom splade_cli.deploy.index_export.exporting import export_index\n"
        f"made = export_index({str(built / 'index')!r}, {str(tmp_path / 'out')!r}, 'opensearch')\n"
        "assert made.rows > 4\n"
        "assert not {'torch', 'transformers', 'sentence_transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)
