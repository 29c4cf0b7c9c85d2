"""Collections in BEIR's layout, TREC runs and qrels there and back, and what is said about broken ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.datasets.collections import load_collection
from splade_cli.datasets.formats.beir import read_corpus, read_queries
from splade_cli.datasets.formats.trec import ranked, read_qrels, write_qrels, write_run
from splade_cli.errors import InputError
from splade_cli.records import Document


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    folder = tmp_path / "mini"
    rows = [{"_id": 1, "title": "T", "text": "one", "year": 2020}, {"_id": "d2", "text": "two"}]
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text("\n".join(map(json.dumps, rows)))
    queries = [{"_id": "q1", "text": "first"}, {"_id": "q2", "text": "second"}]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, queries)))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\t1\t2\nq1\td2\t0\nq9\t1\t1\n")
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\nq2\td2\t1\n")
    return folder


def test_a_beir_folder(beir: Path) -> None:
    found = load_collection(beir)
    assert (found.name, found.split, found.chunked) == ("mini", "test", False)
    assert found.documents == [Document("1", "one", "T", {"year": 2020}), Document("d2", "two")]
    assert found.queries == {"q1": "first"}, "judged queries only, and only those with a text"
    assert found.qrels == {"q1": {"1": 2, "d2": 0}}
    assert load_collection(beir, "dev").qrels == {"q2": {"d2": 1}}


def test_documents_beside_queries_are_chunked(beir: Path) -> None:
    (beir / "corpus.jsonl").unlink()
    with pytest.raises(InputError, match=r"neither corpus\.jsonl nor a folder documents/"):
        load_collection(beir)
    (beir / "documents" / "sub").mkdir(parents=True)
    (beir / "documents" / "sub" / "a.md").write_text("# A\n\ntext")
    (beir / "qrels" / "test.tsv").write_text("q1\tsub/a.md\t1\n")
    found = load_collection(beir)
    assert found.chunked
    assert [document.id for document in found.documents] == ["sub/a.md"]


def test_a_training_file_is_a_collection(tmp_path: Path) -> None:
    rows = [
        {"query": "q", "positive": "p1", "negatives": ["n", "p2"]},
        {"query": "q", "positive": "p2"},
        {"query": "r", "positive": "n"},
    ]
    (tmp_path / "train.json").write_text(json.dumps(rows))
    found = load_collection(tmp_path / "train.json")
    texts = {document.id: document.text for document in found.documents}
    assert sorted(texts.values()) == ["n", "p1", "p2"]
    relevant = {
        found.queries[query]: sorted(texts[document] for document in grades)
        for query, grades in found.qrels.items()
    }
    assert relevant == {"q": ["p1", "p2"], "r": ["n"]}


def test_what_is_missing_is_named(beir: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder"):
        load_collection(tmp_path / "none")
    with pytest.raises(InputError, match="is no collection"):
        load_collection(tmp_path)
    with pytest.raises(InputError, match="no split 'tset', only dev, test") as caught:
        load_collection(beir, "tset")
    assert "did you mean 'test'?" in caught.value.hint
    (beir / "qrels" / "test.tsv").write_text("qx\t1\t1\n")
    with pytest.raises(InputError, match=r"no query of .*test\.tsv is in queries\.jsonl"):
        load_collection(beir)
    (beir / "qrels" / "test.tsv").write_text("q1\tother\t1\n")
    with pytest.raises(InputError, match=r"no judged document .* e\.g\. 'other'"):
        load_collection(beir)


def test_rows_without_a_key_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"_id": "a", "text": "x"}\n{"_id": "b", "body": "x"}\n')
    for read in (read_corpus, read_queries):
        with pytest.raises(InputError, match=r"row 2 has no 'text', only \['_id', 'body'\]"):
            read(path)
    path.write_text("")
    with pytest.raises(InputError, match="is empty"):
        read_corpus(path)


def test_qrels_of_both_layouts(tmp_path: Path) -> None:
    (tmp_path / "beir.tsv").write_text("query-id\tcorpus-id\tscore\nq 1\td\t1\n\nq 1\te\t2.0\n")
    assert read_qrels(tmp_path / "beir.tsv") == {"q 1": {"d": 1, "e": 2}}
    (tmp_path / "trec.txt").write_text("301 0 FR-1 1\n301 0 FR-2 -1\n302 0 FR-1 0\n")
    assert read_qrels(tmp_path / "trec.txt") == {"301": {"FR-1": 1, "FR-2": -1}, "302": {"FR-1": 0}}
    (tmp_path / "tabs.txt").write_text("301\t0\tFR-1\t1\n")
    assert read_qrels(tmp_path / "tabs.txt") == {"301": {"FR-1": 1}}


def test_a_text_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"_id": "a", "text": 5}')
    for read in (read_corpus, read_queries):
        with pytest.raises(InputError, match="'text' of 'a' is a int, a text was expected"):
            read(tmp_path / "rows.jsonl")


@pytest.mark.parametrize("line", ["q1\td1", "q1", "q1\td1\thigh", "q1 0 d1 x"])
def test_lines_that_are_no_judgement(line: str, tmp_path: Path) -> None:
    (tmp_path / "qrels.tsv").write_text(f"q0\td0\t1\n{line}\n")
    with pytest.raises(InputError, match="line 2 is no judgement"):
        read_qrels(tmp_path / "qrels.tsv")


@pytest.mark.parametrize("grade", ["half", "nan", "inf"])
def test_grades_that_are_no_number(grade: str, tmp_path: Path) -> None:
    (tmp_path / "qrels.tsv").write_text(f"query-id\tcorpus-id\tscore\nq\td\t{grade}\n")
    with pytest.raises(InputError, match="line 2 is no judgement"):
        read_qrels(tmp_path / "qrels.tsv")


def lines_of_run(path: Path) -> list[tuple[str, str, int, float]]:
    """Query, document, rank and score of each line of a run."""
    rows = [line.split() for line in path.read_text().splitlines()]
    assert all(len(row) == 6 and row[1] == "Q0" and row[5] == "tag" for row in rows)
    return [(query, document, int(rank), float(score)) for query, _, document, rank, score, _ in rows]


WORD = st.text("abcxyz-/._0123456789", min_size=1, max_size=8)


@given(st.dictionaries(WORD, st.dictionaries(WORD, st.integers(-1, 3), min_size=1, max_size=5), max_size=4))
def test_qrels_there_and_back(tmp_path: Path, qrels: dict[str, dict[str, int]]) -> None:
    write_qrels(tmp_path / "deep" / "qrels.tsv", qrels)
    assert read_qrels(tmp_path / "deep" / "qrels.tsv") == qrels


SCORE = st.integers(-10_000, 10_000).map(lambda number: number / 64)


@given(st.dictionaries(WORD, st.dictionaries(WORD, SCORE, min_size=1, max_size=6), max_size=4))
def test_a_written_run_has_every_score_in_the_order_of_ranks(
    tmp_path: Path, run: dict[str, dict[str, float]]
) -> None:
    write_run(tmp_path / "run.txt", run, "tag")
    lines = lines_of_run(tmp_path / "run.txt")
    assert len(lines) == sum(map(len, run.values()))
    for query, scores in run.items():
        written = [line[1:] for line in lines if line[0] == query]
        expected = [(name, rank, score) for rank, (name, score) in enumerate(ranked(scores.items()), 1)]
        assert written == expected


def test_equal_scores_are_ranked_by_id_descending() -> None:
    assert ranked({"a": 1.0, "c": 1.0, "b": 2.0}.items()) == [("b", 2.0), ("c", 1.0), ("a", 1.0)]


def test_scores_that_differ_little_keep_their_order_in_a_written_run(tmp_path: Path) -> None:
    """Six decimals would make ties of them, and a tie is broken the other way round."""
    write_run(tmp_path / "run.txt", {"q": {"a": 0.2 + 1e-7, "b": 0.2}}, "tag")
    (_, first, _, high), (_, _, _, low) = lines_of_run(tmp_path / "run.txt")
    assert first == "a"
    assert high > low


@pytest.mark.parametrize("name", ["adi", "xquad-en"])
def test_real_collections(name: str, shared_data: Path) -> None:
    found = load_collection(shared_data / "data" / name)
    known = {document.id for document in found.documents}
    assert len(known) == len(found.documents) > 50
    assert found.queries.keys() == found.qrels.keys()
    assert sum(document in known for grades in found.qrels.values() for document in grades) >= len(
        found.queries
    )
