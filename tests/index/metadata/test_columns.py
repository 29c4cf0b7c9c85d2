"""Records go in; fields, kinds and values are read back, from memory and from files, and damage is named."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.errors import IndexFolderError
from splade_cli.index.metadata.columns import FILES, Columns
from splade_cli.index.metadata.fields import spelled_number, values_of
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.metadata.matching import passing


def record(number: int = 0, **metadata: Any) -> dict[str, Any]:
    return {
        "id": f"c{number}",
        "document_id": f"d{number}",
        "title": "",
        "text": "unseen",
        "metadata": metadata,
    }


def fields(**metadata: Any) -> list[tuple[str, Any]]:
    return sorted(set(values_of(record(**metadata))) - {("id", "c0"), ("document_id", "d0"), ("title", "")})


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


def test_a_record_without_metadata_or_names() -> None:
    assert list(values_of({"id": "x", "metadata": None})) == [("id", "x")]


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
    {"id": "bare"},
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
        "title",
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
    built.write(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    opened = Columns.open(tmp_path)
    assert len(opened) == 5 and set(opened.fields) == set(built.fields)
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
        np.testing.assert_array_equal(passing(wanted, [opened]), passing(wanted, [built]))
    numbers = opened.fields["year"].numbers
    assert numbers is not None and not numbers.values.flags.owndata and not numbers.values.flags.writeable
    (tmp_path / "copy").mkdir()
    opened.write(tmp_path / "copy")
    assert Columns.open(tmp_path / "copy").fields["lang"].kinds() == ("text",)


def test_no_rows(tmp_path: Path) -> None:
    Columns.build([]).write(tmp_path)
    assert len(Columns.open(tmp_path)) == 0


def test_many_rare_fields_are_five_files_and_small(tmp_path: Path) -> None:
    Columns.build(record(n, **{f"key{n}": n, f"word{n}": "w"}) for n in range(2000)).write(tmp_path)
    assert len(list(tmp_path.iterdir())) == len(FILES)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 1_000_000
    assert passing(parse_filter("key7 = 7 or word9 = w"), [Columns.open(tmp_path)]).nonzero()[0].tolist() == [
        7,
        9,
    ]


@pytest.mark.parametrize("damage", ["gone", "json", "short", "dtype", "span", "rows"])
def test_damage_is_named(tmp_path: Path, damage: str) -> None:
    Columns.build(MIXED).write(tmp_path)
    layout = json.loads((tmp_path / "columns.json").read_text())
    numbers = np.load(tmp_path / "columns.numbers.npy")
    if damage == "gone":
        (tmp_path / "columns.text.npy").unlink()
    elif damage == "json":
        (tmp_path / "columns.json").write_text('{"rows": 5')
    elif damage == "short":
        np.save(tmp_path / "columns.numbers.npy", numbers[:-1])
    elif damage == "dtype":
        np.save(tmp_path / "columns.numbers.npy", numbers.astype(np.float32))
    elif damage == "span":
        layout["fields"]["id"]["texts"]["values"][1] = 10**6
        (tmp_path / "columns.json").write_text(json.dumps(layout))
    else:
        layout["rows"] = 6
        (tmp_path / "columns.json").write_text(json.dumps(layout))
    with pytest.raises(IndexFolderError, match="columns"):
        Columns.open(tmp_path)
