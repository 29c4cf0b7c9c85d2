"""Bodies for Vespa: documents, and queries in YQL; the schema they fit is `application`.

Candidates come from ``wand`` over a weighted set of whole numbers, and are ranked by the dot product of
float tensors, so that scores are exact and only the candidates depend on the rounding. Metadata lie in arrays
of (name, value), one for each kind, which ``sameElement`` asks; so one schema does for all documents. By
documentation: https://docs.vespa.ai/en/multivalue-query-operators.html ,
https://docs.vespa.ai/en/reference/document-json-format.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.engines.remote.conditions import Condition
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.web.documents import Row, decimal_weights
from splade_cli.engines.web.fields import FLAGS, typed_fields
from splade_cli.engines.web.names import NUMBERED, FeatureNames
from splade_cli.engines.web.vespa.filters import vespa_filter
from splade_cli.records import JsonValue

Body = dict[str, Any]
NAMESPACE = "splade"
KIND = "chunk"
FACTS_KIND = "facts"
"""The type of the one document that says what was pushed."""
FACTS_ID = f"id:{NAMESPACE}:{FACTS_KIND}::{FACTS_KIND}"
SCALE = 1000
"""A weight of 1 in the weighted set, whose weights are whole numbers."""
CANDIDATES = 10
"""How many times k texts the weighted set finds for the tensors to rank."""
LIMITS = Limits("Vespa", negative=False, nul=False, batch_rows=100)
TOLERANCE = 1e-4
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufdd0-\ufdef\ufffe\uffff]")


def document_id(name: str) -> str:
    """Vespa's id of one of ours."""
    return f"id:{NAMESPACE}:{KIND}::{name}"


def document_body(row: Row, names: FeatureNames = NUMBERED) -> Body:
    """A put of one document. Control characters of a text, which Vespa refuses, become blanks."""
    words = names.of(row.columns)
    typed = typed_fields(row.chunk)
    fields: Body = {"chunk_id": row.chunk.id, **row.flat_text, **row.marks}
    fields["title"] = legal(row.chunk.title)
    fields["text"] = legal(str(row.text["text"]))
    fields["headings"] = [legal(heading) for heading in row.chunk.headings]
    fields["weights"] = dict(zip(words, decimal_weights(row.weights), strict=True))
    fields["terms"] = dict(zip(words, whole_weights(row.weights), strict=True))
    for kind, values in typed.by_kind().items():
        fields[kind] = _pairs(values, as_number=kind == FLAGS)
    return {"put": document_id(row.chunk.id), "fields": fields}


def facts_body(facts: str) -> Body:
    """A put of the document that says what was pushed; `facts` is JSON in ASCII."""
    return {"put": FACTS_ID, "fields": {"content": facts}}


def legal(text: str) -> str:
    """A text without the characters that no text of Vespa may hold."""
    return _ILLEGAL.sub(" ", text)


def _pairs(fields: Mapping[str, Sequence[JsonValue]], *, as_number: bool) -> list[Body]:
    pairs = []
    for name, values in fields.items():
        for value in values:
            if as_number:
                value = int(bool(value))
            elif isinstance(value, str):
                value = legal(value)
            pairs.append({"name": legal(name), "value": value})
    return pairs


def whole_weights(weights: NDArray[np.float32]) -> list[int]:
    """Weights in thousandths, none below 1, so that no term gets lost."""
    rounded: list[int] = np.maximum(1, np.rint(weights.astype(np.float64) * SCALE)).astype(np.int64).tolist()
    return rounded


def search_body(
    columns: NDArray[np.int32],
    weights: NDArray[np.float32],
    k: int,
    condition: Condition | None = None,
    names: FeatureNames = NUMBERED,
) -> Body:
    """A query for the `k` documents of largest dot product."""
    words = names.of(columns)
    where = f"({{targetHits: {k * CANDIDATES}}}wand(terms, @tokens))"
    if condition is not None:
        where = f"{where} and {vespa_filter(condition)}"
    pairs = zip(words, whole_weights(weights), strict=True)
    return {
        "yql": f"select chunk_id from {KIND} where {where}",
        "hits": k,
        "ranking": "splade",
        "tokens": "{" + ",".join(f"{json.dumps(name)}:{weight}" for name, weight in pairs) + "}",
        "input.query(q)": dict(zip(words, decimal_weights(weights), strict=True)),
    }
