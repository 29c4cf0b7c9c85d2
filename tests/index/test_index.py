"""The index against a dense product, ties and edges included; what goes in and what is refused."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import Bm25Info, DenseInfo, EncoderInfo
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.store.segment import Segment
from splade_cli.records import Chunk

# multiples of 1/4 with few bits: float32 sums are exact in any order, so ties are ties in both computations
QUARTERS = st.integers(-8, 8).map(lambda number: number / 4)


@st.composite
def matrices(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    rows, queries, width = draw(st.integers(0, 25)), draw(st.integers(0, 4)), draw(st.integers(1, 9))
    shapes = ((rows, width), (queries, width))
    dense = [draw(arrays(np.float32, shape, elements=QUARTERS, fill=st.just(0.0))) for shape in shapes]
    return dense[0], dense[1]


def expected(documents: np.ndarray, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows that share a term, by score descending then number; written out."""
    numbers = np.full((len(queries), k), -1, dtype=np.int64)
    scores = np.full((len(queries), k), -np.inf, dtype=np.float32)
    for place, query in enumerate(queries):
        sharing = [row for row, document in enumerate(documents) if np.any((document != 0) & (query != 0))]
        best = sorted(sharing, key=lambda row: (-float(documents[row] @ query), row))[:k]
        numbers[place, : len(best)] = best
        scores[place, : len(best)] = [documents[row] @ query for row in best]
    return numbers, scores


@given(matrices(), st.integers(1, 40))
def test_search_is_the_dense_product(pair: tuple[np.ndarray, np.ndarray], k: int) -> None:
    documents, queries = pair
    numbers, scores = SpladeIndex.from_vectors(sp.csr_matrix(documents)).search_rows(
        sp.csr_matrix(queries), k
    )
    assert numbers.dtype == np.int64
    assert scores.dtype == np.float32
    wanted = expected(documents, queries, k)
    np.testing.assert_array_equal(numbers, wanted[0])
    np.testing.assert_array_equal(scores, wanted[1])


@given(matrices(), st.integers(1, 40))
def test_dense_queries_are_taken(pair: tuple[np.ndarray, np.ndarray], k: int) -> None:
    documents, queries = pair
    index = SpladeIndex.from_vectors(sp.csr_matrix(documents))
    wanted = index.search(sp.csr_matrix(queries), k)
    found = index.search(queries, k)  # type: ignore[arg-type]
    assert found[0] == wanted[0]
    assert [each.tolist() for each in found[1]] == [each.tolist() for each in wanted[1]]


def test_larger_random_matrices() -> None:
    generator = np.random.default_rng(0)
    documents = sp.random(800, 500, 0.05, "csr", np.float32, generator)
    queries = sp.random(20, 500, 0.04, "csr", np.float32, generator)
    numbers, scores = SpladeIndex.from_vectors(documents).search_rows(queries, 25)
    product = np.asarray((queries @ documents.T).todense())
    np.testing.assert_allclose(scores, -np.sort(-product, axis=1)[:, :25], rtol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(product, numbers, 1), scores, rtol=1e-5)


def test_empty_places_k_beyond_the_rows_and_queries_without_a_match() -> None:
    index = SpladeIndex.from_vectors(sp.csr_matrix([[1.0, 0, 0], [0, 2, 0], [3, 0, 0]]))
    numbers, scores = index.search_rows(sp.csr_matrix([[1.0, 0, 0], [0, 0, 0], [0, 0, 1]]), 4)
    assert numbers.tolist() == [[2, 0, -1, -1], [-1] * 4, [-1] * 4]
    assert scores[0].tolist() == [3, 1, -np.inf, -np.inf]
    assert np.isneginf(scores[1:]).all()
    assert index.search_rows(sp.csr_matrix((0, 3)), 2)[0].shape == (0, 2)


def test_equal_scores_go_by_row_number_at_the_cut() -> None:
    index = SpladeIndex.from_vectors(sp.csr_matrix(np.array([[1.0], [2], [2], [2], [1], [2]])))
    assert index.search_rows(sp.csr_matrix([[1.0]]), 3)[0].tolist() == [[1, 2, 3]]
    assert index.search_rows(sp.csr_matrix([[-1.0]]), 3)[0].tolist() == [[0, 4, 1]]


def test_a_row_that_cancels_to_zero_is_a_result() -> None:
    index = SpladeIndex.from_vectors(sp.csr_matrix([[1.0, -1.0], [0.0, -2.0]]))
    numbers, scores = index.search_rows(sp.csr_matrix([[1.0, 1.0]]), 3)
    assert numbers.tolist() == [[0, 1, -1]]
    assert scores.tolist() == [[0.0, -2.0, -np.inf]]


