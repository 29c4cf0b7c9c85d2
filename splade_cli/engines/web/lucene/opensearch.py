"""Bodies for OpenSearch: ``rank_features``, which is exact up to nine significant bits of a weight, or the
approximate ``sparse_vector`` of its seismic method.

By documentation: https://docs.opensearch.org/latest/query-dsl/specialized/neural-sparse and
https://docs.opensearch.org/latest/mappings/supported-field-types/sparse-vector
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.web.lucene import bodies
from splade_cli.engines.web.lucene.filters import Body, lucene_query
from splade_cli.engines.web.names import NUMBERED, FeatureNames

LIMITS = Limits("OpenSearch", negative=False, id_bytes=bodies.ID_BYTES)
DOTS = False
TOLERANCE = 0.008
"""Of a score: both sides of nine significant bits."""
SEISMIC_TOLERANCE = 0.05
CEILING = 3.0
"""Of a document's weight in a seismic field, which a byte counts up to; larger weights are cut."""
SEARCH_CEILING = 16.0


def index_body(fields: int) -> Body:
    """An index whose vectors are searched exactly."""
    return bodies.index_body({"type": "rank_features"}, fields)


def seismic_index_body(fields: int, largest: float) -> Body:
    """An index whose vectors are searched approximately, in segments of a million texts or more; smaller ones
    are searched exactly.

    Args:
        largest: the largest weight of the texts: the ceiling is no lower, so that none is cut.
    """
    parameters: Body = {
        "quantization_ceiling_ingest": max(CEILING, largest),
        "quantization_ceiling_search": SEARCH_CEILING,
    }
    vector: Body = {"type": "sparse_vector", "method": {"name": "seismic", "parameters": parameters}}
    return bodies.index_body(vector, fields, {"index.sparse": True})


def search_body(
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
    k: int,
    condition: Condition | None = None,
    names: FeatureNames = NUMBERED,
) -> Body:
    """A search for the `k` texts of largest dot product."""
    tokens = bodies.weights_by_name(columns, weights, names)
    return bodies.search_body({"neural_sparse": {bodies.VECTOR: {"query_tokens": tokens}}}, k, condition)


def seismic_search_body(
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
    k: int,
    condition: Condition | None = None,
    names: FeatureNames = NUMBERED,
) -> Body:
    """The same of a seismic field, all tokens of the query kept. The filter is part of the method, so that
    `k` texts that pass are found."""
    method: Body = {"k": k, "top_n": max(1, len(columns))}
    if condition is not None:
        method["filter"] = lucene_query(condition)
    field: Body = {
        "query_tokens": bodies.weights_by_name(columns, weights, names),
        "method_parameters": method,
    }
    return bodies.search_body({"neural_sparse": {bodies.VECTOR: field}}, k, None)
