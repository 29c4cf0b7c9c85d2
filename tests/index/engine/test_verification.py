"""What a search reads of a file is compared with its checksums first, and pointers are not followed outside."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.errors import IndexFolderError
from splade_cli.index.containers import mapped_file
from splade_cli.index.containers.checksums import checksum_of
from splade_cli.index.containers.container import Container
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.engine.postings import Postings
from splade_cli.index.engine.postings_file import open_postings, write_postings
from splade_cli.index.engine.verification import crc32

ROWS, TERMS = 66_000, 500


@pytest.mark.parametrize("size", [0, 1, 15, 16, 17, 4095, 4096, 5000])
def test_crc32_is_that_of_zlib(size: int) -> None:
    data = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    data.flags.writeable = False
    assert crc32(data) == zlib.crc32(data.tobytes())


@pytest.fixture(scope="module")
def vectors() -> sp.csr_matrix:
    """Rows of two blocks, the second short."""
    dice = np.random.default_rng(0)
    columns = np.minimum(dice.zipf(1.4, ROWS * 6), TERMS) - 1
    weights = dice.gamma(1.0, 0.5, ROWS * 6).astype(np.float32) + np.float32(0.01)
    made = sp.csr_matrix((weights, (np.repeat(np.arange(ROWS), 6), columns)), shape=(ROWS, TERMS))
    made.sum_duplicates()
    return made


@pytest.fixture
def path(vectors: sp.csr_matrix, tmp_path: Path) -> Path:
    """A container of vectors and postings."""
    with ContainerWriter(tmp_path / "one") as out:
        out.add("vectors.indptr", vectors.indptr.astype(np.int64))
        out.add("vectors.indices", vectors.indices)
        out.add("vectors.data", vectors.data)
        write_postings(out, "postings.", [vectors], TERMS)
    return tmp_path / "one"


def opened(path: Path, sums: np.ndarray) -> Postings:
    container = Container(path, sums)
    parts = tuple(container.tensor(f"vectors.{name}") for name in ("indptr", "indices", "data"))
    return open_postings(container, "postings.", parts)


def test_only_what_a_query_reads_is_compared(path: Path, vectors: sp.csr_matrix) -> None:
    postings = opened(path, checksum_of(path).sums)
    file = postings.file
    assert file is not None
    before = int((file.states == mapped_file.INTACT).sum())
    rows, scores = postings.search(vectors[7], 3)
    after = int((file.states == mapped_file.INTACT).sum())
    assert before < 20 < after < len(file.states) / 2
    whole = Postings.build(vectors)
    assert (rows.tolist(), scores.tolist()) == tuple(each.tolist() for each in whole.search(vectors[7], 3))
    postings.search(vectors[7], 3)
    assert int((file.states == mapped_file.INTACT).sum()) == after
    postings.require_whole()


@pytest.mark.parametrize("k", [1, 500])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_damaged_byte_is_never_answered_from(k: int, sign: int, path: Path, vectors: sp.csr_matrix) -> None:
    """Wherever it lies: the answer is the same, or there is none."""
    sums = checksum_of(path).sums
    queries = vectors[:3] * np.float32(sign)
    expected = [each.tolist() for each in opened(path, sums).search(queries, k)]
    content = path.read_bytes()
    refused = 0
    for position in range(70, len(content), len(content) // 80):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        try:
            found = [each.tolist() for each in opened(path, sums).search(queries, k)]
        except (IndexFolderError, ValueError):
            refused += 1
        else:
            assert found == expected
    assert refused >= 5


def put(name: str, position: int, value: float) -> Callable[[dict[str, np.ndarray]], None]:
    def change(tensors: dict[str, np.ndarray]) -> None:
        tensors[f"postings.{name}"][position] = value

    return change


@pytest.mark.parametrize(
    "change",
    [
        put("directory", 3, 2**31 - 1),
        put("directory", 3, -(2**31)),
        put("terms", 1, -5),
        put("starts", 1, 2**62),
        put("starts", 1, -1),
        put("rows", -1, 65535),
        put("weights", 0, np.nan),
        put("weights", 0, np.inf),
        put("plane_of", 0, 10**6),
        put("plane_of", 0, -7),
        put("plane_starts", 0, 2**62),
        put("plane_starts", 0, -(2**62)),
        put("scales", 0, np.nan),
        put("blocks", 2, 200),
        put("blocks", 2, -3),
        put("blocks", 3, 2**40),
        put("about", 0, 10**9),
        put("about", 1, np.nan),
    ],
)
def test_pointers_are_not_followed_outside(
    change: Callable[[dict[str, np.ndarray]], None], path: Path, vectors: sp.csr_matrix
) -> None:
    container = Container(path)
    tensors = {name: np.array(container.tensor(name)) for name in container.names}
    change(tensors)
    forged = path.with_name("two")
    with ContainerWriter(forged) as out:
        for name, values in tensors.items():
            out.add(name, values)
    with pytest.raises((IndexFolderError, ValueError), match="not fit|no rows|not"):  # noqa: PT012
        postings = opened(forged, checksum_of(forged).sums)
        everything = sp.csr_matrix(np.ones((1, TERMS), dtype=np.float32))
        postings.search(everything, 1)
        postings.search(everything, 900)
        postings.search(-everything, 2)
        postings.require_whole()
