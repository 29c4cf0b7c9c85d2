"""Qdrant's HTTP paths over the local mode of its own client: bodies are parsed by its own models, which refuse
what is not documented, and evaluated by it."""

from __future__ import annotations

from typing import Any

from qdrant_client import QdrantClient, models

from tests.engines.web.stub import Refused, Request, only


class QdrantStub:
    """A server without a collection."""

    def __init__(self) -> None:
        self.client = QdrantClient(":memory:")

    def answer(self, request: Request) -> Any:
        _, collections, name, *rest = request.path.split("/")
        assert collections == "collections" and name == "docs"
        path = "/".join(rest)
        exists = self.client.collection_exists(name)
        if not path:
            return {"result": self._collection(request, name, exists), "status": "ok"}
        if not exists:
            raise Refused(404, "Not found: Collection `docs` doesn't exist!")
        return {"result": self._points(request, name, path), "status": "ok"}

    def _collection(self, request: Request, name: str, exists: bool) -> Any:
        if request.method == "PUT":
            body = models.CreateCollection.model_validate(request.json())
            self.client.create_collection(name, vectors_config={}, sparse_vectors_config=body.sparse_vectors)
        elif request.method == "DELETE":
            self.client.delete_collection(name)
        elif not exists:
            raise Refused(404, "no collection")
        else:
            return {"config": {"params": {"sparse_vectors": {"splade": {}}}}}
        return True

    def _points(self, request: Request, name: str, path: str) -> Any:
        body = request.json()
        client = self.client
        if path == "index":
            models.CreateFieldIndex.model_validate(body)
            return {"status": "completed"}
        if path == "points" and request.method == "PUT":
            assert request.query == {"wait": "true"}
            only(body, "points", needs=("points",))
            client.upsert(name, [models.PointStruct.model_validate(point) for point in body["points"]])
            return {"status": "completed"}
        if path == "points":
            asked = models.PointRequest.model_validate(body)
            found = client.retrieve(
                name,
                asked.ids,
                with_payload=asked.with_payload or False,
                with_vectors=asked.with_vector or False,
            )
            return [point.model_dump(mode="json") for point in found]
        if path == "points/delete":
            chosen = models.PointIdsList.model_validate(body)
            client.delete(name, chosen)
            return {"status": "completed"}
        if path == "points/count":
            wanted = models.CountRequest.model_validate(body)
            return {"count": client.count(name, wanted.filter, exact=True).count}
        if path == "points/scroll":
            page = models.ScrollRequest.model_validate(body)
            points, offset = client.scroll(
                name,
                page.filter,
                limit=page.limit or 10,
                offset=page.offset,
                with_payload=page.with_payload or False,
            )
            return {"points": [point.model_dump(mode="json") for point in points], "next_page_offset": offset}
        assert path == "points/query/batch", path
        answers = []
        for query in models.QueryRequestBatch.model_validate(body).searches:
            answer = client.query_points(
                name,
                query=query.query,
                using=query.using,
                query_filter=query.filter,
                limit=query.limit or 10,
                with_payload=query.with_payload or False,
            )
            answers.append(answer.model_dump(mode="json"))
        return answers
