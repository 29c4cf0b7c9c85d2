"""The page of training data: counts, what is odd, rows to read, texts of strangers as they are."""

from __future__ import annotations

import json
from pathlib import Path

from splade_cli.generation.inspection.inspect import inspect_data
from splade_cli.generation.inspection.page import inspection_page
from splade_cli.reports.html import html

HOSTILE = "</script><img src=x onerror=alert(1)>"


def test_the_page_has_the_figures_of_the_inspection(tmp_path: Path) -> None:
    rows = [
        {
            "query": f"how hot is kiln {n}",
            "positive": f"kiln {n} is hot, very hot",
            "negatives": ["a cold lathe"],
        }
        for n in range(4)
    ]
    rows.append({"query": HOSTILE, "positive": f"text {HOSTILE}", "negatives": []})
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows), encoding="utf-8")
    report = inspect_data(str(path))
    page = inspection_page(report)
    assert page.title == "Training data: rows.json" and page.verdict.startswith("5 rows (5 in train)")
    by_title = {section.title: section.table for section in page.sections}
    assert by_title["Sides of the split"].rows[0][:7] == ("train", 5, 5, 5, 4, 1, 0)
    assert len(by_title["Rows to read"].rows) == 5
    assert [sum(plot.series[0].y) for plot in page.plots] == [5, 5, 4]
    assert page.plots[2].series[0].labels == ("3 words",)
    written = html(page)
    assert HOSTILE not in written and "<img" not in written and "&lt;img src=x" in written


def test_rows_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    path.write_text(
        json.dumps([{"query": "a", "positive": "b"}, {"query": 3, "positive": "x"}]), encoding="utf-8"
    )
    page = inspection_page(inspect_data(str(path)))
    faults = next(section.table for section in page.sections if section.title == "Rows that cannot be read")
    assert len(faults.rows) == 1 and "row 2" in str(faults.rows[0][0])
    assert "1 rows cannot be read" in page.verdict
