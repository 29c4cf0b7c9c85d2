"""Records go in; fields, kinds and values are read back, from memory and from files, and damage is named."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.index.containers.container import Container
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.metadata.columns import Columns
from splade_cli.index.metadata.fields import spelled_number, values_of
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.metadata.gathering import DTYPES
from splade_cli.index.metadata.matching import passing
from splade_cli.index.metadata.text_columns import TextColumn
from splade_cli.records import Chunk


def record(number: int = 0, **metadata: Any) -> Chunk:
    return Chunk(f"c{number}", f"d{number}", "unseen", metadata=metadata)


def written(columns: Columns, path: Path) -> Path:
    with ContainerWriter(path) as out:
        columns.write(out)
    return path


def opened(columns: Columns, path: Path) -> Columns:
    return Columns.open(Container(written(columns, path)))


def fields(**metadata: Any) -> list[tuple[str, Any]]:
    return sorted(set(values_of(record(**metadata))) - {("id", "c0"), ("document_id", "d0")})


@pytest.mark.parametrize(
    ("metadata", "found"),
    [
        ({"year": 2020, "open": True, "size": 1.5}, [("open", True), ("size", 1.5), ("year", 2020)]),
        ({"author": {"name": "Ann", "at": {"org": "X"}}}, [("author.at.org", "X"), ("author.name", "Ann")]),
        ({"tags": ["a", "b", ["c"]], "none": None, "empty": [], "deep": {}}, [("tags", t) for t in "abc"]),
        ({"authors": [{"name": "A"}, {"name": "B"}]}, [("authors.name", "A"), ("authors.name", "B")]),
        ({"metadata": {"year": 7, "id": "x"}}, [("metadata.id", "x"), ("year", 7)]),
        ({"title": "own", "id": 5}, [("metadata.id", 5), ("metadata.title", "own")]),
        ({"when": date(2024, 5, 1)}, [("when", "2024-05-01")]),
        ({"when": datetime(2024, 5, 1, 10, 30)}, [("when", "2024-05-01T10:30:00")]),
        (
            {"path": "docs/guide/A.b.MD"},
            [
                ("extension", "md"),
                ("file", "A.b.MD"),
                ("folder", "docs/guide"),
                ("path", "docs/guide/A.b.MD"),
            ],
        ),
        ({"path": "README"}, [("extension", ""), ("file", "README"), ("folder", ""), ("path", "README")]),
        (
            {"path": "a/b.txt", "file": "own", "folder": None},
            [("extension", "txt"), ("file", "own"), ("path", "a/b.txt")],
        ),
        ({"path": 3}, [("path", 3)]),
    ],
)
def test_fields_of_a_record(metadata: dict[str, Any], found: list[tuple[str, Any]]) -> None:
    assert fields(**metadata) == found


def test_a_chunk_without_metadata() -> None:
    assert list(values_of(Chunk("x", "y", "text"))) == [("id", "x"), ("document_id", "y")]
    assert ("title", "T") in list(values_of(Chunk("x", "y", "text", "T")))


@pytest.mark.parametrize(
    ("text", "number"),
    [("7", 7), ("-7.5", -7.5), ("+.5e1", 5), ("1.", 1), ("007", 7)]
    + [(text, None) for text in ("", "1_0", "nan", "inf", "1e999", "1 ", "٣", "0x1", "2024-05-01", "1\n")],
)
def test_only_decimal_digits_spell_a_number(text: str, number: float | None) -> None:
    found = spelled_number(text)
    assert np.isnan(found) if number is None else found == number


MIXED = [
    record(0, year=2020, lang="no", tags=["a", "b"]),
    record(1, year="unknown", lang="da"),
    record(2, year=1999.5, draft=True, rare="x"),
    record(3, year=False, lang="", huge=10**400, odd=float("nan")),
    Chunk("bare", "bare", ""),
]


def test_kinds_of_a_mixed_field() -> None:
    columns = Columns.build(MIXED)
    assert len(columns) == 5
    assert columns.fields["year"].kinds() == ("number", "boolean", "text")
    assert columns.fields["tags"].kinds() == ("text",)
    assert columns.fields["huge"].kinds() == columns.fields["odd"].kinds() == ("text",)
    assert set(columns.fields) == {
        "id",
        "document_id",
        "year",
        "lang",
        "tags",
        "draft",
        "rare",
        "huge",
        "odd",
    }


def test_texts_are_distinct_and_ascending() -> None:
    words = Columns.build([record(n, x=text) for n, text in enumerate(["b", "å", "", "b", "a\nb", "z", "𝄞"])])
    found = words.fields["x"].dictionary
    assert found is not None and list(found) == sorted({"b", "å", "", "a\nb", "z", "𝄞"})
    assert found[1:3] == ["a\nb", "b"] and [found[place] for place in range(6)] == list(found)
    with pytest.raises(IndexError):
        found[6]


def test_written_and_opened_again(tmp_path: Path) -> None:
    built = Columns.build(MIXED)
    columns = opened(built, tmp_path / "columns")
    assert len(columns) == 5 and set(columns.fields) == set(built.fields)
    for text in (
        "year >= 2000",
        "lang exists",
        "tags = b",
        "not draft = yes",
        "id = bare",
        'lang = ""',
        "huge ~ 000",
    ):
        wanted = parse_filter(text)
        np.testing.assert_array_equal(passing(wanted, [columns]), passing(wanted, [built]))
    numbers = columns.fields["year"].numbers
    assert numbers is not None and not numbers.values.flags.owndata and not numbers.values.flags.writeable
    assert opened(columns, tmp_path / "copy").fields["lang"].kinds() == ("text",)


def test_no_rows(tmp_path: Path) -> None:
    columns = opened(Columns.build([]), tmp_path / "columns")
    assert len(columns) == len(TextColumn.open(columns, "id")) == 0
    assert len(TextColumn.open(columns, "id").rows_of("c0")) == 0


def test_ids_by_row_and_rows_by_id(tmp_path: Path) -> None:
    chunks = [Chunk(f"c{n}", f"d{n % 3}", "") for n in (4, 1, 3, 0, 2)]
    columns = opened(Columns.build(chunks), tmp_path / "columns")
    for ids, documents in (
        (TextColumn.open(columns, "id"), TextColumn.open(columns, "document_id")),
        (
            TextColumn.of([chunk.id for chunk in chunks]),
            TextColumn.of([chunk.document_id for chunk in chunks]),
        ),
    ):
        assert list(ids) == ["c4", "c1", "c3", "c0", "c2"] == [ids[row] for row in range(5)]
        assert ids[1:3] == ["c1", "c3"] and ids[-1] == "c2"
        assert ids.rows_of("c3").tolist() == [2]
        assert ids.rows_of("c").tolist() == ids.rows_of("c5").tolist() == ids.rows_of("").tolist() == []
        assert documents.rows_of("d1").tolist() == [0, 1]
        with pytest.raises(IndexError):
            ids[5]
    with pytest.raises(ValueError, match="not every row has a title"):
        TextColumn.open(columns, "title")


def test_many_rare_fields_are_a_few_tensors_and_small(tmp_path: Path) -> None:
    chunks = [record(n, **{f"key{n}": n, f"word{n}": "w"}) for n in range(2000)]
    path = written(Columns.build(chunks), tmp_path / "columns")
    assert path.stat().st_size < 1_000_000
    assert len(Container(path).names) == len(DTYPES)
    columns = Columns.open(Container(path))
    assert passing(parse_filter("key7 = 7 or word9 = w"), [columns]).nonzero()[0].tolist() == [7, 9]


@pytest.mark.parametrize("damage", ["gone", "json", "short", "dtype", "span", "rows"])
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    whole = Container(written(Columns.build(MIXED), tmp_path / "whole"))
    arrays = {name: whole.tensor(f"columns.{name}") for name in DTYPES}
    layout = json.loads(whole.metadata["columns"])
    if damage == "gone":
        del arrays["text"]
    elif damage == "short":
        arrays["numbers"] = arrays["numbers"][:-1]
    elif damage == "dtype":
        arrays["numbers"] = arrays["numbers"].astype(np.float32)
    elif damage == "span":
        layout["fields"]["id"]["texts"]["values"][1] = 10**6
    elif damage == "rows":
        layout["rows"] = 6
    with ContainerWriter(tmp_path / "damaged") as out:
        for name, values in arrays.items():
            out.add(f"columns.{name}", values)
        out.metadata["columns"] = '{"rows": 5' if damage == "json" else json.dumps(layout)
    with pytest.raises(ValueError):
        Columns.open(Container(tmp_path / "damaged"))
