"""Filters of data generation: each counted, kept with its reason, and switched off by its name."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from splade_cli.errors import InputError
from splade_cli.generation.options import GenerateOptions, Judged, Llm, Offline
from splade_cli.generation.pipeline import generate
from splade_cli.generation.report import Generated
from splade_cli.records import Chunk, WrittenQuery

TOPICS = ("saw", "lathe", "router", "press", "welder", "printer")
OPTIONS: dict[str, Any] = {"model": None, "teacher": None, "val_ratio": 0.0}


class Writer:
    """Of each chunk a query that passes, one that is asked of all, a copy, and one about nothing."""

    def write(
        self, chunks: Iterable[Chunk], progress: Any = None
    ) -> Iterator[tuple[Chunk, list[WrittenQuery]]]:
        for number, chunk in enumerate(chunks):
            topic = chunk.document_id.removesuffix(".txt")
            texts = (f"coolant of the {topic}", "coolant where", chunk.text, f"giraffes and zebra{number}")
            yield chunk, [WrittenQuery(text, "keywords") for text in texts]


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    folder = tmp_path / "documents"
    folder.mkdir()
    for topic in TOPICS:
        text = (
            f"The {topic} has its coolant changed by a member of the crew on the first monday of every month."
        )
        (folder / f"{topic}.txt").write_text(text)
    return folder


def made_from(documents: Path, output: Path, *without: str) -> tuple[Generated, list[dict[str, str]]]:
    options = GenerateOptions(
        documents, output, Writer(), round_trip=5, without=frozenset(without), **OPTIONS
    )
    made = generate(options)
    return made, [json.loads(line) for line in (output / "rejected.jsonl").read_text().splitlines()]


def test_what_is_rejected_is_kept_with_its_reason(documents: Path, tmp_path: Path) -> None:
    made, rejected = made_from(documents, tmp_path / "out")
    assert Counter(row["filter"] for row in rejected) == {"copy": 6, "duplicate": 5, "round-trip": 6}
    assert made.report.dropped == {"copies the text": 6, "duplicate": 5, "does not find its chunk": 6}
    assert made.report.train == 7
    first = "lathe.txt"
    again = next(row for row in rejected if row["filter"] == "duplicate")
    assert again == {
        "query": "coolant where",
        "chunk_id": "press.txt",
        "filter": "duplicate",
        "reason": f"the same words as one for {first}",
    }
    lost = next(row for row in rejected if row["filter"] == "round-trip")
    assert lost["reason"].startswith("its chunk is not among the first 5 results")


@pytest.mark.parametrize(("name", "rows"), [("copy", 13), ("duplicate", 12), ("round-trip", 13)])
def test_each_is_switched_off_by_its_name(documents: Path, tmp_path: Path, name: str, rows: int) -> None:
    made, rejected = made_from(documents, tmp_path / "out", name)
    assert name not in {row["filter"] for row in rejected}
    assert made.report.without == (name,)
    # "coolant where" finds five of its six chunks among the first five
    assert made.report.train == rows - (name == "duplicate")
    assert json.loads((tmp_path / "out/report.json").read_text())["without"] == [name]


def test_a_query_that_finds_nothing_can_be_kept(documents: Path, tmp_path: Path) -> None:
    made_from(documents, tmp_path / "out", "round-trip", "copy", "duplicate")
    rows = json.loads((tmp_path / "out/train.json").read_text())
    assert len(rows) == 24
    assert [row["negative_documents"] for row in rows if "giraffes" in row["query"]] == [[]] * 6


def test_negatives_above_the_ceiling_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "judged"
    (folder / "qrels").mkdir(parents=True)
    texts = {"a": "kiln", "b": "kiln kiln kiln", "c": "kiln beside the lathe and the loom", "d": "other"}
    rows = [json.dumps({"_id": name, "text": text}) for name, text in texts.items()]
    (folder / "corpus.jsonl").write_text("\n".join(rows))
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "kiln"}\n')
    (folder / "qrels/train.tsv").write_text("query-id\tcorpus-id\tscore\nq\tc\t1\n")
    for without, count in (((), 2), (("ceiling",), 0)):
        output = tmp_path / f"out{count}"
        options = GenerateOptions(
            folder, output, Judged("train"), negatives=2, without=frozenset(without), **OPTIONS
        )
        made = generate(options)
        rejected = [json.loads(line) for line in (output / "rejected.jsonl").read_text().splitlines()]
        assert {row["negative"] for row in rejected} == ({"a", "b"} if count else set())
        assert all(row["filter"] == "ceiling" and row["chunk_id"] == "c" for row in rejected)
        assert made.report.dropped_negatives == ({"as relevant as the positive": 2} if count else {})


@pytest.mark.parametrize(
    ("queries", "name", "said"),
    [
        (Offline(), "copies", "did you mean 'copy'?"),
        (Offline(), "ceiling", "they go through: duplicate, copy, round-trip"),
        (Judged(), "copy", "they go through: ceiling"),
        (Llm("m"), "ceiling", "has nothing to do with these queries"),
    ],
)
def test_names_that_do_nothing_are_refused(queries: Any, name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        GenerateOptions("documents", "data", queries, without=frozenset([name]))
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_the_ceiling_of_written_negatives_can_be_switched_off() -> None:
    queries = Llm("m", negatives_per_query=1)
    assert GenerateOptions("documents", "data", queries, without=frozenset(["ceiling"])).without
