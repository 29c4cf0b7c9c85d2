"""Reader of a container: a safetensors file, memory-mapped, with its metadata.

    8 bytes          length of the header, little-endian
    header           JSON: dtype, shape and span of each tensor, and ``__metadata__``, texts by name; padded
    with blanks data             the tensors, those of wider numbers first, so that each is aligned

The safetensors library opens the same file. This reader hands out views of the map, where the library would
copy.
"""

from __future__ import annotations

import json
import math
import mmap
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

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


class Container:
    """The tensors of a safetensors file by name, read-only.

    Attributes:
        metadata: texts by name.

    Raises:
        OSError, ValueError: a file that is missing or no container.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with open(path, "rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        length = int.from_bytes(self._map[:LENGTH_BYTES], "little")
        self._start = LENGTH_BYTES + length
        if self._start > len(self._map):
            raise ValueError("the header is longer than the file")
        header = json.loads(self._map[LENGTH_BYTES : self._start])
        if not isinstance(header, dict):
            raise ValueError("the header is no object")
        self.metadata: dict[str, str] = header.pop(METADATA, {})
        self._tensors: dict[str, dict[str, object]] = header

    def __contains__(self, name: str) -> bool:
        return name in self._tensors

    @property
    def names(self) -> list[str]:
        """Of all tensors."""
        return list(self._tensors)

    def tensor(self, name: str, dtype: DTypeLike | None = None, *, width: int | None = None) -> Array:
        """A view of a tensor [n], or [n, width].

        Args:
            dtype: what it must hold; anything where None.
            width: what its rows must have; None for a tensor of one dimension.

        Raises:
            ValueError: there is none, or one of another type or shape.
        """
        try:
            entry = self._tensors[name]
            kind = DTYPES[str(entry["dtype"])]
            shape = tuple(map(int, cast(Iterable[int], entry["shape"])))
            start, end = map(int, cast(Iterable[int], entry["data_offsets"]))
        except (KeyError, TypeError):
            raise ValueError(f"{name} is missing or not described") from None
        if dtype is not None and kind != np.dtype(dtype):
            raise ValueError(f"{name} holds {kind}, not {np.dtype(dtype)}")
        if shape[1:] != (() if width is None else (width,)) or not shape:
            raise ValueError(f"{name} has shape {shape}")
        count = math.prod(shape)
        if (
            start < 0
            or count < 0
            or end - start != count * kind.itemsize
            or self._start + end > len(self._map)
        ):
            raise ValueError(f"{name} does not fit the file")
        return np.frombuffer(self._map, kind, count, self._start + start).reshape(shape)
