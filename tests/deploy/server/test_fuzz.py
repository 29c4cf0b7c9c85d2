"""Any parameters whatever: an answer, or a mistake that is told as JSON; never a fault of the server."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as some
from starlette.testclient import TestClient

PATHS = ("/search", "/why", "/explain", "/document", "/mark", "/encode", "/embed_sparse")
NAMES = ("q", "query", "queries", "k", "top", "mode", "filter", "explain", "texts", "idf", "fold", "weights")
NAMES += ("rerank", "id", "verdict", "inputs", "truncate", "prompt_name", "kind", "names", "nonsense")
LIKELY = some.sampled_from(
    ["saw", "password", "d0", "d0::1", "sparse", "bm25", "hybrid", "year > 2020", "not (year = 1)", "true",
     "good", "none", "query", "document", "rrf", "sparse=1", "0", "5", "1e999", "-1", "(", '"', "\ud800"]
)  # fmt: skip
SCALARS = some.none() | some.booleans() | some.integers() | some.floats() | LIKELY | some.text(max_size=40)
VALUES = (
    SCALARS | some.lists(SCALARS, max_size=4) | some.dictionaries(some.text(max_size=8), SCALARS, max_size=3)
)
BODIES = some.dictionaries(some.sampled_from(NAMES), VALUES, max_size=6)


def require_told(answer: Any) -> None:
    assert answer.status_code in (200, 400, 404, 413, 415, 424), answer.text
    content = answer.json()
    if answer.status_code != 200:
        assert set(content) == {"error", "hint"} and content["error"] and content["hint"]
        assert "Traceback" not in content["error"]


@settings(max_examples=50)
@given(path=some.sampled_from(PATHS), body=BODIES | VALUES)
def test_bodies(client: TestClient, path: str, body: Any) -> None:
    text = json.dumps(body)  # with NaN and Infinity, as Python writes them
    require_told(client.post(path, content=text, headers={"Content-Type": "application/json"}))


@settings(max_examples=40)
@given(
    path=some.sampled_from(PATHS[:5]),
    pairs=some.lists(some.tuples(some.sampled_from(NAMES), LIKELY | some.text(max_size=40)), max_size=6),
)
def test_query_strings(client: TestClient, path: str, pairs: list[tuple[str, str]]) -> None:
    from urllib.parse import quote

    line = "&".join(f"{name}={quote(value.encode('utf-8', 'surrogatepass'))}" for name, value in pairs)
    require_told(client.get(f"{path}?{line}"))
