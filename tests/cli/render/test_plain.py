"""What goes to a terminal: nothing that it would obey, whoever wrote it."""

from __future__ import annotations

import io
import json
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from splade_cli.cli.render.console import Terminal
from splade_cli.cli.render.plain import PlainFormatter, one_line, plain, plain_json

HOSTILE = (
    "\x1b]0;title\x07", "\x1b[2J\x1b[31m", "\x9b31m", "\x9d0;x\x9c", "\x1bP1$q\x1b\\", "\x07", "\x08\x08",
    "\u202egpj.exe\u202c", "\u2066x\u2069", "\x7f", "\x00", "\udc80", "\x0e", "a\rerror", "\x85", "\u2028",
)  # fmt: skip
STEERING = frozenset(
    [*map(chr, range(9)), *map(chr, range(0x0B, 0x20)), *map(chr, range(0x7F, 0xA0))]
    + list("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029\u200e\u200f\u061c")
)


def shown(*renderables: object, **options: object) -> str:
    file = io.StringIO()
    console = Terminal(file=file, force_terminal=True, color_system=None, width=60, emoji=False)
    console.print(*renderables, **options)
    return file.getvalue()


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_that_is_printed_steers_the_terminal(text: str) -> None:
    table = Table(title=text)
    table.add_column(Text(text))
    table.add_row(Text(text))
    printed = shown(text, Text(text), table, Panel(Text(text), title=Text(text)), markup=False)
    assert not STEERING & set(printed)
    printed.encode()


def test_markup_in_a_text_is_text_and_smileys_stay_words() -> None:
    assert shown("[red]x[/] [/nothing] :smile:", markup=False) == "[red]x[/] [/nothing] :smile:\n"
    assert shown(":smile:") == ":smile:\n"


def test_colours_of_our_own_stay() -> None:
    file = io.StringIO()
    Terminal(file=file, force_terminal=True, color_system="standard").print("[red]x[/]")
    assert "\x1b[31m" in file.getvalue()


@given(st.text(st.characters(), max_size=50))
def test_plain_text_has_no_steering_signs(text: str) -> None:
    assert not STEERING & set(plain(text))
    assert len(one_line(text).splitlines()) <= 1
    plain(text).encode()


@given(st.recursive(st.text(st.characters(), max_size=20), lambda inner: st.lists(inner, max_size=3)))
def test_json_keeps_its_values(value: object) -> None:
    document = plain_json(json.dumps(value, ensure_ascii=False))
    assert json.loads(document) == value
    assert not STEERING & set(document)
    document.encode()


def test_log_messages_are_plain() -> None:
    record = logging.LogRecord("x", logging.WARNING, "f", 1, "name %s", ("\x1b[2Jx",), None)
    assert PlainFormatter().format(record) == "name [2Jx"
