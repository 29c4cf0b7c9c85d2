"""The index folder: there and back, in parts, every kind of damage named; a killed write leaves the old
one."""

from __future__ import annotations

import contextlib
import json
import mmap
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from reliability.damage.index_folders import made_index, seal
from splade_cli.errors import IndexFolderError, InputError, MachineError
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import Bm25Info, DenseInfo, EncoderInfo, IndexInfo, QueryInfo
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.store import folder as storage
from splade_cli.index.store import opening
from splade_cli.index.store.manifest import Manifest
from splade_cli.index.store.segment_writer import Bm25Request
from splade_cli.index.updates import IndexWriter
from splade_cli.records import Chunk
from tests.index.batching import batched

SEGMENT = "segments/000001"
FILES = (
    "encoders/000001/vocabulary.json",
    f"{SEGMENT}.crc32",
    f"{SEGMENT}.jsonl",
    f"{SEGMENT}.safetensors",
)
ROWS = [
    Chunk("a/1", "a", "first\nline two", "T", metadata={"year": 2020, "tags": ["x"]}),
    Chunk("b", "b", "blåbær 日本 😀 \u2028 end", headings=("H", "I"), start=3, end=9),
    Chunk("c", "c", ""),
]
VECTORS = sp.csr_matrix(np.array([[0, 1.5, 0, 0.25], [2, 0, 0, 0], [0, 0, 0, 0]], dtype=np.float32))


DENSE = np.array([[1, 0], [0, 1], [0.6, -0.8]], dtype=np.float32)


def make(seed: int = 0) -> SpladeIndex:
    return SpladeIndex.from_vectors(
        VECTORS * (seed + 1), chunks=ROWS, vocabulary=["x", "##y", "é", "z"], encoder=EncoderInfo("m", "1"),
        language="english", dense=(DenseInfo("d"), DENSE),
    )  # fmt: skip


def files_of(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make().save(tmp_path / "index")
    return tmp_path / "index"


def test_there_and_back(folder: Path) -> None:
    assert sorted(files_of(folder)) == sorted([*FILES, "manifest.json"])
    index = SpladeIndex.open(folder, verify=True)
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(index.vectors, part), getattr(make().vectors, part))
    assert list(index.chunks) == ROWS
    assert index.chunks[-1] == ROWS[-1]
    assert index.chunks[0:2] == ROWS[:2]
    with pytest.raises(IndexError):
        index.chunks[3]
    assert index.vocabulary == ["x", "##y", "é", "z"]
    assert index.info.encoder == EncoderInfo("m", "1")
    assert index.folder == folder
    assert index.generation == 1
    assert index.info.bm25 == Bm25Info("english")
    assert index.info.dense == DenseInfo("d", dimensions=2)
    assert index.info == make().info
    (segment,) = index.segments
    np.testing.assert_array_equal(segment.dense, DENSE)
    assert segment.dense is not None and segment.dense.dtype == np.float32
    assert segment.bm25 is not None and list(segment.bm25.terms) == list(make().segments[0].bm25.terms)
    assert index.mask(parse_filter("year = 2020")).tolist() == [True, False, False]
    assert index.find("a/1").tolist() == [0]
    assert opening.size_bytes(folder) == sum(map(len, files_of(folder).values()))


def test_files_and_bytes_of_an_index(tmp_path: Path) -> None:
    """Five files, and no more bytes than vectors, postings, ids and texts need."""
    dice = np.random.default_rng(0)
    vectors = sp.random(2000, 500, 0.04, "csr", np.float32, dice)
    SpladeIndex.from_vectors(vectors, [f"document-{n}" for n in range(2000)]).save(tmp_path / "index")
    sizes = {name.rpartition(".")[2]: len(content) for name, content in files_of(tmp_path / "index").items()}
    assert sorted(sizes) == ["crc32", "json", "jsonl", "safetensors"]
    assert len(files_of(tmp_path / "index")) == 5
    # a row: pointer and text offset, two ids as code, end and text; a weight: 8 bytes, and 6 as a posting
    assert sizes["safetensors"] < 2000 * (16 + 2 * (4 + 8 + 13)) + vectors.nnz * 14 + 300_000


