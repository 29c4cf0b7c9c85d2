"""Encoding endpoints: sparse vectors of texts, in our shape and in that of text-embeddings-inference."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import scipy.sparse as sp
from starlette.requests import Request
from starlette.responses import Response

from splade_cli.deploy.server.endpoints import reading as read
from splade_cli.deploy.server.endpoints.parameters import (
    EmbedSparseParameters,
    EncodeParameters,
    require_few,
    require_short,
)
from splade_cli.deploy.server.endpoints.service import Service, service_of
from splade_cli.deploy.server.options import Limits
from splade_cli.deploy.server.refusals import Refusal, json_response
from splade_cli.deploy.server.served_index import Served
from splade_cli.records import JsonValue
from splade_cli.search.batch import require_text
from splade_cli.search.explain.terms import term_name


async def encode(request: Request) -> Response:
    """POST /encode."""
    service = service_of(request)
    given = await read.of_body(request, EncodeParameters, service.options.limits)
    return json_response(await service.run(lambda: _encoded(service, given)))


def _encoded(service: Service, given: EncodeParameters) -> dict[str, JsonValue]:
    served = service.index.now
    texts = _texts(given.texts, service.options.limits)
    matrix = _vectors(service, served, texts, given.kind)
    vectors: list[JsonValue] = []
    for start, end in pairwise(matrix.indptr.tolist()):
        columns = matrix.indices[start:end].tolist()
        vector: dict[str, JsonValue] = {"indices": columns, "values": matrix.data[start:end].tolist()}
        if given.names:
            vector["names"] = [term_name(served.searcher.vocabulary, column) for column in columns]
        vectors.append(vector)
    return {"kind": given.kind, "dimensions": matrix.shape[1], "vectors": vectors}


async def embed_sparse(request: Request) -> Response:
    """POST /embed_sparse."""
    service = service_of(request)
    given = await read.of_body(request, EmbedSparseParameters, service.options.limits)
    return json_response(await service.run(lambda: _embedded(service, given)))


def _embedded(service: Service, given: EmbedSparseParameters) -> list[list[dict[str, float]]]:
    if given.truncation_direction.lower() == "left":
        raise Refusal(400, "texts are cut at their end only", "truncation_direction: right")
    if given.prompt_name not in (None, "", "query", "document"):
        raise Refusal(400, f"no prompt is called '{given.prompt_name[:100]}'", "query or document")
    served = service.index.now
    texts = _texts(given.inputs, service.options.limits)
    kind = given.prompt_name or "document"
    if kind == "document" and not given.truncate:
        _require_whole(served, texts)
    matrix = _vectors(service, served, texts, kind)
    rows: list[list[dict[str, float]]] = []
    for start, end in pairwise(matrix.indptr.tolist()):
        pairs = zip(matrix.indices[start:end].tolist(), matrix.data[start:end].tolist(), strict=True)
        rows.append([{"index": column, "value": weight} for column, weight in pairs])
    return rows


def _texts(given: str | list[str], limits: Limits) -> list[str]:
    """The texts of a request. Raises Refusal for none, too many, or too long ones."""
    texts = [given] if isinstance(given, str) else given
    if not texts:
        raise Refusal(400, "there is no text to encode", "name one at least")
    require_few("texts", len(texts), limits.texts)
    for text in texts:
        require_short(limits.text_characters, text=text)
        require_text(text)
    return texts


def _vectors(service: Service, served: Served, texts: Sequence[str], kind: str) -> sp.csr_matrix:
    """CSR [len(texts), V], columns of a row ascending."""
    service.metrics.count("splade_encoded_texts_total", len(texts))
    if kind == "query":
        matrix = served.searcher.encoder.encode(texts)
    else:
        if served.documents is None:
            raise Refusal(
                400, "the index does not say which model made it", "encode as a query: kind or prompt_name"
            )
        matrix = served.documents.encode(texts, kind)
    matrix.sort_indices()
    return matrix


def _require_whole(served: Served, texts: Sequence[str]) -> None:
    """Raises Refusal where a model would not read all of a text."""
    if served.documents is None:
        return
    cut = served.documents.truncation(texts)
    if cut.cut:
        raise Refusal(
            413,
            f"{cut.cut} of {len(texts)} texts are longer than the {cut.limit} tokens that the model reads",
            "send truncate: true, or shorter texts",
        )
