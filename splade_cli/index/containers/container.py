"""Reader of a container: a safetensors file, memory-mapped, with its metadata.

    8 bytes          length of the header, little-endian
    header           JSON: dtype, shape and span of each tensor, and ``__metadata__``, texts by name; padded
    with blanks data             the tensors, those of wider numbers first, so that each is aligned

The safetensors library opens the same file. This reader hands out views of the map, where the library would
copy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import DTypeLike, NDArray

from splade_cli.index.containers.checksums import Sums
from splade_cli.index.containers.mapped_file import MappedFile
from splade_cli.index.containers.plain_json import plain_json

Array = NDArray[Any]
DTYPES: dict[str, np.dtype[Any]] = {
    "F64": np.dtype(np.float64),
    "I64": np.dtype(np.int64),
    "U64": np.dtype(np.uint64),
    "F32": np.dtype(np.float32),
    "I32": np.dtype(np.int32),
    "U32": np.dtype(np.uint32),
    "F16": np.dtype(np.float16),
    "U16": np.dtype(np.uint16),
    "U8": np.dtype(np.uint8),
    "BOOL": np.dtype(np.bool_),
}
METADATA = "__metadata__"
LENGTH_BYTES = 8
MOST_HEADER = 100_000_000
MOST_DIMENSIONS = 8
MOST_BYTES = 1 << 62


class Container:
    """The tensors of a safetensors file by name, read-only.

    Args:
        path: the file.
        sums: checksums of its blocks. Those of the header are compared here; those of a tensor when its
            reader asks `file` for them.

    Attributes:
        file: the mapped file.
        metadata: texts by name.

    Raises:
        OSError, ValueError: a file that is missing or no container, or whose tensors overlap.
        IndexFolderError: a header that does not match its checksum.
    """

    def __init__(self, path: Path, sums: Sums | None = None) -> None:
        self.file = MappedFile(path, sums)
        size = len(self.file)
        length = int.from_bytes(self.file.read(0, min(size, LENGTH_BYTES)), "little")
        if size < LENGTH_BYTES or length > min(size - LENGTH_BYTES, MOST_HEADER):
            raise ValueError("the header is longer than the file")
        self._start = LENGTH_BYTES + length
        header = plain_json(self.file.read(LENGTH_BYTES, self._start))
        if not isinstance(header, dict):
            raise ValueError("the header is no object")
        metadata = header.pop(METADATA, {})
        if not isinstance(metadata, dict) or not all(isinstance(text, str) for text in metadata.values()):
            raise ValueError("the metadata of the header are no texts")
        self.metadata: dict[str, str] = metadata
        self._tensors = {name: _described(name, entry) for name, entry in header.items()}
        ends = [0]
        for entry in sorted(self._tensors.values(), key=lambda each: (each.start, each.end)):
            if entry.start != ends[-1]:
                raise ValueError("its tensors overlap, or leave gaps")
            ends.append(entry.end)
        if self._start + ends[-1] != size:
            raise ValueError("its tensors do not fill the file")

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    @property
    def path(self) -> Path:
        """The file."""
        return self.file.path

    @property
    def names(self) -> list[str]:
        """Of all tensors."""
        return list(self._tensors)

    def tensor(self, name: str, *dtypes: DTypeLike, width: int | None = None) -> Array:
        """A view of a tensor [n], or [n, width], whose checksums were not compared yet.

        Args:
            dtypes: one of which it must hold; anything where none is given.
            width: what its rows must have; None for a tensor of one dimension.

        Raises:
            ValueError: there is none, or one of another type or shape.
        """
        entry = self._tensors.get(name)
        if entry is None:
            raise ValueError(f"{name} is missing")
        if dtypes and entry.dtype not in [np.dtype(each) for each in dtypes]:
            raise ValueError(f"{name} holds {entry.dtype}, not {np.dtype(dtypes[0])}")
        columns = () if width is None else (width,)
        if not entry.shape or entry.shape[1:] != columns:
            raise ValueError(f"{name} has shape {entry.shape}")
        start = self._start + entry.start
        if start % entry.dtype.itemsize:
            raise ValueError(f"{name} is not aligned")
        return self.file.array(entry.dtype, math.prod(entry.shape), start).reshape(entry.shape)


@dataclass(frozen=True)
class _Tensor:
    """What the header says of a tensor: `start` and `end` count from the end of the header."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    end: int


def _described(name: str, entry: object) -> _Tensor:
    """A tensor as the header describes it. Raises ValueError where that is no description of one."""
    if not isinstance(entry, dict):
        raise ValueError(f"{name} is not described")
    dtype = DTYPES.get(str(entry.get("dtype")))
    shape = entry.get("shape")
    span = entry.get("data_offsets")
    if dtype is None or not _are_sizes(shape) or not _are_sizes(span) or len(span) != 2:
        raise ValueError(f"{name} is not described")
    start, end = span
    if end - start != math.prod(shape) * dtype.itemsize:
        raise ValueError(f"{name} does not fit the file")
    return _Tensor(dtype, tuple(shape), start, end)


def _are_sizes(values: object) -> TypeGuard[list[int]]:
    if not isinstance(values, list) or len(values) > MOST_DIMENSIONS:
        return False
    return all(type(each) is int and 0 <= each < MOST_BYTES for each in values)
