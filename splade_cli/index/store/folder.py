"""The index folder, format version 3: writes it and keeps writers apart; knows no searching and opens no segment.

    manifest.json               the generation: segments, and size and CRC-32 of every other file; see `manifest`
    segments/NAME/              rows with all that finds them; see `segments`
    tombstones/NAME-GEN.npy     int64: which rows of a segment are deleted
    encoders/NAME/              vocabulary.json (names of the V columns) and query.* (what encodes queries)
    writer.lock                 held by the process that writes; no part of a generation

Files are written once under new names; only manifest.json is replaced, in one step, when all that it names is on the
disk. So a writer that is killed leaves the generation that was there, and what it had begun is swept away by the next.
docs/index-format.md says it at length.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.files import claim_output, replacing_folder
from splade_cli.index.info import Bm25Info, IndexInfo
from splade_cli.index.store.arrays import sync_folder
from splade_cli.index.store.manifest import (
    ENCODERS,
    MARKS,
    NAME,
    SEGMENTS,
    TOMBSTONES,
    VOCABULARY,
    FileEntry,
    Manifest,
    SegmentEntry,
    entries,
)
from splade_cli.index.store.segment import Batch, Words, Written, write_segment
from splade_cli.index.vectors.impacts import Impacts

LOCK = "writer.lock"
_LOCK_HINT = "wait until it has ended, then type the same command again"


@dataclass(frozen=True)
class Content:
    """What goes into a new index, beside vectors and rows.

    Attributes:
        vocabulary: names of the columns.
        info: the models and settings that made it; `bm25` of it is written from `words`.
        encoder_files: writes the files that belong to the encoder, such as its ``tokenizer.json`` and those that encode
            queries, into a folder; called when the last batch has passed.
        words: how to count words for BM25, None for no BM25.
    """

    vocabulary: Sequence[str] = ()
    info: IndexInfo = field(default_factory=IndexInfo)
    encoder_files: Callable[[Path], None] | None = None
    words: Words | None = None


def write(
    folder: Path,
    batches: Iterable[Batch],
    content: Content,
    *,
    dimensions: int,
    force: bool,
) -> None:
    """Writes an index of one segment, one batch in memory at a time.

    Where there is an index already it gets a new generation, so that it opens at any moment; any other folder is
    replaced as a whole.

    Args:
        batches: the rows, read once; their ids must be unique.

    Raises:
        InputError: `folder` is taken and `force` is not given; an id that comes twice, a count that differs, a weight
            that is not finite, or negative where there are impacts.
        IndexFolderError: another process is writing to the index that is to be replaced.
    """
    claim_output(folder, force, MARKS)
    try:
        Manifest.read(folder)
    except IndexFolderError:
        with replacing_folder(folder) as temporary:
            _write_generation(temporary, batches, content, dimensions, None)
            sync_folder(temporary)
        return
    with writing(folder) as before:
        commit(folder, _write_generation(folder, batches, content, dimensions, before))


def _write_generation(
    folder: Path,
    batches: Iterable[Batch],
    content: Content,
    dimensions: int,
    before: Manifest | None,
) -> Manifest:
    """Writes files that are all new, and the manifest where there was none before."""
    generation = before.generation + 1 if before else 1
    name = f"{generation:06d}"
    encoder = folder / ENCODERS / name
    encoder.mkdir(parents=True)
    (encoder / VOCABULARY).write_text(
        json.dumps(list(content.vocabulary), ensure_ascii=False), encoding="utf-8"
    )
    entry, files, written = add_segment(
        folder, name, unique_ids(batches), dimensions,
        words=content.words, dense=content.info.dense is not None, impacts=content.info.impacts,
    )  # fmt: skip
    if content.encoder_files is not None:
        content.encoder_files(encoder)
    bm25 = None if written.language is None else Bm25Info(written.language)
    manifest = Manifest(
        generation,
        dimensions,
        (entry,),
        name,
        entries(folder, encoder.iterdir()) | files,
        replace(content.info, bm25=bm25),
    )
    if before is None:
        manifest.write(folder)
    return manifest


def add_segment(
    folder: Path,
    name: str,
    batches: Iterable[Batch],
    dimensions: int,
    *,
    words: Words | None,
    dense: bool,
    impacts: Impacts | None,
) -> tuple[SegmentEntry, dict[str, FileEntry], Written]:
    """Writes a segment that no manifest names yet; gives what one has to say of it. Raises as `write_segment`."""
    place = folder / SEGMENTS / name
    written = write_segment(place, batches, dimensions, words=words, dense=dense, impacts=impacts)
    files = entries(folder, [path for path in place.rglob("*") if path.is_file()])
    for path in (place, place.parent):
        sync_folder(path)
    return SegmentEntry(name, written.rows, written.nonzeros), files, written


def add_tombstones(
    folder: Path, segment: SegmentEntry, generation: int, numbers: NDArray[np.int64]
) -> tuple[SegmentEntry, dict[str, FileEntry]]:
    """Writes which rows of a segment, `numbers`, are deleted from `generation` on; gives what a manifest is to say."""
    name = f"{segment.name}-{generation:06d}.npy"
    path = folder / TOMBSTONES / name
    path.parent.mkdir(exist_ok=True)
    np.save(path, np.sort(numbers).astype(np.int64))
    sync_folder(path.parent)
    entry = SegmentEntry(segment.name, segment.rows, segment.nonzeros, len(numbers), name)
    return entry, entries(folder, [path])


@contextmanager
def writing(folder: Path) -> Iterator[Manifest]:
    """The sole right to write to an index folder; gives its present manifest. The system frees the lock of a dead one.

    Raises:
        IndexFolderError: no index there, or another process is writing to it.
    """
    from filelock import FileLock, Timeout

    Manifest.read(folder)
    lock = FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise IndexFolderError(f"another process is writing to the index {folder}", _LOCK_HINT) from None
    try:
        manifest = Manifest.read(folder)
        sweep(folder, manifest)
        yield manifest
    finally:
        lock.release()


def commit(folder: Path, manifest: Manifest) -> None:
    """Makes `manifest` the folder's generation and removes what it does not use; readers keep what they have open."""
    for kind in (SEGMENTS, ENCODERS, TOMBSTONES):
        if (folder / kind).is_dir():
            sync_folder(folder / kind)
    manifest.write(folder)
    sweep(folder, manifest)


def sweep(folder: Path, manifest: Manifest) -> None:
    """Removes what `manifest` does not use: of older generations, and what killed writers began."""
    for kind in (SEGMENTS, ENCODERS):
        for path in (folder / kind).glob("*"):
            if not manifest.uses(f"{kind}/{path.name}/"):
                shutil.rmtree(
                    path, ignore_errors=True
                )  # may be open elsewhere, on systems where that forbids it
    stale = [
        path for path in (folder / TOMBSTONES).glob("*") if not manifest.uses(f"{TOMBSTONES}/{path.name}")
    ]
    for path in (*stale, *folder.glob(f".{NAME}.*.tmp")):
        with suppress(OSError):
            path.unlink()


def unique_ids(batches: Iterable[Batch]) -> Iterator[Batch]:
    """The same batches. Raises InputError for an id that comes twice."""
    seen: set[str] = set()
    for batch in batches:
        for row in batch.rows:
            if row["id"] in seen:
                raise InputError(f"the id '{row['id']}' comes twice", "ids must be unique in an index")
            seen.add(row["id"])
        yield batch
