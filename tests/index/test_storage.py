"""The index folder: there and back, in parts, every kind of damage named; a killed write leaves the old one."""

from __future__ import annotations

import json
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

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index import storage
from splade_cli.index.inverted import SpladeIndex

FILES = (
    "vectors.indptr.npy", "vectors.indices.npy", "vectors.data.npy", "postings.indptr.npy", "postings.indices.npy",
    "postings.data.npy", "rows.jsonl", "rows.offsets.npy", "vocabulary.json",
)  # fmt: skip
ROWS = [
    {"id": "a/1", "text": "first\nline two", "metadata": {"year": 2020, "tags": ["x"]}, "title": "T"},
    {"id": "b", "text": "blåbær 日本 😀 \u2028 end"},
    {"id": "c", "text": ""},
]
VECTORS = sp.csr_matrix(np.array([[0, 1.5, 0, 0.25], [2, 0, 0, 0], [0, 0, 0, 0]], dtype=np.float32))


def make(seed: int = 0) -> SpladeIndex:
    return SpladeIndex.from_vectors(
        VECTORS * (seed + 1), rows=ROWS, vocabulary=["x", "##y", "é", "z"], model={"name": "m", "identity": "1"}
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make().save(tmp_path / "index")
    return tmp_path / "index"


def test_there_and_back(folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "manifest.json"])
    index = SpladeIndex.open(folder, verify=True)
    for part in ("indptr", "indices", "data"):
        np.testing.assert_array_equal(getattr(index.vectors, part), getattr(make().vectors, part))
        np.testing.assert_array_equal(getattr(index.postings, part), getattr(make().postings, part))
    assert list(index.rows) == ROWS
    assert index.rows[-1] == ROWS[-1]
    assert index.rows[0:2] == ROWS[:2]
    with pytest.raises(IndexError):
        index.rows[3]
    assert index.vocabulary == ["x", "##y", "é", "z"]
    assert index.model == {"name": "m", "identity": "1"}
    assert index.folder == folder
    assert storage.size_bytes(folder) == sum(path.stat().st_size for path in folder.iterdir())


def test_vectors_stay_in_memory_mapped_files(folder: Path) -> None:
    data = SpladeIndex.open(folder).postings.data
    while data is not None and not isinstance(data, np.memmap):
        data = data.base
    assert isinstance(data, np.memmap)


@pytest.mark.parametrize("shape", [(0, 5), (3, 5), (0, 0)])
def test_an_index_without_rows_or_without_weights(shape: tuple[int, int], tmp_path: Path) -> None:
    SpladeIndex.from_vectors(sp.csr_matrix(shape, dtype=np.float32)).save(tmp_path / "index")
    index = SpladeIndex.open(tmp_path / "index")
    assert index.vectors.shape == shape
    assert len(list(index.rows)) == shape[0]
    assert index.search(sp.csr_matrix((1, shape[1])), 2)[0].tolist() == [[-1, -1]]


@given(arrays(np.float32, st.tuples(st.integers(0, 8), st.integers(1, 6)), elements=st.floats(-5, 5, width=16)))
def test_any_matrix_survives(dense: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as name:
        SpladeIndex.from_vectors(sp.csr_matrix(dense)).save(Path(name) / "index")
        index = SpladeIndex.open(Path(name) / "index")
        np.testing.assert_array_equal(index.vectors.toarray(), dense)
        np.testing.assert_array_equal(index.postings.toarray(), dense)


@pytest.mark.parametrize("verify", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_a_missing_or_truncated_file_is_named(name: str, verify: bool, folder: Path) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-1])
    with pytest.raises(IndexFolderError, match=f"{name} is {len(whole) - 1} bytes instead of {len(whole)}"):
        SpladeIndex.open(folder, verify=verify)
    (folder / name).unlink()
    with pytest.raises(IndexFolderError, match=f"{name} is missing") as caught:
        SpladeIndex.open(folder, verify=verify)
    assert "splade index" in caught.value.hint


