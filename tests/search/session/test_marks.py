"""Marks are training rows at any moment: written at once, taken back, and none lost with a killed session."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.datasets.examples import read_examples
from splade_cli.errors import InputError
from splade_cli.records import Example
from splade_cli.search.session.marks import SOURCE, Mark, Marks


@pytest.fixture
def marks(tmp_path: Path) -> Marks:
    return Marks(tmp_path / "marks.jsonl")


def good(query: str, name: str) -> Mark:
    return Mark(query, name, "good", f"text of {name}")


def bad(query: str, name: str) -> Mark:
    return Mark(query, name, "bad", f"text of {name}")


def test_bad_ones_are_negatives_of_the_good_ones_of_their_query(marks: Marks) -> None:
    marks.put([good("q", "a"), bad("q", "b"), bad("q", "c"), good("q", "d"), good("other", "b")])
    negatives = ("text of b", "text of c")
    assert read_examples(marks.path) == [
        Example("q", "text of a", negatives, source=SOURCE, chunk_id="a"),
        Example("q", "text of d", negatives, source=SOURCE, chunk_id="d"),
        Example("other", "text of b", (), source=SOURCE, chunk_id="b"),
    ]
    assert marks.of("q") == {"a": "good", "b": "bad", "c": "bad", "d": "good"}
    assert marks.counts() == {"good": 3, "bad": 2, "waiting": 0}


def test_bad_ones_wait_for_a_good_one(marks: Marks) -> None:
    marks.put([bad("q", "b")])
    assert marks.counts() == {"good": 0, "bad": 1, "waiting": 1}
    with pytest.raises(InputError, match="holds no training row"):
        read_examples(marks.path)
    Marks(marks.path).put([good("q", "a")])
    assert read_examples(marks.path) == [
        Example("q", "text of a", ("text of b",), source=SOURCE, chunk_id="a")
    ]
    assert marks.counts()["waiting"] == 0


def test_a_mark_is_changed_and_taken_back(marks: Marks) -> None:
    marks.put([good("q", "a"), good("q", "b")])
    marks.put([bad("q", "b")])
    assert marks.of("q") == {"a": "good", "b": "bad"}
    assert [example.negatives for example in read_examples(marks.path)] == [("text of b",)]
    marks.put([Mark("q", "b", "none", "")])
    assert marks.of("q") == {"a": "good"}
    assert [example.negatives for example in read_examples(marks.path)] == [()]
    marks.put([Mark("q", "a", "none", ""), Mark("q", "never", "none", "")])
    assert (marks.of("q"), marks.path.read_text()) == ({}, "")


def test_rows_of_others_are_left_alone(marks: Marks) -> None:
    theirs = [
        {"query": "x", "positive": "y", "scores": None},
        {"query": "q", "positive": "z", "chunk_id": "a"},
    ]
    marks.path.write_text("".join(json.dumps(row) + "\n" for row in theirs), encoding="utf-8")
    assert (marks.of("q"), marks.counts()) == ({}, {"good": 0, "bad": 0, "waiting": 0})
    marks.put([good("q", "a")])
    marks.put([Mark("q", "a", "none", "")])
    assert [json.loads(line) for line in marks.path.read_text().splitlines()] == theirs


def test_two_sessions_on_one_file(marks: Marks) -> None:
    other = Marks(marks.path)
    marks.put([good("q", "a")])
    other.put([bad("q", "b")])
    marks.put([bad("q", "c")])
    assert other.of("q") == {"a": "good", "b": "bad", "c": "bad"}


@given(
    st.lists(
        st.tuples(st.sampled_from("pq"), st.sampled_from("abc"), st.sampled_from(["good", "bad", "none"]))
    )
)
def test_the_file_is_the_last_word_on_each_document(
    tmp_path_factory: pytest.TempPathFactory, verdicts: list[tuple[str, str, str]]
) -> None:
    kept = Marks(tmp_path_factory.mktemp("marks") / "marks.jsonl")
    state: dict[tuple[str, str], str] = {}
    for query, name, verdict in verdicts:
        kept.put([Mark(query, name, verdict, f"text of {name}")])  # type: ignore[arg-type]
        state[query, name] = verdict
    wanted = {}
    for query in "pq":
        listed = {
            name: verdict for (asked, name), verdict in state.items() if asked == query and verdict != "none"
        }
        assert kept.of(query) == listed
        negatives = {f"text of {name}" for name, verdict in listed.items() if verdict == "bad"}
        wanted |= {
            (query, f"text of {name}"): negatives for name, verdict in listed.items() if verdict == "good"
        }
    if wanted:
        found = read_examples(kept.path)
        assert len(found) == len(wanted)
        assert {(row.query, row.positive): set(row.negatives) for row in found} == wanted


KILLED = """
import os, signal, sys
from pathlib import Path
from splade_cli.search.session.marks import Mark, Marks
marks = Marks(Path(sys.argv[1]))
for number in range(5):
    marks.put([Mark("q", f"d{number}", "good", f"text {number}")])
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_lost_with_a_killed_session(marks: Marks) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED, str(marks.path)], env={**os.environ}, timeout=600)
    assert done.returncode == -signal.SIGKILL
    assert [row.positive for row in read_examples(marks.path)] == [f"text {number}" for number in range(5)]
    assert [path.name for path in marks.path.parent.iterdir()] == ["marks.jsonl"]


def test_other_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"not in marks.json$") as raised:
        Marks(tmp_path / "marks.json")
    assert ".jsonl" in raised.value.hint
    (tmp_path / "folder.jsonl").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        Marks(tmp_path / "folder.jsonl")
    (tmp_path / "broken.jsonl").write_text("{\n")
    with pytest.raises(InputError, match="line 1 is not JSON"):
        Marks(tmp_path / "broken.jsonl").put([good("q", "a")])
    assert (tmp_path / "broken.jsonl").read_text() == "{\n"
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written: .*file is a file, not a folder") as raised:
        Marks(tmp_path / "file" / "marks.jsonl").put([good("q", "a")])
    assert raised.value.hint == "name another output"
