"""Documents to training files: what is written, kept apart, dropped, and the same again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.datasets.collections import load_collection
from splade_cli.datasets.examples import read_examples
from splade_cli.errors import InputError
from splade_cli.generation.pipeline import WRITTEN, generate_training_data, plan
from splade_cli.records import Chunk, WrittenQuery, silent

TOPICS = ("saw", "lathe", "router", "press", "welder", "printer", "laser", "grinder", "sander", "mill")


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("documents")
    for number, topic in enumerate(TOPICS):
        parts = [
            f"# The {topic}", f"The {topic} stands in room {number} and needs coolant{number} every week.",
            f"## Safety of the {topic}",
            f"Before work on the {topic} put on goggles{number} and switch{number} it off.",
        ]  # fmt: skip
        (folder / f"{topic}.md").write_text("\n\n".join(parts))
    (folder / "saw-copy.md").write_text((folder / "saw.md").read_text())
    (folder / "broken.pdf").write_bytes(b"nothing")
    return folder


class Writer:
    """Writes fixed queries: a good one, its repetition in other order, a copy of the text, one about nothing."""

    def write(
        self, chunks: Iterable[Chunk], progress: Any = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        for number, chunk in enumerate(chunks):
            topic = chunk.document_id.removesuffix(".md")
            yield (
                chunk,
                [
                    WrittenQuery(f"safety of the {topic}", "title"),
                    WrittenQuery(f"the {topic}, of SAFETY?", "keywords"),
                    WrittenQuery(" ".join(chunk.text.split()), "span"),
                    WrittenQuery(f"unrelated giraffes zebra{number}", "question"),
                ],
            )


@pytest.fixture(scope="module")
def made(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    output = tmp_path_factory.mktemp("made") / "data"
    return generate_training_data(
        documents, output, writer=Writer(), model=None, teacher="none", val_ratio=0.3, round_trip=2
    )


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_what_is_written_and_counted(made: Any) -> None:
    assert set(files(made.output_dir)) == set(WRITTEN)
    train, val = (read_examples(made.output_dir / name) for name in ("train.json", "val.json"))
    assert (made.train, made.val) == (len(train), len(val))
    assert made.documents == len(TOPICS) + 1
    assert [skipped.path for skipped in made.skipped] == ["broken.pdf"]
    assert made.query_types == {"title": len(train) + len(val)}
    assert made.dropped["copies the text"] == made.dropped["duplicate"] == made.chunks
    assert made.dropped["does not find its chunk"] >= made.chunks
    assert sum(made.dropped.values()) + len(train) + len(val) == made.chunks * 4
    report = json.loads((made.output_dir / "report.json").read_text())
    assert (report["train"], report["dropped"], report["seed"]) == (made.train, made.dropped, 42)


def test_no_document_and_no_copy_of_it_is_on_both_sides(made: Any) -> None:
    sides = [
        {row.source for row in read_examples(made.output_dir / name)} for name in ("train.json", "val.json")
    ]
    assert sides[0]
    assert sides[1]
    for side in sides:
        names = {name.removesuffix("-copy.md").removesuffix(".md") for name in side}
        assert not names & {name.removesuffix("-copy.md").removesuffix(".md") for other in sides if other is not side
                            for name in other}  # fmt: skip


def test_rows_hold_negatives_scores_and_their_source(made: Any) -> None:
    chunks = {row["_id"]: row["text"] for row in map(json.loads, (made.output_dir / "corpus.jsonl").open())}
    rows = [row for name in ("train.json", "val.json") for row in read_examples(made.output_dir / name)]
    for row in rows:
        assert chunks[row.chunk_id] == row.positive
        assert row.positive not in row.negatives
        assert set(row.negatives) <= set(chunks.values())
        assert len(row.negatives) <= 5
        if row.negatives:
            assert row.scores is not None
            assert len(row.scores) == 1 + len(row.negatives)
            assert all(0 <= score <= 1 for score in row.scores)
    assert made.negatives == pytest.approx(sum(len(row.negatives) for row in rows) / len(rows))
    assert made.negatives > 1


def test_the_same_rows_in_beir_layout(made: Any) -> None:
    for split, name in (("train", "train.json"), ("val", "val.json")):
        found = load_collection(made.output_dir, split)
        texts = {document.id: document.text for document in found.documents}
        pairs = {
            (found.queries[query], texts[row]) for query, grades in found.qrels.items() for row in grades
        }
        assert pairs == {(row.query, row.positive) for row in read_examples(made.output_dir / name)}


def test_the_same_again(documents: Path, made: Any, tmp_path: Path) -> None:
    generate_training_data(
        documents, tmp_path / "a", writer=Writer(), model=None, teacher="none", val_ratio=0.3, round_trip=2
    )
    assert files(tmp_path / "a") == files(made.output_dir)
    for name in ("b", "c"):
        generate_training_data(documents, tmp_path / name, model=None, teacher="none", seed=3)
    assert files(tmp_path / "b") == files(tmp_path / "c")


def test_a_model_mines_beside_bm25(documents: Path, embedder: Any, tmp_path: Path) -> None:
    seen: list[str] = []
    made = generate_training_data(
        documents,
        tmp_path / "a",
        model=embedder,
        teacher="none",
        val_ratio=0.0,
        progress=lambda stage, done, total: seen.append(stage),
    )
    assert "encode" in seen
    assert made.val == 0
    assert made.train > 10
    assert not (tmp_path / "a" / ".work").exists()
    alone = generate_training_data(documents, tmp_path / "b", model=None, teacher="none", val_ratio=0.0)
    assert (made.teachers, alone.teachers) == (("bm25", embedder.model_dir), ("bm25",))
    assert alone.train > 10
    both = [(tmp_path / name / "train.json").read_text() for name in "ab"]
    assert both[0] != both[1]


def test_existing_files_need_force(documents: Path, tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "qrels" / "val.tsv").write_text("mine")
    options: dict[str, Any] = {"writer": Writer(), "model": None, "teacher": "none"}
    with pytest.raises(InputError, match=r"qrels/val\.tsv exists already"):
        generate_training_data(documents, tmp_path, **options)
    assert sorted(files(tmp_path)) == ["notes.txt", "qrels/val.tsv"]
    generate_training_data(documents, tmp_path, force=True, **options)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"queries_per_chunk": 0}, "--queries-per-chunk must be above 0"),
        ({"negatives": -1}, "--negatives must be above 0"),
        ({"round_trip": 0}, "--round-trip must be above 0"),
        ({"val_ratio": 1.0}, "--val-ratio must be from 0 to below 1, got 1.0"),
        ({"val_ratio": -0.1}, "--val-ratio"),
    ],
)
def test_options_out_of_range_write_nothing(
    options: dict[str, Any], message: str, documents: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        generate_training_data(documents, tmp_path / "out", model=None, teacher="none", **options)
    assert not (tmp_path / "out").exists()


class Nothing:
    def __init__(self, text: str) -> None:
        self.text = text

    def write(
        self, chunks: Iterable[Chunk], progress: Any = silent
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        for chunk in chunks:
            yield chunk, [WrittenQuery(self.text, "question")] if self.text else []


def test_no_query_or_none_that_finds_its_chunk(documents: Path, tmp_path: Path) -> None:
    for text, message in (
        ("", "no query could be written"),
        ("giraffes", "none of 1 queries finds its own chunk"),
    ):
        with pytest.raises(InputError, match=message) as caught:
            generate_training_data(
                documents, tmp_path / "out", writer=Nothing(text), model=None, teacher="none"
            )
        assert caught.value.hint


def test_a_plan_is_what_is_worked_on(documents: Path, tmp_path: Path) -> None:
    planned = plan(documents, max_documents=3)
    assert (len(planned.documents), planned.language) == (3, "english")
    assert {chunk.document_id for chunk in planned.chunks} == {document.id for document in planned.documents}
    made = generate_training_data(
        planned, tmp_path / "out", writer=Writer(), model=None, teacher="none", val_ratio=0
    )
    assert made.documents == 3


class Dense:
    """A dense model whose vectors are letter counts."""

    def __init__(self, name: str, device: str = "auto") -> None:
        assert name == "letters"

    def encode(self, texts: Any, kind: str) -> Any:
        return np.array(
            [[text.casefold().count(chr(97 + n)) for n in range(26)] for text in texts], dtype=np.float32
        )


def test_a_dense_teacher_takes_the_place_of_the_default_model(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_cli.model.dense.DenseModel", Dense)
    made = generate_training_data(documents, tmp_path / "a", teacher="letters", val_ratio=0.0)
    assert made.teachers == ("bm25", "letters")
    assert json.loads((tmp_path / "a" / "report.json").read_text())["teachers"] == ["bm25", "letters"]
    alone = generate_training_data(documents, tmp_path / "b", model=None, teacher="none", val_ratio=0.0)
    assert alone.teachers == ("bm25",)
    assert (tmp_path / "a" / "train.json").read_text() != (tmp_path / "b" / "train.json").read_text()


def test_sentences_and_titles_may_stand_in_their_chunk(documents: Path, tmp_path: Path) -> None:
    class Copies:
        def write(
            self, chunks: Iterable[Chunk], progress: Any = silent
        ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
            for chunk in chunks:
                words = " ".join(chunk.text.split()[2:30])
                yield (
                    chunk,
                    [WrittenQuery(words, kind) for kind in ("sentence", "span")][:: 1 if chunk.start else -1],
                )

    made = generate_training_data(
        documents, tmp_path / "out", writer=Copies(), model=None, teacher="none", val_ratio=0.0
    )
    assert set(made.query_types) == {"sentence"}
    assert made.train > 0
