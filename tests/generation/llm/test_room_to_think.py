"""Answers that are cut off: the limit of tokens is raised once a run, never beyond what a server takes, and put
back where longer answers say nothing either."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from reliability.llm.call import Call, completion, healthy
from reliability.llm.server import LlmServer
from splade_cli.generation.llm.budget import Limits
from splade_cli.generation.llm.client.request import ChatRequest
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.writer import LlmWriter
from splade_cli.records import Chunk

CHUNKS = [
    Chunk(f"{room}::0", room, f"The {room} stands in the northern hall beside its {room}master.")
    for room in ("kiln", "lathe", "loom")
]


class Thinker:
    """A model that needs `needed` tokens for an answer, and takes no request for more than `most`."""

    def __init__(self, needed: int, most: int = 100_000) -> None:
        self.needed = needed
        self.most = most
        self.limits: list[int] = []

    def __call__(self, call: Call) -> bool:
        limit = call.request["max_tokens"]
        self.limits.append(limit)
        if limit > self.most:
            message = f"max_tokens is too large: {limit}. This model supports at most {self.most}."
            call.send({"error": {"message": message, "param": "max_tokens", "code": "invalid"}}, 400)
            return False
        if limit < self.needed:
            usage = {"prompt_tokens": 1500, "completion_tokens": limit}
            call.send(completion("<think>Let me see. Is it", finish="length", usage=usage))
            return False
        return healthy(call)


@pytest.fixture
def written() -> Iterator[Callable[..., tuple[list[int], list[str]]]]:
    servers: list[LlmServer] = []

    def write(model: Thinker, **options: Any) -> tuple[list[int], list[str]]:
        servers.append(LlmServer(fault=model))
        llm = Llm("m", base_url=servers[-1].url, concurrency=1, answer_tokens=100, **options)
        said: list[str] = []
        found = list(LlmWriter(llm, None, say=said.append).write(CHUNKS))
        return [len(queries) for _, queries in found], said

    yield write
    for server in servers:
        server.close()


def test_the_limit_is_raised_once_and_told(written: Callable[..., tuple[list[int], list[str]]]) -> None:
    model = Thinker(300)
    assert written(model) == (
        [2, 2, 2],
        ["an answer was cut off by the limit of tokens: from now on it is 400"],
    )
    assert model.limits == [100, 400, 400, 400]


def test_it_is_put_back_where_longer_answers_say_nothing(
    written: Callable[..., tuple[list[int], list[str]]],
) -> None:
    model = Thinker(1000)
    counts, said = written(model, most_useless=20)
    assert counts == [0, 0, 0]
    assert said[1:] == ["longer answers were of no use either: from now on the limit is 100 tokens"]
    assert model.limits[:4] == [100, 400, 400, 400]
    assert len(model.limits) > 5
    assert set(model.limits[4:]) == {100}


def test_it_stays_once_a_longer_answer_was_of_use() -> None:
    request = ChatRequest("m", {"max_tokens": 100}, [None])
    assert request.heard(100, is_of_use=False) is None, "nothing is longer than before"
    assert request.make_room() == 400
    for is_of_use in (False, False, True, False, False, False):
        assert request.heard(90, is_of_use=False) is None, "the shorter limit was enough for it"
        assert request.heard(300, is_of_use=is_of_use) is None
    assert request.build([], 0)["max_tokens"] == 400


def test_a_server_that_takes_no_more_is_asked_as_before(
    written: Callable[..., tuple[list[int], list[str]]],
) -> None:
    model = Thinker(300, most=200)
    assert written(model, most_useless=20)[0] == [0, 0, 0]
    assert model.limits[:3] == [100, 400, 100]
    assert model.limits.count(400) == 1


def test_limits_of_the_run_reckon_with_longer_answers(
    written: Callable[..., tuple[list[int], list[str]]],
) -> None:
    from splade_cli.errors import LimitError

    model = Thinker(300)
    with pytest.raises(LimitError):
        # 1,600 tokens are spent, and the next call may take 400 beside a prompt of about 1,575
        written(model, limits=Limits(tokens=3400))
    assert model.limits == [100]