def test_vectors_stay_in_memory_mapped_files(folder: Path) -> None:
    (segment,) = SpladeIndex.open(folder).segments
    for array in (
        segment.vectors.data,
        segment.vectors.indices,
        segment.postings.arrays["weights"],
        segment.dense,
    ):
        assert array is not None
        while isinstance(array, np.ndarray):
            array = array.base
        assert isinstance(array, memoryview) and isinstance(array.obj, mmap.mmap)


@pytest.mark.parametrize("shape", [(0, 5), (3, 5), (0, 0)])
def test_an_index_without_rows_or_without_weights(shape: tuple[int, int], tmp_path: Path) -> None:
    SpladeIndex.from_vectors(sp.csr_matrix(shape, dtype=np.float32)).save(tmp_path / "index")
    index = SpladeIndex.open(tmp_path / "index")
    assert index.vectors.shape == shape
    assert len(list(index.chunks)) == shape[0]
    assert index.search_rows(sp.csr_matrix((1, shape[1])), 2)[0].tolist() == [[-1, -1]]


@given(
    arrays(np.float32, st.tuples(st.integers(0, 8), st.integers(1, 6)), elements=st.floats(-5, 5, width=16))
)
def test_any_matrix_survives(dense: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as name:
        SpladeIndex.from_vectors(sp.csr_matrix(dense)).save(Path(name) / "index")
        index = SpladeIndex.open(Path(name) / "index")
        np.testing.assert_array_equal(index.vectors.toarray(), dense)
        np.testing.assert_array_equal(index.df, (dense != 0).sum(0))


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_truncated_file_is_named(name: str, verify: bool, folder: Path) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-1])
    with pytest.raises(IndexFolderError, match=f"{name} is {len(whole) - 1} bytes instead of {len(whole)}"):
        SpladeIndex.open(folder, verify=verify)
    (folder / name).write_bytes(whole + b"\0")
    with pytest.raises(IndexFolderError, match=f"{name} is {len(whole) + 1} bytes instead of {len(whole)}"):
        SpladeIndex.open(folder, verify=verify)
    (folder / name).unlink()
    with pytest.raises(IndexFolderError, match=f"{name} is missing") as caught:
        SpladeIndex.open(folder, verify=verify)
    assert "splade index" in caught.value.hint


@pytest.mark.parametrize("verify", [True, False])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("position", [0, 9, 20, -1])
def test_a_flipped_byte_is_named(name: str, position: int, verify: bool, folder: Path) -> None:
    content = bytearray((folder / name).read_bytes())
    content[position % len(content)] ^= 0x40
    (folder / name).write_bytes(content)
    with pytest.raises(IndexFolderError, match=f"{name} does not match its checksum"):
        SpladeIndex.open(folder, verify=verify)


def test_a_damaged_block_of_a_large_file_is_found_when_it_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    made_index(folder, 3000, 120, text=90)
    for path in sorted((folder / "segments").glob("*[ls]")):
        content = path.read_bytes()
        assert len(content) > 1 << 20
        for position in (1 << 20, len(content) - 1):
            changed = bytearray(content)
            changed[position] ^= 1
            path.write_bytes(changed)
            index = SpladeIndex.open(folder)
            with pytest.raises(IndexFolderError, match=f"{path.name} does not match its checksum at byte"):
                index.segments[0].require_whole()
            with pytest.raises(IndexFolderError, match=f"{path.name} does not match its checksum"):
                SpladeIndex.open(folder, verify=True)
        path.write_bytes(content)
    SpladeIndex.open(folder, verify=True)


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_that_no_checksum_covers_gives_an_index_or_a_named_damage(
    name: str, folder: Path
) -> None:
    """No other error than the expected one may come of it."""
    content = (folder / name).read_bytes()
    header = 8 + int.from_bytes(content[:8], "little") if name.endswith("safetensors") else len(content)
    positions = {*range(12), *range(0, header, 29), *range(header, len(content), 97), len(content) - 1}
    for position in sorted(positions & set(range(len(content)))):
        for bit in (0, 3, 6):
            changed = bytearray(content)
            changed[position] ^= 1 << bit
            (folder / name).write_bytes(changed)
            seal(folder)
            with contextlib.suppress(IndexFolderError):
                SpladeIndex.open(folder).segments[0].require_whole()


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_index_is_found_without_checksums(name: str, folder: Path, tmp_path: Path) -> None:
    """Each file is whole and what the manifest says, and does not belong to the others."""
    other = SpladeIndex.from_vectors(
        sp.csr_matrix(np.ones((7, 9), dtype=np.float32)), texts=[f"word{n} other" for n in range(7)],
        language="english", dense=(DenseInfo("d"), np.ones((7, 3), dtype=np.float32)),
    )  # fmt: skip
    other.save(tmp_path / "other")
    shutil.copyfile(tmp_path / "other" / name, folder / name)
    seal(folder)
    if name.endswith("crc32") or name.endswith("vocabulary.json"):
        SpladeIndex.open(folder)  # a seal that was put right, and a vocabulary without names
    else:
        with pytest.raises(IndexFolderError, match="damaged|cannot be read"):
            SpladeIndex.open(folder)


