"""Bodies for Elasticsearch: ``sparse_vector``, its pruning of frequent tokens switched off.

Weights are kept in nine significant bits. By documentation:
https://elastic.co/docs/reference/elasticsearch/mapping-reference/sparse-vector and
https://elastic.co/docs/reference/query-languages/query-dsl/query-dsl-sparse-vector-query
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.web.lucene import bodies
from splade_cli.engines.web.lucene.filters import Body
from splade_cli.engines.web.names import NUMBERED, FeatureNames

LIMITS = Limits("Elasticsearch", negative=False, id_bytes=bodies.ID_BYTES)
DOTS = False  # versions before 8.16 refuse them
TOLERANCE = 0.008
"""Of a score: both sides of nine significant bits."""


def index_body(fields: int) -> Body:
    """An index whose vectors are searched exactly."""
    return bodies.index_body({"type": "sparse_vector", "index_options": {"prune": False}}, fields)


def search_body(
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
    k: int,
    condition: Condition | None = None,
    names: FeatureNames = NUMBERED,
) -> Body:
    """A search for the `k` texts of largest dot product; pruning is off here as well."""
    query: Body = {
        "field": bodies.VECTOR,
        "query_vector": bodies.weights_by_name(columns, weights, names),
        "prune": False,
    }
    return bodies.search_body({"sparse_vector": query}, k, condition)
