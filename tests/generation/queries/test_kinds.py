"""Kinds of queries in set proportions, spelling mistakes, and queries of the user's own."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from splade_cli.errors import InputError
from splade_cli.generation.llm.answers import Answer
from splade_cli.generation.llm.options import Llm, Style
from splade_cli.generation.llm.parsing import USUAL_TYPES
from splade_cli.generation.llm.prompts import Prompt
from splade_cli.generation.llm.writer import QueryQuestion
from splade_cli.generation.options import Offline
from splade_cli.generation.queries.kinds import FINEST, turns
from splade_cli.generation.queries.offline_writer import OFFLINE_TYPES, OfflineWriter
from splade_cli.generation.queries.own_queries import read_own_queries
from splade_cli.generation.queries.typos import misspelled
from splade_cli.records import Chunk

CHUNK = Chunk(
    "a::0",
    "a",
    "The printer extruder heats filament before the nozzle. Thermal runaway error means the sensor failed. "
    "Check wiring of the thermistor and tighten the heater block screw.",
)


def test_kinds_come_in_turn_as_often_as_asked_for() -> None:
    assert Counter(turns({"a": 3, "b": 2, "c": 1, "d": 0})) == {"a": 3, "b": 2, "c": 1}
    assert turns({"a": 2, "b": 1}) == ("a", "b", "a")
    assert turns({"a": 1}) == ("a",)
    order = turns({"a": 5, "b": 1, "c": 1})
    assert order == ("a", "a", "b", "a", "c", "a", "a"), "rare ones are spread"


def test_shares_of_any_size_become_turns() -> None:
    counts = Counter(turns({"a": 0.75, "b": 0.25}))
    assert counts["a"] == 3 * counts["b"]
    counts = Counter(turns({"a": 100_000, "b": 1}))
    assert (counts["a"], counts["b"]) == (FINEST, 1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (lambda: Offline(kinds={"natural": 1}), "no such kind of query here: 'natural'"),
        (lambda: Offline(kinds={"keyword": 1}), "did you mean 'keywords'?"),
        (lambda: Style({"title": 1}), "no such kind of query here: 'title'"),
        (lambda: Style({"typo": -1}), "a share of -1"),
        (lambda: Style({"typo": 0}), "no kind of query has a share"),
        (lambda: Style({"typo": float("nan")}), "a share of nan"),
        (lambda: Style(examples=("q",) * 9), "9 examples"),
    ],
)
def test_what_cannot_be(options: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        options()
    assert said in f"{caught.value.message} {caught.value.hint}"


def test_offline_kinds() -> None:
    def written(kinds: dict[str, float], count: int) -> list[tuple[str, str]]:
        writer = OfflineWriter([CHUNK], kinds=kinds, queries_per_chunk=count)
        return [(query.type, query.text) for query in writer.queries_of(CHUNK)]

    for kind in OFFLINE_TYPES:
        if kind not in ("title", "aspect"):  # which this chunk has not
            (only,) = written({kind: 1}, 1)
            assert only[0] == kind
    assert written({"error-message": 1}, 1)[0][1] == "Thermal runaway error means the sensor failed."
    assert written({"how-to": 1}, 1)[0][1].startswith(("how ", "steps ", "guide "))
    assert Counter(kind for kind, _ in written({"typo": 1, "keywords": 2}, 6)) == {"typo": 2, "keywords": 4}


def test_a_kind_that_a_chunk_has_not_gives_its_turn_to_the_next() -> None:
    plain = Chunk(
        "b::0", "b", "The floor loom weaves wool on a warp of linen and needs two people to wind it."
    )
    writer = OfflineWriter([plain], kinds={"error-message": 3, "keywords": 1}, queries_per_chunk=2)
    assert {query.type for query in writer.queries_of(plain)} == {"keywords"}


def test_typos_change_a_word_and_keep_its_first_letter() -> None:
    for seed in range(200):
        text = "temperature sensor of the kiln"
        wrong = misspelled(text, random.Random(seed))
        assert wrong != text
        assert [word[0] for word in wrong.split()] == [word[0] for word in text.split()]
        assert wrong.split()[2:4] == ["of", "the"]
    assert misspelled("a b2 c3", random.Random(0)) == ""
    assert misspelled("kiln heat", random.Random(5)) == misspelled("kiln heat", random.Random(5))


def system(style: Style) -> str:
    return Prompt("generic", "English", 2, style).messages(CHUNK)[0]["content"]


def test_a_prompt_asks_for_the_kinds_that_are_wanted() -> None:
    prompt = Prompt("generic", "English", 3, Style({"typo": 1, "how-to": 2}))
    task = prompt.messages(CHUNK)[-1]["content"]
    assert task.count("a task that somebody wants to get done") == 2
    assert task.count("with spelling mistakes") == 1
    first = prompt.response_formats()[0]
    assert first is not None
    item = first["json_schema"]["schema"]["properties"]["queries"]["items"]["properties"]
    assert set(item["type"]["enum"]) == {"typo", "how-to"}
    shown = json.loads(prompt.messages(CHUNK)[2]["content"])["queries"]
    assert sorted(query["type"] for query in shown) == ["how-to", "typo"]


def test_a_usual_prompt_is_as_it_was() -> None:
    usual = Prompt("generic", "English", 2)
    assert usual.messages(CHUNK) == Prompt("generic", "English", 2, Style()).messages(CHUNK)
    item = json.dumps(usual.response_formats()[0])
    assert all(kind in item for kind in USUAL_TYPES)
    assert "typo" not in item
    assert len(QueryQuestion(Llm("m"), "English").depends_on) == 5


def test_persona_and_examples_are_told_as_data() -> None:
    told = system(
        Style(persona="a nurse on\na night shift", examples=("bed <|im_end|> alarm", "iv pump beeps"))
    )
    assert "a nurse on a night shift" in told
    assert "- iv pump beeps" in told
    assert "<|im_end|>" not in told


@pytest.mark.parametrize("style", [Style({"typo": 1}), Style(persona="a cook"), Style(examples=("x y",))])
def test_another_style_is_another_question(style: Style) -> None:
    asked = QueryQuestion(Llm("m", style=style), "English").depends_on
    assert asked != QueryQuestion(Llm("m"), "English").depends_on
    json.dumps(list(asked))


def test_examples_that_come_back_are_left_out() -> None:
    question = QueryQuestion(Llm("m", style=Style(examples=("IV pump beeps",))), "English")
    answer = json.dumps({"queries": [{"text": "iv pump beeps"}, {"text": "nozzle too hot", "type": "typo"}]})
    (query,) = question.read(CHUNK, Answer(answer))
    assert (query.text, query.type) == ("nozzle too hot", "typo")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("q.txt", "first  query\n\nsecond query\nFirst query\n"),
        ("q.json", '["first query", {"query": "second query"}]'),
        ("q.jsonl", '{"_id": "1", "text": "first query"}\n{"_id": "2", "text": "second query"}\n'),
        ("q.csv", "id,Query\n1,first query\n2,second query\n"),
        ("q.tsv", "question\tn\nfirst query\t1\nsecond query\t2\n"),
    ],
)
def test_files_of_own_queries(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    assert read_own_queries(tmp_path / name) == ("first query", "second query")


def test_eight_are_enough(tmp_path: Path) -> None:
    (tmp_path / "q.txt").write_text("\n".join(f"query {number}" for number in range(20)))
    assert read_own_queries(tmp_path / "q.txt") == tuple(f"query {number}" for number in range(8))


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("q.txt", " \n", "holds no query"),
        ("q.json", "[7]", "row 1 is a int"),
        ("q.csv", "id,name\n1,x\n", "line 2 names no query"),
    ],
)
def test_files_without_a_query(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=said):
        read_own_queries(tmp_path / name)
