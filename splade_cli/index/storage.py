"""The index folder, format version 1: reads and writes it, finds damage; knows nothing of searching.

    manifest.json                     version, counts, model, and size and CRC-32 of every other file
    vectors.{indptr,indices,data}.npy CSR [rows, V]: a row's terms and weights
    postings.{indptr,indices,data}.npy CSC of the same: a term's rows and weights
    rows.jsonl, rows.offsets.npy      id, text, title, document_id, metadata of each row; where each line starts
    vocabulary.json                   names of the V columns
    query.*                           what encodes queries without the model, where the index carries it

A folder is written beside its place and then renamed, so a killed write leaves the old one.
"""

from __future__ import annotations

import json
import mmap
import shutil
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.records import claim_output, replacing_folder

VERSION = 1
ALWAYS_CHECKED_BYTES = 4 << 20
_REBUILD = "make it again: splade index DOCS -o DIR --force"


@dataclass(frozen=True)
class Stored:
    """What an index folder holds; arrays are memory-mapped."""

    vectors: sp.csr_matrix
    postings: sp.csc_matrix
    rows: Rows
    vocabulary: list[str]
    model: dict[str, Any]
    query: dict[str, Any] | None


class Rows(Sequence[dict[str, Any]]):
    """The records of rows.jsonl, parsed one at a time when asked for."""

    def __init__(self, path: Path, offsets: NDArray[np.int64]) -> None:
        self._offsets = offsets
        with open(path, "rb") as file:
            self._bytes: mmap.mmap | bytes = (
                mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if path.stat().st_size else b""
            )

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, number: int) -> dict[str, Any]: ...
    @overload
    def __getitem__(self, number: slice) -> list[dict[str, Any]]: ...
    def __getitem__(self, number: int | slice) -> dict[str, Any] | list[dict[str, Any]]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(number)
        number %= len(self)
        row: dict[str, Any] = json.loads(self._bytes[self._offsets[number] : self._offsets[number + 1]])
        return row

    def __iter__(self) -> Iterator[dict[str, Any]]:
        return (self[number] for number in range(len(self)))


def write(
    folder: Path,
    parts: Callable[[], Iterable[sp.csr_matrix]],
    rows: Iterable[dict[str, Any]],
    vocabulary: Sequence[str],
    model: dict[str, Any],
    *,
    dimensions: int,
    query: Mapping[str, Any] | None = None,
    query_files: Mapping[str, Path] | None = None,
    force: bool,
) -> None:
    """Writes an index folder as a whole, one part in memory at a time.

    Args:
        parts: gives the vectors, CSR [n_i, dimensions] one after the other, each time that it is called.
        rows: one record a row; the ids must be unique.
        query: how queries become vectors without the model, None where only the model does it.
        query_files: files that `query` needs, by the name that they get in the folder.

    Raises:
        InputError: `folder` is taken and `force` is not given; an id that comes twice, a count that differs, a weight
            that is not finite.
    """
    claim_output(folder, force)
    with replacing_folder(folder) as temporary:
        count, nonzeros = _write_matrices(temporary, parts, dimensions)
        offsets, seen = [0], set()
        with open(temporary / "rows.jsonl", "wb") as out:
            for row in rows:
                if row["id"] in seen:
                    raise InputError(f"the id '{row['id']}' comes twice", "ids must be unique in an index")
                seen.add(row["id"])
                offsets.append(offsets[-1] + out.write(json.dumps(row, ensure_ascii=False).encode() + b"\n"))
        if len(seen) != count:
            raise InputError(f"{count} vectors and {len(seen)} records", "give one record a row")
        np.save(temporary / "rows.offsets.npy", np.array(offsets, dtype=np.int64))
        (temporary / "vocabulary.json").write_text(json.dumps(list(vocabulary), ensure_ascii=False), encoding="utf-8")
        for name, path in (query_files or {}).items():
            shutil.copyfile(path, temporary / name)
        manifest = {
            "format": "splade-index",
            "version": VERSION,
            "rows": count,
            "dimensions": dimensions,
            "nonzeros": nonzeros,
            "model": model,
            "query": query,
            "files": {path.name: {"bytes": path.stat().st_size, "crc32": crc32(path)} for path in _files(temporary)},
        }
        (temporary / "manifest.json").write_text(json.dumps(manifest, indent=2), encoding="utf-8")


