"""The query encoder that an index folder carries: ``tokenizer.json`` and a table of weights, or a graph."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, rebuild_hint
from splade_cli.model.query_encoders.base import GRAPH, TABLE, QueryEncoder, QueryEncoderExport
from splade_cli.model.query_encoders.static import StaticQueryEncoder
from splade_cli.model.query_encoders.tokenizer import TOKENIZER
from splade_cli.records import QueryInfo
from splade_cli.storage.machine_faults import raise_machine_error

TEXTS_AT_ONCE = 2048


def open_query_encoder(
    folder: Path, info: QueryInfo | None, dimensions: int | None = None
) -> QueryEncoder | None:
    """The query encoder in the encoder's folder of an index, None where it carries none.

    Args:
        dimensions: those of the vectors that it must give; any where None.

    Raises:
        InputError: a library that it needs is not installed.
        IndexFolderError: a kind that this version does not know, or a damaged file.
    """
    if info is None:
        return None
    tokenizer = folder / TOKENIZER
    if info.kind == "static":
        table = _table(folder / TABLE)
        encoder: QueryEncoder = StaticQueryEncoder(
            tokenizer,
            table,
            max_seq_length=info.max_seq_length,
            prompt=info.prompt,
            max_active=info.max_active,
        )
        given = len(table)
    elif info.kind == "onnx":
        from splade_cli.model.query_encoders.onnx import OnnxQueryEncoder

        encoder = graph = OnnxQueryEncoder(
            folder / GRAPH,
            tokenizer,
            max_seq_length=info.max_seq_length,
            prompt=info.prompt,
            max_active=info.max_active,
        )
        given = graph.dimensions
    else:
        raise IndexFolderError(
            f"the index {folder} encodes queries by '{info.kind}', which this splade does not know",
            rebuild_hint(folder),
        )
    if dimensions is not None and given != dimensions:
        raise IndexFolderError(
            f"the query encoder in {folder} gives {given} dimensions, the index has {dimensions}",
            rebuild_hint(folder),
        )
    return encoder


def _table(path: Path) -> NDArray[np.float32]:
    """A table of weights [V]. Raises IndexFolderError where the file holds anything else."""
    try:
        # a map is no larger than the file, whatever its header says
        table = np.load(path, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError, EOFError, MemoryError, OverflowError) as error:
        raise_machine_error(error, path)
        raise IndexFolderError(f"{path} is no table of weights ({error})", rebuild_hint(path)) from None
    if table.ndim != 1 or table.dtype != np.float32 or not np.isfinite(table).all():
        raise IndexFolderError(
            f"{path} is no table of weights ({table.dtype} of shape {table.shape})", rebuild_hint(path)
        )
    return np.array(table)


def exported(export: QueryEncoderExport, texts: Iterable[str], folder: Path) -> QueryEncoder:
    """The encoder that an index of `texts` would carry, its files in `folder`."""
    remaining = iter(texts)
    while some := list(islice(remaining, TEXTS_AT_ONCE)):
        export.count(some)
    export.write(folder)
    encoder = open_query_encoder(folder, export.info)
    assert encoder is not None
    return encoder
