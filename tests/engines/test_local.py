"""The local engine against its index: ids for row numbers, filters, deleted rows, what it lists."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.engines.local import LocalEngine
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import DenseInfo
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.updates import IndexWriter
from splade_cli.records import Chunk

WORDS = ("saw", "blade", "night", "backup")
TEXTS = ("saw blade blade", "night backup", "blade", "saw night")
CHUNKS = [
    Chunk(f"c{number}", f"d{number // 2}", text, f"T{number}", ("H",), metadata={"year": 2020 + number})
    for number, text in enumerate(TEXTS)
]


def encode(texts: tuple[str, ...]) -> sp.csr_matrix:
    counts = [[text.split().count(word) for word in WORDS] for text in texts]
    return sp.csr_matrix(np.array(counts, dtype=np.float32))


@pytest.fixture
def engine() -> LocalEngine:
    dense = np.eye(4, 3, dtype=np.float32)
    dense[3] = 1 / np.sqrt(3)
    index = SpladeIndex.from_vectors(
        encode(TEXTS), chunks=CHUNKS, vocabulary=WORDS, language="english", dense=(DenseInfo("m"), dense)
    )
    return LocalEngine(index)


def test_what_it_can_do_is_what_the_index_holds(engine: LocalEngine) -> None:
    whole = {"exact", "filter", "vectors", "frequencies", "catalog", "facets", "bm25", "lexicon", "dense"}
    assert engine.capabilities == whole
    bare = LocalEngine(SpladeIndex.from_vectors(encode(TEXTS)))
    assert bare.capabilities == {"exact", "filter", "vectors", "frequencies", "catalog", "facets"}
    assert (len(engine), engine.dimensions) == (4, 4)


def test_rankings_are_ids_and_as_long_as_there_are_results(engine: LocalEngine) -> None:
    ranking = engine.search(encode(("blade saw", "backup", "")), 3)
    assert ranking.ids == [["c0", "c2", "c3"], ["c1"], []]
    assert [scores.tolist() for scores in ranking.scores] == [[3, 1, 1], [1], []]
    words = engine.search_words([[("blades", 1.0)], [("nothing", 1.0)]], 3)
    assert words.ids == [["c0", "c2"], []]
    dense = engine.search_dense(np.array([[2, 0, 0], [0, 0, 1]], dtype=np.float32), 2)
    assert dense.ids == [["c0", "c3"], ["c2", "c3"]]
    np.testing.assert_allclose(dense.scores[0], [1, 1 / np.sqrt(3)], rtol=1e-6)


def test_a_filter_holds_for_every_part(engine: LocalEngine) -> None:
    late = parse_filter("year >= 2021")
    assert engine.search(encode(("blade saw",)), 9, late).ids == [["c2", "c3"]]
    assert engine.search_words([[("blade", 1.0)]], 9, late).ids == [["c2"]]
    assert "c0" not in engine.search_dense(np.eye(1, 3, dtype=np.float32), 9, late).ids[0]
    assert engine.search(encode(("blade saw",)), 9, parse_filter("year < 2021")).ids == [["c0"]]
    assert engine.search(encode(("blade saw",)), 9).ids == [["c0", "c2", "c3"]], "the last one is not kept"
    assert (engine.count(late), engine.fields()["year"]) == (3, "number")
    with pytest.raises(InputError, match="no field 'yeer'"):
        engine.count(parse_filter("yeer = 1"))


def test_what_is_stored_comes_back_by_id(engine: LocalEngine) -> None:
    chunks = engine.fetch(["c3", "c0"])
    assert chunks[0] == Chunk("c3", "d1", "saw night", "T3", ("H",), metadata={"year": 2023})
    assert chunks[1].id == "c0"
    np.testing.assert_array_equal(engine.vectors(["c3", "c0"]).toarray(), encode(TEXTS).toarray()[[3, 0]])
    assert engine.vectors([]).shape == (0, 4)
    assert engine.chunks_of("d1") == ["c2", "c3"]
    assert engine.chunks_of("c2") == [] == engine.chunks_of("nothing")
    for ask in (engine.fetch, engine.vectors):
        with pytest.raises(InputError, match="no document 'd1'"):
            ask(["c0", "d1"])


def test_explained_words_add_up_to_the_score(engine: LocalEngine) -> None:
    query = [("blade saw", 1.0), ("night", 0.5)]
    ranking = engine.search_words([query], 9)
    explained = engine.explain_words(query, ranking.ids[0])
    sums = [sum(left * right for _, left, right in words) for words in explained]
    np.testing.assert_allclose(sums, ranking.scores[0], rtol=1e-5)


def test_what_it_lists(engine: LocalEngine) -> None:
    assert list(engine.ids()) == ["c0", "c1", "c2", "c3"]
    assert list(engine.document_ids()) == ["d0", "d1"]
    assert engine.document_frequencies().tolist() == [2, 2, 2, 1]
    assert [engine.has_documents(least) for least in (1, 2, 3)] == [True, True, False]
    facts = engine.describe()
    assert (facts["chunks"], facts["documents"], facts["active terms a chunk"]) == (4, 2, 1.8)


def test_deleted_rows_are_nowhere(engine: LocalEngine, tmp_path: Path) -> None:
    engine.index.save(tmp_path / "index")
    with IndexWriter(tmp_path / "index") as writer:
        writer.delete(writer.rows_of(["c0"]))
    changed = LocalEngine(SpladeIndex.open(tmp_path / "index"))
    assert len(changed) == 3
    assert [changed.has_documents(least) for least in (1, 2, 3)] == [True, True, False]
    assert changed.search(encode(("blade saw",)), 9).ids == [["c2", "c3"]]
    assert changed.search_words([[("blade", 1.0)]], 9).ids == [["c2"]]
    assert "c0" not in changed.search_dense(np.eye(1, 3, dtype=np.float32), 9).ids[0]
    assert list(changed.ids()) == ["c1", "c2", "c3"]
    assert changed.chunks_of("d0") == ["c1"]
    assert changed.document_frequencies().tolist() == [1, 1, 2, 1]
    with pytest.raises(InputError, match="no document 'c0'"):
        changed.fetch(["c0"])
