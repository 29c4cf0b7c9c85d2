"""The nouns, JSONL in and out, and writes that are whole or not there."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.errors import InputError, did_you_mean, require_positive
from splade_cli.records import Chunk, Document, Hit, Term
from splade_cli.storage.files import (
    claim_output,
    read_jsonl,
    replacing,
    replacing_folder,
    write_json,
    write_jsonl,
)

VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.lists(st.dictionaries(st.text("abc", max_size=4), VALUE, max_size=4), max_size=5))
def test_jsonl_there_and_back(tmp_path: Path, rows: list[dict[str, Any]]) -> None:
    write_jsonl(tmp_path / "rows.jsonl", rows)
    assert list(read_jsonl(tmp_path / "rows.jsonl")) == rows


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"a": 1}\n\n{"a": \n', "line 3 is not JSON"),
        (b'{"a": 1}\n[1]\n', "line 2 is a list, not an object"),
        (b'{"a": "\xff"}\n', "is not UTF-8"),
    ],
)
def test_broken_jsonl_names_the_line(content: bytes, message: str, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        list(read_jsonl(tmp_path / "rows.jsonl"))
    assert caught.value.hint


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        list(read_jsonl(tmp_path / "none"))
    with pytest.raises(InputError, match="is a folder"):
        list(read_jsonl(tmp_path))
    (tmp_path / "bom.jsonl").write_bytes(b'\xef\xbb\xbf{"a": 1}\n')
    assert list(read_jsonl(tmp_path / "bom.jsonl")) == [{"a": 1}]


def fail_within(writing: AbstractContextManager[Path], error: BaseException) -> None:
    """Writes something to the temporary place, then fails."""
    with writing as temporary:
        (temporary / "new" if temporary.is_dir() else temporary).write_text("half")
        raise error


@pytest.mark.parametrize("there", [True, False])
def test_a_write_that_fails_changes_nothing(there: bool, tmp_path: Path) -> None:
    path = tmp_path / "sub" / "out.json"
    if there:
        write_json(path, ["old"])

    def rows() -> Any:
        yield {"a": 1}
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_jsonl(path, rows())
    with pytest.raises(TypeError):
        write_json(path, object())
    with pytest.raises(OSError, match="full"):
        fail_within(replacing(path), OSError("full"))
    assert [file.name for file in path.parent.iterdir()] == (["out.json"] if there else [])
    if there:
        assert json.loads(path.read_text()) == ["old"]


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_is_replaced_as_a_whole(there: bool, tmp_path: Path) -> None:
    path = tmp_path / "sub" / "folder"
    if there:
        path.mkdir(parents=True)
        (path / "old").write_text("old")
    with pytest.raises(KeyboardInterrupt):
        fail_within(replacing_folder(path), KeyboardInterrupt())
    assert sorted(file.name for file in tmp_path.rglob("*")) == (
        ["folder", "old", "sub"] if there else ["sub"]
    )
    with replacing_folder(path) as temporary:
        (temporary / "new").write_text("new")
        assert path.exists() is there, "the old one stands until the new one is whole"
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["folder", "new", "sub"]


def test_outputs_are_claimed(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for free in ("empty", "none"):
        claim_output(tmp_path / free, force=False)
    with pytest.raises(InputError, match="exists already") as caught:
        claim_output(tmp_path, force=False)
    assert caught.value.option == "force"
    claim_output(tmp_path, force=True)


@pytest.mark.parametrize(
    ("chunk", "content"),
    [
        (Chunk("c", "d", "text"), "text"),
        (Chunk("c", "d", "text", "Title", ("One", "Two")), "Title: One: Two\ntext"),
        (Chunk("c", "d", "# Title\n\ntext", "Title", ("One",)), "One\n# Title\n\ntext"),
        (Chunk("c", "d", "text", "Same", ("Same", "Two")), "Same: Two\ntext"),
        (Chunk("c", "d", "## TWO\nbody", "", ("Two",)), "## TWO\nbody"),
        (Chunk("c", "d", "text", "", ("", "Two")), "Two\ntext"),
    ],
)
def test_what_a_model_reads_of_a_chunk(chunk: Chunk, content: str) -> None:
    assert chunk.content == content


def test_records_are_frozen_and_hits_are_json_ready() -> None:
    with pytest.raises(FrozenInstanceError):
        Document("a", "b").text = "c"  # type: ignore[misc]
    hit = Hit("a", 1, 0.5, "text", terms=(Term("t", 1.0, 0.5, 0.5, True),))
    value = json.loads(json.dumps(hit.as_dict()))
    assert value["terms"] == [
        {
            "term": "t",
            "query_weight": 1.0,
            "document_weight": 0.5,
            "contribution": 0.5,
            "literal": True,
            "in_document": False,
            "word": "",
        }
    ]
    assert Document("a", "b").metadata is not Document("a", "b").metadata


def test_suggestions_and_positive_numbers() -> None:
    assert did_you_mean("tset", ["test", "train"]) == "did you mean 'test'?"
    assert did_you_mean("zzz", ["test"]) == did_you_mean("x", []) == ""
    require_positive(k=1, batch_size=0.5, none=None)  # type: ignore[arg-type]
    for value in (0, -3, float("nan")):
        with pytest.raises(InputError, match=f"batch_size must be above 0, got {value}"):
            require_positive(k=1, batch_size=value)


@pytest.mark.parametrize(
    ("found", "place"),
    [
        (
            {"document_id": "guide.md", "headings": ("Installing", "Windows")},
            "guide.md > Installing > Windows",
        ),
        ({"document_id": "manual.pdf", "metadata": {"page": 12, "pages": 40}}, "manual.pdf p. 12"),
        (
            {"document_id": "talk.pptx", "metadata": {"slide": 3}, "headings": ("Plan",)},
            "talk.pptx slide 3 > Plan",
        ),
        ({"document_id": "book.xlsx#4", "metadata": {"sheet": "Prices"}}, "book.xlsx#4 sheet Prices"),
        ({"document_id": "row", "metadata": {"page": True, "slide": None, "sheet": ""}}, "row"),
        ({}, "a::1"),
    ],
)
def test_the_place_of_a_hit(found: dict[str, Any], place: str) -> None:
    hit = Hit("a::1", 1, 1.0, "text", **found)
    assert hit.place == hit.as_dict()["place"] == place