def test_every_damaged_file_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FILES:
        (folder / name).unlink()
    with pytest.raises(IndexFolderError) as caught:
        SpladeIndex.open(folder, verify=True)
    assert all(f"{name} is missing" in caught.value.message for name in FILES)
    monkeypatch.setattr(opening, "SHOWN_DAMAGES", 1)
    with pytest.raises(IndexFolderError, match="and 3 more"):
        SpladeIndex.open(folder, verify=True)


@pytest.mark.parametrize("numbers", [[3], [-1], [0, 1], []])
def test_tombstones_that_do_not_fit(numbers: list[int], folder: Path) -> None:
    with IndexWriter(folder) as writer:
        writer.delete(np.array([1]))
    (path,) = (folder / "tombstones").iterdir()
    with ContainerWriter(path) as out:
        out.add("rows", np.array(numbers, dtype=np.int64))
    seal(folder)
    with pytest.raises(IndexFolderError, match="does not fit its segment"):
        SpladeIndex.open(folder)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"format": "splade-index", "version": 4',
        "[]",
        "null",
        "3",
        '{"version": 4}',
        "\x00\x01",
        "{}",
    ],
)
def test_a_half_written_manifest(text: str, folder: Path) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(IndexFolderError, match=r"manifest\.json cannot be read"):
        SpladeIndex.open(folder)


def test_a_manifest_that_is_no_text(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(IndexFolderError, match=r"manifest\.json cannot be read"):
        SpladeIndex.open(folder)


def test_a_flipped_bit_of_the_manifest(folder: Path) -> None:
    """Blanks between the values aside, any bit counts: numbers, names and settings are covered by its own
    checksum."""
    content = (folder / "manifest.json").read_bytes()
    before = Manifest.read(folder)
    for place in range(len(content)):
        changed = bytearray(content)
        changed[place] ^= 1 << place % 8
        (folder / "manifest.json").write_bytes(changed)
        try:
            assert Manifest.read(folder) == before
            assert content[place : place + 1].isspace()
        except IndexFolderError:
            pass


@pytest.mark.parametrize("version", [1, 2, 3, "4", None])
def test_another_version(version: object, folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "version": version}))
    with pytest.raises(
        IndexFolderError, match=f"has format version {version}, this splade reads 4"
    ) as caught:
        SpladeIndex.open(folder)
    assert f"splade index DOCS -o {folder} --force" in caught.value.hint
    make(seed=1).save(folder, force=True)
    assert SpladeIndex.open(folder, verify=True).generation == 1


def test_no_index_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(IndexFolderError, match="no index at"):
            SpladeIndex.open(path)


