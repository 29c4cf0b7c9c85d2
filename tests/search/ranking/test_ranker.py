"""Each part of an index, and their fusion, against slow versions; what an index cannot do is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.engines.local import LocalEngine
from splade_cli.errors import InputError
from splade_cli.index.bm25_search import Bm25Search
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import DenseInfo
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.search.options import SearchOptions
from splade_cli.search.ranking.ranker import Ranked, Ranker

WORDS = ["saw", "blade", "night", "backup", "login", "code"]
TEXTS = ["saw blade blade", "night backup", "login code code", "saw night", "blade code"]


def encode(texts: Any) -> sp.csr_matrix:
    return sp.csr_matrix(
        np.array([[text.split().count(word) for word in WORDS] for text in texts], dtype=np.float32)
    )


class Dense:
    """Vectors of two numbers: how much a text is about saws, and how long it is."""

    def encode(self, texts: Any, kind: str = "document") -> np.ndarray:
        return np.array(
            [[text.count("saw") + text.count("blade"), len(text) / 10] for text in texts], dtype=np.float32
        )


def make(language: str | None = "english", dense: bool = True) -> Ranker:
    vectors = Dense().encode(TEXTS)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    index = SpladeIndex.from_vectors(
        encode(TEXTS), ids=list("abcde"), texts=TEXTS, vocabulary=WORDS, language=language,
        dense=(DenseInfo("about-saws"), unit) if dense else None,
    )  # fmt: skip
    return Ranker(LocalEngine(index), encode, Dense)


def rank(ranker: Ranker, mode: str, k: int, *queries: str, filter: Any = None, **options: Any) -> Ranked:
    chosen = SearchOptions(mode=mode, **options)
    encoded = ranker.encode([[(query, 1.0)] for query in queries or ("saw blade",)], chosen)
    return ranker.rank(encoded, k, chosen, filter)


def test_modes_are_those_that_the_index_was_built_with() -> None:
    assert make().modes == ("sparse", "bm25", "dense", "hybrid")
    assert make(dense=False).modes == ("sparse", "bm25", "hybrid")
    alone = make(language=None, dense=False)
    assert alone.modes == ("sparse",)
    with pytest.raises(InputError, match="cannot be searched by dense"):
        rank(alone, "dense", 3)
    with pytest.raises(InputError, match="unknown mode 'bm52'"):
        rank(make(), "bm52", 3)


def test_each_mode_is_its_own_ranking() -> None:
    ranker = make()
    sparse = rank(ranker, "sparse", 10).ranking
    assert sparse.ids == [["a", "d", "e"]]
    assert sparse.scores[0].tolist() == [3, 1, 1]
    lexical = rank(ranker, "bm25", 10).ranking
    rows, scores = Bm25Search.over(TEXTS, "english").search(["saw blade"], 10)
    assert lexical.ids == [["abcde"[row] for row in rows[0] if row >= 0]]
    np.testing.assert_allclose(lexical.scores[0], scores[0][rows[0] >= 0], rtol=1e-6)
    dense = rank(ranker, "dense", 10).ranking
    vectors = Dense().encode(TEXTS)
    wanted = Dense().encode(["saw blade"])[0]
    cosine = vectors @ wanted / np.linalg.norm(vectors, axis=1) / np.linalg.norm(wanted)
    assert dense.ids == [["abcde"[row] for row in np.argsort(-cosine, kind="stable")]]
    np.testing.assert_allclose(dense.scores[0], np.sort(cosine)[::-1], rtol=1e-3)


def test_a_hybrid_is_the_fusion_of_all_parts_and_says_what_each_gave() -> None:
    ranker = make()
    alone = {part: rank(ranker, part, 10).ranking.ids[0] for part in ("sparse", "bm25", "dense")}
    expected: dict[str, float] = {}
    for names in alone.values():
        for position, name in enumerate(names, 1):
            expected[name] = expected.get(name, 0.0) + 1 / (60 + position)
    hybrid = rank(ranker, "hybrid", 4, weights="rrf")
    assert hybrid.ranking.ids[0] == sorted(expected, key=lambda name: -np.float32(expected[name]))[:4]
    assert {part: ranking.ids[0] for part, ranking in hybrid.parts.items()} == alone
    only = rank(ranker, "hybrid", 4, weights={"bm25": 1.0})
    assert only.ranking.ids[0] == alone["bm25"][:4], "a part of weight 0 adds nothing"


@pytest.mark.parametrize("mode", ["sparse", "bm25", "dense", "hybrid"])
def test_texts_that_do_not_pass_are_no_results(mode: str) -> None:
    ids = rank(make(), mode, 10, filter=parse_filter("id in (b, c, d)")).ranking.ids[0]
    assert ids
    assert set(ids) <= set("bcd")


@pytest.mark.parametrize("mode", ["sparse", "bm25", "dense", "hybrid"])
def test_many_queries_at_once_are_each_alone(mode: str) -> None:
    queries = ("saw blade", "night", "code login", "nothing of it")
    together = rank(make(), mode, 3, *queries).ranking
    for number, query in enumerate(queries):
        alone = rank(make(), mode, 3, query).ranking
        assert together.ids[number] == alone.ids[0]
        np.testing.assert_allclose(together.scores[number], alone.scores[0], rtol=1e-6)


def test_rare_terms_weigh_more_with_idf() -> None:
    query = [[("saw night code", 1.0)]]
    plain = make().vectors(query)
    weighted = make().vectors(query, 1.0)
    held = encode(TEXTS).getnnz(axis=0)
    idf = np.log1p((len(TEXTS) - held + 0.5) / (held + 0.5))
    np.testing.assert_allclose(weighted.toarray(), plain.toarray() * idf, rtol=1e-6)


def test_texts_of_a_query_give_the_largest_of_their_weights() -> None:
    vectors = make().vectors([[("saw", 1.0), ("saw saw blade", 0.4)], [("night", 1.0)]]).toarray()
    np.testing.assert_allclose(vectors, [[1.0, 0.4, 0, 0, 0, 0], [0, 0, 1.0, 0, 0, 0]], rtol=1e-6)
