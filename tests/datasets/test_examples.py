"""Every shape of training file goes in and comes out as rows; wrong ones are refused by row and key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.config.schema import DatasetSpec
from splade_cli.datasets.examples import FORMATS, read_examples, write_examples
from splade_cli.datasets.loading import load_dataset
from splade_cli.datasets.training_rows import NEGATIVE_KEYS, POSITIVE_KEYS, QUERY_KEYS, examples_of
from splade_cli.errors import InputError
from splade_cli.records import Example

GOOD = {"query": "q", "positive_document": "p"}


def read(folder: Path, rows: Any, name: str = "rows.json") -> list[Example]:
    path = folder / name
    if name.endswith(".jsonl"):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    else:
        path.write_text(rows if isinstance(rows, str) else json.dumps(rows), encoding="utf-8")
    return read_examples(path)


def refused(folder: Path, rows: Any, name: str = "rows.json") -> str:
    with pytest.raises(InputError) as caught:
        read(folder, rows, name)
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("name", ["rows.json", "rows.jsonl"])
def test_the_documented_shape(name: str, tmp_path: Path) -> None:
    negatives = ["n1", {"document": "n2", "explanation": "because", "strategy": "topic"}, {"document": "n3"}]
    rows = [{**GOOD, "negative_documents": negatives, "scores": [3, 2.5, "1", 0], "query_type": "claim",
             "source": "s", "chunk_id": "c"}]  # fmt: skip
    assert read(tmp_path, rows, name) == [
        Example(
            "q",
            "p",
            ("n1", "n2", "n3"),
            (3.0, 2.5, 1.0, 0.0),
            ("", "because", ""),
            ("", "topic", ""),
            "claim",
            "s",
            "c",
        )
    ]


def test_explanations_and_strategies_beside_the_negatives(tmp_path: Path) -> None:
    row = {**GOOD, "negative_documents": ["n1", "n2"], "explanations": ["a", "b"], "strategies": ["x", "y"]}
    assert read(tmp_path, [row]) == [Example("q", "p", ("n1", "n2"), None, ("a", "b"), ("x", "y"))]


def test_rows_without_negatives_are_kept_and_no_row_decides_for_the_others(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        GOOD,
        {**GOOD, "negative_documents": None},
        {**GOOD, "negative_documents": []},
        {**GOOD, "negative_documents": ["n", None, "  "]},
        {**GOOD, "negative_1": None, "negative_2": "n2"},
        {**GOOD, "negative_documents": [{"document": None, "explanation": "x"}, {"document": "n"}]},
    ]
    found = read(tmp_path, rows)
    assert [example.negatives for example in found] == [(), (), (), ("n",), ("n2",), ("n",)]
    assert found[-1].explanations == ()


@pytest.mark.parametrize(
    ("negatives", "scores", "kept", "left"),
    [
        ({"negative": None}, [3, 2], (), (3.0,)),
        ({"negative": " "}, [3, 2], (), (3.0,)),
        (
            {"negative_1": "a", "negative_2": None, "negative_3": "c"},
            [4, 3, 2, 1],
            ("a", "c"),
            (4.0, 3.0, 1.0),
        ),
        ({"negatives": [None, "b", "", "d"]}, [5, 4, 3, 2, 1], ("b", "d"), (5.0, 3.0, 1.0)),
        ({"negatives": ["a", {"document": None}]}, [3, 2, 1], ("a",), (3.0, 2.0)),
        ({"negatives": None}, [3], (), None),
        ({"negatives": ["a", None]}, [3, 2], ("a",), (3.0, 2.0)),
    ],
)
def test_a_missing_negative_takes_its_own_score_and_nothing_else(
    negatives: dict[str, Any], scores: list[int], kept: tuple[str, ...], left: Any, tmp_path: Path
) -> None:
    assert read(tmp_path, [{**GOOD, **negatives, "scores": scores}]) == [Example("q", "p", kept, left)]


def test_a_missing_negative_takes_its_own_explanation_and_strategy() -> None:
    row = {
        **GOOD,
        "negatives": ["a", None, "c"],
        "explanations": ["x", "y", None],
        "strategies": ["s", "t", "u"],
    }
    assert examples_of(row, "here") == [Example("q", "p", ("a", "c"), None, ("x", ""), ("s", "u"))]
    own = {**GOOD, "negatives": [{"document": "", "explanation": "x"}, {"document": "c", "explanation": "z"}]}
    assert examples_of(own, "here") == [Example("q", "p", ("c",), None, ("z",))]


def test_a_missing_document_of_a_distillation_row_takes_its_score(tmp_path: Path) -> None:
    row = {"query": "q", "docs": ["a", None, "c", " "], "scores": [1, 9, 3, 8]}
    assert read(tmp_path, [row]) == [Example("q", "c", ("a",), (3.0, 1.0))]
    assert "must be a list of texts" in refused(tmp_path, [{"query": "q", "docs": [None]}])


def test_json_lines_may_be_called_json(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(f"{json.dumps(GOOD)}\n{json.dumps(GOOD)}\n")
    assert read_examples(tmp_path / "a.json") == [Example("q", "p")] * 2


@pytest.mark.parametrize("query", QUERY_KEYS)
@pytest.mark.parametrize("positive", POSITIVE_KEYS)
def test_every_name_of_query_and_positive(query: str, positive: str, tmp_path: Path) -> None:
    assert read(tmp_path, [{query: "q", positive: "p"}]) == [Example("q", "p")]
    assert read(tmp_path, [{query: "q", positive: ["p"]}]) == [Example("q", "p")]


@pytest.mark.parametrize("key", [*NEGATIVE_KEYS, "negative_1", "negative_12"])
def test_every_name_of_negatives(key: str, tmp_path: Path) -> None:
    assert read(tmp_path, [{"anchor": "q", "positive": "p", key: "n"}])[0].negatives == ("n",)
    assert read(tmp_path, [{"anchor": "q", "positive": "p", key: ["n", "m"]}])[0].negatives == ("n", "m")


def test_numbered_negatives_keep_their_order_and_scores(tmp_path: Path) -> None:
    row = {"anchor": "q", "positive": "p", "negative_1": "a", "negative_2": "b", "scores": [3, 2, 1]}
    assert read(tmp_path, [row]) == [Example("q", "p", ("a", "b"), (3.0, 2.0, 1.0))]


def test_distillation_rows_put_the_best_scored_document_first(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"query": "q", "docs": ["a", "b", "c"], "scores": [1, 5, 3]},
        {"query": "q", "docs": ["a", "b"]},
        {"query": "q", "docs": ["a"]},
    ]
    assert read(tmp_path, rows) == [
        Example("q", "b", ("c", "a"), (5.0, 3.0, 1.0)), Example("q", "a", ("b",)), Example("q", "a")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("label", "kept"), [(1, 1), (0, 0), (0.5, 1), ([1], 1), (None, 1), (True, 1), (-1, 0)]
)
def test_a_single_number_is_a_label_of_the_pair(label: Any, kept: int, tmp_path: Path) -> None:
    rows = [{"query": "always", "positive": "p"}, {"query": "q", "positive": "p", "label": label}]
    assert read(tmp_path, rows)[1:] == [Example("q", "p")] * kept


@pytest.mark.parametrize(("name", "mark"), [("rows.csv", ","), ("rows.tsv", "\t")])
def test_tables(name: str, mark: str, tmp_path: Path) -> None:
    lines = [
        ["Query", " document", "is_relevant", "more"],
        ["q1", '"a, ""quoted""\nline"', "1", "x"],
        ["q1", "b", "0", ""],
        ["q2", "c", "True", ""],
        ["q1", "d", "yes", ""],
        ["q3", "only a negative", "0", ""],
    ]
    assert read(tmp_path, "\n".join(mark.join(line) for line in lines) + "\n", name) == [
        Example("q1", 'a, "quoted"\nline', ("b",)), Example("q1", "d", ("b",)), Example("q2", "c")
    ]  # fmt: skip


def test_a_byte_order_mark_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes("\ufeffquery,document,is_relevant\nq,d,1\n".encode())
    assert read_examples(tmp_path / "a.csv") == [Example("q", "d")]
    (tmp_path / "a.jsonl").write_text(f"\n{json.dumps(GOOD)}\n\n")
    assert read_examples(tmp_path / "a.jsonl") == [Example("q", "p")]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("text", ["row 2 is a str"]),
        ({"positive": "p"}, ["row 2 has no 'query'", "['positive']"]),
        ({"query": "q", "text": "p"}, ["row 2 has no 'positive_document'", "['query', 'text']"]),
        ({"query": None, "positive": "p"}, ["row 2 has no 'query'"]),
        ({"query": 3, "positive": "p"}, ["row 2: 'query' is a int"]),
        ({"query": " ", "positive": "p"}, ["row 2: 'query' is empty"]),
        ({"query": "q", "positive": ["a", "b"]}, ["row 2: 'positive' is a list"]),
        ({**GOOD, "negatives": [3]}, ["row 2: a negative is a int"]),
        ({**GOOD, "negatives": [{"document": ["x"]}]}, ["row 2: a negative is a list"]),
        ({**GOOD, "negatives": ["n"], "scores": [1, 2, 3]}, ["row 2: 3 scores for 2 documents"]),
        ({**GOOD, "scores": ["high", "low"]}, ["row 2: 'scores' must be numbers", "'high'"]),
        ({"query": "q", "docs": "a"}, ["row 2: 'docs' must be a list of texts"]),
        ({"query": "q", "docs": []}, ["row 2: 'docs' must be a list of texts"]),
        ({"query": "q", "docs": ["a", 1]}, ["row 2: 'docs' must be a list of texts"]),
        ({"query": "q", "docs": ["a", "b"], "scores": [1]}, ["row 2: 1 scores for 2 documents"]),
    ],
)
def test_wrong_rows_name_row_and_key(row: Any, words: list[str], tmp_path: Path) -> None:
    message = refused(tmp_path, [GOOD, row])
    for word in [str(tmp_path / "rows.json"), *words]:
        assert word in message


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_scores_that_are_not_finite_are_refused(score: float, tmp_path: Path) -> None:
    """Python's JSON reads NaN; a loss of NaN would come to light only in training."""
    assert "row 1: 'scores' must be" in refused(
        tmp_path, [{**GOOD, "negatives": ["n"], "scores": [1, score]}]
    )


