"""The index folder, format version 4: written one generation after the other, by one process at a time.

    manifest.json                        the generation: segments, and size and CRC-32 of every other file
    segments/NAME.safetensors, .jsonl, .crc32    rows with all that finds them, their texts, and checksums of
                                         blocks of both; see `segment_file`
    tombstones/NAME-GEN.safetensors      which rows of a segment are deleted
    encoders/NAME/                       vocabulary.json (names of the V columns), tokenizer.json, and query.*
    (what
                                         encodes queries without the model)

Files are written once under new names; only manifest.json is replaced, in one step, when all that it names is
on the disk. So a writer that is killed leaves the generation that was there, and what it had begun is swept
away by the next. docs/index-format.md says it at length.
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

from splade_cli.errors import IndexFolderError
from splade_cli.index.containers.checksums import checksum_of
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.info import Bm25Info, IndexInfo
from splade_cli.index.store.batches import Batch, unique_ids
from splade_cli.index.store.manifest import (
    ENCODERS,
    NAME,
    SEGMENTS,
    TOMBSTONES,
    VOCABULARY,
    Manifest,
    entries,
)
from splade_cli.index.store.manifest_parts import FileEntry, SegmentEntry
from splade_cli.index.store.opening import TOMBSTONE_ROWS, refuse_irregular
from splade_cli.index.store.segment_file import sums_of, tensors_of, texts_of, write_sums
from splade_cli.index.store.segment_writer import Bm25Request, write_segment
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import claim_output, remove_leftovers, replacing_folder
from splade_cli.storage.marks import index_marks
from splade_cli.storage.outputs import sync_folder


@dataclass(frozen=True)
class Content:
    """What goes into a new index, beside vectors and rows.

    Attributes:
        vocabulary: names of the columns.
        info: the models and settings that made it; `bm25` of it is written anew.
        encoder_files: writes the files that belong to the encoder, such as its ``tokenizer.json`` and those
            that encode queries, into a folder; called when the last batch has passed.
        bm25: how to count terms for BM25, None for no BM25.
    """

    vocabulary: Sequence[str] = ()
    info: IndexInfo = field(default_factory=IndexInfo)
    encoder_files: Callable[[Path], None] | None = None
    bm25: Bm25Request | None = None


def write(
    folder: Path,
    batches: Iterable[Batch],
    content: Content,
    *,
    dimensions: int,
    force: bool,
) -> None:
    """Writes an index of one segment, a batch in memory at a time, where whoever calls has claimed `folder`.

    Where there is an index already it gets a new generation, so that it opens at any moment; any other folder
    is replaced as a whole.

    Args:
        batches: the rows, read once; their ids must be unique.

    Raises:
        InputError: `folder` is taken and `force` is not given; an id that comes twice, a count that differs,
            a weight that is not finite, or negative where there are impacts.
    """
    claim_output(folder, force, index_marks(folder))
    remove_leftovers(folder)
    try:
        before = swept(folder)
    except IndexFolderError:
        with replacing_folder(folder, synced=True) as temporary:
            _write_generation(temporary, batches, content, dimensions, None)
        return
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
    entry, files, language = add_segment(
        folder, name, unique_ids(batches), dimensions, content.info, content.bm25
    )
    if content.encoder_files is not None:
        content.encoder_files(encoder)
    bm25 = None if language is None or content.bm25 is None else Bm25Info(language, content.bm25.title_weight)
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
    info: IndexInfo,
    bm25: Bm25Request | None,
) -> tuple[SegmentEntry, dict[str, FileEntry], str | None]:
    """Writes a segment that no manifest names yet; gives what one has to say of it, and its language.

    Raises:
        InputError: as `write_segment` does.
    """
    segments = folder / SEGMENTS
    written = write_segment(
        segments,
        name,
        batches,
        dimensions,
        bm25=bm25,
        dense=info.dense is not None,
        impacts=info.impacts,
    )
    texts = checksum_of(texts_of(segments, name), sync=True)
    write_sums(sums_of(segments, name), written.checksum, texts)
    files = entries(folder, [sums_of(segments, name)])
    files[texts_of(segments, name).relative_to(folder).as_posix()] = FileEntry.of(texts)
    files[tensors_of(segments, name).relative_to(folder).as_posix()] = FileEntry.of(written.checksum)
    sync_folder(segments)
    return SegmentEntry(name, written.rows, written.nonzeros), files, written.language


def add_tombstones(
    folder: Path, segment: SegmentEntry, generation: int, rows: NDArray[np.int64]
) -> tuple[SegmentEntry, dict[str, FileEntry]]:
    """Writes which rows of a segment are deleted from `generation` on; gives what a manifest is to say."""
    name = f"{segment.name}-{generation:06d}.safetensors"
    path = folder / TOMBSTONES / name
    path.parent.mkdir(exist_ok=True)
    with ContainerWriter(path) as out:
        out.add(TOMBSTONE_ROWS, np.sort(rows).astype(np.int64))
    sync_folder(path.parent)
    entry = SegmentEntry(segment.name, segment.rows, segment.nonzeros, len(rows), name)
    return entry, entries(folder, [path])


@contextmanager
def writing(folder: Path) -> Iterator[Manifest]:
    """The sole right to write to an index folder; gives its present manifest.

    Raises:
        IndexFolderError: no index there, or one with links in it.
        InputError: another process is writing to it.
    """
    Manifest.read(folder)
    with claimed(folder):
        remove_leftovers(folder)
        yield swept(folder)


def swept(folder: Path) -> Manifest:
    """The present manifest of a folder that is claimed, where what killed writers began is removed.

    Raises:
        IndexFolderError: no index there, or one with links in it.
    """
    manifest = Manifest.read(folder)
    refuse_irregular(folder)
    sweep(folder, manifest)
    return manifest


def commit(folder: Path, manifest: Manifest) -> None:
    """Makes `manifest` the folder's generation and removes what it does not use; readers keep what they have
    open."""
    for kind in (SEGMENTS, ENCODERS, TOMBSTONES):
        if (folder / kind).is_dir():
            sync_folder(folder / kind)
    manifest.write(folder)
    sweep(folder, manifest)


def sweep(folder: Path, manifest: Manifest) -> None:
    """Removes what `manifest` does not use: of older generations, and what killed writers began."""
    for kind in (SEGMENTS, ENCODERS, TOMBSTONES):
        for path in (folder / kind).glob("*"):
            if path.is_dir():
                if kind != ENCODERS or path.name != manifest.encoder:
                    shutil.rmtree(path, ignore_errors=True)
            elif not manifest.uses(f"{kind}/{path.name}"):
                _remove(path)
    for path in folder.glob(f".{NAME}.*.tmp"):
        _remove(path)


def _remove(path: Path) -> None:
    """Removes a file, unless it is open elsewhere on a system that forbids it."""
    with suppress(OSError):
        path.unlink()
