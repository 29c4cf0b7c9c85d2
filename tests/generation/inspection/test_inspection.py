"""Inspection of training data: each of its counts on rows that are made to have it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from splade_cli.errors import InputError
from splade_cli.generation.inspection.inspect import inspect_data
from splade_cli.generation.inspection.report import Finding, Inspection

Inspect = Callable[..., Inspection]

KILN = "The kiln fires stoneware clay slowly up to twelve hundred and fifty degrees in about ten hours."
LATHE = "A metal lathe turns steel bars between two centres while the saddle carries its sharp tool along."
LOOM = "The floor loom has eight treadles, and linen warps for it are wound on the beam by two people."
INK = "Letterpress ink is based on oil and dries within a day when cards lie apart from one another."


def row(query: str, positive: str, *negatives: str, **beside: Any) -> dict[str, Any]:
    return {
        "query": query,
        "positive_document": positive,
        "negative_documents": list(negatives),
        **beside,
    }


@pytest.fixture
def inspected(tmp_path: Path) -> Inspect:
    """Inspects rows that are given by side, as a folder of JSON files."""

    def inspect(**sides: list[dict[str, Any]]) -> Inspection:
        for side, rows in sides.items():
            (tmp_path / f"{side}.json").write_text(json.dumps(rows))
        return inspect_data(tmp_path)

    return inspect


def counts(findings: Sequence[Finding]) -> dict[str, tuple[int | str, ...]]:
    return {finding.what: (finding.count, *finding.examples) for finding in findings}


def test_sizes_kinds_and_lengths(inspected: Inspect) -> None:
    report = inspected(
        train=[
            row("kiln heat", KILN, LATHE, LOOM, query_type="keywords", scores=[2, 1, 1]),
            row("how hot does a kiln get", KILN, query_type="question"),
        ],
        val=[row("warp of a loom", LOOM, INK)],
    )
    train, val = report.sides
    assert (train.name, train.rows, train.queries, train.positives) == ("train", 2, 2, 1)
    assert (train.negatives, train.without_negatives, train.scored) == (2, 1, 1)
    assert train.kinds == {"keywords": 1, "question": 1}
    assert train.query_words is not None
    assert val.negative_words is not None
    assert (train.query_words.least, train.query_words.median, train.query_words.most) == (2, 4, 6)
    assert (val.rows, val.kinds, val.negative_words.texts) == (1, {}, 1)
    assert report.rows == 3
    assert report.language == "english"
    assert json.loads(json.dumps(report.as_dict()))["sides"][0]["rows"] == 2


def test_clean_rows_have_no_finding(inspected: Inspect) -> None:
    report = inspected(train=[row("kiln heat", KILN, LATHE)], val=[row("warp of linen", LOOM, INK)])
    assert (report.findings, report.leaks, report.faults, report.removed) == ((), (), (), {})


def test_what_repeats_itself(inspected: Inspect) -> None:
    near = INK.replace("one another", "each other")
    ink = f"{INK} {LOOM} {LATHE}"
    report = inspected(
        train=[
            row("kiln heat", KILN, LATHE, LOOM),
            row("Heat, kiln", KILN.upper(), LOOM, LATHE),
            row("heat kiln", LOOM, KILN),
            row("cards", INK, LATHE, INK.lower()),
            row("drying", ink, ink.replace("Letterpress", "Relief")),
            row("saddle", LATHE, LOOM, KILN, LOOM),
            row("steel bars between two", LATHE),
            row("two steel", near),
        ]
    )
    assert counts(report.findings) == {
        "the same row again": (1, "train 2"),
        "a query that was asked before, about another text": (1, "train 3"),
        "the positive among its own negatives": (1, "train 4"),
        "a near-duplicate of the positive among its negatives": (1, "train 5"),
        "another positive of the same query among the negatives": (3, "train 1", "train 2", "train 3"),
        "a negative that is there twice": (1, "train 6"),
        "a query of 4 words or more that is copied from its positive": (1, "train 7"),
        "a near-duplicate of another positive": (1, "train 2"),
    }


def test_leaks_between_sides(inspected: Inspect) -> None:
    long = " ".join([KILN, LATHE, LOOM, INK])
    report = inspected(
        train=[row("kiln heat", KILN), row("everything", long)],
        val=[row("Heat: kiln", LOOM), row("oven", KILN.lower()), row("all", long.replace("within", "in"))],
        test=[row("cards", INK)],
    )
    assert counts(report.leaks) == {
        "rows of val whose query train has too": (1, "val 1"),
        "rows of val whose positive is one of train": (1, "val 2"),
        "rows of val whose positive is a near-duplicate of one of train": (1, "val 3"),
    }


def test_words_and_hardness(inspected: Inspect) -> None:
    report = inspected(
        train=[
            row("kiln degrees", KILN, LATHE, LOOM, scores=[1.0, 0.5, 0.96]),
            row("kiln wound", LOOM, KILN, scores=[0.5, 0.75]),
            row("glacier", INK, LATHE),
        ]
    )
    overlap = report.overlap
    assert overlap is not None
    assert (overlap.rows, overlap.all_terms, overlap.no_term) == (3, 1, 1)
    assert overlap.positive == pytest.approx((1 + 1 / 2 + 0) / 3)
    assert overlap.negative == pytest.approx((0 + 0 + 1 / 2 + 0) / 4)
    hard = report.bm25
    assert hard is not None
    assert (hard.rows, hard.negatives) == (3, 4)
    assert hard.no_word == pytest.approx(3 / 4)
    # the glacier is in none: a negative without a word of the query is as good as such a positive
    assert hard.above * 4 in (1, 2)
    teacher = report.teacher
    assert teacher is not None
    assert (teacher.rows, teacher.negatives) == (2, 3)
    assert teacher.margin == pytest.approx((0.5 + 0.04 - 0.25) / 3)
    assert teacher.above == pytest.approx(1 / 3)
    assert teacher.near == pytest.approx(2 / 3)


def test_bm25_agrees_with_its_search(inspected: Inspect) -> None:
    """The scores behind the hardness are those of the BM25 that searches."""
    from splade_cli.generation.inspection.hardness import compared
    from splade_cli.index.bm25_search import Bm25Search
    from splade_cli.records import Example

    texts = [KILN, LATHE, LOOM, INK]
    query = "a sharp tool, a sharp saddle, two beams"
    pairs = compared([Example(query, texts[0], tuple(texts[1:]))], "english")
    rows, scores = Bm25Search.over(texts, "english").search([query], 4)
    expected = {int(number): float(score) for number, score in zip(rows[0], scores[0], strict=True)}
    for number, score in enumerate(pairs.scores):
        assert score == pytest.approx(expected.get(number, 0.0), rel=1e-5)


def test_rotten_rows_are_named_and_the_others_described(tmp_path: Path) -> None:
    rows = [row("q one", KILN), {"query": "  "}, 7, row("q two", LATHE, scores=["x"]), row("q three", LOOM)]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    report = inspect_data(path)
    assert [fault.removeprefix(f"{path}: ").split()[1].rstrip(":") for fault in report.faults] == [
        "2",
        "3",
        "4",
    ]
    assert report.rows == 2
    assert [each.where for each in report.sample] == ["train 1", "train 5"]


def test_nothing_but_rotten_rows(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"query": ""}\n')
    report = inspect_data(path)
    assert (report.rows, len(report.faults)) == (0, 1)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("rows.jsonl", '{"query": "a", "pos": "b"}\n{bad\n', "line 2 is not JSON"),
        ("rows.json", "{}", "a list was expected"),
        ("rows.json", "[]", "holds no training row"),
        ("rows.csv", "query,document,is_relevant\nq,d,1\n,e,0\n", "line 3 has an empty query"),
        ("rows.jsonl", '{"query": "a", "pos": "b", "label": 0}\n', "1 not relevant"),
    ],
)
def test_files_that_are_none(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        inspect_data(tmp_path / name)


def test_other_shapes(tmp_path: Path) -> None:
    from pyarrow import Table, parquet

    (tmp_path / "pairs.csv").write_text("anchor,positive\nq one,d\nq two,e\n,f\n")
    report = inspect_data(tmp_path / "pairs.csv")
    assert (report.rows, report.removed) == (2, {"without query": 1})
    (tmp_path / "judged.csv").write_text("query,document,is_relevant\nq,d,1\nq,e,0\n")
    assert inspect_data(tmp_path / "judged.csv").sides[0].negatives == 1
    table = Table.from_pylist([{"query": "q", "docs": ["a b", "c d"], "scores": [1.0, 2.0]}])
    parquet.write_table(table, tmp_path / "kd.parquet")
    report = inspect_data(tmp_path / "kd.parquet")
    assert report.sample[0].example.positive == "c d"
    beir = tmp_path / "beir"
    (beir / "qrels").mkdir(parents=True)
    (beir / "corpus.jsonl").write_text('{"_id": "d", "text": "the text"}\n')
    (beir / "queries.jsonl").write_text('{"_id": "q", "text": "a query"}\n')
    for side in ("train", "test"):
        (beir / "qrels" / f"{side}.tsv").write_text("query-id\tcorpus-id\tscore\nq\td\t1\n")
    report = inspect_data(beir)
    assert [side.name for side in report.sides] == ["train", "test"]
    assert counts(report.leaks)["rows of test whose query train has too"] == (1, "test 1")
    (beir / "qrels" / "train.tsv").unlink()
    assert [(side.name, side.rows) for side in inspect_data(beir).sides] == [("test", 1)]


def test_rows_of_a_table_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    from pyarrow import Table, parquet

    rows = [{"query": "q", "docs": ["a", "b"], "scores": scores} for scores in ([1.0, 2.0], [1.0])]
    path = tmp_path / "kd.parquet"
    parquet.write_table(Table.from_pylist(rows), path)
    assert inspect_data(path).faults == (f"{path}: row 2: 1 scores for 2 documents",)


def test_a_sample_is_drawn_by_its_seed(inspected: Inspect, tmp_path: Path) -> None:
    rows = [row(f"query {number}", f"text {number} of {number * 7}") for number in range(50)]
    first = inspected(train=rows)
    assert len(first.sample) == 20
    again = inspect_data(str(tmp_path), sample=20, seed=42)
    other = inspect_data(str(tmp_path), sample=20, seed=43)
    assert first.sample == again.sample != other.sample
    assert inspect_data(tmp_path, sample=0).sample == ()
    with pytest.raises(InputError, match="-1 rows"):
        inspect_data(tmp_path, sample=-1)


def test_the_rows_of_gen_data_do_not_leak(root: Path, tmp_path: Path) -> None:
    from splade_cli.generation.options import GenerateOptions
    from splade_cli.generation.pipeline import generate

    documents = root / "sample_docs/documents/studio"
    generate(GenerateOptions(documents, tmp_path / "data", model=None, teacher=None))
    report = inspect_data(tmp_path / "data")
    assert report.leaks == ()
    assert report.faults == ()
    assert report.overlap is not None
    assert report.overlap.negative is not None
    assert report.overlap.positive > 2 * report.overlap.negative
    assert report.bm25 is not None
    assert report.teacher is not None
    assert report.bm25.above == report.teacher.above < 0.2
