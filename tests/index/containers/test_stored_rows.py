"""Rows of a large matrix, read in blocks: beyond 2^31 - 1 weights as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.index.bm25.frequencies import TermFrequencies
from splade_cli.index.bm25.frequencies_file import open_frequencies, write_frequencies
from splade_cli.index.containers import stored_rows
from splade_cli.index.containers.container import Container
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.containers.stored_rows import StoredRows
from splade_cli.index.index import SpladeIndex
from splade_cli.index.store.batches import Batch
from splade_cli.index.updates import IndexWriter
from splade_cli.records import Chunk

LIMIT = (1 << 31) - 1


def test_rows_behind_the_limit_of_four_bytes() -> None:
    """Arrays that repeat one number take no memory; a first row of as many weights lies before the others."""
    indptr = np.array([0, LIMIT - 1, LIMIT + 2, LIMIT + 2, LIMIT + 5])
    data = np.broadcast_to(np.uint8(7), LIMIT + 5)
    indices = np.broadcast_to(np.int32(3), LIMIT + 5)
    rows = StoredRows((data, indices, indptr), (4, 9), None)
    assert rows.nnz == LIMIT + 5
    block = rows.block(1, 4)
    assert (block.shape, block.indices.dtype, block.indptr.tolist()) == ((3, 9), np.int32, [0, 3, 3, 6])
    assert set(block.indices.tolist()) == {3} and set(block.data.tolist()) == {7}


def matrix(rows: int) -> Any:
    made = sp.random(rows, 30, density=0.3, format="csr", dtype=np.float32, random_state=rows)
    made.data += 0.5
    return made


def test_an_index_folder_never_makes_one_matrix_of_a_segment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_rows, "PIECE", 100)
    first, second = matrix(40), matrix(25)
    SpladeIndex.from_vectors(first, ids=[f"a{number}" for number in range(40)]).save(tmp_path / "index")

    def refused(self: StoredRows) -> Any:
        raise AssertionError("all rows in one matrix")

    monkeypatch.setattr(StoredRows, "whole", property(refused))
    names = [f"b{number}" for number in range(25)]
    with IndexWriter(tmp_path / "index") as writer:
        writer.append([Batch([Chunk(name, name, "") for name in names], second)])
        writer.delete(np.arange(5, 37))
        assert writer.merge() is not None
        index = writer.index
    kept = sp.vstack([first[[0, 1, 2, 3, 4, 37, 38, 39]], second], format="csr")
    assert index.df.tolist() == np.bincount(kept.indices, minlength=30).tolist()
    _, scores = index.search(second[3], k=1)
    assert scores[0][0] == pytest.approx((kept @ second[3].T).toarray().max(), rel=1e-6)
    blocks = list(index.segments[0].rows.blocks())
    assert len(blocks) > 2 and [start for start, _ in blocks][:2] == [0, blocks[0][1].shape[0]]
    assert (sp.vstack([block for _, block in blocks]) != kept).nnz == 0


def test_counts_of_words_whose_columns_take_eight_bytes_are_kept_in_four(tmp_path: Path) -> None:
    """As SciPy has them of more than 2^31 - 1 counts."""
    counts = sp.csr_matrix(np.array([[1, 0, 2], [0, 3, 0]], dtype=np.uint8))
    counts.indices = counts.indices.astype(np.int64)
    with ContainerWriter(tmp_path / "c.safetensors") as out:
        write_frequencies(out, TermFrequencies(counts, ["a", "b", "c"], "english"))
    opened = open_frequencies(Container(tmp_path / "c.safetensors"))
    assert opened.counts.toarray().tolist() == [[1, 0, 2], [0, 3, 0]]
