"""A report as a document: written and read back without loss, its tables, and what is no report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.errors import InputError
from splade_cli.evaluation.costs import Cost, Sparsity
from splade_cli.evaluation.fitting import Fitted
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.evaluation.significance import Comparison

COST = Cost(10.54, 0.2, 0.5, 1.2, 3.4, Sparsity(250.1, 240, 400, 0.99), Sparsity(50.2, 50, 80, 0.999), 10.03)
VERSUS = Comparison(-0.0662, -0.09, -0.04, 0.0001, 50, 100, 300)
FITTED = Fitted(
    ("sparse", "bm25"),
    ("tiny", "BM25"),
    (0.6, 0.4),
    {"q1": (0.5, 0.5), "q2": (0.7, 0.3)},
    0.51,
    "BM25",
    0.5,
    VERSUS,
)
FIRST = SystemResult(
    "tiny",
    {"nDCG@10": 0.6436, "MRR@10": 0.6},
    {"nDCG@10": {"q1": 0.3, "q2": 0.9872}, "MRR@10": {"q1": 0.2, "q2": 1.0}},
    COST,
    run={"q1": {"d1": 3.5}},
)
SECOND = SystemResult(
    "BM25 [english]",
    {"nDCG@10": 0.7098, "MRR@10": 0.7},
    {"nDCG@10": {"q1": 0.4, "q2": 1.0}, "MRR@10": {"q1": 0.4, "q2": 1.0}},
    versus=VERSUS,
)
REPORT = Report("scifact", "test", 5183, 2, (FIRST, SECOND), "cpu fp32", notes=("a remark",), fitted=FITTED)


def test_written_and_read_back(tmp_path: Path) -> None:
    REPORT.write(tmp_path / "folder" / "report.json")
    read = Report.read(tmp_path / "folder" / "report.json")
    assert read == REPORT
    assert isinstance(read.systems[0].cost, Cost) and isinstance(read.fitted, Fitted)
    assert read.systems[0].run == {}, "runs are files of their own"
    assert read.quality_table() == REPORT.quality_table()
    assert read.cost_table() == REPORT.cost_table()


numbers = st.floats(-10, 10, allow_nan=False)
texts = st.text(max_size=8)


@given(
    st.lists(
        st.builds(
            SystemResult,
            name=texts,
            figures=st.just({"MAP": 0.5}),
            values=st.dictionaries(texts, st.dictionaries(texts, numbers, max_size=3), max_size=2),
            versus=st.none() | st.builds(Comparison, *[numbers] * 4, *[st.integers(0, 9)] * 3),
        ),
        max_size=3,
    ),
    st.lists(texts, max_size=2),
)
def test_any_report_comes_back(systems: list[SystemResult], notes: list[str]) -> None:
    report = Report("c", "test", 1, 2, tuple(systems), notes=tuple(notes))
    assert Report.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_the_document() -> None:
    document: Any = json.loads(json.dumps(REPORT.to_json(per_query=False)))
    assert [system["name"] for system in document["systems"]] == ["tiny", "BM25 [english]"]
    first, second = document["systems"]
    assert first["measures"] == FIRST.figures
    assert first["cost"]["documents"]["mean"] == 250.1
    assert second["versus_first"]["p_value"] == 0.0001
    assert not {"per_query", "run", "versus_first"} & set(first)
    assert document["fusion"]["weights"] == [0.6, 0.4] and "held_out" not in document["fusion"]
    full: Any = REPORT.to_json()
    assert full["systems"][0]["per_query"] == FIRST.values


def test_tables() -> None:
    quality = REPORT.quality_table()
    assert quality.names == ["system", "nDCG@10", "MRR@10", "gain", "p"]
    assert quality.rows == (
        ("tiny", 0.6436, 0.6, None, None),
        ("BM25 [english]", 0.7098, 0.7, 0.0662, 0.0001),
    )
    assert quality.texts()[1] == ["BM25 [english]", "0.7098", "0.7000", "+0.0662", "0.0001"]
    assert quality.texts()[0][-2:] == ["", ""]
    costs = REPORT.cost_table()
    assert [row[0] for row in costs.rows] == ["tiny"], "only systems that have costs"
    assert costs.only(["index, MB", "system", "zeros in a document"]).texts() == [["10.54", "tiny", "99.00%"]]
    assert costs.to_json()["headers"][:3] == ["system", "active terms, query", "active terms, document"]
    assert costs.to_json()["rows"] == [["tiny", 50.2, 250.1, 0.99, 10.03, 10.54, 1.2, 3.4, 0.2, 0.5]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "no report of format 1"),
        ('{"format": 9}', "no report of format 1"),
        ('{"format": 1, "collection": "c"}', "the report is damaged at split"),
        (
            json.dumps({**REPORT.to_json(), "systems": [{"name": "x", "measures": {"MAP": "high"}}]}),
            "damaged at systems.0.measures.MAP",
        ),
    ],
)
def test_what_is_no_report(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(content)
    with pytest.raises(InputError, match=message) as caught:
        Report.read(tmp_path / "report.json")
    assert "report.json" in caught.value.message
    with pytest.raises(InputError, match="no such file"):
        Report.read(tmp_path / "none.json")
