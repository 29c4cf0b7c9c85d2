"""Bytes on disk that an index trusts: arrays that grow while written, checksums, and what survives a power cut.

Knows no names of files and no meaning of arrays.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

HEADER_BYTES = 128
"""What NumPy writes before the values of an array of numbers."""


class ArrayFile:
    """A .npy file [n] or [n, width] that is written from front to back without knowing n before.

    NumPy pads a header to the same length whatever n is, so that the true n is written over the first at the end.
    """

    def __init__(self, path: Path, dtype: DTypeLike, width: int | None = None) -> None:
        self._file = open(path, "wb")  # noqa: SIM115  (closed by close)
        self._dtype, self._width, self.length = np.dtype(dtype), width, 0
        self._header()
        self._start = self._file.tell()

    def append(self, values: NDArray[Any]) -> None:
        """Writes more rows, in the file's own dtype."""
        if self._width is not None and values.shape[1:] != (self._width,):
            raise ValueError(f"rows of shape {values.shape[1:]} in an array of width {self._width}")
        np.ascontiguousarray(values, dtype=self._dtype).tofile(self._file)
        self.length += len(values)

    def close(self) -> None:
        """Writes the header again, with the number of rows that came."""
        if self._file.closed:
            return
        self._file.seek(0)
        self._header()
        assert self._file.tell() == self._start, "a header of another length would overwrite the first values"
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        else:
            self._file.close()

    def _header(self) -> None:
        shape = (self.length,) if self._width is None else (self.length, self._width)
        described = {
            "descr": np.lib.format.dtype_to_descr(self._dtype),
            "fortran_order": False,
            "shape": shape,
        }
        np.lib.format.write_array_header_1_0(self._file, described)


def mapped(path: Path) -> NDArray[Any]:
    """A .npy file as a memory map, an empty one as an array. Raises ValueError, EOFError or OSError for others."""
    empty = path.stat().st_size <= HEADER_BYTES  # nothing of no bytes can be mapped
    found: NDArray[Any] = np.asarray(np.load(path, mmap_mode=None if empty else "r", allow_pickle=False))
    return found


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """A read-only view, as memory maps are: a compiled loop is compiled once for both."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view


def crc32(path: Path, *, sync: bool = False) -> int:
    """CRC-32 of a file, read in pieces; with `sync` its bytes are on the disk when this returns."""
    value = 0
    with open(path, "rb") as file:
        while piece := file.read(1 << 20):
            value = zlib.crc32(piece, value)
        if sync:
            os.fsync(file.fileno())
    return value


def sync_folder(folder: Path) -> None:
    """Puts the names in a folder on the disk, where the system can."""
    if os.name == "nt":
        return  # folders cannot be opened there, and need not be
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def replacing_durably(path: Path) -> Iterator[Path]:
    """A temporary sibling that atomically takes the place of `path`, on the disk before it does and after."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        crc32(temporary, sync=True)
        os.replace(temporary, path)
        sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)
