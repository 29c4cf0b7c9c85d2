"""Rows of what people called good: negatives of the search that they marked, never another good one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.engines.local import LocalEngine
from splade_cli.generation.marked_rows import marked_rows
from splade_cli.generation.negatives import MiningRules
from splade_cli.index.index import SpladeIndex
from splade_cli.records import Chunk
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.marks import Mark, Verdict

TEXTS = ["clay", "clay pot", "hot clay pot", "kiln for clay", "steel lathe"]
WORDS = sorted({word for text in TEXTS for word in text.split()})


class Words:
    """A query encoder: weight 1 for each word that is known."""

    def encode(self, texts: list[str]) -> sp.csr_matrix:
        rows = [[float(word in text.split()) for word in WORDS] for text in texts]
        return sp.csr_matrix(np.array(rows, dtype=np.float32))


@pytest.fixture(scope="module")
def searcher() -> Searcher:
    chunks = [Chunk(str(number), f"d{number}", text) for number, text in enumerate(TEXTS)]
    index = SpladeIndex.from_vectors(Words().encode(TEXTS), chunks=chunks, vocabulary=WORDS)
    return Searcher(LocalEngine(index), Words(), vocabulary=WORDS)  # type: ignore[arg-type]


def mark(name: int, verdict: Verdict, query: str = "clay pot") -> Mark:
    return Mark(query, str(name), verdict, TEXTS[name])


def test_a_good_mark_alone_gets_negatives_of_its_search(searcher: Searcher) -> None:
    (row,) = marked_rows([mark(1, "good")], searcher)
    assert (row["query"], row["positive_document"], row["chunk_id"]) == ("clay pot", "clay pot", "1")
    negatives = row["negative_documents"]
    assert isinstance(negatives, list)
    assert set(negatives) == {"clay", "kiln for clay"}, "as good a hit, and what was not found, are none"


def test_bad_marks_go_first_and_other_good_ones_are_left_out(searcher: Searcher) -> None:
    marks = [mark(1, "good"), mark(2, "good"), mark(4, "bad"), mark(0, "good", "clay")]
    rows = marked_rows(marks, searcher, MiningRules(count=2))
    assert [row["chunk_id"] for row in rows] == ["1", "2", "0"]
    first, second, other = (row["negative_documents"] for row in rows)
    assert isinstance(first, list) and isinstance(second, list) and isinstance(other, list)
    assert first[0] == second[0] == "steel lathe", "which a person called bad"
    assert not {"clay pot", "hot clay pot"} & {*first, *second}
    assert "steel lathe" not in other, "it is bad for another query"


def test_a_text_that_is_gone_is_a_row_with_what_is_found_now(searcher: Searcher) -> None:
    (row,) = marked_rows([Mark("clay pot", "gone", "good", "an old pot")], searcher)
    assert row["positive_document"] == "an old pot" and row["negative_documents"]


def test_bad_marks_alone_are_no_rows(searcher: Searcher) -> None:
    assert marked_rows([mark(4, "bad")], searcher) == []


def test_a_chunk_that_overlaps_the_good_one_is_no_negative() -> None:
    chunks = [
        Chunk(f"d::{number}", "d", text, headings=(str(number),), start=8 * number, end=8 * number + 10)
        for number, text in enumerate(TEXTS)
    ]
    index = SpladeIndex.from_vectors(Words().encode(TEXTS), chunks=chunks, vocabulary=WORDS)
    over = Searcher(LocalEngine(index), Words(), vocabulary=WORDS)  # type: ignore[arg-type]
    (row,) = marked_rows([Mark("clay pot", "d::1", "good", TEXTS[1])], over)
    assert row["negative_documents"] == ["3\nkiln for clay"], "d::0 and d::2 share a piece of it"
