"""Writer of a container whose tensors grow: memory does not, however large they become.

Each tensor is a file of its own until the last is whole. Then the header is known, and they are put one after
the other behind it, while the checksum of the result is computed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import DTypeLike

from splade_cli.index.containers.checksums import Checksum
from splade_cli.index.containers.container import DTYPES, LENGTH_BYTES, METADATA, Array

ALIGNMENT = 64
PIECE = 1 << 20
_NAMES = {dtype: name for name, dtype in DTYPES.items()}


class GrowingTensor:
    """A tensor [n] or [n, width] that is written from front to back without knowing n before."""

    def __init__(self, path: Path, dtype: DTypeLike, width: int | None) -> None:
        self.path = path
        self.dtype = np.dtype(dtype)
        self.width = width
        self.length = 0
        self._file = open(path, "wb")  # noqa: SIM115  (closed by close)

    def append(self, values: Array) -> None:
        """Writes more rows, in the tensor's own type."""
        if self.width is not None and values.shape[1:] != (self.width,):
            raise ValueError(f"rows of shape {values.shape[1:]} in a tensor of width {self.width}")
        content = np.ascontiguousarray(values, dtype=self.dtype).reshape(-1).view(np.uint8)
        self._file.write(content.data)  # tofile would not say why it failed
        self.length += len(values)

    @property
    def shape(self) -> tuple[int, ...]:
        """What it has become."""
        return (self.length,) if self.width is None else (self.length, self.width)

    @property
    def nbytes(self) -> int:
        """Bytes of its values."""
        return self.length * (self.width or 1) * self.dtype.itemsize

    def mapped(self) -> Array:
        """What was written so far, as a memory map."""
        self._file.flush()
        if not self.length:
            return np.empty(self.shape, dtype=self.dtype)
        return np.asarray(np.memmap(self.path, dtype=self.dtype, mode="r", shape=self.shape))

    def close(self) -> None:
        """Ends writing."""
        self._file.close()


class ContainerWriter:
    """Writes a safetensors file, as a context; leaves nothing where the block ends badly.

    Attributes:
        metadata: texts by name, for the header.
        checksum: of the file, once it is whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata: dict[str, str] = {}
        self.checksum: Checksum | None = None
        self._parts = parts_of(path)
        self._tensors: dict[str, GrowingTensor] = {}

    def __enter__(self) -> Self:
        self._parts.mkdir(parents=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for tensor in self._tensors.values():
            tensor.close()
        try:
            if error is None:
                self._assemble()
        finally:
            shutil.rmtree(self._parts, ignore_errors=True)

    def growing(self, name: str, dtype: DTypeLike, width: int | None = None) -> GrowingTensor:
        """A new tensor that is appended to."""
        if name in self._tensors:
            raise ValueError(f"the tensor {name} is there already")
        tensor = GrowingTensor(self._parts / f"{len(self._tensors):03d}", dtype, width)
        self._tensors[name] = tensor
        return tensor

    def add(self, name: str, values: Array) -> None:
        """A new tensor that is whole."""
        tensor = self.growing(name, values.dtype, values.shape[1] if values.ndim == 2 else None)
        tensor.append(values)

    def mapped(self, name: str) -> Array:
        """What a tensor holds so far, as a memory map."""
        return self._tensors[name].mapped()

    def _assemble(self) -> None:
        # A stable order: wider numbers first, so that every tensor begins at a multiple of its numbers' size.
        ordered = sorted(self._tensors.items(), key=lambda item: -item[1].dtype.itemsize)
        with open(self.path, "wb") as out:
            checksum = Checksum()
            _write(out, checksum, [_header(self.metadata, ordered)])
            for _, tensor in ordered:
                with open(tensor.path, "rb") as source:
                    _write(out, checksum, _pieces(source))
                with suppress(OSError):  # may still be mapped, on systems where that forbids it
                    tensor.path.unlink()
            out.flush()
            os.fsync(out.fileno())
        self.checksum = checksum


def parts_of(path: Path) -> Path:
    """The folder of the tensors of a container that is being written."""
    return path.with_name(f".{path.name}.parts")


def _header(metadata: dict[str, str], tensors: Iterable[tuple[str, GrowingTensor]]) -> bytes:
    described: dict[str, object] = {METADATA: metadata}
    start = 0
    for name, tensor in tensors:
        end = start + tensor.nbytes
        described[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [start, end],
        }
        start = end
    header = json.dumps(described, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    header += b" " * (-(LENGTH_BYTES + len(header)) % ALIGNMENT)
    return len(header).to_bytes(LENGTH_BYTES, "little") + header


def _pieces(source: BinaryIO) -> Iterator[bytes]:
    while piece := source.read(PIECE):
        yield piece


def _write(out: BinaryIO, checksum: Checksum, pieces: Iterable[bytes]) -> None:
    for piece in pieces:
        out.write(piece)
        checksum.update(piece)
