"""Opening of an index folder: one generation, or the names of the files that are damaged; takes no lock.

A writer may replace the manifest at any moment and remove what it no longer names: who then finds a file gone
reads again, and what is open stays valid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from splade_cli.errors import IndexFolderError, rebuild_hint
from splade_cli.index.containers.checksums import checksum_of, head_of
from splade_cli.index.containers.container import Container
from splade_cli.index.store.manifest import (
    ENCODERS,
    NAME,
    SEGMENTS,
    TOMBSTONES,
    VOCABULARY,
    FileEntry,
    Manifest,
    SegmentEntry,
)
from splade_cli.index.store.segment import Segment
from splade_cli.index.store.segment_file import Shape, open_segment

TOMBSTONE_ROWS = "rows"
SHOWN_DAMAGES = 5
Result = TypeVar("Result")


@dataclass(frozen=True)
class Generation:
    """One generation of an index folder, open; arrays are memory-mapped."""

    manifest: Manifest
    segments: list[Segment]
    vocabulary: list[str]
    encoder: Path


def read(folder: Path, *, verify: bool = False) -> Generation:
    """Opens the present generation. Sizes, shapes and the beginnings of files are checked always, every byte
    if `verify`.

    Raises:
        IndexFolderError: naming the files that are missing or damaged.
    """

    def opened(manifest: Manifest) -> Generation:
        damaged = list(damages(folder, manifest, every_byte=verify))
        if damaged:
            more = f", and {len(damaged) - SHOWN_DAMAGES} more" if len(damaged) > SHOWN_DAMAGES else ""
            raise IndexFolderError(
                f"the index {folder} is damaged: {', '.join(damaged[:SHOWN_DAMAGES])}{more}",
                rebuild_hint(folder),
            )
        encoder = folder / ENCODERS / manifest.encoder
        try:
            vocabulary = json.loads((encoder / VOCABULARY).read_text(encoding="utf-8"))
            segments = [_open_segment(folder, manifest, entry) for entry in manifest.segments]
        except (OSError, ValueError) as error:
            raise IndexFolderError(f"the index {folder} is damaged: {error}", rebuild_hint(folder)) from None
        return Generation(manifest, segments, vocabulary, encoder)

    return _consistently(folder, opened)


def _consistently(folder: Path, action: Callable[[Manifest], Result]) -> Result:
    """What `action` makes of a generation; once more where it failed because a writer has replaced that
    meanwhile."""
    manifest = Manifest.read(folder)
    while True:
        try:
            return action(manifest)
        except IndexFolderError:
            seen, manifest = manifest, Manifest.read(folder)
            if manifest == seen:
                raise


def damages(folder: Path, manifest: Manifest, *, every_byte: bool) -> Iterator[str]:
    """Each file of a generation that is not as the manifest says, and how it is."""
    for name, expected in manifest.files.items():
        path = folder / name
        try:
            size = path.stat().st_size if path.is_file() else None
            if size is None:
                yield f"{name} is missing"
            elif size != expected.bytes:
                yield f"{name} is {size} bytes instead of {expected.bytes}"
            elif _is_changed(path, expected, every_byte):
                yield f"{name} does not match its checksum"
        except OSError as error:
            yield f"{name} cannot be read ({error.strerror or error})"


def _is_changed(path: Path, expected: FileEntry, every_byte: bool) -> bool:
    if every_byte:
        return checksum_of(path).crc32 != expected.crc32
    return head_of(path) != expected.head


def _open_segment(folder: Path, manifest: Manifest, entry: SegmentEntry) -> Segment:
    shape = Shape(entry.rows, manifest.dimensions, entry.nonzeros)
    segment = open_segment(folder / SEGMENTS, entry.name, shape, manifest.info)
    if entry.tombstones is not None:
        rows = Container(folder / TOMBSTONES / entry.tombstones).tensor(TOMBSTONE_ROWS, np.int64)
        ascending = not len(rows) or 0 <= rows[0] <= rows[-1] < entry.rows
        if len(rows) != entry.deleted or not ascending:
            raise ValueError(f"{entry.tombstones} does not fit its segment")
        segment.alive = np.ones(entry.rows, dtype=np.bool_)
        segment.alive[rows] = False
    return segment


def size_bytes(folder: Path) -> int:
    """Bytes of the files of an index folder's present generation, manifest included."""
    manifest = Manifest.read(folder)
    return (folder / NAME).stat().st_size + sum(each.bytes for each in manifest.files.values())
