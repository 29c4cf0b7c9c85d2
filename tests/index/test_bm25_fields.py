"""Titles in BM25: counted by their weight, in memory, in a folder, and in what is added to an older index."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from reliability.damage.index_folders import write_manifest
from splade_cli.errors import IndexFolderError
from splade_cli.index.bm25.analyzer import analysed
from splade_cli.index.bm25.fields import TITLE_WEIGHT, counted_text
from splade_cli.index.bm25.frequencies import K1, B
from splade_cli.index.bm25_search import Bm25Search
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import Bm25Info
from splade_cli.index.updates import IndexWriter
from splade_cli.records import Chunk
from tests.index.batching import batched

ROWS = [
    Chunk("kiln", "kiln", "A cone bends when it is hot. The cone tells of glazes.", "Firing"),
    Chunk("cone", "cone", "How hot it was can be seen afterwards.", "Cones in a kiln"),
    Chunk("none", "none", "Cones, cones and cones again; and then more cones, and a long text of them."),
    Chunk("begun", "begun", "Glaze and cone\n\nBoth of them.", "Glaze and cone"),
]
VECTORS = sp.csr_matrix(np.eye(4, dtype=np.float32))


def index_of(rows: list[Chunk]) -> SpladeIndex:
    return SpladeIndex.from_vectors(VECTORS[: len(rows)], chunks=rows, language="english")


def counts(index: SpladeIndex, row: int) -> dict[str, int]:
    for part in Bm25Search.of(index.segments).parts:
        if row < len(part):
            break
        row -= len(part)
    found = part.counts[row]
    names = list(part.terms)
    return {names[code]: int(count) for code, count in zip(found.indices, found.data, strict=True)}


def impact(index: SpladeIndex, row: int, term: str) -> float:
    return dict((name, weight) for name, _, weight in Bm25Search.of(index.segments).explain(term, row))[term]


def test_a_title_counts_as_if_it_stood_there_so_often() -> None:
    """BM25 of fields written out: tf and length are sums of those of the fields, each by its weight."""
    index = index_of(ROWS)
    fields = [(row.title, row.text) for row in ROWS]
    lengths = []
    for number, (title, text) in enumerate(fields):
        (in_title, in_text) = analysed([title, text], "english")
        expected = Counter({term: TITLE_WEIGHT * count for term, count in Counter(in_title).items()})
        if number == 3:  # whose text begins with its title, which stands there once by itself
            expected -= Counter(in_title)
        expected += Counter(in_text)
        assert counts(index, number) == expected
        lengths.append(expected.total())
    tf = counts(index, 1)["cone"]
    assert tf == TITLE_WEIGHT
    slack = K1 * (1 - B + B * lengths[1] / np.mean(lengths))
    assert impact(index, 1, "cone") == pytest.approx(tf / (tf + slack), rel=1e-6)


def test_the_page_about_a_thing_stands_above_one_that_names_it_often() -> None:
    index = index_of(ROWS)
    plain = index_of([Chunk(row.id, row.id, row.content) for row in ROWS])
    firsts = []
    for each in (index, plain):
        found, _ = Bm25Search.of(each.segments).search(["cones"], 1)
        firsts.append(ROWS[found[0, 0]].id)
    assert firsts == ["begun", "none"]


def test_a_title_alone_and_a_text_alone() -> None:
    assert counted_text(Chunk("a", "a", "text")) == "text"
    assert counted_text(Chunk("a", "a", "", "title"), 3).split() == ["title"] * 3
    assert counted_text(Chunk("a", "a", "text", "title"), 1) == Chunk("a", "a", "text", "title").content


def saved(folder: Path, title_weight: int | None) -> Path:
    """An index of the first two rows; without a weight as it was before there were any."""
    index = index_of(ROWS[:2])
    if title_weight is None:
        plain = [Chunk(row.id, row.id, row.content) for row in ROWS[:2]]
        index = index_of(plain)
    index.save(folder)
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    assert manifest["info"]["bm25"] == {"language": "english", "title_weight": TITLE_WEIGHT}
    if title_weight is None:
        del manifest["info"]["bm25"]["title_weight"]
    else:
        manifest["info"]["bm25"]["title_weight"] = title_weight
    write_manifest(folder, manifest)
    return folder


@pytest.mark.parametrize(("written", "title_weight"), [(None, 1), (2, 2), (TITLE_WEIGHT, TITLE_WEIGHT)])
def test_what_is_added_is_counted_as_the_rest(tmp_path: Path, written: int | None, title_weight: int) -> None:
    folder = saved(tmp_path / "index", written)
    assert SpladeIndex.open(folder).info.bm25 == Bm25Info("english", title_weight)
    with IndexWriter(folder) as writer:
        writer.append(
            batched([VECTORS[:2]], [Chunk("t", "t", "A text.", "Vernier"), ROWS[2]]), replaced=set()
        )
    index = SpladeIndex.open(folder)
    index.save(tmp_path / "copy")
    for each in (index, index.remove(["none"]), SpladeIndex.open(tmp_path / "copy")):
        assert each.info.bm25 == Bm25Info("english", title_weight)
        assert counts(each, 2)["vernier"] == title_weight


@pytest.mark.parametrize("title_weight", [0, -1, 1 << 20, 2.5, True, "5", None])
def test_no_other_weight_is_taken_from_a_folder(tmp_path: Path, title_weight: object) -> None:
    folder = saved(tmp_path / "index", TITLE_WEIGHT)
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    manifest["info"]["bm25"]["title_weight"] = title_weight
    write_manifest(folder, manifest)
    with pytest.raises(IndexFolderError):
        SpladeIndex.open(folder)
