"""Checksums of files."""

from __future__ import annotations

import os
import zlib
from pathlib import Path

HEAD_BYTES = 1 << 20
"""So much of each file is compared whenever an index is opened: all of small files, the header of a
container."""
PIECE = 1 << 20


class Checksum:
    """CRC-32 of a file that passes by in pieces.

    Attributes:
        size: bytes so far.
        crc32: of all of them.
        head: of the first HEAD_BYTES.
    """

    def __init__(self) -> None:
        self.size = 0
        self.crc32 = 0
        self.head = 0

    def update(self, piece: bytes) -> None:
        """Adds the next bytes."""
        if self.size < HEAD_BYTES:
            self.head = zlib.crc32(piece[: HEAD_BYTES - self.size], self.head)
        self.crc32 = zlib.crc32(piece, self.crc32)
        self.size += len(piece)


def checksum_of(path: Path, *, sync: bool = False) -> Checksum:
    """The checksum of a file; with `sync` its bytes are on the disk when this returns."""
    checksum = Checksum()
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            checksum.update(piece)
        if sync:
            os.fsync(file.fileno())
    return checksum


def head_of(path: Path) -> int:
    """CRC-32 of the first HEAD_BYTES of a file."""
    with open(path, "rb") as file:
        return zlib.crc32(file.read(HEAD_BYTES))
