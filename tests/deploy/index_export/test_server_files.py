"""Files for search servers: each body, its mapping, and that what is written can be read again."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ElementTree
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.deploy.index_export.parts import PartWriter
from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.engines.web.documents import chunk_of
from splade_cli.engines.web.qdrant import bodies as qdrant
from splade_cli.index.index import SpladeIndex


def bulk(done: Any) -> Any:
    """Ids and documents of all bulk files."""
    found = {}
    for part in done.parts("bulk/*.ndjson"):
        content = part.read_bytes()
        assert content.endswith(b"\n") and len(content) < 9_000_000
        lines = [json.loads(line) for line in content.decode().splitlines()]
        for action, document in zip(lines[::2], lines[1::2], strict=True):
            found[action["index"]["_id"]] = document
    return found


@pytest.mark.parametrize("to", ["opensearch", "opensearch-seismic", "elasticsearch"])
def test_bulk_files(export: Any, to: str) -> None:
    done = export(to)
    mapping = json.loads((done.folder / "mapping.json").read_text(encoding="utf-8"))
    properties = mapping["mappings"]["properties"]
    documents = bulk(done)
    assert list(documents) == list(done.index.ids)
    for number, (name, document) in enumerate(documents.items()):
        assert set(document) <= set(properties), "the mapping is strict"
        assert chunk_of(name, document) == done.index.chunks[number]
        vector = done.index.vector(number)
        weights = document.get("v", {})
        assert list(map(int, weights)) == vector.indices.tolist()
        assert np.array_equal(np.asarray(list(weights.values()), dtype=np.float32), vector.data)
        assert all(weight > 0 for weight in weights.values())
        assert document["numbers"]["year"] == [2000 + number % 25]
        assert document["flags"]["draft"] == [number % 4 == 0]
        assert "author%2Ename" in document["texts"], "a dot would make an object of it"
        assert ("edition" in document.get("numerals", {})) == (number % 2 == 1)
    assert "v" not in documents[done.index.ids[5]], "a text without a term has no vector"
    facts = StoreFacts.from_json(mapping["mappings"]["_meta"]["splade"])
    assert (facts.rows, facts.dimensions, facts.loading) == (60, 400, 0) and facts.generation
    assert set(facts.fields) >= {"year", "draft", "tags", "author.name"}


def test_vectors_of_each_mapping(export: Any) -> None:
    vectors = {}
    for to in ("opensearch", "opensearch-seismic", "elasticsearch"):
        mapping = json.loads((export(to).folder / "mapping.json").read_text(encoding="utf-8"))
        vectors[to] = mapping["mappings"]["properties"]["v"]
        sparse = mapping["settings"].get("index.sparse")
        assert sparse is (True if to == "opensearch-seismic" else None)
    assert vectors["opensearch"] == {"type": "rank_features"}
    assert vectors["elasticsearch"] == {"type": "sparse_vector", "index_options": {"prune": False}}
    assert vectors["opensearch-seismic"]["method"]["name"] == "seismic"
    ceiling = vectors["opensearch-seismic"]["method"]["parameters"]["quantization_ceiling_ingest"]
    assert ceiling >= 3, "no weight is cut"


def test_queries_of_each(export: Any) -> None:
    found = {}
    for to in ("opensearch", "opensearch-seismic", "elasticsearch"):
        found[to] = json.loads((export(to).folder / "query.json").read_text())["query"]
    tokens = found["opensearch"]["neural_sparse"]["v"]["query_tokens"]
    assert 0 < len(tokens) <= 8
    assert found["opensearch-seismic"]["neural_sparse"]["v"]["method_parameters"] == {
        "k": 10,
        "top_n": len(tokens),
    }
    assert found["elasticsearch"]["sparse_vector"] == {"field": "v", "query_vector": tokens, "prune": False}


def test_tokens_as_names(export: Any) -> None:
    documents = bulk(export("opensearch", names="tokens"))
    names = {name for document in documents.values() for name in document.get("v", {})}
    assert {"[UNK]", '"', "##s", "\\"} <= names


def test_parts_of_a_few_kilobytes(export: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Small(PartWriter):
        def __post_init__(self) -> None:
            self.most_bytes = 20_000
            super().__post_init__()

    monkeypatch.setattr("splade_cli.deploy.index_export.servers.PartWriter", Small)
    done = export("opensearch")
    parts = done.parts("bulk/*.ndjson")
    assert len(parts) > 3 and all(part.stat().st_size <= 20_000 for part in parts)
    assert list(bulk(done)) == list(done.index.ids)
    points = export("qdrant").parts("points/*.json")
    ids = [point["id"] for part in points for point in json.loads(part.read_text())["points"]]
    assert len(points) > 3 and len(set(ids)) == 61


def test_vespa_feed_and_schema(export: Any) -> None:
    done = export("vespa")
    schema = (done.folder / "application/schemas/chunk.sd").read_text(encoding="utf-8")
    ElementTree.parse(done.folder / "application/services.xml")
    assert schema.count("{") == schema.count("}")
    declared = set(re.findall(r"^        field (\w+) type", schema, re.MULTILINE))
    *documents, facts = [
        json.loads(line) for part in done.parts("feed/*.jsonl") for line in part.read_text().splitlines()
    ]
    assert [document["put"] for document in documents] == [
        f"id:splade:chunk::{name}" for name in done.index.ids
    ]
    for number, document in enumerate(documents):
        fields = document["fields"]
        assert set(fields) == declared
        vector = done.index.vector(number)
        assert np.array_equal(np.asarray(list(fields["weights"].values()), dtype=np.float32), vector.data)
        assert all(isinstance(weight, int) and weight >= 1 for weight in fields["terms"].values())
        assert {"name": "year", "value": 2000.0 + number % 25} in fields["numbers"]
        chunk = chunk_of(done.index.ids[number], {**fields, "metadata": json.loads(fields["metadata"])})
        assert chunk == done.index.chunks[number]
    assert StoreFacts.from_json(facts["fields"]["content"]).rows == 60


def test_vespa_takes_no_control_characters() -> None:
    from splade_cli.engines.web.vespa.bodies import legal

    assert legal("a\0b\x1bc\td\ne\ufffef") == "a b c\td\ne f"


def test_qdrant_points_by_its_own_models(export: Any) -> None:
    models = pytest.importorskip("qdrant_client.models")
    done = export("qdrant")
    points = [
        point for part in done.parts("points/*.json") for point in json.loads(part.read_text())["points"]
    ]
    for number, (name, point) in enumerate(zip(done.index.ids, points, strict=False)):
        parsed = models.PointStruct.model_validate(point)
        assert parsed.id == qdrant.point_id(name)
        vector = models.SparseVector.model_validate(point["vector"]["splade"])
        stored = done.index.vector(number)
        assert vector.indices == stored.indices.tolist()
        assert np.array_equal(np.asarray(vector.values, dtype=np.float32), stored.data)
        payload = point["payload"]
        assert (
            chunk_of(payload["id"], {**payload, "metadata": json.loads(payload["metadata"])})
            == (done.index.chunks[number])
        )
    assert StoreFacts.from_json(points[-1]["payload"]["facts"]).rows == 60
    collection = json.loads((done.folder / "collection.json").read_text())
    models.CreateCollection.model_validate(collection)
    models.QueryRequest.model_validate(json.loads((done.folder / "query.json").read_text()))


def test_qdrant_itself_finds_the_same(export: Any, small_index: SpladeIndex, asked: sp.csr_matrix) -> None:
    client_library = pytest.importorskip("qdrant_client")
    models = pytest.importorskip("qdrant_client.models")
    done = export("qdrant")
    client = client_library.QdrantClient(":memory:")
    client.create_collection(
        "docs",
        vectors_config={},
        sparse_vectors_config={"splade": models.SparseVectorParams()},
    )
    for part in done.parts("points/*.json"):
        points = [models.PointStruct.model_validate(each) for each in json.loads(part.read_text())["points"]]
        client.upsert("docs", points)
    wanted, scores = small_index.search(asked, 10)
    for number in range(asked.shape[0]):
        body = qdrant.search_body(asked[number].indices, asked[number].data, 10)
        answer = client.query_points(
            "docs",
            query=models.SparseVector.model_validate(body["query"]),
            using=body["using"],
            limit=body["limit"],
            with_payload=body["with_payload"],
        )
        assert [point.payload["id"] for point in answer.points] == wanted[number]
        assert [point.score for point in answer.points] == pytest.approx(scores[number].tolist(), rel=1e-5)


@pytest.mark.parametrize("to", ["opensearch", "elasticsearch", "vespa"])
def test_only_what_splade_can_search_says_so(export: Any, to: str) -> None:
    for names in ("ids", "tokens"):
        done = export(to, names=names)
        files = [path for path in done.folder.rglob("*") if path.suffix in (".json", ".jsonl")]
        has_record = any("generation" in path.read_text(encoding="utf-8") for path in files)
        assert has_record == (names == "ids")
        page = (done.folder / "LOAD.md").read_text(encoding="utf-8")
        assert ("Dimensions are called by their tokens" in page) == (names == "tokens")