@pytest.mark.parametrize(
    ("rows", "name", "words"),
    [
        ("", "a.json", "is empty"),
        ("[{", "a.json", "is not JSON"),
        ('{"query": "q"}', "a.json", "holds a JSON dict"),
        ("[]", "a.json", "no training row"),
        ('[{"query": "q", "positive": "p", "label": 0}]', "a.json", "no training row"),
        ('{"query": "q"', "a.jsonl", "line 1 is not JSON"),
        ("query,document\nq,d\n", "a.csv", "no column 'is_relevant', only ['query', 'document']"),
        ("query,document,is_relevant\nq,d,1\n,d,1\n", "a.csv", "line 3 has an empty query"),
        ("query,document,is_relevant\nq,,1\n", "a.csv", "line 2 has an empty"),
        ("query,document,is_relevant\nq\n", "a.csv", "line 2 has an empty"),
    ],
)
def test_wrong_files(rows: str, name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(rows)
    with pytest.raises(InputError) as caught:
        read_examples(tmp_path / name)
    assert words in caught.value.message
    assert caught.value.hint


def test_folders_and_missing_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder") as caught:
        read_examples(tmp_path)
    assert "train.json" in caught.value.hint
    with pytest.raises(InputError, match="no such file"):
        read_examples(tmp_path / "none.json")


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(str.strip)


@st.composite
def examples(draw: st.DrawFn) -> Example:
    negatives = tuple(draw(st.lists(TEXT, max_size=3)))
    number = st.integers(-5000, 5000).map(lambda value: value / 1000)
    scores = draw(st.lists(number, min_size=1 + len(negatives), max_size=1 + len(negatives)))
    given_scores = tuple(scores) if negatives and draw(st.booleans()) else None
    said = st.lists(TEXT | st.just(""), min_size=len(negatives), max_size=len(negatives)).map(tuple)
    explanations = draw(said.filter(any)) if negatives and draw(st.booleans()) else ()
    strategies = draw(said.filter(any)) if negatives and draw(st.booleans()) else ()
    kind = draw(st.sampled_from(["", "claim"]))
    return Example(
        draw(TEXT), draw(TEXT), negatives, given_scores, explanations, strategies, kind, "a.md", "a.md::1"
    )


@pytest.mark.parametrize("ending", FORMATS)
@given(rows=st.lists(examples(), min_size=1, max_size=5))
def test_written_rows_read_back(tmp_path: Path, ending: str, rows: list[Example]) -> None:
    path = tmp_path / f"out.{ending}"
    write_examples(path, rows)
    assert read_examples(path) == rows
    named = load_dataset("rows", DatasetSpec(source=str(path)), seed=1)
    assert named.train == rows
    assert not named.removed


def test_the_columns_of_a_table_are_those_of_earlier_trainers(tmp_path: Path) -> None:
    write_examples(tmp_path / "a.csv", [Example("q", "p", ("n", "m"), None, ("because", ""))])
    lines = [line.split(",")[:4] for line in (tmp_path / "a.csv").read_text().splitlines()]
    assert lines == [
        ["query", "document", "is_relevant", "explanation"],
        ["q", "p", "1", ""],
        ["q", "n", "0", "because"],
        ["q", "m", "0", ""],
    ]
    (tmp_path / "b.csv").write_text("".join(f"{','.join(line)}\n" for line in lines))
    assert read_examples(tmp_path / "b.csv") == [Example("q", "p", ("n", "m"), None, ("because", ""))]


def test_a_numbered_table_needs_one_positive_a_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("query,document,is_relevant,training_row\nq,p,1,1\nq,n,0,2\n")
    with pytest.raises(InputError, match="row 2 has 0 relevant documents") as caught:
        read_examples(tmp_path / "a.csv")
    assert "training_row" in caught.value.hint
    (tmp_path / "a.csv").write_text("query,document,is_relevant,training_row,teacher_score\nq,p,1,1,high\n")
    with pytest.raises(InputError, match="no number: high"):
        read_examples(tmp_path / "a.csv")