def test_search_gives_the_ids_that_were_given(tmp_path: Path) -> None:
    vectors, query = sp.csr_matrix([[1.0, 0], [0, 2], [3, 0]]), sp.csr_matrix([[1.0, 0], [0, 0], [1, 1]])
    named = SpladeIndex.from_vectors(vectors, ["x", "y", "z"])
    named.save(tmp_path / "named")
    for index in (named, SpladeIndex.open(tmp_path / "named")):
        ids, scores = index.search(query, 2)
        assert ids == [["z", "x"], [], ["z", "y"]]
        assert [each.tolist() for each in scores] == [[3, 1], [], [3, 2]]
        assert {each.dtype for each in scores} == {np.dtype(np.float32)}
        assert list(index.ids) == ["x", "y", "z"] and index.ids[1:] == ["y", "z"] and index.ids[-1] == "z"
    numbered = SpladeIndex.from_vectors(vectors)
    assert numbered.search(query, 2)[0] == [[2, 0], [], [2, 1]]
    assert numbered.remove(["0"]).search(query, 2)[0] == [[2], [], [2, 1]], "a number stays a row's own"
    assert numbered.add(vectors[:1], ["new"]).search(query, 1)[0] == [["2"], [], ["2"]]


def test_ids_of_a_folder_are_read_without_parsing_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    SpladeIndex.from_vectors(sp.eye(3, format="csr"), ["a", "b", "æ"]).save(tmp_path / "index")
    index = SpladeIndex.open(tmp_path / "index")
    monkeypatch.setattr("splade_cli.index.store.chunks.json.loads", None)
    assert [index.ids[row] for row in range(3)] == ["a", "b", "æ"]


def test_chunks_and_vectors_by_id(tmp_path: Path) -> None:
    chunks = [
        Chunk("d/1", "d", "one", "T", ("H",), 3, 6, {"n": 1}),
        Chunk("e/1", "e", "two"),
        Chunk("d/2", "d", ""),
    ]
    built = SpladeIndex.from_vectors(sp.csr_matrix([[1.0, 0], [0, 2], [3, 4]]), chunks=chunks)
    built.save(tmp_path / "index")
    for index in (built, SpladeIndex.open(tmp_path / "index")):
        assert (
            index.fetch(["d/2", "d/1", "d/2"]) == [chunks[2], chunks[0], chunks[2]] and index.fetch([]) == []
        )
        assert index.chunks_of("d") == ["d/1", "d/2"] and index.chunks_of("d/1") == [] == index.chunks_of("x")
        assert index.vectors_of(["e/1", "d/2"]).toarray().tolist() == [[0, 2], [3, 4]]
        assert index.vectors_of([]).shape == (0, 2)
        assert list(index.document_ids) == ["d", "e", "d"]
        for ask in (index.fetch, index.vectors_of):
            with pytest.raises(InputError, match="no document 'd' in the index"):
                ask(["d"])


def test_one_query_does_not_touch_the_next() -> None:
    documents = sp.random(50, 30, 0.2, "csr", np.float32, np.random.default_rng(1))
    queries = sp.random(10, 30, 0.2, "csr", np.float32, np.random.default_rng(2))
    index = SpladeIndex.from_vectors(documents)
    together = index.search_rows(queries, 7)
    alone = [index.search_rows(queries[number], 7) for number in range(10)]
    for part in (0, 1):
        np.testing.assert_array_equal(together[part], np.vstack([one[part] for one in alone]))


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one(k: int) -> None:
    with pytest.raises(InputError, match=f"k must be above 0, got {k}"):
        SpladeIndex.from_vectors(sp.eye(3, format="csr")).search_rows(sp.eye(3, format="csr"), k)


def test_another_width_names_both() -> None:
    with pytest.raises(InputError, match="queries have 4 dimensions, the index has 3"):
        SpladeIndex.from_vectors(sp.eye(3, format="csr")).search_rows(sp.eye(4, format="csr"))


def test_stored_zeros_and_duplicates_are_cleaned_and_the_input_is_left_alone() -> None:
    vectors = sp.csr_matrix(
        (np.array([1.0, 2.0, 0.0, 5.0]), np.array([1, 1, 0, 2]), np.array([0, 3, 4])), shape=(2, 3)
    )
    index = SpladeIndex.from_vectors(vectors)
    assert index.vectors.toarray().tolist() == [[0, 3, 0], [0, 0, 5]]
    assert index.vectors.nnz == index.nonzeros == 2
    assert index.search_rows(sp.csr_matrix([[1.0, 0, 0]]), 2)[0].tolist() == [[-1, -1]]
    assert vectors.nnz == 4


@pytest.mark.parametrize("kind", [sp.csc_matrix, sp.coo_matrix, sp.lil_matrix, sp.csr_array])
def test_any_sparse_kind(kind: type) -> None:
    index = SpladeIndex.from_vectors(kind(np.array([[0, 1.5], [2, 0]])))
    assert index.search_rows(kind(np.array([[1.0, 1.0]])), 2)[0].tolist() == [[1, 0]]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(InputError, match="not finite"):
        SpladeIndex.from_vectors(sp.csr_matrix([[1.0, value]]))


