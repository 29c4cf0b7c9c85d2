"""Qdrant's own engine, as qdrant-edge has it in a process: points as they are pushed, queries and filters as they
are asked, against exact search of the index."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.deploy.index_export.exporting import IndexExportOptions, export_index
from splade_cli.engines.local import LocalEngine
from splade_cli.engines.remote.conditions import condition_of
from splade_cli.engines.remote.rows import rows_of
from splade_cli.engines.web.documents import each_row
from splade_cli.engines.web.qdrant import bodies
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.index.metadata.filter_parser import parse_filter
from tests.engines.test_real_servers import FILTERS

edge = pytest.importorskip("qdrant_edge", reason="qdrant-edge-py is not installed")
K = 10


def shard_of(points: list[Any], collection: Any, folder: Path) -> Any:
    """A shard of a collection's body, with points by the bodies of an upsert."""
    wanted = collection["sparse_vectors"][bodies.VECTOR]["index"]
    assert wanted == {"on_disk": False, "datatype": "float32"} and collection["vectors"] == {}
    settings = edge.EdgeSparseVectorParams(on_disk=False, datatype=edge.VectorStorageDatatype.Float32)
    folder.mkdir()
    shard = edge.EdgeShard.create(str(folder), edge.EdgeConfig(sparse_vectors={bodies.VECTOR: settings}))
    made = [
        edge.Point(
            UUID(point["id"]),
            {name: edge.SparseVector(**vector) for name, vector in point["vector"].items()},
            point["payload"],
        )
        for point in points
    ]
    for start in range(0, len(made), 25):
        shard.update(edge.UpdateOperation.upsert_points(made[start : start + 25]))
    shard.optimize()
    return shard


def filter_of(body: Any) -> Any:
    """A filter's body as the engine's own objects."""
    return edge.Filter(**{name: list(map(part_of, parts)) for name, parts in body.items()})


def part_of(body: Any) -> Any:
    if "is_empty" in body:
        return edge.IsEmptyCondition(body["is_empty"]["key"])
    if "has_id" in body:
        return edge.HasIdCondition({UUID(each) for each in body["has_id"]})
    if "key" not in body:
        return filter_of(body)
    if "match" in body:
        ((kind, value),) = body["match"].items()
        kinds = {"value": edge.MatchValue, "prefix": edge.MatchPrefix, "substring": edge.MatchSubstring}
        return edge.FieldCondition(key=body["key"], match=kinds[kind](value))
    limits = body["range"]
    is_time = any(isinstance(limit, str) for limit in limits.values())
    ranged = edge.RangeDateTime if is_time else edge.RangeFloat
    return edge.FieldCondition(key=body["key"], range=ranged(**limits))


def ask(shard: Any, body: Any) -> tuple[list[str], list[float]]:
    """Ids and scores of a search's body."""
    asked = edge.QueryRequest(
        limit=body["limit"],
        query=edge.Query.Nearest(edge.SparseVector(**body["query"]), using=body["using"]),
        filter=filter_of(body["filter"]) if "filter" in body else None,
        with_payload=True,
    )
    points = shard.query(asked)
    return [point.payload[bodies.ID] for point in points], [point.score for point in points]


@pytest.fixture
def loaded(make_index: Any, tmp_path: Path) -> Iterator[tuple[SpladeIndex, Any]]:
    """An index, and a shard with what a push of it sends."""
    index = make_index()
    points = [bodies.point(row) for rows in rows_of(index, 40) for row in each_row(rows)]
    # as they arrive
    points = json.loads(json.dumps([*points, bodies.facts_point("{}")]))
    shard = shard_of(points, bodies.collection_body(), tmp_path / "shard")
    yield index, shard
    shard.close()


def test_the_first_hits_are_those_of_exact_search(loaded: Any, queries: sp.csr_matrix) -> None:
    index, shard = loaded
    wanted = LocalEngine(index).search(queries, K)
    compared = 0
    for number in range(queries.shape[0]):
        row = queries[number]
        if not row.nnz:
            continue
        ids, scores = ask(shard, bodies.search_body(row.indices, row.data, K))
        np.testing.assert_allclose(scores, wanted.scores[number], rtol=bodies.TOLERANCE)
        least = wanted.scores[number][-1] * (1 + bodies.TOLERANCE)
        sure = {
            name
            for name, score in zip(wanted.ids[number], wanted.scores[number], strict=True)
            if score > least
        }
        assert sure <= set(ids), "ties at the end may be others"
        compared += len(ids)
    assert compared > 100


def test_filters_pass_the_same_texts(loaded: Any, queries: sp.csr_matrix) -> None:
    index, shard = loaded
    exact = LocalEngine(index)
    by_size = ("year < 10", "year >= 2020", "year > 2020")  # a text that spells no number does not pass
    checked = 0
    for text in FILTERS:
        tree = parse_filter(text)
        try:
            body = bodies.search_body(queries[0].indices, queries[0].data, 60, condition_of(tree))
        except InputError:
            continue
        if re.search(r'"value": (true|false)', json.dumps(body["filter"])):
            continue  # the binding for Python has no truth values in a match: it takes them for numbers
        ids, _ = ask(shard, body)
        wanted = set(exact.search(queries[0], 60, tree).ids[0])
        assert set(ids) <= wanted if any(each in text for each in by_size) else set(ids) == wanted, text
        checked += 1
    assert checked > 20


def test_exported_points_are_taken_as_well(make_index: Any, queries: sp.csr_matrix, tmp_path: Path) -> None:
    index = make_index()
    index.save(tmp_path / "index")
    export_index(SpladeIndex.open(tmp_path / "index"), tmp_path / "files", "qdrant", IndexExportOptions())
    parts = sorted((tmp_path / "files" / "points").glob("*.json"))
    points = [point for part in parts for point in json.loads(part.read_text("utf-8"))["points"]]
    collection = json.loads((tmp_path / "files" / "collection.json").read_text("utf-8"))
    shard = shard_of(points, collection, tmp_path / "shard")
    row = queries[0]
    ids, scores = ask(shard, bodies.search_body(row.indices, row.data, K))
    wanted = LocalEngine(index).search(row, K)
    np.testing.assert_allclose(scores, wanted.scores[0], rtol=bodies.TOLERANCE)
    assert len(ids) == K
    shard.close()
