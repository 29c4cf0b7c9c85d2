"""Files of reports: the form that an ending stands for, and what is not replaced."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splade_cli.errors import InputError
from splade_cli.reports.outputs import require_report_file, write_page
from tests.reports.pages import PAGE


@pytest.mark.parametrize(
    "name", ["report.html", "REPORT.HTM", "a/b/report.md", "report.markdown", "report.json"]
)
def test_each_form_is_written_and_written_again(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    write_page(path, PAGE)
    first = path.read_bytes()
    write_page(path, PAGE)
    assert path.read_bytes() == first
    assert [each.name for each in path.parent.iterdir() if not each.name.startswith(".")] == [path.name]


def test_json_has_everything(tmp_path: Path) -> None:
    write_page(tmp_path / "report.json", PAGE)
    written = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(PAGE.to_json()))
    assert written["verdict"] == PAGE.verdict
    assert written["tables"][0]["rows"][0] == ["tiny", 0.625, None]
    assert written["plots"][1]["series"][0]["y"] == [0.25, 0.5]
    assert written["hits"]["queries"][0]["first"][0] == [[0, 3.25], [1, 1.5]]


@pytest.mark.parametrize(
    ("name", "text"), [("README.md", "# Mine\n"), ("index.html", "<!doctype html><p>Mine")]
)
def test_a_page_of_somebody_else_is_not_replaced(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="is not a report: it is not replaced"):
        write_page(path, PAGE)
    assert path.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("name", ["report.pdf", "report", "report.jsonl"])
def test_an_ending_that_says_nothing_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="ends in .html, .md or .json"):
        require_report_file(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_or_a_place_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.html").mkdir()
    (tmp_path / "file").write_text("", encoding="utf-8")
    for path in (tmp_path / "a.html", tmp_path / "file" / "b.html"):
        with pytest.raises(InputError):
            require_report_file(path)


def test_an_empty_file_may_become_a_report(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.touch()
    write_page(path, PAGE)
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
