"""Weights as counts against NumPy's own rounding; an index of counts against one of the rounded floats, to
the bit."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from reliability.damage.index_folders import seal
from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.containers.container import Container
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.engine.postings import Postings
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import IndexInfo
from splade_cli.index.store import folder as storage
from splade_cli.index.store.manifest import Manifest
from splade_cli.index.updates import IndexWriter
from splade_cli.index.vectors.impacts import Impacts, quantised
from splade_cli.records import Chunk
from tests.index.batching import batched

DIMENSIONS = 300


def made(rows: int, seed: int, scale: float = 1.0) -> sp.csr_matrix:
    generator = np.random.default_rng(seed)
    matrix = sp.random(rows, DIMENSIONS, 0.08, format="csr", dtype=np.float32, random_state=generator)
    matrix.data = (scale * generator.lognormal(0, 0.8, matrix.nnz)).astype(np.float32)
    return matrix


def written(folder: Path, vectors: sp.csr_matrix, impacts: Impacts | None) -> Path:
    rows = (Chunk(f"r{number}", f"r{number}", "") for number in range(vectors.shape[0]))
    half = vectors.shape[0] // 2
    content = storage.Content(info=IndexInfo(impacts=impacts))
    storage.write(
        folder, batched([vectors[:half], vectors[half:]], rows), content, dimensions=DIMENSIONS, force=False
    )
    return folder


def same_to_the_bit(one: SpladeIndex, other: SpladeIndex | Postings, queries: sp.csr_matrix) -> None:
    for k in (1, 10, 400):
        numbers, scores = one.search_rows(queries, k)
        search = other.search if isinstance(other, Postings) else other.search_rows
        expected, floats = search(queries, k)
        np.testing.assert_array_equal(numbers, expected)
        np.testing.assert_array_equal(scores.view(np.int32), floats.view(np.int32))


@settings(max_examples=60, deadline=None)
@given(
    weights=st.lists(st.floats(0, 50, width=32).filter(lambda w: w > 1e-3), min_size=1, max_size=30),
    bits=st.sampled_from([8, 16]),
)
def test_weights_are_few_exact_steps(weights: list[float], bits: int) -> None:
    matrix = sp.csr_matrix(np.array([weights], dtype=np.float32))
    impacts = Impacts.fitting([matrix], bits)
    most = 2**bits - 1
    assert np.log2(impacts.step) == round(np.log2(impacts.step))
    assert most / 2 < matrix.data.max() / impacts.step <= most
    counts = impacts.counts(matrix)
    assert counts.data.dtype == impacts.dtype == f"uint{bits}" and counts.data.all()
    np.testing.assert_array_equal(
        counts.toarray()[0], np.rint(np.float64(matrix.toarray()[0]) / impacts.step)
    )
    back = impacts.weights(counts)
    assert back.dtype == np.float32 and np.abs(back - matrix).max() <= impacts.step / 2
    assert (impacts.counts(back) != counts).nnz == 0, "twice is once"


def test_the_step_is_that_of_all_parts_and_larger_weights_saturate() -> None:
    whole = sp.csr_matrix(np.array([[0.3, 0.7], [40.0, 3.0]], dtype=np.float32))
    impacts = Impacts.fitting((whole[row] for row in range(2)), 8)
    assert impacts == Impacts.fitting([whole], 8) == Impacts(8, 0.25)
    more = sp.csr_matrix(np.array([[63.75, 64.0, 1000.0, 0.124, 0.126]], dtype=np.float32))
    assert impacts.weights(impacts.counts(more)).toarray().tolist() == [[63.75, 63.75, 63.75, 0, 0.25]]
    assert impacts.counts(more).nnz == 4
    assert quantised(sp.csr_matrix((2, 3), dtype=np.float32), 8).nnz == 0
    before = whole.copy()
    quantised(whole, 16).data[:] = 7
    assert (whole != before).nnz == 0


@pytest.mark.parametrize("bits", [8, 16])
def test_an_index_of_counts_is_the_index_of_the_rounded_weights(bits: int, tmp_path: Path) -> None:
    vectors, queries = made(900, 1), made(40, 2)
    impacts = Impacts.fitting([vectors], bits)
    counted = SpladeIndex.open(written(tmp_path / "counts", vectors, impacts), verify=True)
    floats = SpladeIndex.open(written(tmp_path / "floats", quantised(vectors, bits), None))
    assert counted.segments[0].postings.arrays["weights"].dtype == impacts.dtype
    same_to_the_bit(counted, floats, queries)
    same_to_the_bit(counted, Postings.build(quantised(vectors, bits)), queries)
    same_to_the_bit(counted, floats, -queries)
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(counted.vectors, part), getattr(floats.vectors, part))
    assert counted.vectors.dtype == counted.vector(3).dtype == np.float32
    np.testing.assert_array_equal(counted.vector(3).toarray(), floats.vector(3).toarray())
    np.testing.assert_array_equal(counted.df, floats.df)
    assert counted.nonzeros == floats.nonzeros == floats.vectors.nnz
    saved = 2 * counted.nonzeros * (4 - bits // 8)

    def size(folder: Path) -> int:
        return sum(path.stat().st_size for path in folder.rglob("*.safetensors"))

    headers = 256  # their lengths differ by some digits and a name of a type
    assert abs(size(tmp_path / "floats") - size(tmp_path / "counts") - saved) <= headers
    assert Manifest.read(tmp_path / "counts").info.impacts == impacts


@pytest.mark.parametrize("bits", [8, 16])
def test_bounds_of_counts_find_what_adding_up_finds(bits: int, tmp_path: Path) -> None:
    """Enough rows for block-max pruning at k = 1, which smaller indexes never come to."""
    generator = np.random.default_rng(3)
    vectors = sp.random(40_000, DIMENSIONS, 0.03, format="csr", dtype=np.float32, random_state=generator)
    vectors.data = generator.lognormal(0, 0.8, vectors.nnz).astype(np.float32)
    index = SpladeIndex.open(written(tmp_path / "index", vectors, Impacts.fitting([vectors], bits)))
    queries, rounded = made(10, 4), quantised(vectors, bits)
    allowed = generator.random(40_000) < 0.5
    for mask in (None, allowed):
        numbers, scores = index.search_rows(queries, 2, allowed=mask)
        expected, floats = Postings.build(rounded).search(queries, 2, allowed=mask)
        np.testing.assert_array_equal(numbers, expected)
        np.testing.assert_array_equal(scores, floats)
        products = (queries @ rounded.T).toarray()
        best = (products if mask is None else np.where(mask, products, 0)).max(axis=1)
        np.testing.assert_allclose(scores[:, 0], best, rtol=1e-5)


@pytest.mark.parametrize("bits", [8, 16])
def test_adding_removing_and_merging_keep_the_step(bits: int, tmp_path: Path) -> None:
    vectors, more, queries = made(300, 1), made(200, 5, scale=3.0), made(20, 2)
    impacts = Impacts.fitting([vectors], bits)
    folder = written(tmp_path / "index", vectors, impacts)
    assert more.data.max() > impacts.step * (2**bits - 1), "some of the new weights saturate"
    rounded = [impacts.weights(impacts.counts(part)) for part in (vectors, more)]
    with IndexWriter(folder) as writer:
        writer.append(
            batched([more[:50], more[50:]], [Chunk(f"n{number}", f"n{number}", "") for number in range(200)])
        )
        assert writer.index.info.impacts == impacts
        assert {str(each.stored.dtype) for each in writer.index.segments} == {f"uint{bits}"}
        same_to_the_bit(writer.index, Postings.build(sp.vstack(rounded, format="csr")), queries)
        writer.delete(writer.rows_of(["r0", "n199"]))
        live = sp.vstack(rounded, format="csr")[1:-1]
        np.testing.assert_array_equal(
            writer.index.vectors[writer.index.live_rows()].toarray(), live.toarray()
        )
        np.testing.assert_array_equal(writer.index.df, np.bincount(live.indices, minlength=DIMENSIONS))
        writer.merge()
    merged = SpladeIndex.open(folder, verify=True)
    assert (len(merged.segments), merged.info.impacts, merged.segments[0].stored.dtype) == (
        1,
        impacts,
        impacts.dtype,
    )
    same_to_the_bit(merged, Postings.build(live), queries)
    merged.save(tmp_path / "copy")
    copy = SpladeIndex.open(tmp_path / "copy", verify=True)
    assert copy.info.impacts == impacts and (copy.segments[0].stored != merged.segments[0].stored).nnz == 0
    smaller = copy.remove(["r1"]).add(more[:1], ["r1"])
    assert smaller.segments[0].stored.dtype == np.float32
    np.testing.assert_array_equal(smaller.vector(len(smaller) - 1).toarray(), rounded[1][0].toarray())
    smaller.save(tmp_path / "again")
    again = SpladeIndex.open(tmp_path / "again")
    assert again.info.impacts == impacts
    np.testing.assert_array_equal(again.vectors.toarray(), smaller.vectors.toarray())


def test_negative_weights_are_refused(tmp_path: Path) -> None:
    signed = sp.csr_matrix(np.array([[1.0, -0.5]], dtype=np.float32))
    with pytest.raises(
        InputError, match=r"impacts of 8 bits take no negative weights, and there is one of -0\.5"
    ) as caught:
        Impacts.fitting([signed], 8)
    assert "full weights" in caught.value.hint
    for bits in (4, 32):
        with pytest.raises(InputError, match=f"8 or 16 bits, got {bits}"):
            Impacts.fitting([signed], bits)
    for step in (0.3, 0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(InputError, match="power of two"):
            Impacts(8, step)
    vectors = made(10, 1)
    folder = written(tmp_path / "index", vectors, Impacts.fitting([vectors], 16))

    def negative() -> Iterator[sp.csr_matrix]:
        yield vectors
        yield -vectors

    before = (folder / "manifest.json").read_bytes()
    with (
        IndexWriter(folder) as writer,
        pytest.raises(InputError, match="impacts of 16 bits take no negative weights"),
    ):
        writer.append(batched(negative(), [Chunk(f"n{number}", f"n{number}", "") for number in range(20)]))
    assert (folder / "manifest.json").read_bytes() == before
    with pytest.raises(InputError, match="impacts of 8 bits take no negative weights"):
        written(tmp_path / "new", sp.vstack([vectors, -vectors], format="csr"), Impacts(8, 1.0))
    assert not (tmp_path / "new").exists()


def test_tensors_of_other_weights_do_not_fit(tmp_path: Path) -> None:
    """The whole container of an index of the same rows with other impacts, and only its weights."""
    vectors = made(50, 1)
    for name, bits in (("8", 8), ("16", 16), ("floats", None)):
        written(tmp_path / name, vectors, None if bits is None else Impacts.fitting([vectors], bits))
    file = "segments/000001.safetensors"
    for other in ("16", "floats"):
        for replaced in ("vectors.data", "postings.weights", None):
            shutil.copytree(tmp_path / "8", tmp_path / "mixed")
            (tmp_path / "mixed" / file).unlink()
            with ContainerWriter(tmp_path / "mixed" / file) as out:
                eight, sixteen = Container(tmp_path / "8" / file), Container(tmp_path / other / file)
                out.metadata.update(eight.metadata)
                for name in eight.names:
                    out.add(name, (sixteen if replaced in (name, None) else eight).tensor(name))
            seal(tmp_path / "mixed")
            with pytest.raises(IndexFolderError, match="damaged"):
                SpladeIndex.open(tmp_path / "mixed")
            shutil.rmtree(tmp_path / "mixed")


@pytest.mark.parametrize("bits", [8, 16])
def test_a_flipped_bit_is_found_by_reading_all(
    bits: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors = made(30, 1)
    folder = written(tmp_path / "index", vectors, Impacts.fitting([vectors], bits))
    path = folder / "segments" / "000001.safetensors"
    content = path.read_bytes()
    # small files are compared as a whole when they are opened
    monkeypatch.setattr("splade_cli.index.containers.mapped_file.SMALL", 0)
    for position in (*range(0, len(content), len(content) // 60), len(content) - 1):
        changed = bytearray(content)
        changed[position] ^= 1 << position % 8
        path.write_bytes(changed)
        with contextlib.suppress(IndexFolderError):  # no other error may come of a header that makes no sense
            SpladeIndex.open(folder)
        with pytest.raises(IndexFolderError, match="safetensors does not match its checksum"):
            SpladeIndex.open(folder, verify=True)
