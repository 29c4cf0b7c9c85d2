"""Bodies for Qdrant: named sparse vectors, searched exactly by their dot product.

Points have a number or a UUID as their id, so that ours becomes a UUID and stands in the payload as well. By
documentation, https://qdrant.tech/documentation/manage-data/points/, and held against the models and engines
of its own clients. Its ``idf`` modifier is left out: the weights of a learned model are whole without it.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.web.documents import Row, decimal_weights
from splade_cli.engines.web.fields import typed_fields
from splade_cli.engines.web.qdrant.filters import Body, qdrant_filter

VECTOR = "splade"
ID = "id"
SPACE = UUID("b3f5c0a4-6f0e-5d35-9a53-5f3f1d0b7c11")
"""Of the UUIDs that are made of our ids; another one would give every text a second point."""
FACTS = "facts"
FACTS_ID = str(UUID(int=SPACE.int ^ 1))
LIMITS = Limits("Qdrant", dimensions=(1 << 32) - 1, batch_rows=200)
TOLERANCE = 1e-5


def collection_body() -> Body:
    """A collection of sparse vectors alone."""
    return {
        "vectors": {},
        "sparse_vectors": {VECTOR: {"index": {"on_disk": False, "datatype": "float32"}}},
    }


def point_id(name: str) -> str:
    """The UUID of one of our ids; the same each time, so that a text that is sent again is replaced."""
    return str(uuid5(SPACE, name))


def point(row: Row) -> Body:
    """A point: id, vector, and the text with its metadata as payload."""
    payload: dict[str, Any] = {
        ID: row.chunk.id,
        **row.flat_text,
        **row.marks,
        **typed_fields(row.chunk).as_body(),
    }
    return {
        "id": point_id(row.chunk.id),
        "vector": {VECTOR: sparse(row.columns, row.weights)},
        "payload": payload,
    }


def facts_point(facts: str) -> Body:
    """The point without a vector that says what was pushed; no search finds it."""
    return {"id": FACTS_ID, "vector": {}, "payload": {FACTS: facts}}


def sparse(columns: NDArray[np.int32], weights: NDArray[np.float32]) -> Body:
    """A vector as indices and values."""
    return {"indices": columns.tolist(), "values": decimal_weights(weights)}


def search_body(
    columns: NDArray[np.int32], weights: NDArray[np.float32], k: int, condition: Condition | None = None
) -> Body:
    """A query for the `k` points of largest dot product; its answer has our ids as payload."""
    body: Body = {
        "query": sparse(columns, weights),
        "using": VECTOR,
        "limit": k,
        "with_payload": [ID],
        "with_vector": False,
    }
    if condition is not None:
        body["filter"] = qdrant_filter(condition)
    return body
