"""The OpenAPI 3.1 description of the server, made of the models that its requests are checked by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from splade_cli import __version__
from splade_cli.deploy.server.abilities import Abilities, narrow
from splade_cli.deploy.server.endpoints.parameters import (
    DocumentParameters,
    EmbedSparseParameters,
    EncodeParameters,
    FacetParameters,
    MarkParameters,
    MarksParameters,
    Parameters,
    SearchParameters,
    WhyParameters,
)

Json = dict[str, Any]
ERRORS = {
    400: "a value that cannot be",
    401: "no token, or a wrong one",
    403: "called by another name than its own",
    404: "an id that is not there",
    408: "a body that does not arrive",
    413: "more than this server takes",
    415: "a mark that is not JSON",
    424: "the model that this needs cannot be used",
    500: "a fault of the server",
    503: "too many requests at once; Retry-After says when to come back",
    504: "no answer in time",
}


@dataclass(frozen=True)
class Operation:
    """One path and method: what it takes, and what it gives in a word."""

    path: str
    method: str
    summary: str
    takes: type[Parameters] | None = None
    gives: str = "application/json"


OPERATIONS = (
    Operation("/search", "get", "hits of a query", SearchParameters),
    Operation("/search", "post", "hits of one query or of several", SearchParameters),
    Operation("/why", "get", "why a document is a hit, or is none", WhyParameters),
    Operation("/why", "post", "why a document is a hit, or is none", WhyParameters),
    Operation("/explain", "get", "the same as /why", WhyParameters),
    Operation("/explain", "post", "the same as /why", WhyParameters),
    Operation("/document", "get", "the text of a chunk, with what a query shares", DocumentParameters),
    Operation("/document", "post", "the text of a chunk, with what a query shares", DocumentParameters),
    Operation("/facets", "get", "fields with few values, and how many chunks hold each", FacetParameters),
    Operation("/facets", "post", "fields with few values, and how many chunks hold each", FacetParameters),
    Operation("/encode", "post", "sparse vectors of texts", EncodeParameters),
    Operation(
        "/embed_sparse", "post", "the same in the shape of text-embeddings-inference", EmbedSparseParameters
    ),
    Operation("/mark", "get", "the marks of a query", MarksParameters),
    Operation("/mark", "post", "keeps a verdict about hits", MarkParameters),
    Operation("/ab", "get", "which side of an A/B test people prefer"),
    Operation("/info", "get", "model, index and limits"),
    Operation("/health", "get", "whether the process answers"),
    Operation("/ready", "get", "whether it would answer a search now"),
    Operation("/metrics", "get", "counts for Prometheus", gives="text/plain"),
    Operation("/openapi.json", "get", "this description"),
)


def openapi_document(abilities: Abilities) -> Json:
    """The description as JSON-ready values."""
    paths: Json = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _described(operation, abilities)
    error: Json = {
        "type": "object",
        "properties": {"error": {"type": "string"}, "hint": {"type": "string"}},
        "required": ["error", "hint"],
    }
    document: Json = {
        "openapi": "3.1.0",
        "info": {"title": "splade serve", "version": __version__},
        "paths": paths,
        "components": {"schemas": {"Error": error}},
    }
    if abilities.token:
        document["components"]["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"token": []}]
    return document


def _described(operation: Operation, abilities: Abilities) -> Json:
    described: Json = {
        "summary": operation.summary,
        "responses": {"200": {"description": "the answer", "content": {operation.gives: {}}}},
    }
    reference = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    for status, what in ERRORS.items():
        described["responses"][str(status)] = {"description": what, "content": reference}
    if operation.takes is None:
        return described
    schema = operation.takes.model_json_schema()
    narrow(schema, abilities)
    if operation.method == "post":
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
        return described
    required = schema.get("required", [])
    if "queries" in schema["properties"]:
        required = ["q"]  # several queries are of a body alone
    described["parameters"] = [
        {"name": name, "in": "query", "required": name in required, "schema": _of_a_text(each)}
        for name, each in schema["properties"].items()
        if name != "queries"
    ]
    return described


def _of_a_text(schema: Json) -> Json:
    """A value in a query string: an object or null cannot stand there, and an array would come twice."""
    kinds = schema.get("anyOf")
    if kinds is None:
        return schema
    narrowed = {name: value for name, value in schema.items() if name not in ("anyOf", "default")}
    if "enum" in narrowed:
        narrowed["enum"] = [each for each in narrowed["enum"] if each is not None]
    plain = [each for each in kinds if each.get("type") not in ("null", "object", "array")]
    if len(plain) > 1:
        return {"anyOf": plain, **narrowed}
    return {**plain[0], **narrowed}
