"""Facets, held against counting the stored texts one by one."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import scipy.sparse as sp

from splade_cli.engines.local import LocalEngine
from splade_cli.index.index import SpladeIndex
from splade_cli.index.metadata.facets import MOST_VALUES, value_counts
from splade_cli.index.metadata.fields import values_of
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.records import Chunk, JsonValue

KINDS: tuple[dict[str, JsonValue], ...] = (
    {"lang": "en", "year": 2020, "tags": ["a", "b"], "draft": True},
    {"lang": "no", "year": 2021.5, "tags": ["b"], "draft": False},
    {"lang": "en", "year": "2020", "author": {"name": "x"}},
    {"lang": None, "tags": []},
)


def index_of(rows: int, first: int = 0) -> SpladeIndex:
    chunks = [
        Chunk(f"d{n}", f"d{n}", "text", metadata={**KINDS[n % len(KINDS)], "path": f"folder/{n}.md"})
        for n in range(first, first + rows)
    ]
    return SpladeIndex.from_vectors(sp.csr_matrix(np.ones((rows, 3), dtype=np.float32)), chunks=chunks)


def counted(chunks: Any) -> dict[str, Counter[Any]]:
    found: dict[str, Counter[Any]] = {}
    for chunk in chunks:
        for name, value in dict.fromkeys(values_of(chunk)):
            key = str(value).lower() if isinstance(value, bool) else value
            found.setdefault(name, Counter())[key] += 1
    return found


def test_counts_are_those_of_the_texts() -> None:
    index = index_of(200)
    index.remove(["d0", "d5", "d7"])
    engine = LocalEngine(index)
    wanted = counted(engine.fetch(list(engine.ids())))
    found = engine.facets()
    assert {"lang", "tags", "draft", "year"} <= set(found)
    assert not {"id", "document_id", "title", "path"} & set(found), (
        "too many values, or what tells texts apart"
    )
    assert "author.name" not in found, "one value narrows nothing down"
    assert next(iter(found)) == "lang", "what most texts have comes first"
    for name, counts in found.items():
        assert counts == wanted[name], name
        assert list(counts.values()) == sorted(counts.values(), reverse=True)


def test_a_filter_counts_what_passes_and_keeps_the_rest_with_0() -> None:
    engine = LocalEngine(index_of(40))
    found = engine.facets(parse_filter("lang = no"))
    assert found["lang"] == {"en": 0, "no": 10}
    assert found["tags"] == {"b": 10, "a": 0}


def test_values_over_several_segments_are_one() -> None:
    segments = [index_of(30).segments[0].columns, index_of(30, first=30).segments[0].columns]
    masks = [np.ones(30, dtype=bool), np.arange(30) < 10]
    found = value_counts(segments, masks)
    wanted = counted([*index_of(30).chunks, *index_of(10, first=30).chunks])
    assert found["lang"] == wanted["lang"] and found["tags"] == wanted["tags"]


def test_a_field_with_many_values_is_none() -> None:
    def engine(values: int) -> LocalEngine:
        chunks = [Chunk(f"d{n}", f"d{n}", "t", metadata={"x": n % values}) for n in range(60)]
        return LocalEngine(
            SpladeIndex.from_vectors(sp.csr_matrix(np.ones((60, 1), np.float32)), chunks=chunks)
        )

    assert len(engine(MOST_VALUES).facets()["x"]) == MOST_VALUES
    assert engine(MOST_VALUES + 1).facets() == {}
