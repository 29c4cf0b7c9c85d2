"""Documents into an index that is there: new ones after the old, changed ones in place of theirs, equal ones skipped.

Chunks are cut as the index's own were and encoded by its model; what was encoded is kept beside the index until the
new generation stands, so that the same call goes on after a kill. Knows no terminal.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

import numpy as np

from splade_cli.corpus.documents import Skipped
from splade_cli.errors import InputError
from splade_cli.files import read_jsonl, replacing
from splade_cli.index.index import SpladeIndex
from splade_cli.index.store.records import Row, document_of
from splade_cli.index.store.writer import IndexWriter, Merged
from splade_cli.indexing.build import (
    DenseEncoder,
    chunking_of,
    dense_windows,
    rows_with_vectors,
    spool_chunks,
    texts_of,
)
from splade_cli.indexing.models import check_model, dense_of, embedder_of
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Progress, silent


@dataclass
class Added:
    """What became of the documents that were read: `new`, `changed`, `unchanged` count them, `chunks` those written.

    `merged` is what merging did where it was due.
    """

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    chunks: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    merged: Merged | None = None


def add_documents(
    documents: str | Path,
    index_dir: str | Path,
    *,
    embedder: SpladeEmbedder | None = None,
    dense: DenseEncoder | None = None,
    workers: int = 1,
    progress: Progress = silent,
) -> Added:
    """Adds a file or folder of documents to an index folder, in one step.

    A document whose id is in the index replaces that one, unless all its chunks are as they were. Ids of files are
    their paths below the folder that is named, as they were when the index was built.

    Vectors are pruned and rounded as the index's own; the step of its weights stays, so one above the largest that it
    can hold becomes that.

    Args:
        embedder: the model that made the index, where it is loaded already or lies elsewhere now.
        dense: the same of its dense model, where it has one.
        workers: encoding processes, see `model.shards.encode_to_shards`.

    Raises:
        IndexFolderError: no index there, damaged, made by another model, or being written to.
        InputError, ModelError: as reading, chunking, loading and encoding raise.
    """
    with IndexWriter(index_dir) as writer:
        index = writer.index
        work = additions_of(index_dir)
        everything, fresh = work / "rows.jsonl", work / "fresh.jsonl"
        try:
            read = spool_chunks(Path(documents), everything, chunking_of(index), progress)
        except InputError:
            if not list(work.glob("shard-*")):
                shutil.rmtree(work, ignore_errors=True)
            raise
        added = Added(skipped=read.skipped)
        replaced = _sieve(index, everything, fresh, added)
        if added.chunks:
            embedder = embedder or embedder_of(index)
            check_model(index, embedder)
            shards = embedder.encode_shards(
                texts_of(fresh), work, workers=workers, total=added.chunks, progress=progress
            )
            windows: list[Path] = []
            if index.info.dense is not None:
                dense = dense or dense_of(index)
                windows = dense_windows(dense, texts_of(fresh), work, added.chunks, progress)
            progress("write", 0, 1)
            parts = map(index.info.pruning.applied, shards.parts())
            batches = rows_with_vectors(parts, fresh, windows)
            writer.append(batches, replaced=np.array(replaced, dtype=np.int64))
            added.merged = writer.merge_where_due()
            progress("write", 1, 1)
        shutil.rmtree(work, ignore_errors=True)
        return added


def additions_of(index_dir: str | Path) -> Path:
    """Where unfinished additions to an index are kept: a hidden folder beside it."""
    path = Path(index_dir)
    return path.with_name(f".{path.name}.adding")


def _sieve(index: SpladeIndex, everything: Path, fresh: Path, added: Added) -> list[int]:
    """Writes the chunks of new and changed documents to `fresh`, counts them, and gives the rows that they replace."""
    replaced: list[int] = []
    taken: set[str] = set()
    with replacing(fresh) as temporary, open(temporary, "w", encoding="utf-8") as out:
        for document_id, group in groupby(read_jsonl(everything), key=document_of):
            rows = list(group)
            old = index.find(document_id, chunks=False).tolist()
            if old and [_content(row) for row in rows] == [_content(index.rows[number]) for number in old]:
                added.unchanged += 1
                continue
            added.changed += bool(old)
            added.new += not old
            replaced.extend(old)
            for row in rows:
                row["id"] = _free_name(index, row["id"], taken, set(old))
                taken.add(row["id"])
                out.write(json.dumps(row, ensure_ascii=False) + "\n")
                added.chunks += 1
    return replaced


def _content(row: Row) -> Row:
    """A record without its id, which may bear marks that keep it apart from other documents' ids."""
    return {key: value for key, value in row.items() if key != "id"}


def _free_name(index: SpladeIndex, name: str, taken: set[str], gone: set[int]) -> str:
    """`name`, with marks where another document's chunk has it."""
    while name in taken or set(index.find(name, documents=False).tolist()) - gone:
        name = f"{name}'"
    return name
