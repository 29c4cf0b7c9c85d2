"""Pinecone's vector interface in a few lines: records and filters are held against what is documented."""

from __future__ import annotations

import json
from typing import Any

from tests.engines.web.stub import Refused, Request, only


class PineconeStub:
    """One index; a write is seen by `describe_index_stats` one call later."""

    def __init__(self) -> None:
        self.spaces: dict[str, dict[str, Any]] = {}
        self.metric = "dotproduct"
        self.lag = 0

    def answer(self, request: Request) -> Any:
        assert request.headers["x-pinecone-api-version"] and request.headers["api-key"]
        name = request.path.strip("/").replace("/", "_")
        return getattr(self, name)(request)

    def describe_index_stats(self, request: Request) -> Any:
        late = self.lag
        self.lag = 0
        counts = {name: {"vectorCount": len(held) - late} for name, held in self.spaces.items()}
        return {"namespaces": counts, "metric": self.metric, "vectorType": "sparse"}

    def vectors_upsert(self, request: Request) -> Any:
        assert len(request.content) <= 2_000_000
        body = request.json()
        only(body, "vectors", "namespace", needs=("vectors", "namespace"))
        assert len(body["vectors"]) <= 1000
        for record in body["vectors"]:
            only(record, "id", "sparseValues", "metadata", needs=("id", "sparseValues"))
            self._check(record)
            self.spaces.setdefault(body["namespace"], {})[record["id"]] = record
        self.lag = int(not body["namespace"].endswith("-facts"))
        return {"upsertedCount": len(body["vectors"])}

    def _check(self, record: dict[str, Any]) -> None:
        if not record["id"].isascii() or not 0 < len(record["id"]) <= 512:
            raise Refused(400, "Vector ID must be ASCII")
        sparse = record["sparseValues"]
        only(sparse, "indices", "values", needs=("indices", "values"))
        if not 0 < len(sparse["indices"]) == len(sparse["values"]) <= 1000:
            raise Refused(400, "Sparse vector must contain at least one value")
        if len(set(sparse["indices"])) != len(sparse["indices"]):
            raise Refused(400, "duplicate indices")
        if len(json.dumps(record["metadata"]).encode()) > 40_960:
            raise Refused(400, "Metadata size is too large")
        for name, value in record["metadata"].items():
            is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
            if name.startswith("$") or not (is_list or isinstance(value, str | int | float | bool)):
                raise Refused(
                    400, f"Metadata value must be a string, number, boolean or list of strings: {name}"
                )

    def vectors_fetch(self, request: Request) -> Any:
        held = self.spaces.get(request.query["namespace"], {})
        wanted = request.several["ids"]
        assert len(wanted) <= 1000
        return {"vectors": {name: held[name] for name in wanted if name in held}}

    def vectors_list(self, request: Request) -> Any:
        names = sorted(self.spaces.get(request.query["namespace"], {}))
        start = int(request.query.get("paginationToken", "0"))
        page: dict[str, Any] = {"vectors": [{"id": name} for name in names[start : start + 20]]}
        if start + 20 < len(names):
            page["pagination"] = {"next": str(start + 20)}
        return page

    def vectors_fetch_by_metadata(self, request: Request) -> Any:
        body = request.json()
        only(body, "namespace", "filter", "limit", "paginationToken", needs=("filter",))
        held = self.spaces.get(body["namespace"], {})
        return {"vectors": {n: r for n, r in held.items() if passes(body["filter"], r["metadata"])}}

    def vectors_delete(self, request: Request) -> Any:
        body = request.json()
        only(body, "ids", "deleteAll", "namespace", needs=("namespace",))
        if body["namespace"] not in self.spaces:
            raise Refused(404, "Namespace not found")
        if body.get("deleteAll"):
            del self.spaces[body["namespace"]]
        for name in body.get("ids", []):
            self.spaces[body["namespace"]].pop(name, None)
        return {}

    def query(self, request: Request) -> Any:
        body = request.json()
        only(body, "namespace", "topK", "sparseVector", "includeMetadata", "includeValues", "filter")
        asked = dict(zip(body["sparseVector"]["indices"], body["sparseVector"]["values"], strict=True))
        matches = []
        for name, record in self.spaces.get(body["namespace"], {}).items():
            if "filter" in body and not passes(body["filter"], record["metadata"]):
                continue
            sparse = record["sparseValues"]
            pairs = zip(sparse["indices"], sparse["values"], strict=True)
            score = sum(asked[column] * weight for column, weight in pairs if column in asked)
            if score:
                matches.append({"id": name, "score": score})
        matches.sort(key=lambda match: -float(str(match["score"])))
        return {"matches": matches[: body["topK"]], "namespace": body["namespace"]}


def passes(filter: dict[str, Any], metadata: dict[str, Any]) -> bool:
    """Whether metadata pass a filter; of a list, one member must."""
    ((key, wanted),) = filter.items()
    if key == "$and":
        return all(passes(part, metadata) for part in wanted)
    if key == "$or":
        return any(passes(part, metadata) for part in wanted)
    assert not key.startswith("$"), key
    ((sign, value),) = wanted.items()
    if sign == "$exists":
        return bool((key in metadata) == value)
    found = metadata.get(key, [])
    members = found if isinstance(found, list) else [found]
    tests = {
        "$eq": lambda each: each == value and type(each) is type(value),
        "$in": lambda each: each in value,
        "$lt": lambda each: each < value,
        "$lte": lambda each: each <= value,
        "$gt": lambda each: each > value,
        "$gte": lambda each: each >= value,
    }
    return any(tests[sign](each) for each in members)
