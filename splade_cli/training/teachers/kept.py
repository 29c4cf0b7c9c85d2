"""Byte strings by key on disk: what a teacher computed, window by window. Knows no row and no score."""

from __future__ import annotations

import os
import re
import struct
import sys
import zlib
from collections.abc import Iterable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from splade_cli.errors import InputError


class Kept:
    """An append-only file of byte strings by 16-byte keys: what a teacher computed. One process at a time has it.

    A line that names the teacher, then records of key, length, CRC-32 and content. What follows the last whole record
    (a killed process, a damaged disk) is cut off when the file is opened.
    """

    _RECORD = struct.Struct("<16sII")

    def __init__(self, path: Path, identity: str) -> None:
        """Opens or begins `path`. Raises InputError if it cannot, or if the file belongs to something else."""
        self.path, self._places = path, dict[bytes, int]()
        header = f"splade teacher cache 1 {identity}\n".encode()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._out = open(path, "ab", buffering=0)  # noqa: SIM115
            if sys.platform != "win32":
                import fcntl

                fcntl.flock(self._out, fcntl.LOCK_EX)
            self._in = open(path, "rb")  # noqa: SIM115
            start = self._in.read(len(header))
            if not header.startswith(start):
                raise InputError(
                    f"{path} is no cache of this teacher", "delete it, or name another cache folder"
                )
            self._end = len(header)
            if start == header:
                self._read()
                self._out.truncate(self._end)
            else:
                self._out.truncate(0)
                self._end = 0
                self._append(header)
        except OSError as error:
            raise InputError(f"cannot open {path}: {error.strerror}", "name another cache folder") from None

    @classmethod
    def of(cls, folder: Path, kind: str, source: str) -> Kept:
        """The cache of a teacher: named by its weights' hash, or by hub id and commit."""
        from splade_cli.model.dense import resolve_dense
        from splade_cli.model.hub import find_file
        from splade_cli.model.layout import identity_of
        from splade_cli.model.load import resolve

        found = resolve(source) if kind == "sparse" else resolve_dense(source)
        who = identity_of(found)
        if (
            who == found
            and (config := find_file(found, "config.json")) is not None
            and "snapshots" in config.parts
        ):
            who = f"{found}@{config.parts[config.parts.index('snapshots') + 1]}"
        identity = sha256(f"{kind}|{who}".encode()).hexdigest()
        slug = re.sub(r"[^\w.-]+", "-", Path(source).name or kind)[:60]
        return cls(folder / f"{kind}-{slug}-{identity[:12]}.bin", identity)

    def __enter__(self) -> Kept:
        return self

    def __exit__(self, *raised: object) -> None:
        self._in.close()
        self._out.close()

    def __contains__(self, key: bytes) -> bool:
        return key in self._places

    def __getitem__(self, key: bytes) -> bytes:
        self._in.seek(self._places[key])
        _, length, _ = self._RECORD.unpack(self._in.read(self._RECORD.size))
        return self._in.read(length)

    def add(self, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Writes records; they are on the disk when this returns. Raises InputError, and then none of them is kept."""
        place, places, blob = self._end, dict[bytes, int](), bytearray()
        for key, content in items:
            places[key] = place + len(blob)
            blob += self._RECORD.pack(key, len(content), zlib.crc32(content, zlib.crc32(key))) + content
        self._append(bytes(blob))
        self._places |= places

    def _read(self) -> None:
        while len(head := self._in.read(self._RECORD.size)) == self._RECORD.size:
            key, length, check = self._RECORD.unpack(head)
            content = self._in.read(length)
            if len(content) != length or zlib.crc32(content, zlib.crc32(key)) != check:
                return
            self._places[key] = self._end
            self._end += len(head) + length

    def _append(self, blob: bytes) -> None:
        rest = memoryview(blob)
        try:
            while rest:
                rest = rest[self._out.write(rest) :]
            os.fsync(self._out.fileno())
        except OSError as error:
            with suppress(OSError):
                self._out.truncate(self._end)
            raise InputError(
                f"cannot write {self.path}: {error.strerror}",
                f"make room and run the same command again: {len(self._places)} results are kept",
            ) from None
        self._end += len(blob)
