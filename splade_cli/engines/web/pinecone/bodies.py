"""Bodies for Pinecone: vector records of sparse values, metric ``dotproduct``.

Metadata are flat there: texts, numbers, truth values, lists of texts. By documentation:
https://docs.pinecone.io/guides/legacy/vectors-api/upsert-vectors , https://www.pinecone.io/docs/limits/
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, unquote

import numpy as np
from numpy.typing import NDArray

from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.web.documents import Row, decimal_weights
from splade_cli.engines.web.fields import NUMERALS, TEXTS, typed_fields
from splade_cli.engines.web.pinecone.filters import Body, key_of, pinecone_filter
from splade_cli.errors import InputError

CHUNK = "chunk"
DOCUMENT = "document_id"
MOST_ID = 512
PLAIN = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
MOST_HITS = 10_000
MOST_BYTES = 2_000_000
"""Of a request."""
LIMITS = Limits(
    "Pinecone",
    dimensions=(1 << 32) - 2,
    nonzeros=1000,
    id_bytes=MOST_ID,
    text_bytes=20_000,  # of 40 KB of metadata, which hold the fields once more
    nul=False,
    batch_rows=100,
)
TOLERANCE = 1e-3
NOTHING = (1 << 32) - 2
"""The dimension of a text that has none of its own, since Pinecone takes no empty vector; no query has it."""


def record_id(name: str) -> str:
    """Pinecone's id of one of ours: signs outside ASCII are percent-encoded.

    Raises:
        InputError: one that is too long then.
    """
    encoded = quote(name.encode("utf-8", "surrogatepass"), safe=PLAIN)
    if len(encoded) > MOST_ID:
        raise InputError(
            f"Pinecone takes ids of {MOST_ID} characters of ASCII, '{name[:60]}' comes to {len(encoded)}",
            "give the documents shorter ids",
        )
    return encoded


def our_id(name: str) -> str:
    """The id that `record_id` was made of."""
    return unquote(name)


def record(row: Row) -> Body:
    """A record; that of a text without an active dimension has `NOTHING`.

    The text with all that is known of it lies in one field as JSON, which no filter asks. A field of several
    numbers or truth values is there alone, since Pinecone has no lists of them.
    """
    metadata: dict[str, Any] = {**row.marks, DOCUMENT: row.text["document_id"]}
    metadata[CHUNK] = json.dumps(row.text, ensure_ascii=False, separators=(",", ":"))
    for kind, fields in typed_fields(row.chunk).by_kind().items():
        for name, values in fields.items():
            if kind in (TEXTS, NUMERALS):
                metadata[key_of(kind, name)] = list(values)
            elif len(values) == 1:
                metadata[key_of(kind, name)] = values[0]
    vector = {"indices": [NOTHING], "values": [1.0]}
    if len(row.columns):
        vector = sparse(row.columns, row.weights)
    return {"id": record_id(row.chunk.id), "sparseValues": vector, "metadata": metadata}


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
