"""Each part of an index, and their fusion, against slow versions; what an index cannot do is said."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.index.bm25.search import Bm25
from splade_cli.index.index import SpladeIndex
from splade_cli.search.ranker import Ranker

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


def make(language: str | None = "english", dense: bool = True, **options: Any) -> Ranker:
    vectors = Dense().encode(TEXTS)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    index = SpladeIndex.from_vectors(
        encode(TEXTS), ids=list("abcde"), texts=TEXTS, vocabulary=WORDS, language=language,
        dense=({"model": "about-saws"}, unit) if dense else None,
    )  # fmt: skip
    return Ranker(index, encode, open_dense=Dense, **options)  # type: ignore[arg-type]


def test_modes_are_those_that_the_index_was_built_with() -> None:
    assert make().modes == ("sparse", "bm25", "dense", "hybrid")
    assert make(dense=False).modes == ("sparse", "bm25", "hybrid")
    alone = make(language=None, dense=False)
    assert alone.modes == ("sparse",)
    with pytest.raises(InputError, match="cannot be searched by dense"):
        alone.rank([("saw", 1.0)], "dense", 3)
    with pytest.raises(InputError, match="unknown mode 'bm52'"):
        make().rank([("saw", 1.0)], "bm52", 3)


def test_each_mode_is_its_own_ranking() -> None:
    ranker = make()
    query = [("saw blade", 1.0)]
    sparse = ranker.rank(query, "sparse", 10)
    assert sparse.rows.tolist() == [0, 3, 4]
    assert sparse.scores.tolist() == [3, 1, 1]
    assert sparse.vector is not None
    lexical = ranker.rank(query, "bm25", 10)
    rows, scores = Bm25(TEXTS, "english").search(["saw blade"], 10)
    assert lexical.rows.tolist() == rows[0][rows[0] >= 0].tolist()
    np.testing.assert_allclose(lexical.scores, scores[0][rows[0] >= 0], rtol=1e-6)
    found = ranker.rank(query, "dense", 10)
    vectors = Dense().encode(TEXTS)
    wanted = Dense().encode(["saw blade"])[0]
    cosine = vectors @ wanted / np.linalg.norm(vectors, axis=1) / np.linalg.norm(wanted)
    assert found.rows.tolist() == np.argsort(-cosine, kind="stable").tolist()
    np.testing.assert_allclose(found.scores, np.sort(cosine)[::-1], rtol=1e-3)


def test_a_hybrid_is_the_fusion_of_all_parts_and_says_what_each_gave() -> None:
    ranker, query = make(), [("saw blade", 1.0)]
    alone = {part: ranker.rank(query, part, 10).rows.tolist() for part in ("sparse", "bm25", "dense")}
    expected: dict[int, float] = {}
    for rows in alone.values():
        for rank, row in enumerate(rows, 1):
            expected[row] = expected.get(row, 0.0) + 1 / (60 + rank)
    found = ranker.rank(query, "hybrid", 4)
    assert found.rows.tolist() == sorted(expected, key=lambda row: (-np.float32(expected[row]), row))[:4]
    for part, rows in alone.items():
        assert {row: place[0] for row, place in found.parts[part].items()} == {
            row: n for n, row in enumerate(rows, 1)
        }
    only = make(weights={"bm25": 1.0}).rank(query, "hybrid", 4)
    assert only.rows.tolist() == alone["bm25"][:4], "a part of weight 0 adds nothing"


@pytest.mark.parametrize("mode", ["sparse", "bm25", "dense", "hybrid"])
def test_rows_that_are_not_allowed_are_no_results(mode: str) -> None:
    allowed = np.array([False, True, True, True, False])
    found = make().rank([("saw blade", 1.0)], mode, 10, allowed)
    assert len(found.rows)
    assert allowed[found.rows].all()


def test_rare_terms_weigh_more_with_idf() -> None:
    query = [("saw night code", 1.0)]
    plain, weighed = make().vector(query), make(alpha=1.0).vector(query)
    held = encode(TEXTS).getnnz(axis=0)
    idf = np.log1p((len(TEXTS) - held + 0.5) / (held + 0.5))
    np.testing.assert_allclose(weighed.toarray(), plain.toarray() * idf, rtol=1e-6)


def test_pieces_give_the_largest_of_their_weights() -> None:
    vector = make().vector([("saw", 1.0), ("saw saw blade", 0.4)]).toarray()[0]
    np.testing.assert_allclose(vector, [1.0, 0.4, 0, 0, 0, 0], rtol=1e-6)
