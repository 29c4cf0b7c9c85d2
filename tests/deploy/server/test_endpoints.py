"""What the endpoints answer, held against the searcher that they ask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from splade_cli.datasets.examples import read_examples
from splade_cli.deploy.server.endpoints.parameters import SearchParameters
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher
from tests.deploy.server.conftest import chunks_of, write_index


@pytest.fixture(scope="module")
def searcher(folder: Path) -> Searcher:
    return Searcher.open(folder)


def plain(hits: Any) -> Any:
    """Hits as JSON has them: tuples are lists."""
    import json

    return json.loads(json.dumps([hit.as_dict() for hit in hits]))


def test_search_is_that_of_the_searcher(client: TestClient, searcher: Searcher) -> None:
    answer = client.get("/search", params={"q": "reset password", "k": 2, "explain": "true"}).json()
    assert answer["hits"] == plain(searcher.search("reset password", 2))
    assert (answer["query"], answer["mode"], answer["generation"]) == ("reset password", "hybrid", 1)
    assert answer["hits"][0]["terms"] and len(answer["hits"]) == 2


def test_options_have_the_words_of_the_command(client: TestClient, searcher: Searcher) -> None:
    given = {"query": "mail", "top": 3, "mode": "sparse", "filter": "year >= 2021", "idf": 0.5, "fold": False}
    options = SearchOptions("sparse", "year >= 2021", 0.5, group="off", explain=False)
    hits = client.get("/search", params=given).json()["hits"]
    assert hits == plain(searcher.search("mail", 3, options))
    assert [hit["document_id"] for hit in hits] == ["d1"]
    assert client.post("/search", json=given).json()["hits"] == hits
    bare = client.get("/search", params={"q": "mail", "texts": "false"}).json()["hits"]
    assert bare and {hit["text"] for hit in bare} == {""}
    fused = SearchOptions(weights={"sparse": 1.0, "bm25": 0.0}, explain=False)
    expected = plain(searcher.search("mail", 10, fused))
    for weights in ("sparse=1,bm25=0", {"sparse": 1, "bm25": 0}):
        assert client.post("/search", json={"q": "mail", "weights": weights}).json()["hits"] == expected
    assert client.get("/search", params={"q": "mail", "weights": "rrf"}).status_code == 200


def test_hits_are_folded_as_asked(client: TestClient, searcher: Searcher) -> None:
    def found(fold: object) -> Any:
        values = client.post("/search", json={"q": "password", "fold": fold}).json()["hits"]
        assert client.get("/search", params={"q": "password", "fold": fold}).json()["hits"] == values
        return values

    for fold in ("auto", "document", "section", "off"):
        options = SearchOptions(group=fold, explain=False)
        assert found(fold) == plain(searcher.search("password", options=options)), fold
    assert found(True) == found("auto")
    assert found(False) == found("off")
    refused = client.get("/search", params={"q": "password", "fold": "sections"})
    assert refused.status_code == 400 and "fold" in refused.json()["error"]


def test_details_say_what_other_chunks_say(serve: Any, tmp_path: Path) -> None:
    texts = ("password reset", "reset the password by mail", "a backup at night")
    first, second, third = chunks_of(texts)
    second = replace(second, document_id=first.document_id, metadata={"page": 7})
    folder = write_index(tmp_path / "index", texts, (first, second, third))
    client = serve(folder)
    (plainly,) = client.get("/search", params={"q": "password", "k": 1}).json()["hits"]
    assert plainly["windows"] and plainly["shown_windows"] == []
    (hit,) = client.get("/search", params={"q": "password", "k": 1, "details": "true"}).json()["hits"]
    (window,) = hit["shown_windows"]
    assert {window["within"], hit["place"].removeprefix("d0 ")} == {
        "p. 7 > Part > Chapter",
        "> Part > Chapter",
    }
    assert [window["id"]] == hit["windows"]
    assert "password" in window["snippet"]


def test_several_queries_in_one_request(client: TestClient) -> None:
    answer = client.post("/search", json={"queries": ["saw", "backup"], "k": 1}).json()
    assert [each["query"] for each in answer["results"]] == ["saw", "backup"]
    assert [each["hits"][0]["document_id"] for each in answer["results"]] == ["d3", "d2"]


@pytest.mark.parametrize("path", ["/why", "/explain"])
def test_why_a_document_is_no_hit(client: TestClient, path: str) -> None:
    answer = client.get(path, params={"q": "reset password", "id": "d3"}).json()
    assert (answer["kind"], answer["hits"][0]["document_id"]) == ("why", "d3")
    assert "rank" not in answer and dict(answer["terms"]) == {"reset": 2.0, "password": 2.0}
    assert answer["against"]["document_id"] == "d1" or answer["gaps"]
    kept_out = client.get(path, params={"q": "password", "id": "d0", "filter": "year > 2020"}).json()
    assert kept_out["filtered"] is True
    missing = client.get(path, params={"q": "password", "id": "d00"})
    assert missing.status_code == 404 and "d0" in missing.json()["hint"]


def test_the_text_of_a_chunk_has_its_words_marked(client: TestClient) -> None:
    answer = client.get("/document", params={"id": "d0::1", "q": "password"}).json()
    text = answer["hits"][0]["text"]
    assert [text[start:end] for start, end in answer["highlights"]] == ["password"]
    assert client.get("/document", params={"id": "d1"}).json()["hits"][0]["id"] == "d1::1"
    assert client.get("/document", params={"id": "nowhere"}).status_code == 404


def test_sparse_vectors_in_both_shapes(client: TestClient, searcher: Searcher) -> None:
    answer = client.post("/encode", json={"texts": ["reset password", ""], "names": True}).json()
    assert answer["dimensions"] == len(searcher.vocabulary)
    assert answer["vectors"] == [
        {"indices": [1, 2], "values": [2.0, 2.0], "names": ["password", "reset"]},
        {"indices": [], "values": [], "names": []},
    ]
    single = client.post("/embed_sparse", json={"inputs": "saw", "prompt_name": "query"}).json()
    assert single == [[{"index": 7, "value": 2.0}]]
    document = client.post("/embed_sparse", json={"inputs": ["saw"]})
    assert document.status_code == 400, "this index names no model that could encode a document"
    assert client.get("/info").json()["model_type"] == {"embedding": {"pooling": "splade"}}


def test_a_model_encodes_documents_and_refuses_what_it_would_cut(
    serve: Any, folder: Path, embedder: Any, tmp_path: Path
) -> None:
    from splade_cli.indexing.in_memory import index_chunks
    from tests.deploy.server.conftest import chunks_of

    index_chunks(chunks_of(), embedder).save(tmp_path / "index")
    client = serve(tmp_path / "index", look_seconds=0)
    (row,) = client.post("/embed_sparse", json={"inputs": "a sharp blade"}).json()
    expected = embedder.encode(["a sharp blade"])
    expected.sort_indices()
    assert [each["index"] for each in row] == expected.indices.tolist()
    assert [each["value"] for each in row] == pytest.approx(expected.data.tolist(), rel=1e-5)
    long = {"inputs": ["short", "word " * 1000]}
    refused = client.post("/embed_sparse", json=long)
    assert refused.status_code == 413 and "1 of 2 texts" in refused.json()["error"]
    assert len(client.post("/embed_sparse", json={**long, "truncate": True}).json()) == 2


def test_marks_are_training_rows(client: TestClient) -> None:
    assert client.get("/mark", params={"q": "password"}).json()["marks"] == {}
    client.post("/mark", json={"q": "password", "id": ["d1::1"], "verdict": "bad"})
    answer = client.post("/mark", json={"q": "password", "id": "d0", "verdict": "good"}).json()
    assert answer["marks"] == {"d0::1": "good", "d1::1": "bad"}
    (example,) = read_examples(client.marks)
    assert example.query == "password" and "forgotten password" in example.positive
    assert "never sent" in example.negatives[0]
    client.post("/mark", json={"q": "password", "id": ["d0", "d1"], "verdict": "none"})
    assert client.get("/mark", params={"q": "password"}).json()["marks"] == {}


def test_facets_are_counted_behind_a_filter(serve: Any, tmp_path: Path) -> None:
    chunks = [
        replace(chunk, metadata={"lang": lang, "draft": lang == "no", "path": f"p{n}"})
        for n, (chunk, lang) in enumerate(zip(chunks_of(), ("en", "en", "no", "no", "en"), strict=True))
    ]
    client = serve(write_index(tmp_path / "index", chunks=chunks))
    found = {each["field"]: each["values"] for each in client.get("/facets").json()["facets"]}
    assert found["lang"] == [{"value": "en", "chunks": 3}, {"value": "no", "chunks": 2}]
    assert found["draft"] == [{"value": "false", "chunks": 3}, {"value": "true", "chunks": 2}]
    assert "id" not in found and "title" not in found
    answer = client.post("/facets", json={"filter": "lang = no"}).json()
    (lang,) = [each["values"] for each in answer["facets"] if each["field"] == "lang"]
    assert lang == [{"value": "en", "chunks": 0}, {"value": "no", "chunks": 2}] and answer["generation"] == 1
    told = client.get("/facets", params={"filter": "langg = no"})
    assert told.status_code == 400 and "no field 'langg'" in told.json()["error"]


def test_metrics_count_what_happened(serve: Any) -> None:
    client = serve()
    client.get("/search", params={"q": "saw"})
    client.get("/search", params={"q": " "})
    client.get("/secret/path")
    text = client.get("/metrics").text
    assert 'splade_requests_total{method="GET",path="/search",status="200"} 1' in text
    assert 'splade_requests_total{method="GET",path="/search",status="400"} 1' in text
    assert 'splade_requests_total{method="GET",path="other",status="404"} 1' in text
    assert 'splade_request_seconds_bucket{path="/search",le="+Inf"} 2' in text
    assert "splade_queries_total 1\n" in text and "splade_index_chunks 5\n" in text
    assert "secret" not in text


def test_openapi_describes_what_there_is(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method in methods:
            assert client.request(method, path).status_code not in (404, 405), (method, path)
    names = {each["name"] for each in document["paths"]["/search"]["get"]["parameters"]}
    assert names == set(SearchParameters.model_fields) - {"queries"}


def test_openapi_says_what_is_refused(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    found = {each["name"]: each["schema"] for each in document["paths"]["/search"]["get"]["parameters"]}
    assert found["rerank"]["enum"] == [False], "it was started without a cross-encoder"
    assert found["q"]["minLength"] == 1 and found["mode"]["enum"] == ["auto", "sparse", "bm25", "hybrid"]
    for path, body in (
        ("/encode", {"texts": "saw", "names": 0}),
        ("/embed_sparse", {"inputs": "saw", "truncate": 0}),
        ("/search", {"q": "saw", "k": "3"}),
    ):
        assert client.post(path, json=body).status_code == 400, (path, body)
    assert client.get("/search", params={"q": "saw", "k": "3", "explain": "true"}).status_code == 200
