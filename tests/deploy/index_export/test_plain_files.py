"""JSONL, Parquet and Anserini's collection: all rows with their texts, vectors to the last bit or rounded as said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.deploy.index_export.source import Source
from splade_cli.engines.remote.limits import Checked
from splade_cli.engines.web.documents import chunk_of, decimal_weights
from splade_cli.index.index import SpladeIndex


def lines(paths: list[Path]) -> list[dict[str, Any]]:
    return [json.loads(line) for path in paths for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("names", ["ids", "tokens"])
def test_jsonl_holds_all(export: Any, names: str) -> None:
    done = export("jsonl", names=names)
    rows = lines(done.parts("rows/*.jsonl"))
    assert [row["id"] for row in rows] == list(done.index.ids)
    for number, row in enumerate(rows):
        assert chunk_of(row["id"], row) == done.index.chunks[number]
        vector = done.index.vector(number)
        wanted = [str(column) for column in vector.indices]
        if names == "tokens":
            wanted = [done.index.vocabulary[column] for column in vector.indices]
        assert list(row["vector"]) == wanted
        assert np.array_equal(np.asarray(list(row["vector"].values()), dtype=np.float32), vector.data)
    (sample,) = lines([done.folder / "query.jsonl"])
    assert 0 < len(sample["vector"]) <= 8
    page = (done.folder / "LOAD.md").read_text(encoding="utf-8")
    assert "60 texts" in page and "1 texts have none" in page and "{{" not in page


def test_nine_digits_are_every_float32() -> None:
    random = np.random.default_rng(3)
    exponents = random.uniform(-20, 20, 20_000)
    values = (10.0**exponents * random.uniform(1, 10, 20_000)).astype(np.float32)
    values = np.concatenate([values, -values[:100], np.array([0, 1, 3, 0.1, 16777216.0], dtype=np.float32)])
    decimals = decimal_weights(values)
    assert np.array_equal(np.asarray(decimals, dtype=np.float32), values)
    usual = random.uniform(1e-4, 20, 5_000).astype(np.float32)
    assert max(len(repr(decimal)) for decimal in decimal_weights(usual)) <= 15


def test_parquet_is_plain(export: Any) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    done = export("parquet", names="tokens")
    table = pq.read_table(done.parts("rows/*.parquet")[0])
    types = {field.name: str(field.type) for field in table.schema}
    assert types["indices"] == "list<element: int32>" or types["indices"] == "list<item: int32>"
    assert types["values"] in ("list<element: float>", "list<item: float>")
    rows = table.to_pylist()
    assert len(rows) == len(done.index)
    for number, row in enumerate(rows):
        vector = done.index.vector(number)
        assert row["indices"] == vector.indices.tolist()
        assert np.array_equal(np.asarray(row["values"], dtype=np.float32), vector.data)
        assert row["terms"] == [done.index.vocabulary[column] for column in vector.indices]
        assert (
            chunk_of(row["id"], {**row, "metadata": json.loads(row["metadata"])}) == done.index.chunks[number]
        )


def test_parquet_in_parts(export: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pyarrow")
    from splade_cli.deploy.index_export import parquet

    monkeypatch.setattr(parquet, "GROUP_ROWS", 10)
    monkeypatch.setattr(parquet, "FILE_ROWS", 20)
    done = export("parquet")
    assert len(done.parts("rows/*.parquet")) == 3
    import pyarrow.dataset

    read = pyarrow.dataset.dataset(done.folder / "rows").to_table(columns=["id"]).to_pydict()
    assert read["id"] == list(done.index.ids)


def test_anserini_counts_in_whole_numbers(export: Any) -> None:
    done = export("anserini", scale=50)
    rows = lines(done.parts("vectors/*.jsonl"))
    texts = lines(done.parts("texts/*.jsonl"))
    for number, (row, text) in enumerate(zip(rows, texts, strict=True)):
        assert set(row) == {"id", "contents", "vector"} and row["contents"] == ""
        vector = done.index.vector(number)
        assert list(row["vector"]) == [str(column) for column in vector.indices]
        found = np.array(list(row["vector"].values()), dtype=np.float64)
        assert all(isinstance(weight, int) and weight >= 1 for weight in row["vector"].values())
        assert np.all(np.abs(found / 50 - vector.data) <= 0.5 / 50 + 0.5 / 50 * (vector.data < 0.01))
        assert chunk_of(text["id"], text) == done.index.chunks[number]
    topic = (done.folder / "topics.tsv").read_text(encoding="utf-8")
    name, _, words = topic.rstrip("\n").partition("\t")
    assert name == "sample" and len(words.split(" ")) > 100


def test_a_weight_that_rounds_to_nothing_stays() -> None:
    source = Source(
        SpladeIndex.from_vectors(sp.csr_matrix(np.eye(2, dtype=np.float32))), Checked(2, 0, 1, 1.0), scale=10
    )
    assert source.whole(np.array([0.001, 0.04, 0.26, 3], dtype=np.float32)).tolist() == [1, 1, 3, 30]


def test_anserini_itself_finds_the_same(
    export: Any, asked: sp.csr_matrix, small_index: SpladeIndex, tmp_path: Path
) -> None:
    """Where SPLADE_ANSERINI_JAR names the fat jar, and java of its version is there."""
    jar = os.environ.get("SPLADE_ANSERINI_JAR", "")
    java = os.environ.get("SPLADE_JAVA") or shutil.which("java")
    if not jar or not Path(jar).is_file() or not java:
        pytest.skip("no Anserini: set SPLADE_ANSERINI_JAR (and SPLADE_JAVA)")
    from splade_cli.deploy.index_export.anserini import topic_line
    from splade_cli.deploy.index_export.source import Query

    done = export("anserini")
    source = Source(small_index, Checked(60, 1, 60, 3.0))
    queries = [
        Query(f"q{number}", "", asked[number].indices, asked[number].data) for number in range(asked.shape[0])
    ]
    topics = tmp_path / "topics.tsv"
    topics.write_text("".join(topic_line(query, source) for query in queries))
    run = [java, "-Xmx1g", "-cp", jar]
    subprocess.run(
        [*run, "io.anserini.index.IndexCollection", "-collection", "JsonVectorCollection", "-input",
         done.folder / "vectors", "-index", tmp_path / "lucene", "-generator",
         "DefaultLuceneDocumentGenerator", "-threads", "1", "-impact", "-pretokenized"],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    subprocess.run(
        [*run, "io.anserini.search.SearchCollection", "-index", tmp_path / "lucene", "-topics", topics,
         "-topicReader", "TsvString", "-output", tmp_path / "run.txt", "-impact", "-pretokenized", "-hits", "10"],
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    wanted, scores = small_index.search(asked, 10)
    for number in range(asked.shape[0]):
        rows = [line.split() for line in (tmp_path / "run.txt").read_text().splitlines()]
        found = {row[2]: float(row[4]) / 1e4 for row in rows if row[0] == f"q{number}"}
        exact = dict(zip(wanted[number], scores[number].tolist(), strict=True))
        assert len(set(found) & set(exact)) >= 9
        for name in set(found) & set(exact):
            assert found[name] == pytest.approx(exact[name], rel=0.02)