@pytest.mark.parametrize("always", [True, False])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("place", [0, -1])
def test_a_flipped_byte_is_named(
    name: str, place: int, always: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not always:
        monkeypatch.setattr(storage, "ALWAYS_CHECKED_BYTES", 0)
    content = bytearray((folder / name).read_bytes())
    content[place] ^= 0x40
    (folder / name).write_bytes(content)
    with pytest.raises(IndexFolderError, match=f"{name} does not match its checksum"):
        SpladeIndex.open(folder, verify=not always)


@pytest.mark.parametrize("part", ["indptr", "indices", "data"])
def test_arrays_that_do_not_fit_are_found_without_checksums(
    part: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file of another index with the same name: sizes agree, contents do not."""
    monkeypatch.setattr(storage, "crc32", lambda path: 0)
    manifest = json.loads((folder / "manifest.json").read_text())
    np.save(folder / f"vectors.{part}.npy", np.zeros(9, dtype=np.int64))
    manifest["files"] = {path.name: {"bytes": path.stat().st_size, "crc32": 0} for path in storage._files(folder)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(IndexFolderError, match="vectors"):
        SpladeIndex.open(folder)


@pytest.mark.parametrize(
    "text", ["", "{", '{"format": "splade-index", "version": 1', "[]", "null", "3", '{"version": 1}', "\x00\x01"]
)
def test_a_half_written_manifest(text: str, folder: Path) -> None:
    (folder / "manifest.json").write_text(text)
    with pytest.raises(IndexFolderError, match=r"manifest\.json cannot be read"):
        SpladeIndex.open(folder)


def test_a_manifest_that_is_no_text(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(IndexFolderError, match=r"manifest\.json cannot be read"):
        SpladeIndex.open(folder)


def test_another_version(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "version": 2}))
    with pytest.raises(IndexFolderError, match="has format version 2, this splade reads 1"):
        SpladeIndex.open(folder)


def test_no_index_there(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(IndexFolderError, match="no index at"):
            SpladeIndex.open(path)


class Broken(list[Any]):
    """Rows that fail in the middle, as a full disk or Ctrl-C would."""

    def __init__(self, error: BaseException) -> None:
        super().__init__(ROWS)
        self.error = error

    def __iter__(self) -> Any:
        yield ROWS[0]
        raise self.error


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "no space left"), MemoryError()])
@pytest.mark.parametrize("there", [True, False])
def test_a_killed_write_leaves_what_was_there(error: BaseException, there: bool, folder: Path) -> None:
    if not there:
        shutil.rmtree(folder)
    index = make(seed=1)
    index.rows = Broken(error)
    with pytest.raises(type(error)):
        index.save(folder, force=True)
    assert [path.name for path in folder.parent.iterdir()] == (["index"] if there else [])
    if there:
        np.testing.assert_array_equal(SpladeIndex.open(folder, verify=True).vectors.toarray(), VECTORS.toarray())


@pytest.mark.parametrize("failing", [1, 2])
def test_a_failed_rename_leaves_one_whole_index(failing: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder is moved aside, then the new one moved in: if either fails, the old one stands."""
    from splade_cli import records

    calls = []
    original = records.os.replace

    def replace(source: Path, target: Path) -> None:
        calls.append(source)
        if len(calls) == failing:
            raise PermissionError("in use")
        original(source, target)

    monkeypatch.setattr(records.os, "replace", replace)
    with pytest.raises(PermissionError):
        make(seed=1).save(folder, force=True)
    monkeypatch.undo()
    assert [path.name for path in folder.parent.iterdir()] == ["index"]
    np.testing.assert_array_equal(SpladeIndex.open(folder, verify=True).vectors.toarray(), VECTORS.toarray())


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
    assert list(SpladeIndex.open(folder, verify=True).rows) == ROWS


def write(folder: Path, parts: Sequence[sp.csr_matrix], dimensions: int, names: Any = None, **options: Any) -> Path:
    """Writes rows named by `names`, numbers by default, with vectors in `parts`."""
    count = sum(part.shape[0] for part in parts)
    rows = ({"id": str(name)} for name in (range(count) if names is None else names))
    vocabulary = [f"t{number}" for number in range(dimensions)]
    storage.write(folder, lambda: iter(parts), rows, vocabulary, {}, dimensions=dimensions, force=False, **options)
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
        for path in one.iterdir():
            assert (many / path.name).read_bytes() == path.read_bytes(), path.name
        index = SpladeIndex.open(many, verify=True)
        for stored, expected in ((index.vectors, whole), (index.postings, whole.tocsc())):
            assert stored.shape == whole.shape
            assert stored.data.dtype == np.float32 and stored.indices.dtype == np.int32
            for part in ("indptr", "indices", "data"):
                np.testing.assert_array_equal(getattr(stored, part), getattr(expected, part))


def test_no_parts_at_all(tmp_path: Path) -> None:
    index = SpladeIndex.open(write(tmp_path / "index", [], 4), verify=True)
    assert (index.vectors.shape, index.postings.shape, list(index.rows)) == ((0, 4), (0, 4), [])
    assert index.search(sp.csr_matrix((1, 4)), 1)[0].tolist() == [[-1]]


def test_an_id_of_another_part_and_counts_that_differ(tmp_path: Path) -> None:
    parts = [VECTORS, VECTORS[:1]]
    for names, message in (
        ("abca", "the id 'a' comes twice"),
        ("aabc", "the id 'a' comes twice"),
        ("abc", "4 vectors and 3 records"),
        ("abcde", "4 vectors and 5 records"),
        ("", "4 vectors and 0 records"),
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
    """An index with two query files; the files that were given are gone."""
    given = {}
    for name, content in (("query.tokenizer.json", b'{"a": 1}'), ("query.table.npy", bytes(range(256)))):
        given[name] = tmp_path / f"given-{name}"
        given[name].write_bytes(content)
    folder = write(tmp_path / "index", [VECTORS], 4, query={"kind": "static", "prompt": "é "}, query_files=given)
    for path in given.values():
        path.unlink()
    return folder


def test_query_files_are_carried(carrying: Path) -> None:
    index = SpladeIndex.open(carrying, verify=True)
    assert index.query == {"kind": "static", "prompt": "é "}
    assert (carrying / "query.tokenizer.json").read_bytes() == b'{"a": 1}'
    assert (carrying / "query.table.npy").read_bytes() == bytes(range(256))


@pytest.mark.parametrize("name", ["query.tokenizer.json", "query.table.npy"])
def test_damaged_query_files_are_named(name: str, carrying: Path) -> None:
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
    assert again.query == SpladeIndex.open(carrying).query
    for path in carrying.glob("query.*"):
        assert (tmp_path / "other" / path.name).read_bytes() == path.read_bytes()
    again.save(tmp_path / "other", force=True)
    assert len(list((tmp_path / "other").glob("query.*"))) == 2
    listed = storage.read_manifest(tmp_path / "other")["files"]
    assert {path.name for path in (tmp_path / "other").iterdir()} == {*listed, "manifest.json"}


def test_an_index_of_before_query_encoders_opens(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["query"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert SpladeIndex.open(folder).query is None
