"""The stored texts of a segment: chunks as JSON lines in a memory-mapped file, parsed one at a time when
asked for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.containers.container_writer import GrowingTensor
from splade_cli.index.containers.mapped_file import MappedFile
from splade_cli.records import Chunk

_BLOCK = 4096


class StoredChunks(Sequence[Chunk]):
    """The chunks of a file of JSON lines.

    Args:
        texts: the file.
        offsets: int64 [n + 1], where each line starts.
        file: where the offsets lie.

    Raises:
        ValueError: offsets that do not fit the file.
        IndexFolderError: the last of them is damaged.
    """

    def __init__(self, texts: MappedFile, offsets: NDArray[np.int64], file: MappedFile) -> None:
        self._texts = texts
        self._offsets = offsets
        self._file = file
        file.require_arrays(offsets[-1:])
        if not len(offsets) or int(offsets[-1]) != len(texts):
            raise ValueError(f"texts.offsets does not fit {texts.path.name}")

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @overload
    def __getitem__(self, row: int) -> Chunk: ...
    @overload
    def __getitem__(self, row: slice) -> list[Chunk]: ...
    def __getitem__(self, row: int | slice) -> Chunk | list[Chunk]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        if not -len(self) <= row < len(self):
            raise IndexError(row)
        row %= len(self)
        span = self._offsets[row : row + 2]
        self._file.require_arrays(span)
        start, end = span.tolist()
        if not 0 <= start <= end <= len(self._texts):
            raise self._file.damage("texts.offsets are not in order")
        try:
            return chunk_from_json(self._texts.read(start, end))
        except (ValueError, RecursionError):
            raise self._texts.damage(f"the line at byte {start} is no chunk") from None

    def __iter__(self) -> Iterator[Chunk]:
        return (self[row] for row in range(len(self)))

    def require_whole(self) -> None:
        """Raises IndexFolderError where a line is damaged, or begins elsewhere than it should."""
        self._file.require_arrays(self._offsets)
        self._texts.require(0, len(self._texts))
        if self._offsets[0] != 0 or np.any(np.diff(self._offsets) < 0):
            raise self._file.damage("texts.offsets are not in order")


class ChunkWriter:
    """Writes the file of `StoredChunks` while chunks pass by, so that others can read them on the way.

    Args:
        path: the file.
        offsets: an empty tensor int64.
    """

    def __init__(self, path: Path, offsets: GrowingTensor) -> None:
        self.path = path
        self.count = 0
        self._offsets = offsets

    def passing(self, chunks: Iterable[Chunk]) -> Iterator[Chunk]:
        """The same chunks again; the file is whole when the last has been taken."""
        ends = [0]
        end = 0
        with open(self.path, "wb") as out:
            for chunk in chunks:
                end += out.write(chunk_to_json(chunk).encode("utf-8", "surrogatepass") + b"\n")
                ends.append(end)
                self.count += 1
                if len(ends) >= _BLOCK:
                    self._offsets.append(np.array(ends, dtype=np.int64))
                    ends.clear()
                yield chunk
        self._offsets.append(np.array(ends, dtype=np.int64))


def chunk_to_json(chunk: Chunk) -> str:
    """A chunk as a JSON object in one line; what is as by default is left out."""
    values: dict[str, object] = {"id": chunk.id, "document_id": chunk.document_id, "text": chunk.text}
    if chunk.title:
        values["title"] = chunk.title
    if chunk.headings:
        values["headings"] = list(chunk.headings)
    if chunk.start:
        values["start"] = chunk.start
    if chunk.end:
        values["end"] = chunk.end
    if chunk.metadata:
        values["metadata"] = chunk.metadata
    return json.dumps(values, ensure_ascii=False)


def chunk_from_json(line: str | bytes) -> Chunk:
    """The chunk in a line of `chunk_to_json`. One without a document is a document of its own.

    Raises:
        ValueError: a line that holds no chunk.
    """
    values = json.loads(line)
    if not isinstance(values, dict) or "id" not in values:
        raise ValueError("a chunk has an id")
    headings = values.get("headings", [])
    if not isinstance(headings, list):
        raise ValueError("headings are a list")
    chunk = Chunk(
        id=str(values["id"]),
        document_id=str(values.get("document_id") or values["id"]),
        text=values.get("text", ""),
        title=values.get("title", ""),
        headings=tuple(headings),
        start=values.get("start", 0),
        end=values.get("end", 0),
        metadata=values.get("metadata", {}),
    )
    texts = (chunk.text, chunk.title, *chunk.headings)
    if not all(isinstance(each, str) for each in texts):
        raise ValueError("a chunk is made of texts")
    if type(chunk.start) is not int or type(chunk.end) is not int or not isinstance(chunk.metadata, dict):
        raise ValueError("a chunk stands somewhere in its document")
    return chunk
