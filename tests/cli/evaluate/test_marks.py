"""`splade evaluate --marks`: what a person marked in a session, as judgements of an index."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from splade_cli.search.session.marks import Mark, Marks


def test_marks_are_judgements(splade: Callable[..., Any], built: Any, tmp_path: Path) -> None:
    marks = tmp_path / "marks.jsonl"
    asked = splade(
        "search", "cooling the kiln", "--index", built / "index", "-k", "3", "--json", "--device", "cpu"
    )
    assert asked.exit_code == 0, asked.output
    hits = json.loads(asked.stdout)["hits"]
    good, bad = hits[0], next(hit for hit in hits if hit["document_id"] != hits[0]["document_id"])
    Marks(marks).put(
        [
            Mark("cooling the kiln", good["id"], "good", good["text"]),
            Mark("cooling the kiln", bad["id"], "bad", bad["text"]),
            Mark("a loom", bad["id"], "bad", bad["text"]),
            Mark("a saw", "gone.md::7", "good", "text"),
        ]
    )
    words = ["evaluate", "--marks", marks, "--index", built / "index", "--device", "cpu"]
    shown = splade(*words, "--json", "--failures", tmp_path / "lost.jsonl")
    assert shown.exit_code == 0, shown.output
    report = json.loads(shown.stdout)
    assert (report["collection"], report["split"], report["queries"]) == ("marks.jsonl", "marks", 1)
    assert report["systems"][0]["measures"]["MRR@10"] == 1
    assert report["systems"][0]["measures"]["nDCG(judged_only=True)@10"] == 1
    said = " ".join(report["notes"])
    assert "1 of 4 marks are of texts that are not in the index" in said
    assert "1 queries without a good document are left out" in said


def test_marks_that_cannot_be_used(splade: Callable[..., Any], built: Any, tmp_path: Path) -> None:
    marks = tmp_path / "marks.jsonl"
    index = ["--index", built / "index"]
    for words, message, code in (
        (["--marks", marks, *index], "no such file", 1),
        (["--marks", marks], "add --index DIR", 2),
        (["--marks", marks, *index, "--data", built / "data"], "in place of --data", 2),
    ):
        refused = splade("evaluate", *words)
        assert refused.exit_code == code and message in " ".join(refused.stderr.split()), words
    marks.write_text("")
    assert "holds no marks" in splade("evaluate", "--marks", marks, *index).stderr
    Marks(marks).put([Mark("a saw", "gone.md::7", "good", "text")])
    refused = splade("evaluate", "--marks", marks, *index)
    assert "has a good document that is in the index" in " ".join(refused.stderr.split())
