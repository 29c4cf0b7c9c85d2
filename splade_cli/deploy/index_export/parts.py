"""Files in parts: rows are written one after the other, and a new file begins where one is large enough."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

PART_BYTES = 8_000_000
"""Of a file that is sent as one request: servers take 10 to 100 MB, and recommend about so much."""


@dataclass
class PartWriter:
    """Writes rows as bytes, in files ``part-00000.jsonl`` and so on.

    Attributes:
        folder: where they go; made when the first row comes.
        ending: of their names, with its dot.
        most_bytes: of a file, unless one row alone is larger.
        before, between, after: what stands around the rows of a file and between them.
    """

    folder: Path
    ending: str
    most_bytes: int = PART_BYTES
    before: bytes = b""
    between: bytes = b""
    after: bytes = b""

    def __post_init__(self) -> None:
        self._file: BinaryIO | None = None
        self._written = 0
        self._number = 0

    def write(self, row: bytes) -> None:
        """Adds one row."""
        if self._file is not None and self._written + len(row) > self.most_bytes:
            self.close()
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"part-{self._number:05}{self.ending}"
            self._file = path.open("wb")
            self._number += 1
            self._written = self._file.write(self.before)
        elif self.between:
            self._written += self._file.write(self.between)
        self._written += self._file.write(row)

    def close(self) -> None:
        """Ends the present file."""
        if self._file is not None:
            self._file.write(self.after)
            self._file.close()
        self._file = None
        self._written = 0


def json_line(value: Mapping[str, object]) -> bytes:
    """An object as one line of JSON in UTF-8."""
    return json_bytes(value) + b"\n"


def json_bytes(value: Mapping[str, object]) -> bytes:
    """An object as JSON in UTF-8, without blanks."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def write_pretty(path: Path, value: Mapping[str, object]) -> None:
    """Writes an object as JSON that people read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
