"""Checksums of files: the CRC-32 of each block of 4,096 bytes, and one over all of those.

Blocks are as small as the pages that memory maps are read in, so that what a search reads at scattered places
is compared without reading much else.
"""

from __future__ import annotations

import os
import zlib
from array import array
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.containers.regular_files import open_regular

BLOCK_SHIFT = 12
BLOCK_BYTES = 1 << BLOCK_SHIFT
PIECE = 1 << 20
Sums = NDArray[np.uint32]


class Checksum:
    """The checksum of a file that passes by in pieces.

    Attributes:
        size: bytes so far.
    """

    def __init__(self) -> None:
        self.size = 0
        self._whole = array("I")
        self._last = 0

    def update(self, piece: bytes) -> None:
        """Adds the next bytes."""
        view = memoryview(piece)
        while len(view):
            part = view[: BLOCK_BYTES - self.size % BLOCK_BYTES]
            self._last = zlib.crc32(part, self._last)
            self.size += len(part)
            if self.size % BLOCK_BYTES == 0:
                self._whole.append(self._last)
                self._last = 0
            view = view[len(part) :]

    @property
    def sums(self) -> Sums:
        """uint32 [blocks]: the CRC-32 of each block, of which the last may be shorter."""
        values = np.array(self._whole, dtype="<u4")
        if self.size % BLOCK_BYTES:
            values = np.append(values, np.uint32(self._last))
        return values.astype("<u4", copy=False)

    @property
    def crc32(self) -> int:
        """Of the whole file: the CRC-32 of `sums`, little-endian."""
        return crc32_of(self.sums)


def crc32_of(sums: Sums) -> int:
    """The checksum of a file whose blocks have these."""
    return zlib.crc32(sums.astype("<u4", copy=False).tobytes())


def block_count(size: int) -> int:
    """Blocks of a file of so many bytes."""
    return -(-size // BLOCK_BYTES)


def checksum_of(path: Path, *, sync: bool = False) -> Checksum:
    """The checksum of a file; with `sync` its bytes are on the disk when this returns."""
    checksum = Checksum()
    with open_regular(path) as file:
        while piece := file.read(PIECE):
            checksum.update(piece)
        if sync:
            os.fsync(file.fileno())
    return checksum
