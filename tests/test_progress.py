"""Bars of long calls: one a stage, none where the caller is told or nothing is watched."""

from __future__ import annotations

from typing import Any

import pytest
import tqdm.auto

from splade_cli.progress import bars, silent

MADE: list[Bar] = []


class Bar:
    """A tqdm bar that remembers."""

    def __init__(self, *, desc: str, total: int | None, disable: bool | None) -> None:
        self.desc = desc
        self.total = total
        self.disable = disable
        self.n = 0
        self.closed = False
        MADE.append(self)

    def update(self, more: int) -> None:
        self.n += more

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    MADE.clear()
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    return MADE


def test_a_bar_a_stage(made: list[Bar]) -> None:
    with bars() as progress:
        progress("read", 1, None)
        progress("encode", 2, None)
        progress("read", 5, 5)
        progress("encode", 4, 8)
        assert not any(bar.closed for bar in made)
    assert [(bar.desc, bar.n, bar.total, bar.closed) for bar in made] == [
        ("read", 5, 5, True),
        ("encode", 4, 8, True),
    ]
    assert all(bar.disable is None for bar in made), "tqdm draws nothing into a pipe"


def test_bars_are_closed_where_a_call_fails(made: list[Bar]) -> None:
    def fails() -> None:
        with bars() as progress:
            progress("read", 1, None)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fails()
    assert made[0].closed


def test_a_progress_that_is_given_is_told_and_nothing_drawn(made: list[Bar]) -> None:
    seen: list[Any] = []
    with bars(lambda *step: seen.append(step)) as progress:
        progress("read", 1, None)
    with bars(silent) as progress:
        progress("read", 1, None)
    assert seen == [("read", 1, None)]
    assert made == []


def test_nothing_is_drawn_into_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    with bars() as progress:
        progress("read", 1, 2)
    assert capsys.readouterr() == ("", "")
