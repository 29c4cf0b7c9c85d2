"""The index folder: there and back, every kind of damage named, and a killed write that leaves the old one."""

from __future__ import annotations

import json
import shutil
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
    import tempfile

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
