"""A memory-mapped file whose blocks are compared with their checksums when they are first read.

The state of each block stands in an array that compiled loops read and set as well, see
`engine.verification`. Two threads that look at one block at the same time both compute its checksum and write
the same state.
"""

from __future__ import annotations

import mmap
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, rebuild_hint
from splade_cli.index.containers.checksums import BLOCK_BYTES, BLOCK_SHIFT, Sums, block_count
from splade_cli.index.containers.regular_files import open_regular

UNREAD, INTACT, DAMAGED = 0, 1, 2
SMALL = 1 << 20
"""Files of so many bytes are compared as a whole when they are opened."""


class MappedFile:
    """The bytes of a file.

    Attributes:
        path: the file.
        data: uint8 [bytes], the map.
        sums: uint32 [blocks], what the blocks must have; empty where nothing is compared.
        states: uint8 [blocks]: UNREAD, INTACT or DAMAGED; empty where nothing is compared.

    Raises:
        OSError: a file that is missing, or is not a regular one.
        ValueError: `sums` of a file of another size.
        IndexFolderError: a file of at most SMALL bytes that does not match them.
    """

    def __init__(self, path: Path, sums: Sums | None = None) -> None:
        self.path = path
        with open_regular(path) as file:
            file.seek(0, 2)
            content: mmap.mmap | bytes = b""
            if file.tell():
                content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._content = content
        self.data = np.frombuffer(content, dtype=np.uint8)
        if sums is None:
            sums = np.empty(0, dtype=np.uint32)
        elif len(sums) != block_count(len(content)):
            raise ValueError(f"{len(sums)} checksums for {len(content)} bytes")
        self.sums = sums.astype(np.uint32)
        self._states = bytearray(len(sums))
        self.states = np.frombuffer(self._states, dtype=np.uint8)
        self._address: int = self.data.__array_interface__["data"][0]
        if len(content) <= SMALL:
            self.require(0, len(content))

    def __len__(self) -> int:
        return len(self._content)

    def read(self, start: int, end: int) -> bytes:
        """Some of the bytes. Raises IndexFolderError where their blocks are damaged."""
        self.require(start, end)
        return self._content[start:end]

    def array(self, dtype: np.dtype[Any], count: int, start: int) -> NDArray[Any]:
        """A view of `count` numbers from the byte `start` on, which are not compared."""
        return np.frombuffer(self._content, dtype, count, start)

    def start_of(self, array: NDArray[Any]) -> int:
        """The byte at which a view of this file begins."""
        address: int = array.__array_interface__["data"][0]
        return address - self._address

    def require(self, start: int, end: int) -> None:
        """Raises IndexFolderError where a block of the bytes from `start` to before `end` is damaged."""
        if not self._states or start >= end:
            return
        states = self._states
        for block in range(start >> BLOCK_SHIFT, ((end - 1) >> BLOCK_SHIFT) + 1):
            if states[block] == INTACT:
                continue
            first = block << BLOCK_SHIFT
            if zlib.crc32(self._content[first : first + BLOCK_BYTES]) != self.sums[block]:
                states[block] = DAMAGED
                raise self.damage()
            states[block] = INTACT

    def require_arrays(self, *arrays: NDArray[Any]) -> None:
        """The same for the bytes of contiguous views of this file."""
        for array in arrays:
            if array.size:
                start = self.start_of(array)
                self.require(start, start + array.nbytes)

    def damage(self, lie: str = "what it holds does not fit together") -> IndexFolderError:
        """The error for a block that is damaged, or where none is, for the `lie` that was found."""
        folder = self.path.parent.parent
        name = self.path.relative_to(folder).as_posix()
        damaged = self._states.find(DAMAGED)
        what = f"{name}: {lie}"
        if damaged >= 0:
            what = f"{name} does not match its checksum at byte {damaged << BLOCK_SHIFT}"
        return IndexFolderError(f"the index {folder} is damaged: {what}", rebuild_hint(folder))
