"""Lost queries go to a file and come back; what is none is refused by row and key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from splade_cli.datasets.lost_queries import LostQuery, read_lost_queries, write_lost_queries
from splade_cli.errors import InputError
from splade_cli.records import Document


def test_they_read_back(tmp_path: Path) -> None:
    lost = [
        LostQuery("q1", "a query", "nDCG@10", 0.25, (Document("a", "text", "title"),), (Document("b", "t"),)),
        LostQuery("q2", "another", "MRR@10", 0.0, (Document("b", "t"),), ()),
    ]
    write_lost_queries(tmp_path / "lost.jsonl", lost)
    assert read_lost_queries(tmp_path / "lost.jsonl") == lost


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"relevant": [], "ranked_above": []}, "row 2 has no 'query'"),
        ({"query": "q", "ranked_above": []}, "row 2: 'relevant' must be a list"),
        ({"query": "q", "relevant": [{"id": "a"}], "ranked_above": ["b"]}, "row 2: 'ranked_above' must be"),
        ({"query": "q", "relevant": [{"text": "a"}], "ranked_above": []}, "with an id"),
    ],
)
def test_wrong_rows(row: dict[str, Any], said: str, tmp_path: Path) -> None:
    good = {"query": "q", "relevant": [{"id": "a"}], "ranked_above": []}
    (tmp_path / "lost.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(row)}\n")
    with pytest.raises(InputError, match=said) as caught:
        read_lost_queries(tmp_path / "lost.jsonl")
    assert "--failures" in caught.value.hint


def test_a_file_of_none(tmp_path: Path) -> None:
    write_lost_queries(tmp_path / "lost.jsonl", [])
    with pytest.raises(InputError, match="holds no lost query"):
        read_lost_queries(tmp_path / "lost.jsonl")
