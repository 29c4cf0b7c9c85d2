"""The search that mteb scores, without mteb: texts, depths, and candidates that are given."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from splade_cli.errors import InputError
from splade_cli.evaluation.benchmarks.task_search import TaskSearch

CORPUS = [
    {"id": "pw", "title": "Password", "text": "To reset it, open the login page."},
    {"id": "backup", "title": "", "text": "Backups run every night and are kept for thirty days."},
    {"id": "saw", "text": "The riving knife stands behind the blade and keeps the cut open."},
]


@pytest.fixture
def search(embedder: Any) -> TaskSearch:
    made = TaskSearch(embedder)
    made.index(CORPUS, hf_split="test")
    return made


def test_scores_are_dot_products(search: TaskSearch, embedder: Any) -> None:
    texts = [f"{row.get('title', '')} {row['text']}".strip() for row in CORPUS]
    rows = [
        {"id": "q1", "text": "forgotten password"},
        {"id": "q2", "text": "backups", "instruction": "days"},
    ]
    expected = (
        embedder.encode(["forgotten password", "backups days"], "query") @ embedder.encode(texts).T
    ).toarray()
    found = search.search(rows, top_k=3, hf_split="test")
    assert list(found) == ["q1", "q2"]
    for name, row in zip(found, expected, strict=True):
        shared = {doc["id"]: score for doc, score in zip(CORPUS, row, strict=True) if score > 0}
        assert found[name].keys() == shared.keys()
        np.testing.assert_allclose([found[name][each] for each in shared], list(shared.values()), rtol=1e-5)
    assert len(search.search(rows, top_k=1)["q1"]) == 1


def test_candidates_are_ranked_and_nothing_else(search: TaskSearch) -> None:
    rows = [{"id": "q1", "text": "password"}, {"id": "q2", "text": ""}]
    found = search.search(rows, top_k=1, top_ranked={"q1": ["saw", "pw"], "q2": ["saw"]})
    assert found["q1"].keys() == {"saw", "pw"}
    assert found["q1"]["pw"] > found["q1"]["saw"]
    assert found["q2"] == {}, "nothing is asked"


def test_a_conversation_is_no_query(search: TaskSearch) -> None:
    with pytest.raises(InputError, match="conversations"):
        search.search([{"id": "q1", "text": ["hello", "how are you"]}], top_k=1)
