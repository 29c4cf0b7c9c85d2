"""The query encoder that an index folder carries: ``tokenizer.json`` and a table of weights, or a graph."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import numpy as np

from splade_cli.errors import IndexFolderError, rebuild_hint
from splade_cli.machine_faults import raise_machine_error
from splade_cli.model.query_encoders.base import GRAPH, TABLE, QueryEncoder, QueryEncoderExport
from splade_cli.model.query_encoders.static import StaticQueryEncoder
from splade_cli.model.query_encoders.tokenizer import TOKENIZER
from splade_cli.records import QueryInfo

TEXTS_AT_ONCE = 2048


def open_query_encoder(folder: Path, info: QueryInfo | None) -> QueryEncoder | None:
    """The query encoder in the encoder's folder of an index, None where it carries none.

    Raises:
        InputError: a library that it needs is not installed.
        IndexFolderError: a kind that this version does not know, or a damaged file.
    """
    if info is None:
        return None
    tokenizer = folder / TOKENIZER
    if info.kind == "static":
        try:
            table = np.load(folder / TABLE, allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise_machine_error(error)
            raise IndexFolderError(
                f"{folder / TABLE} is no table of weights ({error})", rebuild_hint()
            ) from None
        return StaticQueryEncoder(
            tokenizer,
            table,
            max_seq_length=info.max_seq_length,
            prompt=info.prompt,
            max_active=info.max_active,
        )
    if info.kind == "onnx":
        from splade_cli.model.query_encoders.onnx import OnnxQueryEncoder

        return OnnxQueryEncoder(
            folder / GRAPH,
            tokenizer,
            max_seq_length=info.max_seq_length,
            prompt=info.prompt,
            max_active=info.max_active,
        )
    raise IndexFolderError(
        f"the index {folder} encodes queries by '{info.kind}', which this splade does not know",
        rebuild_hint(),
    )


def exported(export: QueryEncoderExport, texts: Iterable[str], folder: Path) -> QueryEncoder:
    """The encoder that an index of `texts` would carry, its files in `folder`."""
    remaining = iter(texts)
    while some := list(islice(remaining, TEXTS_AT_ONCE)):
        export.count(some)
    export.write(folder)
    encoder = open_query_encoder(folder, export.info)
    assert encoder is not None
    return encoder
