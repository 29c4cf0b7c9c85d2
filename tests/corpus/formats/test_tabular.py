"""Files of many texts: JSON, JSONL, CSV and TSV in every shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_cli.corpus.documents import read_documents


def test_json_shapes(tmp_path: Path, many: Any) -> None:
    rows = [
        "plain",
        {"content": "c", "title": "T", "id": 7, "lang": "en"},
        {"text": "t"},
        {"Body": "b", "n": None},
    ]
    reading = many(tmp_path, "a.json", rows)
    assert [(each.id, each.text, each.title) for each in reading.documents] == [
        ("a.json#1", "plain", ""),
        ("7", "c", "T"),
        ("a.json#3", "t", ""),
        ("a.json#4", "b", ""),
    ]
    assert reading.documents[1].metadata == {"path": "a.json", "lang": "en"}
    assert reading.documents[3].metadata == {"path": "a.json", "n": None}
    assert not reading.skipped


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ({"document": "only one", "tags": ["x"]}, ["only one"]),
        ({"name": "faq", "items": [{"text": "a"}, {"text": "b"}]}, ["a", "b"]),
        ({"tags": ["x", "y"], "rows": [{"body": "a"}]}, ["a"]),
        ({"texts": ["a", "b"]}, ["a", "b"]),
        (
            [
                {"query": "q", "positive_document": "p", "negative_documents": ["n", {"document": "m"}]},
                {"query": "r", "positive_document": "n", "negative_documents": None},
                {"query": "s", "positive_document": "o"},
            ],
            ["p", "n", "m", "o"],
        ),
        ({"train": [{"query": "q", "positive_document": "p", "negative_documents": []}]}, ["p"]),
        (["emoji \U0001f600 \ud800 lone"], ["emoji \U0001f600 \ufffd lone"]),
        ([{"title": "Only a title", "text": ""}], ["Only a title"]),
    ],
)
def test_json_objects_and_training_files(tmp_path: Path, value: object, texts: list[str], many: Any) -> None:
    assert [each.text for each in many(tmp_path, "a.json", value).documents] == texts


def test_rows_of_another_shape_are_reported(tmp_path: Path, many: Any) -> None:
    rows = ["ok", {"a": 1, "b": 2}, 5, " ", {"text": ""}, {"text": "fine"}, None]
    reading = many(tmp_path, "a.json", rows)
    assert [each.id for each in reading.documents] == ["a.json#1", "a.json#6"]
    assert [each.reason for each in reading.skipped] == [
        "row 2: no text in it (keys: a, b)",
        "row 3: a int, not a document",
        "row 4: empty text",
        "row 5: empty text (keys: text)",
        "row 7: a NoneType, not a document",
    ]


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_jsonl(tmp_path: Path, name: str, many: Any) -> None:
    lines = ['{"_id": "d1", "title": "T", "text": "x"}', "", '"a \u2028 string"', '{"text": "y"}', '{"x": 1}']
    reading = many(tmp_path, name, "\n".join(lines))
    assert [(each.id, each.text) for each in reading.documents] == [
        ("d1", "x"),
        (f"{name}#2", "a \u2028 string"),
        (f"{name}#3", "y"),
    ]
    assert reading.skipped[0].reason == "row 4: no text in it (keys: x)"
    broken = many(tmp_path, "b.jsonl", '{"text": "x"}\n{oops\n')
    assert len(broken.documents) == 1
    assert broken.skipped[0].reason.startswith("row 2: broken JSON")


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv(tmp_path: Path, delimiter: str, many: Any) -> None:
    rows = [["Doc_ID", "Text", "Title", "lang"], ["d1", '"two\nlines"', "T", "no"], ["", "x", "", ""], [""]]
    reading = many(tmp_path, "a.csv", "\r\n".join(delimiter.join(row) for row in rows))
    first, second = reading.documents
    assert (first.id, first.text, first.title, first.metadata) == (
        "d1",
        "two\nlines",
        "T",
        {"path": "a.csv", "lang": "no"},
    )
    assert (second.id, second.text, second.metadata) == ("a.csv#2", "x", {"path": "a.csv"})


def test_csv_without_a_text_column(tmp_path: Path, many: Any) -> None:
    (document,) = many(tmp_path, "a.csv", "id,name,price,price\n9,Chair,10,20\n").documents
    assert (document.id, document.text) == ("9", "id: 9\nname: Chair\nprice: 10\nprice 4: 20")


def test_a_long_name_of_a_column_does_not_multiply_the_rows(tmp_path: Path, many: Any) -> None:
    name = "long" * 1000
    reading = many(tmp_path, "a.csv", f"{name},{name}\n" + "1,2\n" * 3)
    assert [each.text for each in reading.documents] == [f"{'long' * 25}: 1\n{'long' * 25} 2: 2"] * 3
    (skipped,) = many(tmp_path, "b.json", [{name: 1}, "text"]).skipped
    assert len(skipped.reason) < 100


def test_csv_oddities(tmp_path: Path, many: Any) -> None:
    texts = [each.text for each in many(tmp_path, "a.csv", "text\nOne, two, three\nFour\n").documents]
    assert texts == ["One, two, three", "Four"]
    assert len(many(tmp_path, "b.csv", f"text,n\n{'x' * 300_000},1\n").documents[0].text) == 300_000
    texts = [each.text for each in many(tmp_path, "c.tsv", 'id\ttext\n1\t"5 inch disk\n2\tother\n').documents]
    assert texts == ['"5 inch disk', "other"]
    questions = many(tmp_path, "d.csv", "question,answer\nWhy?,Because\n").documents[0]
    assert (questions.text, questions.title) == ("Because", "Why?")


def test_a_table_of_ids_and_texts_without_a_header_keeps_its_first_row(tmp_path: Path, many: Any) -> None:
    rows = "11\tThe otter swims at night.\n12\tA badger digs\n13\tFoxes hunt.\n"
    documents = many(tmp_path, "a.tsv", rows).documents
    assert [(each.id, each.text) for each in documents] == [
        ("11", "The otter swims at night."),
        ("12", "A badger digs"),
        ("13", "Foxes hunt."),
    ]


@pytest.mark.parametrize(
    "header",
    ["Q1\tHow well", "Question\tHow well do you sleep at night?", "2024\tamount", "a.b\tSee page 7."],
)
def test_a_header_that_looks_a_little_like_a_row_is_one(tmp_path: Path, many: Any, header: str) -> None:
    (document,) = many(tmp_path, "a.tsv", f"{header}\n1\tvalue\n").documents
    name = header.split("\t")[1]
    assert document.text.endswith(f"{name}: value")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_a_long_table_with_hardly_a_sign_in_a_row_is_one_document(
    tmp_path: Path, many: Any, name: str
) -> None:
    reading = many(tmp_path, name, "n\n" + "7\n" * 30_000)
    assert [each.text.split() for each in reading.documents] == [["n", *["7"] * 30_000]]
    assert [each.reason for each in reading.skipped] == ["rows of less than 4 characters, read as one text"]


def test_a_long_table_of_words_keeps_its_rows(tmp_path: Path, many: Any) -> None:
    reading = many(tmp_path, "a.csv", "word\n" + "abcd\n" * 15_000)
    assert len(reading.documents) == 15_000


def test_ten_thousand_rows_without_a_document_are_another_kind_of_file(tmp_path: Path, many: Any) -> None:
    (tmp_path / "good.md").write_text("A page.")
    (tmp_path / "a.jsonl").write_text('{"n": 1}\n' * 30_000)
    reading = read_documents(tmp_path)
    assert [each.text for each in reading.documents] == ["A page."]
    assert len(reading.skipped) == 10_001
    assert reading.skipped[-1].reason == "no document in its first 10,000 rows, the rest is not read"


def test_a_file_whose_first_document_comes_late_is_read(tmp_path: Path, many: Any) -> None:
    reading = many(tmp_path, "a.jsonl", '{"n": 1}\n' * 9_999 + '{"text": "late"}\n' + '{"n": 1}\n' * 2)
    assert [each.text for each in reading.documents] == ["late"]
    assert len(reading.skipped) == 10_001


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("a.csv", "sep=;\nname;price\nChair, red;10\n"),
        ("a.csv", '"sep=^"\nname^price\nChair, red^10\n'),
        ("a.csv", "name^price\nChair, red^10\n"),
        ("a.csv", "name\x1fprice\nChair, red\x1f10\n"),
        ("a.tsv", "name;price\nChair, red;10\n"),
    ],
)
def test_any_delimiter(tmp_path: Path, many: Any, name: str, source: str) -> None:
    assert [each.text for each in many(tmp_path, name, source).documents] == ["name: Chair, red\nprice: 10"]


@pytest.mark.parametrize(
    ("source", "texts"),
    [
        ("3,Chair,10.50\n4,Table,20\n", ["3\nChair\n10.50", "4\nTable\n20"]),
        ("7\n8\n9\n", ["7", "8", "9"]),
        ("5,red,Chair\n6,red,Table\n", ["5\nred\nChair", "6\nred\nTable"]),
        (f"{'long ' * 30},x\nb,y\n", [f"{('long ' * 30).strip()}\nx", "b\ny"]),
        ("country,2019,2020\nNorway,1,2\n", ["country: Norway\n2019: 1\n2020: 2"]),
        ("name,colour\nChair,red\n", ["name: Chair\ncolour: red"]),
        ("1,2,text\n3,4,words\n", ["words"]),
    ],
)
def test_a_table_with_or_without_a_header(tmp_path: Path, many: Any, source: str, texts: list[str]) -> None:
    assert [each.text for each in many(tmp_path, "a.csv", source).documents] == texts
