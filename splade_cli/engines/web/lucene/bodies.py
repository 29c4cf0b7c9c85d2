"""What Elasticsearch and OpenSearch share: the fields of an index, documents, bulk lines, searches.

Fields beside the vector: `title`, `headings` and `text` are analysed, so that they can be searched by words
as well; `numbers`, `flags`, `texts`, `numerals`, `spelled` and `folded` hold the metadata by kind, for
filters; `metadata` is kept as JSON in a text, not indexed.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.web.documents import DIGEST, METADATA, POSITION, Row, decimal_weights
from splade_cli.engines.web.fields import FLAGS, FOLDED, NUMBERS, NUMERALS, SPELLED, TEXTS, typed_fields
from splade_cli.engines.web.lucene.filters import Body, lucene_query
from splade_cli.engines.web.names import FeatureNames

VECTOR = "v"
META = "splade"
ID_BYTES = 512
KEYWORD_BYTES = 32_766
"""Of one term, in Lucene; a longer text of the metadata is kept, and found by no filter."""
FIELDS = 1000
"""Fields of an index that both engines allow unless they are told otherwise."""
TYPES = {
    NUMBERS: "double",
    FLAGS: "boolean",
    TEXTS: "keyword",
    NUMERALS: "keyword",
    SPELLED: "double",
    FOLDED: "keyword",
}


def index_body(vector: Body, fields: int, settings: Body | None = None) -> Body:
    """Settings and mapping of an index.

    Args:
        vector: the mapping of the vector's field.
        fields: how many fields the metadata has.
    """
    templates = []
    for kind, type_name in TYPES.items():
        mapping: Body = {"type": type_name}
        if type_name == "keyword":
            mapping["ignore_above"] = KEYWORD_BYTES // 4  # characters, of four bytes at most
        templates.append({kind: {"path_match": f"{kind}.*", "mapping": mapping}})
    return {
        "settings": {
            "index.mapping.total_fields.limit": max(FIELDS, 50 + len(TYPES) * fields),
            **(settings or {}),
        },
        "mappings": {
            "dynamic": "strict",
            "dynamic_templates": templates,
            "properties": {
                VECTOR: vector,
                "document_id": {"type": "keyword"},
                "title": {"type": "text"},
                "headings": {"type": "text"},
                "text": {"type": "text"},
                "start": {"type": "long"},
                "end": {"type": "long"},
                METADATA: {"type": "keyword", "index": False, "doc_values": False},
                POSITION: {"type": "long"},
                DIGEST: {"type": "keyword", "index": False},
                **{kind: {"type": "object", "dynamic": True} for kind in TYPES},
            },
        },
    }


def meta_body(facts: str) -> Body:
    """What a mapping keeps beside the fields: the record of what was pushed, as JSON in a text."""
    return {"_meta": {META: facts}}


def document_body(row: Row, names: FeatureNames) -> Body:
    """The source of one document. A text without an active dimension has no vector, and is found by none."""
    body: Body = {**row.flat_text, **row.marks, **typed_fields(row.chunk).as_body()}
    if len(row.columns):
        body[VECTOR] = weights_by_name(row.columns, row.weights, names)
    return body


def weights_by_name(
    columns: NDArray[np.int32], weights: NDArray[np.float32], names: FeatureNames
) -> dict[str, float]:
    """A vector as an object: a weight for each name."""
    return dict(zip(names.of(columns), decimal_weights(weights), strict=True))


def bulk_lines(name: str, body: Body | None) -> str:
    """Two lines of a bulk request that write a document, or one that deletes it where there is no body."""
    if body is None:
        return _line({"delete": {"_id": name}})
    return _line({"index": {"_id": name}}) + _line(body)


def _line(body: Body) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")) + "\n"


def search_body(vector_query: Body, k: int, condition: Condition | None) -> Body:
    """A search for ids of the `k` best, equal scores by position."""
    query = vector_query
    if condition is not None:
        query = {"bool": {"must": [vector_query], "filter": [lucene_query(condition)]}}
    order: list[Any] = [{"_score": "desc"}, {POSITION: "asc"}]
    return {
        "size": k,
        "query": query,
        "_source": False,
        "sort": order,
        "track_scores": True,
        "track_total_hits": False,
    }
