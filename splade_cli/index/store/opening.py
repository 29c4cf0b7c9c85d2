"""An index folder to one open generation, or the names of the files that are damaged; writes nothing, takes no lock.

A writer may replace the manifest at any moment and remove what it no longer names: who then finds a file gone reads
again, and what is open stays valid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from splade_cli.errors import IndexFolderError
from splade_cli.index.store.arrays import crc32, mapped
from splade_cli.index.store.manifest import (
    ENCODERS,
    NAME,
    REBUILD,
    SEGMENTS,
    TOMBSTONES,
    VOCABULARY,
    Manifest,
    SegmentEntry,
)
from splade_cli.index.store.segment import Segment

ALWAYS_CHECKED_BYTES = 4 << 20
SHOWN_DAMAGES = 5
Result = TypeVar("Result")


@dataclass(frozen=True)
class Stored:
    """One generation of an index folder, open; arrays are memory-mapped."""

    manifest: Manifest
    segments: list[Segment]
    vocabulary: list[str]
    encoder: Path


def read(folder: Path, *, verify: bool = False) -> Stored:
    """Opens the present generation. Sizes, shapes and small files are checked always, every byte if `verify`.

    Raises:
        IndexFolderError: naming the files that are missing or damaged.
    """

    def opened(manifest: Manifest) -> Stored:
        damaged = list(damages(folder, manifest, every_byte=verify))
        if damaged:
            more = f", and {len(damaged) - SHOWN_DAMAGES} more" if len(damaged) > SHOWN_DAMAGES else ""
            raise IndexFolderError(
                f"the index {folder} is damaged: {', '.join(damaged[:SHOWN_DAMAGES])}{more}", REBUILD
            )
        encoder = folder / ENCODERS / manifest.encoder
        try:
            vocabulary = json.loads((encoder / VOCABULARY).read_text(encoding="utf-8"))
            segments = [_open_segment(folder, manifest, entry) for entry in manifest.segments]
        except IndexFolderError:
            raise
        except Exception as error:  # see `Segment.open`
            raise IndexFolderError(f"the index {folder} is damaged: {error}", REBUILD) from None
        return Stored(manifest, segments, vocabulary, encoder)

    return _consistently(folder, opened)


def _consistently(folder: Path, action: Callable[[Manifest], Result]) -> Result:
    """What `action` makes of a generation; once more where it failed because a writer has replaced that meanwhile."""
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
            elif (every_byte or size <= ALWAYS_CHECKED_BYTES) and crc32(path) != expected.crc32:
                yield f"{name} does not match its checksum"
        except OSError as error:
            yield f"{name} cannot be read ({error.strerror or error})"


def _open_segment(folder: Path, manifest: Manifest, entry: SegmentEntry) -> Segment:
    info = manifest.info
    segment = Segment.open(
        folder / SEGMENTS / entry.name,
        (entry.rows, manifest.dimensions),
        entry.nonzeros,
        lexical=info.bm25 is not None,
        dense=None if info.dense is None else info.dense.dimensions,
        impacts=info.impacts,
    )
    if entry.tombstones is not None:
        numbers = mapped(folder / TOMBSTONES / entry.tombstones)
        fits = len(numbers) == entry.deleted and (
            not len(numbers) or 0 <= numbers[0] <= numbers[-1] < entry.rows
        )
        if not fits:
            raise ValueError(f"{entry.tombstones} does not fit its segment")
        segment.alive = np.ones(entry.rows, dtype=np.bool_)
        segment.alive[numbers] = False
    return segment


def size_bytes(folder: Path) -> int:
    """Bytes of the files of an index folder's present generation, manifest included."""
    manifest = Manifest.read(folder)
    return (folder / NAME).stat().st_size + sum(each.bytes for each in manifest.files.values())
