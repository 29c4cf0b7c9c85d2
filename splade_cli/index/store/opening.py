"""Opening of an index folder: one generation, or the names of the files that are damaged; takes no lock.

A writer may replace the manifest at any moment and remove what it no longer names: who then finds a file gone
reads again, and what is open stays valid.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, rebuild_hint
from splade_cli.index.containers.checksums import Checksum, checksum_of, crc32_of
from splade_cli.index.containers.container import Container
from splade_cli.index.containers.plain_json import plain_json
from splade_cli.index.containers.regular_files import NOT_REGULAR, irregular_below, read_regular
from splade_cli.index.store.encoder_files import EncoderFiles
from splade_cli.index.store.manifest import (
    ENCODERS,
    NAME,
    SEGMENTS,
    SUMS,
    TENSORS,
    TEXTS,
    TOMBSTONES,
    VOCABULARY,
    Manifest,
    unreadable,
)
from splade_cli.index.store.manifest_parts import SegmentEntry
from splade_cli.index.store.segment import Segment
from splade_cli.index.store.segment_file import Shape, open_segment, read_sums

TOMBSTONE_ROWS = "rows"
SHOWN_DAMAGES = 5
Result = TypeVar("Result")


@dataclass(frozen=True)
class Generation:
    """One generation of an index folder, open; arrays are memory-mapped."""

    manifest: Manifest
    segments: list[Segment]
    vocabulary: list[str]
    encoder: EncoderFiles


def read(folder: Path, *, verify: bool = False) -> Generation:
    """Opens the present generation. Sizes, shapes, small files and headers are checked here, all else when it
    is first read; everything here if `verify`.

    Raises:
        IndexFolderError: naming the files that are missing or damaged, or why they cannot be read.
    """

    def opened(manifest: Manifest) -> Generation:
        refuse_irregular(folder)
        damaged = list(damages(folder, manifest, every_byte=verify))
        if damaged:
            more = f", and {len(damaged) - SHOWN_DAMAGES} more" if len(damaged) > SHOWN_DAMAGES else ""
            raise IndexFolderError(
                f"the index {folder} is damaged: {', '.join(damaged[:SHOWN_DAMAGES])}{more}",
                rebuild_hint(folder),
            )
        encoder = EncoderFiles(folder, manifest)
        vocabulary = _vocabulary(folder, manifest)
        segments = [_open_segment(folder, manifest, entry) for entry in manifest.segments]
        if verify:
            for segment in segments:
                segment.require_whole()
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


def refuse_irregular(folder: Path) -> None:
    """Raises IndexFolderError for a link or a device where an index has files of its own: it would be read,
    or removed, somewhere else."""
    for kind in (NAME, SEGMENTS, ENCODERS, TOMBSTONES):
        try:
            found = next(irregular_below(folder / kind), None)
        except OSError as error:
            raise unreadable(folder, kind, error) from None
        if found is not None:
            raise unreadable(folder, found.relative_to(folder).as_posix(), OSError(errno.EINVAL, NOT_REGULAR))


def damages(folder: Path, manifest: Manifest, *, every_byte: bool) -> Iterator[str]:
    """Each file of a generation that is not as the manifest says, and how it is.

    Raises:
        IndexFolderError: a file that cannot be read.
    """
    for name, expected in manifest.files.items():
        try:
            size = (folder / name).stat().st_size if (folder / name).is_file() else None
            if size is None:
                yield f"{name} is missing"
            elif size != expected.bytes:
                yield f"{name} is {size} bytes instead of {expected.bytes}"
            elif every_byte and checksum_of(folder / name).crc32 != expected.crc32:
                yield f"{name} does not match its checksum"
        except OSError as error:
            raise unreadable(folder, name, error) from None


def content_of(folder: Path, manifest: Manifest, name: str) -> bytes:
    """The bytes of a file that is small enough to be read as a whole.

    Raises:
        IndexFolderError: it is damaged, or cannot be read.
    """
    expected = manifest.files[name]
    checksum = Checksum()
    try:
        content = read_regular(folder / name, expected.bytes)
    except OSError as error:
        raise unreadable(folder, name, error) from None
    checksum.update(content)
    if (checksum.size, checksum.crc32) != (expected.bytes, expected.crc32):
        raise IndexFolderError(
            f"the index {folder} is damaged: {name} does not match its checksum", rebuild_hint(folder)
        )
    return content


def _vocabulary(folder: Path, manifest: Manifest) -> list[str]:
    """Names of the columns; there may be none."""
    name = f"{ENCODERS}/{manifest.encoder}/{VOCABULARY}"
    try:
        words = plain_json(content_of(folder, manifest, name))
    except ValueError:
        words = None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise IndexFolderError(f"the index {folder} is damaged: {name} is no list", rebuild_hint(folder))
    if len(words) not in (0, manifest.dimensions):
        raise IndexFolderError(
            f"the index {folder} is damaged: {name} names {len(words)} of {manifest.dimensions} dimensions",
            rebuild_hint(folder),
        )
    return words


def _open_segment(folder: Path, manifest: Manifest, entry: SegmentEntry) -> Segment:
    shape = Shape(entry.rows, manifest.dimensions, entry.nonzeros)
    files = [f"{SEGMENTS}/{entry.name}{ending}" for ending in (TENSORS, TEXTS, SUMS)]
    try:
        sums = read_sums(
            content_of(folder, manifest, files[2]),
            (manifest.files[files[0]].bytes, manifest.files[files[1]].bytes),
        )
        for name, part in zip(files, sums, strict=False):
            if crc32_of(part) != manifest.files[name].crc32:
                raise ValueError(f"{files[2]} holds other checksums than {NAME}")
        segment = open_segment(folder / SEGMENTS, entry.name, shape, manifest.info, sums)
        if entry.tombstones is not None:
            segment.alive = _alive(folder / TOMBSTONES / entry.tombstones, entry, manifest)
    except OSError as error:
        raise unreadable(folder, files[0], error) from None
    except ValueError as error:
        raise IndexFolderError(f"the index {folder} is damaged: {error}", rebuild_hint(folder)) from None
    return segment


def _alive(path: Path, entry: SegmentEntry, manifest: Manifest) -> NDArray[np.bool_]:
    """bool [rows]: False for those that the tombstones name. Raises ValueError where they do not fit."""
    expected = manifest.files[f"{TOMBSTONES}/{path.name}"]
    if checksum_of(path).crc32 != expected.crc32:
        raise ValueError(f"{TOMBSTONES}/{path.name} does not match its checksum")
    rows = Container(path).tensor(TOMBSTONE_ROWS, np.int64)
    ascending = not len(rows) or (rows[0] >= 0 and rows[-1] < entry.rows and np.all(np.diff(rows) > 0))
    if len(rows) != entry.deleted or not ascending:
        raise ValueError(f"{path.name} does not fit its segment")
    alive = np.ones(entry.rows, dtype=np.bool_)
    alive[rows] = False
    return alive


def size_bytes(folder: Path) -> int:
    """Bytes of the files of an index folder's present generation, manifest included."""
    manifest = Manifest.read(folder)
    return (folder / NAME).stat().st_size + sum(each.bytes for each in manifest.files.values())
