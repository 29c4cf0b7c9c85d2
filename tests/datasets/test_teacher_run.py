"""A teacher's run beside training rows: its scores by the texts of queries and documents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splade_cli.datasets.formats.trec import write_run
from splade_cli.datasets.teacher_run import TEACHER_RUN, teacher_run_beside
from splade_cli.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [{"_id": "a file.md::1", "text": "cats purr"}, {"_id": "b%20c", "text": "dogs bark"}]
    (tmp_path / "corpus.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    queries = [{"_id": "q1", "text": "who purrs"}, {"_id": "q2", "text": "nobody"}]
    (tmp_path / "queries.jsonl").write_text("\n".join(json.dumps(row) for row in queries))
    write_run(tmp_path / TEACHER_RUN, {"q1": {"a file.md::1": 0.75, "b%20c": 0.25}, "q9": {"b%20c": 1.0}})
    return tmp_path


def test_scores_are_found_by_text_and_0_where_nothing_was_ranked(folder: Path) -> None:
    run = teacher_run_beside(folder / "train.json")
    assert run is not None
    scores = run.scores.toarray()
    cats, dogs = run.documents["cats purr"], run.documents["dogs bark"]
    assert scores[run.queries["who purrs"], [cats, dogs]].tolist() == [0.75, 0.25]
    assert not scores[run.queries["nobody"]].any()
    assert scores.shape == (2, 2), "a query that is not in queries.jsonl has no row"


@pytest.mark.parametrize("missing", [TEACHER_RUN, "corpus.jsonl", "queries.jsonl"])
def test_there_is_none_without_its_file_or_its_texts(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    assert teacher_run_beside(folder / "train.json") is None


@pytest.mark.parametrize("line", ["q1 Q0 x 1 high tag", "q1 x 0.5", "q1 Q0 x 1 nan tag"])
def test_a_line_of_another_shape_is_named(folder: Path, line: str) -> None:
    (folder / TEACHER_RUN).write_text(f"q1 Q0 b%20c 1 0.5 tag\n{line}\n")
    with pytest.raises(InputError, match=r"teacher\.trec: line 2"):
        teacher_run_beside(folder / "train.json")