def _write_matrices(folder: Path, parts: Callable[[], Iterable[sp.csr_matrix]], dimensions: int) -> tuple[int, int]:
    """vectors.*.npy and postings.*.npy by way of memory maps; gives rows and non-zeros."""
    lengths: list[NDArray[np.int64]] = []
    per_column = np.zeros(dimensions, dtype=np.int64)
    for part in parts():
        if not np.isfinite(part.data).all():
            raise InputError("a document vector holds a weight that is not finite", "check the model that made it")
        lengths.append(np.diff(part.indptr).astype(np.int64))
        per_column += np.bincount(part.indices, minlength=dimensions)
    row_ends = np.concatenate([[0], *lengths]).cumsum()
    count, nonzeros = len(row_ends) - 1, int(row_ends[-1])
    column_ends = np.concatenate([[0], per_column]).cumsum()
    maps = {}
    for name, ends in (("vectors", row_ends), ("postings", column_ends)):
        np.save(folder / f"{name}.indptr.npy", ends.astype(np.int64))
        for part_name, dtype in (("indices", np.int32), ("data", np.float32)):
            path = folder / f"{name}.{part_name}.npy"
            if nonzeros:
                maps[name, part_name] = np.lib.format.open_memmap(path, "w+", dtype=dtype, shape=(nonzeros,))
            else:
                np.save(path, np.empty(0, dtype=dtype))
    start_row, free = 0, column_ends[:-1].copy()
    for part in parts():
        if not part.nnz:
            start_row += part.shape[0]
            continue
        span = slice(row_ends[start_row], row_ends[start_row] + part.nnz)
        maps["vectors", "indices"][span], maps["vectors", "data"][span] = part.indices, part.data
        order = np.argsort(part.indices, kind="stable")
        columns = part.indices[order]
        counts = np.bincount(columns, minlength=dimensions)
        within = np.arange(part.nnz) - np.repeat(counts.cumsum() - counts, counts)
        places = free[columns] + within
        numbers = np.repeat(np.arange(start_row, start_row + part.shape[0], dtype=np.int32), np.diff(part.indptr))
        maps["postings", "indices"][places], maps["postings", "data"][places] = numbers[order], part.data[order]
        free += counts
        start_row += part.shape[0]
    for written in maps.values():
        written.flush()
    return count, nonzeros


def read(folder: Path, *, verify: bool) -> Stored:
    """Opens an index folder. Sizes, shapes and small files are checked always, every byte if `verify`.

    Raises:
        IndexFolderError: naming the file that is missing or damaged.
    """
    manifest = read_manifest(folder)
    for name, expected in manifest["files"].items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size != expected["bytes"]:
            found = "missing" if size is None else f"{size} bytes instead of {expected['bytes']}"
            raise IndexFolderError(f"the index {folder} is damaged: {name} is {found}", _REBUILD)
        if (verify or size <= ALWAYS_CHECKED_BYTES) and crc32(path) != expected["crc32"]:
            raise IndexFolderError(f"the index {folder} is damaged: {name} does not match its checksum", _REBUILD)
    shape = (manifest["rows"], manifest["dimensions"])
    vectors = sp.csr_matrix(_arrays(folder, "vectors", shape[0], manifest["nonzeros"]), shape=shape, copy=False)
    postings = sp.csc_matrix(_arrays(folder, "postings", shape[1], manifest["nonzeros"]), shape=shape, copy=False)
    vocabulary = json.loads((folder / "vocabulary.json").read_text(encoding="utf-8"))
    offsets = np.load(folder / "rows.offsets.npy", mmap_mode="r")
    return Stored(
        vectors, postings, Rows(folder / "rows.jsonl", offsets), vocabulary, manifest["model"], manifest.get("query")
    )


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest. Raises IndexFolderError where there is none, or one that this version cannot read."""
    path = folder / "manifest.json"
    if not path.is_file():
        raise IndexFolderError(f"no index at {folder}", f"make one: splade index DOCS -o {folder}")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        complete = {"version", "rows", "dimensions", "nonzeros", "model", "files"} <= manifest.keys()
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError):
        complete = False
    if not complete:
        raise IndexFolderError(f"the index {folder} is damaged: manifest.json cannot be read", _REBUILD)
    if manifest["version"] != VERSION:
        raise IndexFolderError(
            f"the index {folder} has format version {manifest['version']}, this splade reads {VERSION}", _REBUILD
        )
    checked: dict[str, Any] = manifest
    return checked


def size_bytes(folder: Path) -> int:
    """Bytes of all files of an index folder."""
    return sum(path.stat().st_size for path in folder.iterdir() if path.is_file())


def crc32(path: Path) -> int:
    """CRC-32 of a file, read in pieces."""
    value = 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            value = zlib.crc32(piece, value)
    return value


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name != "manifest.json")


def _arrays(
    folder: Path, name: str, pointers: int, nonzeros: int
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.int64]]:
    try:
        data, indices, indptr = (
            np.load(folder / f"{name}.{part}.npy", mmap_mode="r" if nonzeros else None, allow_pickle=False)
            for part in ("data", "indices", "indptr")
        )
    except ValueError as error:
        raise IndexFolderError(f"the index {folder} is damaged: {name} ({error})", _REBUILD) from None
    whole = len(indptr) == pointers + 1 and int(indptr[-1]) == nonzeros == len(indices) == len(data)
    if not whole or np.any(np.diff(indptr) < 0):
        raise IndexFolderError(f"the index {folder} is damaged: {name} pointers do not fit", _REBUILD)
    return data, indices, indptr