def test_ids_texts_and_rows_are_counted_and_unique() -> None:
    two = sp.eye(2, format="csr")
    with pytest.raises(InputError, match="2 vectors, 1 ids and 2 texts"):
        SpladeIndex.from_vectors(two, ["a"], ["x", "y"])
    with pytest.raises(InputError, match="2 vectors, 2 ids and 3 texts"):
        SpladeIndex.from_vectors(two, ["a", "b"], ["x", "y", "z"])
    with pytest.raises(InputError, match="2 vectors and 1 chunks"):
        SpladeIndex.from_vectors(two, chunks=[Chunk("a", "a", "")])
    with pytest.raises(InputError, match="'a' comes twice"):
        SpladeIndex.from_vectors(two, ["a", "a"])
    assert list(SpladeIndex.from_vectors(two).chunks) == [Chunk("0", "0", ""), Chunk("1", "1", "")]


def test_add_and_remove(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    vectors = sp.random(6, 8, 0.5, "csr", np.float32, generator)
    whole = SpladeIndex.from_vectors(
        vectors, list("abcdef"), vocabulary=list("01234567"), encoder=EncoderInfo("m")
    )
    first = SpladeIndex.from_vectors(
        vectors[:4], list("abcd"), ["A", "B", "C", "D"], vocabulary=list("01234567"), encoder=EncoderInfo("m")
    )
    first.save(tmp_path / "index")
    for start in (first, SpladeIndex.open(tmp_path / "index")):
        grown = start.add(vectors[4:], ["e", "f"], ["E", "F"])
        assert len(start) == 4
        assert list(grown.ids) == list("abcdef")
        assert [chunk.text for chunk in grown.chunks] == list("ABCDEF")
        assert (grown.vectors != whole.vectors).nnz == 0
        assert (grown.vocabulary, grown.info) == (whole.vocabulary, whole.info)
        shrunk = grown.remove(["b", "e"])
        assert list(shrunk.ids) == list("acdf")
        query = vectors[5]
        found = [(index, index.search_rows(query, 6)[0][0]) for index in (grown, shrunk)]
        names = [[index.ids[row] for row in rows if row >= 0] for index, rows in found]
        assert [name for name in names[0] if name not in "be"] == names[1]
        assert len(start.remove(list("abcd"))) == 0
    with pytest.raises(InputError, match="'a' comes twice"):
        first.add(vectors[4:5], ["a"])
    with pytest.raises(InputError, match="no row 'zz'"):
        first.remove(["a", "zz"])


@st.composite
def divided(draw: st.DrawFn) -> tuple[SpladeIndex, np.ndarray, np.ndarray, np.ndarray, np.ndarray | None]:
    """An index of up to four segments with deleted rows; its documents, which live, queries, and a mask or
    none."""
    width = draw(st.integers(1, 7))
    sizes = draw(st.lists(st.integers(0, 9), max_size=4))
    blocks = [draw(arrays(np.float32, (size, width), elements=QUARTERS, fill=st.just(0.0))) for size in sizes]
    rows = [Chunk(str(number), f"doc {number // 2}", "") for number in range(sum(sizes))]
    segments, start = [], 0
    for block in blocks:
        segment = Segment.build(sp.csr_matrix(block), rows[start : start + len(block)])
        segment.alive = draw(st.none() | arrays(np.bool_, len(block), fill=st.nothing()))
        segments.append(segment)
        start += len(block)
    index = SpladeIndex(segments, width)
    every = np.vstack([np.empty((0, width), np.float32), *blocks])
    living = [np.ones(len(each), bool) if each.alive is None else each.alive for each in segments]
    queries = draw(arrays(np.float32, (draw(st.integers(0, 3)), width), elements=QUARTERS, fill=st.just(0.0)))
    mask = draw(st.none() | arrays(np.bool_, len(every), fill=st.nothing()))
    return index, every, np.concatenate([np.empty(0, bool), *living]), queries, mask


@given(divided(), st.integers(1, 40))
def test_segments_deleted_rows_and_masks_are_one_search(
    case: tuple[SpladeIndex, np.ndarray, np.ndarray, np.ndarray, np.ndarray | None], k: int
) -> None:
    index, documents, living, queries, mask = case
    open_rows = np.flatnonzero(living if mask is None else living & mask)
    numbers, scores = index.search_rows(sp.csr_matrix(queries), k, allowed=mask)
    wanted = expected(documents[open_rows], queries, k)
    numbered = np.append(open_rows, -1)[wanted[0]]
    np.testing.assert_array_equal(numbers, numbered)
    np.testing.assert_array_equal(scores, wanted[1])
    plain, all_allowed = index.search_rows(sp.csr_matrix(queries), k), np.ones(len(documents), bool)
    for unmasked, masked in zip(
        plain, index.search_rows(sp.csr_matrix(queries), k, allowed=all_allowed), strict=True
    ):
        np.testing.assert_array_equal(masked, unmasked)
    assert len(index) == living.sum()
    assert len(index.chunks) == len(index.ids) == len(documents)
    np.testing.assert_array_equal(index.alive, living)
    np.testing.assert_array_equal(index.live_rows(), np.flatnonzero(living))
    np.testing.assert_array_equal(index.vectors.toarray(), documents)
    np.testing.assert_array_equal(index.df, (documents[living] != 0).sum(0))
    assert index.documents == len({number // 2 for number in np.flatnonzero(living)})
    assert (
        list(index.ids)
        == [chunk.id for chunk in index.chunks]
        == [str(number) for number in range(len(documents))]
    )
    for number in range(len(documents)):
        np.testing.assert_array_equal(index.vector(number).toarray()[0], documents[number])
        assert index.chunks[number].id == str(number) == index.chunks[number - len(documents)].id
        assert index.ids[number] == str(number) and index.document_ids[number] == f"doc {number // 2}"
        assert index.find(str(number)).tolist() == ([number] if living[number] else [])
        pair = [
            each for each in (number // 2 * 2, number // 2 * 2 + 1) if each < len(living) and living[each]
        ]
        assert index.find(f"doc {number // 2}").tolist() == pair
        assert index.find(f"doc {number // 2}", documents=False).tolist() == []
        assert index.find(str(number), chunks=False).tolist() == []
    assert index.find("another").tolist() == []
    with pytest.raises(IndexError):
        index.vector(len(documents))
    if len(index):
        kept = [index.ids[int(number)] for number in index.live_rows()]
        fewer = index.remove(kept[:1])
        assert list(fewer.ids) == kept[1:]
        more = index.add(sp.csr_matrix(documents[:1]), ["fresh"])
        assert list(more.ids) == [*kept, "fresh"]
        np.testing.assert_array_equal(more.vectors.toarray(), np.vstack([documents[living], documents[:1]]))


def test_a_mask_of_another_length() -> None:
    with pytest.raises(InputError, match="a mask of"):
        SpladeIndex.from_vectors(sp.eye(3, format="csr")).search_rows(
            sp.eye(3, format="csr"), allowed=np.ones(2, bool)
        )


def test_a_filter_goes_over_all_segments() -> None:
    years = (2019, 2021, 2023, 2020)
    rows = [Chunk(str(n), str(n), "", metadata={"year": year}) for n, year in enumerate(years)]
    parts = [Segment.build(sp.csr_matrix(np.ones((2, 1), np.float32)), rows[at : at + 2]) for at in (0, 2)]
    index = SpladeIndex(parts, 1)
    mask = index.mask(parse_filter("year > 2019"))
    assert mask.tolist() == [False, True, True, True]
    parts[1].alive = np.array([False, True])
    index = SpladeIndex(parts, 1)
    assert index.search_rows(sp.csr_matrix([[1.0]]), 3, allowed=mask)[0].tolist() == [[1, 3, -1]]


def test_words_and_dense_vectors_in_memory() -> None:
    two = sp.eye(2, format="csr")
    dense = np.eye(2, 5, dtype=np.float32)
    index = SpladeIndex.from_vectors(
        two, ["a", "b"], ["the saw", "a blade"], language="english", dense=(DenseInfo("m"), dense)
    )
    assert index.info.bm25 == Bm25Info("english")
    assert index.info.dense == DenseInfo("m", dimensions=5)
    assert index.segments[0].bm25 is not None and list(index.segments[0].bm25.terms) == ["blade", "saw"]
    np.testing.assert_array_equal(index.segments[0].dense, dense)
    again = index.remove(["a"])
    assert again.segments[0].bm25 is not None and list(again.segments[0].bm25.terms) == ["blade"]
    assert again.info.dense is None
    with pytest.raises(InputError, match="2 vectors"):
        SpladeIndex.from_vectors(two, dense=(DenseInfo("m"), dense[:1]))


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("ids", [None, [f"text {row}" for row in range(60)]])
def test_an_index_in_memory_is_copied_after_a_search(again: Any, ids: list[str] | None) -> None:
    vectors: Any = sp.random(60, 30, density=0.2, format="csr", dtype=np.float32, random_state=2)
    index = SpladeIndex.from_vectors(vectors, ids)
    names, scores = index.search(vectors[:4], 5)
    found = again(index).search(vectors[:4], 5)
    assert found[0] == names
    for ours, theirs in zip(found[1], scores, strict=True):
        np.testing.assert_array_equal(ours, theirs)
