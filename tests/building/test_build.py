"""All stages of a small folder: stopped in each, gone on with, changed, promoted or not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from splade_cli.errors import InputError, ModelError
from splade_cli.index.index import SpladeIndex
from splade_cli.search.session.marks import Mark, Marks
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import read_jsonl
from splade_cli.training.figures import Figures
from tests.building.conftest import Builder


def stages(builder: Builder) -> list[str]:
    """Those that build.json says have ended."""
    return list(json.loads((builder.output / "build.json").read_text(encoding="utf-8"))["stages"])


def test_a_stopped_build_keeps_the_stages_that_ended_and_goes_on(unbuilt: Builder) -> None:
    for stop_at, ended in (
        ("mine negatives", []),
        ("training", ["data"]),
        ("measure", ["data"]),
        ("write", ["data", "train"]),
    ):
        unbuilt.stop_at = stop_at
        with pytest.raises(KeyboardInterrupt):
            unbuilt()
        assert stages(unbuilt) == ended
    unbuilt.stop_at = ""
    made = unbuilt()
    assert made.stages == ("index", "report"), "rows and model stand"
    assert "mine negatives" not in unbuilt.seen
    assert "training" not in unbuilt.seen
    assert made.model == str(unbuilt.output / "run-1/final")


def test_the_same_call_has_nothing_to_do(builder: Builder) -> None:
    assert SpladeIndex.open(builder.output / "index").documents == 5
    assert (builder.output / "report.html").is_file()
    before = {path: path.stat().st_mtime_ns for path in builder.output.rglob("*") if path.is_file()}
    before.pop(builder.output / "build.json")
    again = builder()
    assert again.stages == ()
    assert again.report is not None
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_a_worse_model_of_changed_documents_is_not_used(builder: Builder) -> None:
    (builder.docs / "dye.md").write_text("# Dye\n\nIndigo dyes cotton blue in a vat without air.\n", "utf-8")
    (builder.docs / "bike.md").unlink()
    builder.figures = {"run-2/final": 0.25}
    made = builder()
    assert made.stages == ("sync", "data", "train", "report")
    assert made.model == str(builder.output / "run-1/final")
    assert "run-1/final stays: its mean is lower, -0.2500 nDCG@10" in made.chosen
    index = SpladeIndex.open(builder.output / "index")
    assert len(index.find("dye.md", chunks=False)) == 1
    assert len(index.find("bike.md", chunks=False)) == 0
    assert not (builder.output / "run-2").exists()
    assert builder().stages == (), "it is not trained again for nothing"


def test_marks_of_sessions_are_training_rows(builder: Builder) -> None:
    marks = Marks(builder.output / "marks.jsonl")
    marks.put([Mark("sour wool", "loom.txt::1", "bad", "The loom weaves wool.")])
    assert builder().stages == (), "a bad one alone is no row"
    marks.put([Mark("turning steel", "lathe.md::1", "good", "The metal lathe needs a sharp tool.")])
    builder.figures = {"run-2/final": 0.25}
    made = builder()
    assert made.stages[0] == "train" and "data" not in made.stages
    assert "1 hits that were called good in sessions are training rows as well" in builder.said
    (row,) = read_jsonl(builder.output / "data/marked.jsonl")
    assert row["query"] == "turning steel"
    negatives = row["negative_documents"]
    assert isinstance(negatives, list) and negatives, "alone in a batch it would teach nothing"
    assert row["positive_document"] not in negatives
    assert builder().stages == ()
    marks.put([Mark("turning steel", "lathe.md::1", "none", "")])
    builder.figures = {"run-3/final": 0.25}
    assert "train" in builder().stages, "taken back, the model is made without"


def test_a_better_one_is(builder: Builder) -> None:
    (builder.docs / "dye.md").write_text("# Dye\n\nMadder dyes wool red in a hot bath of alum.\n", "utf-8")
    builder.figures = {"run-2/final": 0.75}
    made = builder()
    assert made.stages == ("sync", "data", "train", "index", "report")
    assert made.model == str(builder.output / "run-2/final")
    assert "run-1/final +0.2500 nDCG@10" in made.chosen
    assert made.mode is not None
    assert SpladeIndex.open(builder.output / "index").info.encoder.name == made.model
    assert not (builder.output / "run-1").exists()


def test_most_documents_gone_is_another_folder(builder: Builder, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "one.md").write_text("# One\n\nThe only text that is here is about nothing at all.\n", "utf-8")
    kept, builder.docs = builder.docs, other
    with pytest.raises(InputError, match="of the index's 5 documents are not there any more"):
        builder()
    builder.docs = kept
    assert builder().stages == (), "nothing has happened"


def test_two_builds_at_once(builder: Builder) -> None:
    with claimed(builder.output), pytest.raises(InputError, match="is being written by process"):
        builder()


def test_without_training_the_base_is_searched(builder: Builder) -> None:
    made = builder(train=False)
    assert made.model == builder.model
    assert made.stages == ("index", "report")
    assert not (builder.output / "run-2").exists()
    assert "train" not in stages(builder), "or the next build would search with a model that is gone"


def test_another_dense_model_makes_the_index_anew(
    builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Letters:
        name = "letters"

        def encode(self, texts: Sequence[str], kind: str = "document") -> NDArray[np.float32]:
            return np.array([[text.count(letter) + 1 for letter in "abc"] for text in texts], np.float32)

        def settle_precision(self, texts: Sequence[str]) -> None:
            """It has one."""

    @contextmanager
    def letters(name: str | None, data: Path) -> Iterator[Letters | None]:
        yield Letters() if name else None

    monkeypatch.setattr("splade_cli.building.building.dense_identity", lambda name: name)
    monkeypatch.setattr("splade_cli.indexing.dense.dense_identity", lambda name: name)
    monkeypatch.setattr("splade_cli.building.building.dense_part", letters)
    monkeypatch.setattr("splade_cli.building.index_stage.dense_part", letters)
    folder = tmp_path / "letters"
    folder.mkdir()
    made = builder(train=False, dense=str(folder))
    assert made.stages[0] == "index", "not only what has changed"
    dense = SpladeIndex.open(builder.output / "index").info.dense
    assert dense is not None and dense.model == "letters"
    assert builder(train=False, dense=str(folder)).stages == ()
    assert "index" in builder(train=False, dense=None).stages
    assert SpladeIndex.open(builder.output / "index").info.dense is None


def test_a_dense_model_that_is_not_there_is_told_at_once(builder: Builder, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model folder"):
        builder(dense=str(tmp_path / "nothing"))


def test_what_training_doubts_is_told_as_long_as_its_model_is_used(
    builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Figures, "doubts", lambda self: ("the weights of step 1 were better",))
    made = builder(seed=7)
    run = int(Path(made.model).parent.name.removeprefix("run-"))
    assert made.stages[:2] == ("data", "train")
    assert "the weights of step 1 were better" in made.doubts
    assert "the weights of step 1 were better" in (builder.output / "report.html").read_text("utf-8")
    again = builder(seed=7)
    assert again.stages == () and again.doubts == made.doubts
    monkeypatch.setattr(Figures, "doubts", lambda self: ())
    builder.figures[f"run-{run + 1}/final"] = 0.1
    assert "the weights of step 1 were better" in builder(seed=8).doubts, "the model of seed 7 stays"
    assert "the weights of step 1 were better" not in builder(seed=9).doubts
