"""Bodies for Pinecone: vector records of sparse values, metric ``dotproduct``.

Metadata are flat there: texts, numbers, truth values, lists of texts. By documentation:
https://docs.pinecone.io/guides/legacy/vectors-api/upsert-vectors , https://www.pinecone.io/docs/limits/
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.web.documents import Row, decimal_weights
from splade_cli.engines.web.fields import NUMERALS, TEXTS, typed_fields
from splade_cli.engines.web.pinecone.filters import Body, key_of, pinecone_filter

CHUNK = "chunk"
DOCUMENT = "document_id"
MOST_HITS = 10_000
MOST_BYTES = 2_000_000
"""Of a request."""
LIMITS = Limits(
    "Pinecone",
    dimensions=(1 << 32) - 1,
    nonzeros=1000,
    id_bytes=512,
    text_bytes=20_000,  # of 40 KB of metadata, which hold the fields once more
    empty=False,
    nul=False,
    batch_rows=100,
)
TOLERANCE = 1e-3


def record(row: Row) -> Body:
    """A record. The text with all that is known of it lies in one field as JSON, which no filter asks.

    A field of several numbers or truth values is there alone, since Pinecone has no lists of them.
    """
    metadata: dict[str, Any] = {**row.marks, DOCUMENT: row.text["document_id"]}
    metadata[CHUNK] = json.dumps(row.text, ensure_ascii=False, separators=(",", ":"))
    for kind, fields in typed_fields(row.chunk).by_kind().items():
        for name, values in fields.items():
            if kind in (TEXTS, NUMERALS):
                metadata[key_of(kind, name)] = list(values)
            elif len(values) == 1:
                metadata[key_of(kind, name)] = values[0]
    return {"id": row.chunk.id, "sparse_values": sparse(row.columns, row.weights), "metadata": metadata}


def sparse(columns: NDArray[np.int32], weights: NDArray[np.float32]) -> Body:
    """A vector as indices and values."""
    return {"indices": columns.tolist(), "values": decimal_weights(weights)}


def search_body(
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
    k: int,
    namespace: str,
    condition: Condition | None = None,
) -> Body:
    """A query for ids of the `k` records of largest dot product."""
    body: Body = {
        "namespace": namespace,
        "topK": k,
        "sparseVector": sparse(columns, weights),
        "includeMetadata": False,
        "includeValues": False,
    }
    if condition is not None:
        body["filter"] = pinecone_filter(condition)
    return body
