"""Documents to training files: what is written, kept apart, dropped, and the same again."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from splade_cli.datasets.collections import load_collection
from splade_cli.datasets.examples import read_examples
from splade_cli.errors import InputError
from splade_cli.generation import output
from splade_cli.generation.options import GenerateOptions, Judged, Llm, Offline, Rows
from splade_cli.generation.output import written_files
from splade_cli.generation.pipeline import generate, plan
from splade_cli.generation.report import Generated
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, WrittenQuery

PLAIN: dict[str, Any] = {"model": None, "teacher": None}
"""BM25 alone."""
WRITTEN = written_files(GenerateOptions("documents", "data"))
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
    """Writes fixed queries: a good one, its repetition, a copy of the text, one about nothing."""

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


def made_from(
    documents: Path, output: Path, queries: Any = None, progress: Progress = silent, **options: Any
) -> Generated:
    """`generate` with a writer of fixed queries, or `queries`, and BM25 alone where nothing else is said."""
    given = {**PLAIN, **options}
    return generate(GenerateOptions(documents, output, queries or Writer(), **given), progress)


@pytest.fixture(scope="module")
def made(documents: Path, tmp_path_factory: pytest.TempPathFactory) -> Generated:
    output = tmp_path_factory.mktemp("made") / "data"
    return made_from(documents, output, val_ratio=0.3, round_trip=2)


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_what_is_written_and_counted(made: Generated) -> None:
    assert set(files(made.output)) == set(WRITTEN)
    train, val = (read_examples(made.output / name) for name in ("train.json", "val.json"))
    assert (made.report.train, made.report.val) == (len(train), len(val))
    assert made.report.documents == len(TOPICS) + 1
    assert [skipped.path for skipped in made.report.skipped] == ["broken.pdf"]
    assert made.report.query_types == {"title": len(train) + len(val)}
    assert made.report.dropped["copies the text"] == made.report.dropped["duplicate"] == made.report.chunks
    assert made.report.dropped["does not find its chunk"] >= made.report.chunks
    assert sum(made.report.dropped.values()) + len(train) + len(val) == made.report.chunks * 4
    report = json.loads((made.output / "report.json").read_text())
    assert (report["train"], report["dropped"], report["seed"]) == (
        made.report.train,
        made.report.dropped,
        42,
    )


def test_no_document_and_no_copy_of_it_is_on_both_sides(made: Generated) -> None:
    sides = [{row.source for row in read_examples(made.output / name)} for name in ("train.json", "val.json")]
    assert sides[0]
    assert sides[1]
    for side in sides:
        names = {name.removesuffix("-copy.md").removesuffix(".md") for name in side}
        others = {name for other in sides if other is not side for name in other}
        assert not names & {name.removesuffix("-copy.md").removesuffix(".md") for name in others}


def test_rows_hold_negatives_scores_and_their_source(made: Generated) -> None:
    chunks = {row["_id"]: row["text"] for row in map(json.loads, (made.output / "corpus.jsonl").open())}
    rows = [row for name in ("train.json", "val.json") for row in read_examples(made.output / name)]
    for row in rows:
        assert chunks[row.chunk_id] == row.positive
        assert row.positive not in row.negatives
        assert set(row.negatives) <= set(chunks.values())
        assert len(row.negatives) <= 5
        if row.negatives:
            assert row.scores is not None
            assert len(row.scores) == 1 + len(row.negatives)
            assert all(0 <= score <= 1 for score in row.scores)
    assert made.report.negatives == pytest.approx(sum(len(row.negatives) for row in rows) / len(rows))
    assert made.report.negatives > 1


def test_a_test_side_shares_no_document_and_leaves_validation_as_it_was(
    documents: Path, made: Generated, tmp_path: Path
) -> None:
    three = made_from(documents, tmp_path / "a", val_ratio=0.3, test_ratio=0.2, round_trip=2)
    rows = {side: read_examples(three.output / f"{side}.json") for side in ("train", "val", "test")}
    assert (three.report.train, three.report.val, three.report.test) == tuple(map(len, rows.values()))
    assert rows["val"] == read_examples(made.output / "val.json")
    assert three.report.test > 0
    topics = {
        side: {row.source.removesuffix(".md").removesuffix("-copy") for row in of_side}
        for side, of_side in rows.items()
    }
    assert not topics["test"] & (topics["train"] | topics["val"])
    found = load_collection(three.output, "test")
    assert set(found.queries.values()) == {row.query for row in rows["test"]}
    with pytest.raises(InputError, match="test_ratio must leave something"):
        made_from(documents, tmp_path / "b", val_ratio=0.5, test_ratio=0.5)


@pytest.mark.parametrize("ending", ["jsonl", "csv", "tsv"])
def test_formats_hold_the_same_rows(documents: Path, made: Generated, tmp_path: Path, ending: str) -> None:
    other = made_from(documents, tmp_path / "a", val_ratio=0.3, round_trip=2, output_format=ending)
    for side in ("train", "val"):
        rows = read_examples(other.output / f"{side}.{ending}")
        assert rows == read_examples(made.output / f"{side}.json")
    assert not (other.output / "train.json").exists()
    assert output.is_finished(GenerateOptions(documents, tmp_path / "a", output_format=ending))
    with pytest.raises(InputError, match="unknown format 'xml'"):
        made_from(documents, tmp_path / "b", output_format="xml")


def test_what_an_earlier_run_wrote_and_this_one_does_not_goes(documents: Path, tmp_path: Path) -> None:
    made_from(documents, tmp_path, test_ratio=0.2)
    (tmp_path / "val.csv").write_text("mine")
    made_from(documents, tmp_path, force=True, output_format="jsonl")
    names = written_files(GenerateOptions(documents, tmp_path, output_format="jsonl"))
    assert set(files(tmp_path)) == {*names, "val.csv"}


def test_the_same_rows_in_beir_layout(made: Generated) -> None:
    for split, name in (("train", "train.json"), ("val", "val.json")):
        found = load_collection(made.output, split)
        texts = {document.id: document.text for document in found.documents}
        pairs = {
            (found.queries[query], texts[row]) for query, grades in found.qrels.items() for row in grades
        }
        assert pairs == {(row.query, row.positive) for row in read_examples(made.output / name)}


def test_the_same_again(documents: Path, made: Generated, tmp_path: Path) -> None:
    made_from(documents, tmp_path / "a", val_ratio=0.3, round_trip=2)
    assert files(tmp_path / "a") == files(made.output)
    for name in ("b", "c"):
        made_from(documents, tmp_path / name, Offline(), seed=3)
    assert files(tmp_path / "b") == files(tmp_path / "c")


def test_a_model_mines_beside_bm25(documents: Path, embedder: Any, tmp_path: Path) -> None:
    seen: list[str] = []
    made = made_from(
        documents,
        tmp_path / "a",
        Offline(),
        lambda stage, done, total: seen.append(stage),
        model=embedder,
        val_ratio=0.0,
    )
    assert "encode" in seen
    assert made.report.val == 0
    assert made.report.train > 10
    assert set(files(tmp_path / "a")) == set(WRITTEN), "vectors are forgotten at the end"
    alone = made_from(documents, tmp_path / "b", Offline(), val_ratio=0.0)
    assert (made.report.teachers, alone.report.teachers) == (("bm25", embedder.model_dir), ("bm25",))
    assert alone.report.train > 10
    both = [(tmp_path / name / "train.json").read_text() for name in "ab"]
    assert both[0] != both[1]


def test_existing_files_need_force(documents: Path, tmp_path: Path) -> None:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "qrels" / "val.tsv").write_text("mine")
    with pytest.raises(InputError, match=r"qrels/val\.tsv exists already"):
        made_from(documents, tmp_path)
    assert sorted(files(tmp_path)) == ["notes.txt", "qrels/val.tsv"]
    made_from(documents, tmp_path, force=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("moved", range(len(WRITTEN)))
def test_stopped_while_files_take_their_places(
    documents: Path, made: Generated, tmp_path: Path, moved: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    places: list[Path] = []

    def stop(place: Path) -> Path:
        places.append(place)
        if len(places) > moved:
            raise KeyboardInterrupt
        return place

    with monkeypatch.context() as patched:
        patched.setattr(output, "output_file", stop)
        with pytest.raises(KeyboardInterrupt):
            made_from(documents, tmp_path / "a", val_ratio=0.3, round_trip=2)
    there = [name for name in WRITTEN if (tmp_path / "a" / name).exists()]
    assert there == list(WRITTEN[:moved])
    assert not output.is_finished(GenerateOptions(documents, tmp_path / "a"))
    made_from(documents, tmp_path / "a", val_ratio=0.3, round_trip=2)
    assert files(tmp_path / "a") == files(made.output)
    assert output.is_finished(GenerateOptions(documents, tmp_path / "a"))
    with pytest.raises(InputError, match="exists already"):
        made_from(documents, tmp_path / "a", Offline())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"negatives": -1}, "negatives must be above 0"),
        ({"round_trip": 0}, "round_trip must be above 0"),
        ({"val_ratio": 1.0}, "val_ratio must be from 0 to below 1, got 1"),
        ({"val_ratio": -0.1}, "val_ratio"),
    ],
)
def test_options_out_of_range_write_nothing(
    options: dict[str, Any], message: str, documents: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        made_from(documents, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


def test_what_queries_cannot_be() -> None:
    with pytest.raises(InputError, match="queries_per_chunk must be above 0"):
        Offline(0)
    with pytest.raises(InputError, match="queries_per_chunk must be above 0"):
        Llm("m", 0)
    with pytest.raises(InputError, match="queries cannot come from a str"):
        GenerateOptions("docs", "out", "offline")  # type: ignore[arg-type]
    for judged in (Judged(), Rows("rows.jsonl")):
        with pytest.raises(InputError, match="max_documents does nothing"):
            GenerateOptions("docs", "out", judged, max_documents=3)


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
            made_from(documents, tmp_path / "out", Nothing(text))
        assert caught.value.hint
        assert not (tmp_path / "out").exists()


def test_a_plan_says_what_would_be_made(documents: Path, tmp_path: Path) -> None:
    options = GenerateOptions(documents, tmp_path / "out", Offline(3), max_documents=3, **PLAIN)
    planned = plan(options)
    assert (planned.documents, planned.language, planned.queries) == (3, "english", 3 * planned.chunks)
    assert planned.estimate is None
    assert [skipped.path for skipped in planned.skipped] == ["broken.pdf"]
    assert not (tmp_path / "out").exists()
    made = generate(options)
    assert (made.report.documents, made.report.chunks) == (planned.documents, planned.chunks)


def test_a_plan_counts_calls_and_judged_queries(documents: Path, tmp_path: Path) -> None:
    llm = plan(GenerateOptions(documents, tmp_path / "out", Llm("m", base_url="http://localhost:1/v1")))
    assert llm.estimate is not None
    assert (llm.estimate.calls, llm.queries) == (llm.chunks, 2 * llm.chunks)
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"query": "saw?", "positive_document": "The saw."}\n')
    judged = plan(GenerateOptions(documents, tmp_path / "out", Rows(rows)))
    assert (judged.queries, judged.documents) == (1, len(TOPICS) + 2)
    assert not (tmp_path / "out").exists()


class Dense:
    """A dense model whose vectors are letter counts."""

    def __init__(self, name: str, options: Any = None) -> None:
        assert name == "letters"
        self.name = name

    def encode(self, texts: Any, kind: str = "document") -> Any:
        return np.array(
            [[text.casefold().count(chr(97 + n)) for n in range(26)] for text in texts], dtype=np.float32
        )


def test_a_dense_teacher_takes_the_place_of_the_default_model(
    documents: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_cli.model.dense.DenseModel", Dense)
    made = made_from(documents, tmp_path / "a", Offline(), model="auto", teacher="letters", val_ratio=0.0)
    assert made.report.teachers == ("bm25", "letters")
    written = json.loads((tmp_path / "a" / "report.json").read_text())
    assert written["teachers"] == ["bm25", "letters"]
    assert written["agreement"] == made.report.agreement
    assert made.report.agreement is not None and 0 < made.report.agreement < 1
    assert set(files(tmp_path / "a")) == set(WRITTEN)
    alone = made_from(documents, tmp_path / "b", Offline(), val_ratio=0.0)
    assert (alone.report.teachers, alone.report.agreement) == (("bm25",), None)
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

    made = made_from(documents, tmp_path / "out", Copies(), val_ratio=0.0)
    assert set(made.report.query_types) == {"sentence"}
    assert made.report.train > 0


def test_without_models_none_is_loaded(documents: Path, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from splade_cli import GenerateOptions, generate\n"
        "generate(GenerateOptions(sys.argv[1], sys.argv[2], model=None, teacher=None))\n"
        "print([name for name in ('torch', 'transformers', 'openai') if name in sys.modules])\n"
    )
    words = [sys.executable, "-c", code, str(documents), str(tmp_path / "out")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert set(files(tmp_path / "out")) == set(WRITTEN)