class Broken(list[Any]):
    """Rows that fail in the middle, as a full disk or Ctrl-C would."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(ROWS)
        self.error = error

    def __getitem__(self, number: Any) -> Any:
        if number:
            raise self.error
        return ROWS[0]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "no space left"), MemoryError()])
@pytest.mark.parametrize("there", [True, False])
def test_a_killed_write_leaves_what_was_there(error: BaseException, there: bool, folder: Path) -> None:
    if not there:
        shutil.rmtree(folder)
    index = make(seed=1)
    index.segments[0].chunks = Broken(error)
    with pytest.raises((type(error), MachineError)):
        index.save(folder, force=True)
    assert [path.name for path in folder.parent.iterdir()] == (["index"] if there else [])
    if there:
        before = SpladeIndex.open(folder, verify=True)
        np.testing.assert_array_equal(before.vectors.toarray(), VECTORS.toarray())
        make(seed=1).save(folder, force=True)
        assert len(list((folder / "segments").iterdir())) == 3, "what was begun is swept away"


def test_a_manifest_that_cannot_be_replaced_leaves_the_old_index(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from splade_cli.storage import files

    def replace(source: Path, target: Path) -> None:
        raise PermissionError("in use")

    monkeypatch.setattr(files.os, "replace", replace)
    with pytest.raises(PermissionError):
        make(seed=1).save(folder, force=True)
    monkeypatch.undo()
    assert [path.name for path in folder.parent.iterdir()] == ["index"]
    np.testing.assert_array_equal(SpladeIndex.open(folder, verify=True).vectors.toarray(), VECTORS.toarray())


def test_a_new_generation_of_an_index_leaves_nothing_of_the_old_one(folder: Path, tmp_path: Path) -> None:
    first = SpladeIndex.open(folder)
    make(seed=1).save(folder, force=True)
    make(seed=1).save(tmp_path / "fresh")
    second = SpladeIndex.open(folder, verify=True)
    assert (first.generation, second.generation) == (1, 2)
    assert sorted(name.replace("000002", "000001") for name in files_of(folder)) == sorted(
        files_of(tmp_path / "fresh")
    )
    np.testing.assert_array_equal(first.vectors.toarray(), VECTORS.toarray())
    np.testing.assert_array_equal(second.vectors.toarray(), 2 * VECTORS.toarray())
    assert list(first.chunks) == ROWS, "what is open stays readable"


def test_an_existing_folder_is_replaced_only_with_force(folder: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        make(seed=1).save(folder)
    assert SpladeIndex.open(folder).vectors[0, 1] == 1.5
    make(seed=1).save(folder, force=True)
    assert SpladeIndex.open(folder, verify=True).vectors[0, 1] == 3.0
    assert [path.name for path in folder.parent.iterdir()] == ["index"]


def test_an_opened_index_can_be_saved_over_itself(folder: Path) -> None:
    index = SpladeIndex.open(folder)
    index.save(folder, force=True)
    assert list(SpladeIndex.open(folder, verify=True).chunks) == ROWS


def write(
    folder: Path,
    parts: Sequence[sp.csr_matrix],
    dimensions: int,
    names: Any = None,
    query: QueryInfo | None = None,
    **options: Any,
) -> Path:
    """Writes rows named by `names`, numbers by default, with vectors in `parts`."""
    count = sum(part.shape[0] for part in parts)
    rows = (Chunk(str(name), str(name), "") for name in (range(count) if names is None else names))
    content = storage.Content(
        [f"t{number}" for number in range(dimensions)],
        IndexInfo(query=query),
        bm25=Bm25Request("english"),
        **options,
    )
    storage.write(folder, batched(iter(parts), rows), content, dimensions=dimensions, force=False)
    return folder


PARTS = st.integers(1, 6).flatmap(
    lambda width: st.lists(
        arrays(
            np.float32, st.tuples(st.integers(0, 5), st.just(width)),
            elements=st.floats(-5, 5, width=16), fill=st.just(0.0),
        ),
        min_size=1, max_size=5,
    )
)  # fmt: skip


@given(PARTS)
def test_several_parts_are_one(blocks: list[np.ndarray]) -> None:
    dimensions, whole = blocks[0].shape[1], sp.csr_matrix(np.vstack(blocks))
    with tempfile.TemporaryDirectory() as name:
        many = write(Path(name) / "many", [sp.csr_matrix(block) for block in blocks], dimensions)
        one = write(Path(name) / "one", [whole], dimensions)
        assert files_of(many) == files_of(one)
        stored = SpladeIndex.open(many, verify=True).vectors
        assert stored.shape == whole.shape
        assert stored.data.dtype == np.float32 and stored.indices.dtype == np.int32
        for part in ("indptr", "indices", "data"):
            np.testing.assert_array_equal(getattr(stored, part), getattr(whole, part))


def test_no_parts_at_all(tmp_path: Path) -> None:
    index = SpladeIndex.open(write(tmp_path / "index", [], 4), verify=True)
    assert (index.vectors.shape, index.segments[0].postings.shape, list(index.chunks)) == ((0, 4), (0, 4), [])
    assert index.search_rows(sp.csr_matrix((1, 4)), 1)[0].tolist() == [[-1]]


def test_an_id_of_another_part_and_counts_that_differ(tmp_path: Path) -> None:
    parts = [VECTORS, VECTORS[:1]]
    for names, message in (
        ("abca", "the id 'a' comes twice"),
        ("aabc", "the id 'a' comes twice"),
        ("abc", "4 vectors and 3 chunks"),
        ("abcde", "4 vectors and 5 chunks"),
        ("", "vectors and 0 chunks"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            write(tmp_path / "index", parts, 4, names)
        assert caught.value.hint
        assert list(tmp_path.iterdir()) == [], "nothing is left of it"


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_in_a_later_part(bad: float, tmp_path: Path) -> None:
    broken = sp.csr_matrix(np.array([[0, 0, bad, 0]], dtype=np.float32))
    with pytest.raises(InputError, match="not finite"):
        write(tmp_path / "index", [VECTORS, broken], 4)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def carrying(tmp_path: Path) -> Path:
    """An index with two query files."""

    def write_files(folder: Path) -> None:
        (folder / "query.tokenizer.json").write_bytes(b'{"a": 1}')
        (folder / "query.table.npy").write_bytes(bytes(range(256)))

    query = QueryInfo("static", prompt="é ")
    return write(tmp_path / "index", [VECTORS], 4, query=query, encoder_files=write_files)


def test_query_files_are_carried(carrying: Path) -> None:
    index = SpladeIndex.open(carrying, verify=True)
    assert index.info.query == QueryInfo("static", prompt="é ")
    assert index.encoder_folder == carrying / "encoders" / "000001"
    assert (index.encoder_folder / "query.tokenizer.json").read_bytes() == b'{"a": 1}'
    assert (index.encoder_folder / "query.table.npy").read_bytes() == bytes(range(256))


@pytest.mark.parametrize("name", ["query.tokenizer.json", "query.table.npy"])
def test_damaged_query_files_are_named(name: str, carrying: Path) -> None:
    name = f"encoders/000001/{name}"
    whole = (carrying / name).read_bytes()
    (carrying / name).write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    with pytest.raises(IndexFolderError, match=f"{name} does not match its checksum"):
        SpladeIndex.open(carrying)
    (carrying / name).write_bytes(whole + b" ")
    with pytest.raises(IndexFolderError, match=f"{name} is {len(whole) + 1} bytes instead of {len(whole)}"):
        SpladeIndex.open(carrying)
    (carrying / name).unlink()
    with pytest.raises(IndexFolderError, match=f"{name} is missing"):
        SpladeIndex.open(carrying)


def test_query_files_go_along_when_an_opened_index_is_saved(carrying: Path, tmp_path: Path) -> None:
    SpladeIndex.open(carrying).save(tmp_path / "other")
    again = SpladeIndex.open(tmp_path / "other", verify=True)
    assert again.info == SpladeIndex.open(carrying).info
    before = files_of(carrying / "encoders")
    assert files_of(tmp_path / "other" / "encoders") == before
    again.save(tmp_path / "other", force=True)
    names = files_of(tmp_path / "other")
    assert sum("query." in name for name in names) == 2
    assert set(names) == {*Manifest.read(tmp_path / "other").files, "manifest.json"}
    last = SpladeIndex.open(tmp_path / "other").encoder_folder
    assert last is not None and last.name == "000002"
    assert files_of(last) == files_of(carrying / "encoders" / "000001")
