"""Elasticsearch or OpenSearch in a few lines: every body is held against what is documented, and evaluated.

Documents that were written are found by searches after a refresh only; `_mget` sees them at once.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tests.engines.web.stub import Refused, Request, only

KNOWN_TYPES = {"keyword", "text", "long", "double", "boolean", "object", "rank_features", "sparse_vector"}


class LuceneStub:
    """One index.

    Args:
        engine: ``elasticsearch`` or ``opensearch``.
        rounded: weights of documents keep nine significant bits, as in Lucene's feature fields.
    """

    def __init__(self, engine: str, *, rounded: bool = False) -> None:
        self.engine = engine
        self.rounded = rounded
        self.index: dict[str, Any] | None = None
        self.written: dict[str, dict[str, Any]] = {}
        self.found: dict[str, dict[str, Any]] = {}
        self.busy_items = 0
        self.most_bytes = 100_000_000

    def answer(self, request: Request) -> Any:
        parts = request.path.strip("/").split("/")
        assert parts[0] == "docs", request.path
        if len(parts) == 1:
            return self._whole_index(request)
        if self.index is None:
            raise Refused(404, "no such index [docs]")
        if len(request.content) > self.most_bytes:
            raise Refused(413, "too large")
        return getattr(self, f"_{parts[1].strip('_')}")(request)

    def _whole_index(self, request: Request) -> Any:
        if request.method == "PUT":
            if self.index is not None:
                raise Refused(400, "resource_already_exists_exception")
            body = request.json()
            only(body, "settings", "mappings", needs=("mappings",))
            self._check_mapping(body)
            self.index = body
            return {"acknowledged": True}
        if self.index is None:
            raise Refused(404, "no such index [docs]")
        if request.method == "DELETE":
            self.index = None
            self.written = {}
            self.found = {}
        return {"acknowledged": True}

    def _check_mapping(self, body: dict[str, Any]) -> None:
        mappings = body["mappings"]
        only(mappings, "dynamic", "dynamic_templates", "properties", "_meta", "_source")
        for name, field in mappings["properties"].items():
            if field["type"] not in KNOWN_TYPES:
                raise Refused(400, f"no handler for type [{field['type']}] of [{name}]")
        vector = mappings["properties"]["v"]
        settings = body.get("settings", {})
        if self.engine == "elasticsearch":
            assert vector == {"type": "sparse_vector", "index_options": {"prune": False}}
            only(settings, "index.mapping.total_fields.limit")
        elif vector["type"] == "sparse_vector":
            assert settings["index.sparse"] is True, "a seismic field needs the setting"
            method = vector["method"]
            only(method, "name", "engine", "parameters", needs=("name",))
            only(
                method["parameters"], "n_postings", "cluster_ratio", "summary_prune_ratio",
                "approximate_threshold", "quantization_ceiling_ingest", "quantization_ceiling_search",
            )  # fmt: skip
        else:
            assert vector == {"type": "rank_features"}

    def _mapping(self, request: Request) -> Any:
        assert self.index is not None
        if request.method == "PUT":
            only(request.json(), "_meta", "properties")
            self.index["mappings"].update(request.json())
        return {"docs": {"mappings": self.index["mappings"]}}

    def _settings(self, request: Request) -> Any:
        only(request.json(), "index.mapping.total_fields.limit")
        return {"acknowledged": True}

    def _refresh(self, request: Request) -> Any:
        self.found = dict(self.written)
        return {"_shards": {"total": 1, "successful": 1, "failed": 0}}

    def _bulk(self, request: Request) -> Any:
        assert request.headers["content-type"] == "application/x-ndjson"
        lines = request.lines()
        items = []
        while lines:
            action = lines.pop(0)
            ((kind, target),) = action.items()
            only(target, "_id", "_index", needs=("_id",))
            document = lines.pop(0) if kind == "index" else None
            status: dict[str, Any] = {"_id": target["_id"], "status": 200}
            if self.busy_items > 0:
                self.busy_items -= 1
                status = {**status, "status": 429, "error": {"type": "es_rejected_execution_exception"}}
            elif document is None:
                status["status"] = 200 if self.written.pop(target["_id"], None) is not None else 404
            else:
                try:
                    self._check_document(target["_id"], document)
                    self.written[target["_id"]] = document
                except Refused as refused:
                    status = {**status, "status": 400, "error": {"type": "x", "reason": refused.reason}}
            items.append({kind: status})
        errors = any("error" in each for item in items for each in item.values())
        return {"errors": errors, "items": items}

    def _check_document(self, name: str, document: dict[str, Any]) -> None:
        assert self.index is not None
        if not name or len(name.encode()) > 512:
            raise Refused(400, "id is too long, must be no longer than 512 bytes")
        properties = self.index["mappings"]["properties"]
        for field, value in document.items():
            if field not in properties:
                raise Refused(400, f"mapping set to strict, dynamic introduction of [{field}] is not allowed")
            kind = properties[field]["type"]
            if kind in ("rank_features", "sparse_vector"):
                for feature, weight in value.items():
                    if "." in feature or not weight > 0:
                        raise Refused(400, f"[{kind}] refuses [{feature}]: {weight}")
            elif kind == "long" and type(value) is not int:
                raise Refused(400, f"[{field}] is no number")
            elif kind == "object":
                self._check_kind(field, value)
            elif kind in ("keyword", "text"):
                values = value if isinstance(value, list) else [value]
                if not all(isinstance(each, str) for each in values):
                    raise Refused(400, f"[{field}] is no text")

    def _check_kind(self, kind: str, fields: dict[str, Any]) -> None:
        assert self.index is not None
        templates = {
            name: each for one in self.index["mappings"]["dynamic_templates"] for name, each in one.items()
        }
        wanted = templates[kind]["mapping"]["type"]
        types = {"double": float, "boolean": bool, "keyword": str}
        for name, values in fields.items():
            if "." in name or not name:
                raise Refused(400, f"[{name}] would be an object")
            if not all(type(value) is types[wanted] for value in values):
                raise Refused(400, f"[{kind}.{name}] is not {wanted}")

    def _mget(self, request: Request) -> Any:
        body = request.json()
        only(body, "ids", needs=("ids",))
        # what is not named is left out: vectors also where a pattern or nothing is named, from 9.2 on
        wanted = request.query["_source_includes"].split(",")
        docs = []
        for name in body["ids"]:
            source = self.written.get(name)
            if source is None:
                docs.append({"_id": name, "found": False})
            else:
                kept = {field: source[field] for field in wanted if field in source}
                docs.append({"_id": name, "found": True, "_source": kept})
        return {"docs": docs}

    def _count(self, request: Request) -> Any:
        only(request.json(), "query")
        passing = [name for name in self.found if self._score(name, request.json()["query"]) is not None]
        return {"count": len(passing), "_shards": {"failed": 0}}

    def _stats(self, request: Request) -> Any:
        return {"_all": {"total": {"store": {"size_in_bytes": 12345}}}}

    def _msearch(self, request: Request) -> Any:
        lines = request.lines()
        assert all(header == {} for header in lines[::2])
        return {"responses": [self._hits(body) for body in lines[1::2]]}

    def _search(self, request: Request) -> Any:
        return self._hits(request.json())

    def _hits(self, body: dict[str, Any]) -> Any:
        only(body, "size", "query", "_source", "sort", "track_scores", "track_total_hits", "search_after")
        if body["size"] > 10_000:
            raise Refused(400, "Result window is too large")
        scored = []
        for name, document in self.found.items():
            score = self._score(name, body.get("query", {"match_all": {}}))
            if score is not None:
                scored.append((score, document["position"], name))
        by_score = body["sort"][0] == {"_score": "desc"}
        assert by_score or body["sort"] == [{"position": "asc"}]
        scored.sort(key=(lambda each: (-each[0], each[1])) if by_score else (lambda each: each[1]))
        after = body.get("search_after")
        if after:
            scored = [each for each in scored if each[1] > after[-1]]
        hits = [
            {"_id": name, "_score": score if by_score else None, "sort": [position]}
            for score, position, name in scored[: body["size"]]
        ]
        return {"hits": {"hits": hits}, "_shards": {"failed": 0}, "timed_out": False, "status": 200}

    def _score(self, name: str, query: dict[str, Any]) -> float | None:
        """The score of a document, None where it does not pass."""
        ((kind, body),) = query.items()
        document = self.found[name]
        if kind == "match_all":
            return 1.0
        if kind == "match_none":
            return None
        if kind == "bool":
            return self._bool(name, body)
        if kind in ("neural_sparse", "sparse_vector"):
            return self._dot(kind, name, body)
        field = ""
        wanted: Any = None
        if kind == "exists":
            only(body, "field", needs=("field",))
            field = body["field"]
        else:
            ((field, wanted),) = body.items()
        values = _values(document, field)
        passes = False
        if kind == "exists":
            passes = bool(values)
        elif kind == "term":
            passes = any(value == wanted and type(value) is type(wanted) for value in values)
        elif kind == "range":
            only(wanted, "lt", "lte", "gt", "gte")
            passes = any(_in_range(value, wanted) for value in values)
        elif kind == "wildcard":
            only(wanted, "value", "case_insensitive")
            pattern = _wildcard(wanted["value"])
            passes = any(pattern.fullmatch(value) for value in values)
        else:
            raise Refused(400, f"unknown query [{kind}]")
        return 0.0 if passes else None

    def _bool(self, name: str, body: dict[str, Any]) -> float | None:
        only(body, "must", "filter", "should", "must_not", "minimum_should_match")
        total = 0.0
        for part in body.get("must", []):
            score = self._score(name, part)
            if score is None:
                return None
            total += score
        if any(self._score(name, part) is None for part in body.get("filter", [])):
            return None
        if any(self._score(name, part) is not None for part in body.get("must_not", [])):
            return None
        if "should" in body:
            assert body["minimum_should_match"] == 1
            if all(self._score(name, part) is None for part in body["should"]):
                return None
        return total

    def _dot(self, kind: str, name: str, body: dict[str, Any]) -> float | None:
        if (kind == "sparse_vector") != (self.engine == "elasticsearch"):
            raise Refused(400, f"unknown query [{kind}]")
        if kind == "sparse_vector":
            only(body, "field", "query_vector", "prune", "pruning_config", needs=("field", "query_vector"))
            assert body["field"] == "v" and body["prune"] is False
            tokens = body["query_vector"]
        else:
            ((field, settings),) = body.items()
            assert field == "v"
            only(settings, "query_tokens", "method_parameters", needs=("query_tokens",))
            tokens = settings["query_tokens"]
            method = settings.get("method_parameters", {})
            only(method, "k", "top_n", "heap_factor", "filter")
            if "filter" in method and self._score(name, method["filter"]) is None:
                return None
        vector = self.found[name].get("v", {})
        shared = [token for token in tokens if token in vector]
        if not shared:
            return None
        weights = np.array([vector[token] for token in shared], dtype=np.float32)
        if self.rounded:
            weights = ((weights.view(np.int32) >> 15) << 15).view(np.float32)
        return float(weights.astype(np.float64) @ np.array([tokens[token] for token in shared]))


def _values(document: dict[str, Any], field: str) -> list[Any]:
    value: Any = document
    for part in field.split("."):
        value = value.get(part, {}) if isinstance(value, dict) else {}
    if isinstance(value, list):
        return value
    return [] if value == {} else [value]


def _in_range(value: Any, limits: dict[str, Any]) -> bool:
    tests = {
        "lt": lambda limit: value < limit,
        "lte": lambda limit: value <= limit,
        "gt": lambda limit: value > limit,
        "gte": lambda limit: value >= limit,
    }
    return all(
        isinstance(limit, str) == isinstance(value, str) and tests[name](limit)
        for name, limit in limits.items()
    )


def _wildcard(pattern: str) -> re.Pattern[str]:
    """Lucene's: ``*``, ``?``, and a backslash before a sign that stands for itself."""
    made = ""
    signs = iter(pattern)
    for sign in signs:
        if sign == "\\":
            made += re.escape(next(signs))
        elif sign == "*":
            made += ".*"
        else:
            made += "." if sign == "?" else re.escape(sign)
    return re.compile(made, re.DOTALL)
