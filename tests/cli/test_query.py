"""`splade query` from a pipe, its flags, `splade train` on its marks, and `splade terms`."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result


def replies(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_mode_and_filter(splade: Callable[..., Result], built: Path) -> None:
    words = (
        "query",
        "--index",
        built / "index",
        "--mode",
        "bm25",
        "--filter",
        "extension = md",
        "--top",
        "9",
    )
    asked, stats = replies(splade(*words, input="the kiln and the loom\n/stats\n"))
    assert {hit["document_id"] for hit in asked["hits"]} == {"kiln.md"}
    assert stats["facts"]["mode"].startswith("bm25 ")
    assert stats["facts"]["filter"] == "extension = md"


TEXTS = ("The kiln fires clay.", "The loom weaves wool.", "Brakes squeal.")


@pytest.mark.parametrize(
    "rows",
    [
        list(TEXTS),
        [{"content": text} for text in TEXTS],
        [
            {"query": "?", "positive_document": TEXTS[0], "negative_documents": [TEXTS[1]]},
            {"query": "!", "positive_document": TEXTS[1], "negative_documents": [{"document": TEXTS[2]}]},
        ],
    ],
)
def test_one_query_over_a_file_of_documents(
    splade: Callable[..., Result], tmp_path: Path, rows: list[Any]
) -> None:
    docs, out = tmp_path / "docs.json", tmp_path / "hits.json"
    docs.write_text(json.dumps(rows), encoding="utf-8")
    words = ("query", "--docs", docs, "--query", "weaving wool", "--output-file", out, "-k", "2")
    result = splade(*words, input="never read\n")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer == json.loads(out.read_text(encoding="utf-8"))
    assert answer["query"] == "weaving wool"
    assert answer["hits"][0]["text"] == TEXTS[1]
    assert len(answer["hits"]) == 2
    stats = splade("query", "--docs", docs, input="/stats\n")
    assert replies(stats)[0]["facts"]["chunks"] == 3


def test_one_query_of_an_index_passes_the_filter_and_is_what_search_says(
    splade: Callable[..., Result], built: Path
) -> None:
    words = ("--index", built / "index", "--filter", "extension = md", "-k", "2")
    once = splade("query", *words, "--query", "the kiln and the loom")
    searched = splade("search", "the kiln and the loom", *words, "--json")
    assert json.loads(once.stdout) == json.loads(searched.stdout)
    none = splade("query", *words, "--query", "the kiln", "--filter", "extension = pdf")
    assert (none.exit_code, json.loads(none.stdout)["hits"]) == (0, [])
    assert "no document passes the filter" in none.stderr


def test_a_file_of_hits_needs_a_query_and_a_place(
    splade: Callable[..., Result], built: Path, tmp_path: Path
) -> None:
    result = splade("query", "--index", built / "index", "--output-file", tmp_path / "hits.json")
    assert result.exit_code == 2
    assert "--query 'a question'" in result.stderr
    words = ("query", "--docs", "nowhere", "--query", "a", "--output-file", tmp_path)
    assert "is a folder" in splade(*words).stderr


def test_marks_are_rows_that_train_takes(splade: Callable[..., Result], built: Path, tmp_path: Path) -> None:
    marks = tmp_path / "marks.jsonl"
    lines = (
        "squealing brakes\n/mark bad 2\nfiring clay\n/mark good 1\n/mark bad 2\nsharp tool\n/mark good 1\n"
    )
    replies(splade("query", "--index", built / "index", "--marks", marks, input=lines))
    rows = [json.loads(line) for line in marks.read_text(encoding="utf-8").splitlines()]
    assert [row["query"] for row in rows] == ["squealing brakes", "firing clay", "firing clay", "sharp tool"]
    result = splade("train", "--train-file", marks, "--dry-run", "--json", "-o", tmp_path / "run")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["rows"] == 2
    lines = "squealing brakes\n/mark good 1\n"
    replies(splade("query", "--index", built / "index", "--marks", marks, input=lines))
    result = splade("train", "--train-file", marks, "--dry-run", "--json", "-o", tmp_path / "run")
    assert json.loads(result.stdout)["rows"] == 3


def test_marks_lie_beside_the_index(splade: Callable[..., Result], built: Path, tmp_path: Path) -> None:
    from splade_cli.index.index import SpladeIndex

    SpladeIndex.open(built / "index").save(tmp_path / "index")
    replies(splade("query", "--index", tmp_path / "index", input="firing clay\n/mark good\n"))
    assert (tmp_path / "marks.jsonl").is_file()


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--mode", "bm52"], "unknown mode 'bm52'", "did you mean 'bm25'?"),
        (["--mode", "dense"], "dense", "--dense"),
        (["--filter", "titel = x"], "no field 'titel'", "did you mean 'title'?"),
        (["--filter", "title ="], "expected a value", "e.g."),
        (["--marks", "marks.json"], "not in marks.json", "such as marks.jsonl"),
        (["--top", "0"], "top must be above 0", ""),
    ],
)
def test_flags_that_cannot_be(
    splade: Callable[..., Result], built: Path, words: list[str], message: str, hint: str
) -> None:
    result = splade("query", "--index", built / "index", *words, input="never asked\n")
    assert (result.exit_code, result.stdout) in ((1, ""), (2, ""))
    assert message in result.stderr.split("hint:")[0]
    assert hint in result.stderr.split("hint:")[-1]


def test_terms(splade: Callable[..., Result], built: Path) -> None:
    result = splade("terms", "--index", built / "index", "--above", "0.6", "--json")
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert report["above"] == 0.6
    assert all(term["documents"] > 0.6 for term in report["terms"])
    assert {term["term"] for term in report["terms"]} & {"the", ".", "is"}
    shown = splade("terms", "--index", built / "index", "--above", "0.6")
    assert f"{len(report['terms'])} of {report['active']} terms are active in more than 60%" in " ".join(
        shown.stdout.split()
    )
    assert splade("terms", "--index", built / "index", "--above", "7").exit_code == 2
    assert splade("terms", "--index", built / "nothing").exit_code == 1
