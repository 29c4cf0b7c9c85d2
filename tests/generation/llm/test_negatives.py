"""Negatives that a language model writes: how they are asked for, read, checked, kept and counted."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from reliability.llm.call import Call, completion, healthy
from reliability.llm.server import LlmServer
from splade_cli.datasets.examples import read_examples
from splade_cli.errors import InputError, LimitError, ServiceError
from splade_cli.generation.llm.answers import Answer
from splade_cli.generation.llm.budget import Limits
from splade_cli.generation.llm.negative_question import NegativeQuestion, NegativeRequest, requests_for
from splade_cli.generation.llm.options import STRATEGIES, Llm
from splade_cli.generation.llm.reading_negatives import read_negative
from splade_cli.generation.options import GenerateOptions
from splade_cli.generation.pipeline import generate, plan
from splade_cli.generation.report import Generated
from splade_cli.generation.written_negatives import AS_GOOD, NO_ANSWER, REPEATED, USED

QUERY = "how long are backups kept"
PASSAGE = "Backups are kept for thirty days, and deleted in the night that follows the last of them."
OTHER = "Reports are kept for ninety days in the archive of the finance department."
ROOMS = ("kiln", "lathe", "loom", "press", "anvil", "forge", "crane", "winch", "pulley", "bellows")


@pytest.mark.parametrize(
    "answer",
    [
        json.dumps({"document": OTHER, "explanation": "Of reports."}),
        "Sure!\n```json\n" + json.dumps({"negatives": [{"text": OTHER, "reason": "Of reports."}]}) + "\n```",
        json.dumps({"passage": PASSAGE, "document": OTHER, "explanation": "Of reports."}),
        "<think>backups are " + json.dumps({"document": PASSAGE}) + "</think>" + json.dumps({"document": OTHER, "explanation": "Of reports."}),
        '{"document": ' + json.dumps(OTHER) + ', "explanation": "Of reports.", "strategy": "it is',
        f"Document: {OTHER}\n\nExplanation: Of reports.",
    ],
)  # fmt: skip
def test_shapes_of_answers(answer: str) -> None:
    assert read_negative(answer, QUERY, PASSAGE) == (OTHER, "Of reports.")


@pytest.mark.parametrize(
    "document",
    [
        PASSAGE,
        PASSAGE.upper().replace(",", ""),
        "Backups are kept for thirty days",
        f"Note. {PASSAGE}",
        QUERY,
        "Too short",
        "I'm sorry, but I cannot write such a passage.",
        "kept kept days " * 30,
        f"{OTHER} The next one is that you can use it. The next one is that you can use it. The next one is that.",
        3,
    ],
)
def test_what_is_no_negative(document: Any) -> None:
    assert read_negative(json.dumps({"document": document, "explanation": "x"}), QUERY, PASSAGE) is None


def test_an_answer_that_was_cut_off_within_its_text_is_none() -> None:
    assert read_negative(json.dumps({"document": OTHER})[:-20], QUERY, PASSAGE) is None
    assert read_negative("It would tell of reports.", QUERY, PASSAGE) is None
    assert read_negative("[" * 10_000, QUERY, PASSAGE) is None


def test_strategies_go_round() -> None:
    assert len(STRATEGIES) == 6
    assert {each.strategy for each in requests_for(QUERY, PASSAGE, 6)} == set(STRATEGIES)
    first = {requests_for(f"query {number}", PASSAGE, 1)[0].strategy for number in range(60)}
    assert first == set(STRATEGIES)
    assert requests_for(QUERY, PASSAGE, 2) == requests_for(QUERY, PASSAGE, 6)[:2]
    for wrong in (-1, 7):
        with pytest.raises(InputError, match="negatives_per_query"):
            Llm("m", negatives_per_query=wrong)


def test_a_prompt_names_the_strategy_and_takes_texts_for_data() -> None:
    question = NegativeQuestion(Llm("m"), None)
    request = NegativeRequest(QUERY, f"{PASSAGE}</passage><|im_end|>", "temporal variance")
    said = question.messages(request)[-1]["content"]
    assert STRATEGIES["temporal variance"] in said
    assert said.count("</passage>") == 1
    assert "<|im_end|>" not in said
    example = json.loads(question.messages(request)[2]["content"])
    assert question.read(request, Answer(json.dumps(example))) == [], "the worked example, said again"
    assert question.read(request, Answer(json.dumps({"document": OTHER}), expired=True)) == []


Writes = Callable[[str, str, int], Any]


def asked(call: Call) -> tuple[str, str] | None:
    """Query and passage of a call for a negative; None of one for queries."""
    last = call.request["messages"][-1]["content"]
    found = re.search(r"<query>\n(.*?)\n</query>\n<passage>\n(.*?)\n</passage>", last, re.S)
    return (found[1], found[2]) if found else None


class Model:
    """A healthy server for queries, which answers calls for negatives by `writes(query, passage, number)`."""

    def __init__(self, writes: Writes) -> None:
        self.writes = writes
        self.negatives = 0

    def __call__(self, call: Call) -> bool:
        pair = asked(call)
        if pair is None:
            return healthy(call)
        self.negatives += 1
        call.send(completion(self.writes(*pair, self.negatives)))
        return True


def other(query: str, passage: str, number: int) -> str:
    """A negative about something else, with a word or two of the query."""
    text = f"Number {number} of the yearly accounts is signed by the treasurer, {query.split()[0]} or not."
    return json.dumps({"document": text, "explanation": f"reason {number}"})


@pytest.fixture
def documents(tmp_path: Path) -> Path:
    path = tmp_path / "docs.jsonl"
    lines = []
    for number, room in enumerate(ROOMS):
        text = f"The {room} stands in hall number {number}; its {room}master checks the {room}belt weekly."
        lines.append(json.dumps({"id": room, "text": text}) + "\n")
    path.write_text("".join(lines))
    return path


@pytest.fixture
def serving() -> Iterator[Callable[[Writes], LlmServer]]:
    servers: list[LlmServer] = []

    def start(writes: Writes) -> LlmServer:
        servers.append(LlmServer(fault=Model(writes)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def settings(documents: Path, server: LlmServer, wanted: int, **options: Any) -> GenerateOptions:
    limits = options.pop("limits", Limits())
    llm = Llm("m", base_url=server.url, negatives_per_query=wanted, concurrency=1, limits=limits)
    given = {"teacher": None, "model": None, "val_ratio": 0.2, "negatives": 3, **options}
    return GenerateOptions(documents, documents.parent / f"out{wanted}", llm, **given)


def rows(made: Generated, side: str) -> list[Any]:
    return read_examples(made.output / f"{side}.json")


def test_they_stand_beside_mined_ones_and_are_never_paid_for_twice(
    documents: Path, serving: Callable[[Writes], LlmServer]
) -> None:
    server = serving(other)
    mined = generate(settings(documents, server, 0))
    calls = server.calls
    wanted = settings(documents, server, 2, output_format="csv")
    estimate = plan(wanted).estimate
    assert estimate is not None
    assert (estimate.calls, estimate.negative_calls, estimate.cached) == (10 + 2 * 20, 40, 0)
    made = generate(wanted)
    train = read_examples(made.output / "train.csv")
    assert made.report.written_negatives == {USED: 2 * len(train)}
    assert server.calls == calls + 10 + 2 * len(train)
    for row, before in zip(train, rows(mined, "train"), strict=True):
        assert (row.query, row.positive) == (before.query, before.positive)
        assert row.negatives[: len(before.negatives)] == before.negatives
        own = row.negatives[len(before.negatives) :]
        assert len(own) == 2
        assert row.positive not in own
        assert len(row.scores or ()) == 1 + len(row.negatives)
        assert max((row.scores or ())[-2:]) <= 0.95 * (row.scores or ())[0]
        assert row.strategies[:-2] == row.explanations[:-2] == ("",) * len(before.negatives)
        assert set(row.strategies[-2:]) <= set(STRATEGIES)
        assert all(reason.startswith("reason") for reason in row.explanations[-2:])
    assert read_examples(made.output / "val.csv") == rows(mined, "val"), "they have none"
    again = generate(settings(documents, server, 2, output_format="csv", force=True))
    assert server.calls == calls + 10 + 2 * len(train)
    assert again.llm is not None
    assert again.llm.negatives is not None
    assert again.llm.negatives.cached == 2 * len(train)
    known = plan(wanted).estimate
    assert known is not None
    assert known.calls == 2 * (20 - len(train)), "those of the rows that are held out"


def test_what_the_teacher_takes_for_an_answer_is_dropped(
    documents: Path, serving: Callable[[Writes], LlmServer]
) -> None:
    def answers(query: str, passage: str, number: int) -> str:
        if number % 2:
            return json.dumps({"document": f"{query} in so many words, and briefly."})
        return json.dumps({"document": "Something else altogether is said here, of nothing that was asked."})

    made = generate(settings(documents, serving(answers), 2))
    counts = made.report.written_negatives
    train = rows(made, "train")
    assert counts == {AS_GOOD: len(train), USED: len(train)}
    assert all(row.negatives[-1].startswith("Something else") for row in train)


def test_answers_that_are_copies_are_asked_again_and_then_counted(
    documents: Path, serving: Callable[[Writes], LlmServer]
) -> None:
    def copies_for_one(query: str, passage: str, number: int) -> str:
        if "kiln" in passage and query.startswith("What"):
            return json.dumps({"document": passage})
        return json.dumps({"document": "The same text is written for every other query, whatever it asks."})

    options = settings(documents, serving(copies_for_one), 2, val_ratio=0.0)
    with pytest.raises(ServiceError, match="the same for different passages"):
        generate(options)

    def for_two(query: str, passage: str, number: int) -> str:
        if "kiln" in passage and query.startswith("What"):
            return json.dumps({"document": passage})
        return json.dumps({"document": f"Case {sum(map(ord, query))} is told in equal words each time."})

    made = generate(settings(documents, serving(for_two), 2, val_ratio=0.0))
    assert made.report.written_negatives[NO_ANSWER] == 2
    assert made.report.written_negatives[REPEATED] > 0
    assert made.llm is not None
    assert made.llm.negatives is not None
    assert made.llm.negatives.failed == 2
    assert "without a negative" in made.llm.negatives.useless


def test_limits_hold_for_negatives_too_and_useless_ones_end_the_run(
    documents: Path, serving: Callable[[Writes], LlmServer]
) -> None:
    server = serving(other)
    with pytest.raises(LimitError, match="12 calls"):
        generate(settings(documents, server, 1, limits=Limits(calls=12)))
    assert server.calls == 12
    assert not (documents.parent / "out1/train.json").exists()
    made = generate(settings(documents, server, 1))
    assert server.calls == 10 + len(rows(made, "train"))
    with pytest.raises(ServiceError, match="8 answers .* without a negative") as raised:
        generate(settings(documents, serving(lambda *_: "Well, no."), 3))
    assert "larger model" in raised.value.hint
