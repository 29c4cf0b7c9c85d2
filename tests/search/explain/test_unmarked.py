"""Snippets show text as text: marks go, words stay, and code is left as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.search.explain.unmarked import on_one_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  a\n\n b\tc ", "a b c"),
        ("# Kiln\n\nIt fires clay.", "Kiln: It fires clay."),
        ("out.\n\n## How tight?\n\nHand tight.", "out. How tight? Hand tight."),
        ("### Closed ###\ntext", "Closed: text"),
        ("Press\n=====\n\nIt prints.", "Press: It prints."),
        ("a paragraph that is long\nand goes on\n---\nnext", "a paragraph that is long and goes on next"),
        ("Film | Blade | Force\nVinyl | 45° | 90\nWall | | 70", "Film, Blade, Force Vinyl, 45°, 90 Wall, 70"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a, b 1, 2"),
        ("+---+---+\n| a | b |\n+===+===+", "a, b"),
        ("so:\n```python\nx = a or b\n```\nend", "so: x = a or b end"),
        ("~~~\nls -l | wc\n~~~", "ls -l | wc"),
        ("a: str | None = None\nb: str | None = None", "a: str | None = None b: str | None = None"),
        ("x = a | b\ny = c | d", "x = a | b y = c | d"),
        ("> quoted\n> words", "quoted words"),
        (">>> print(1)", ">>> print(1)"),
        ("see [the guide](guide.md) and ![a picture](p.png)", "see the guide and a picture"),
        ("use `pip install` and ``rst``", "use pip install and rst"),
        ("**never** do **these things**", "never do these things"),
        ("a test: **if it\njumps, it is\nfinished**, and", "a test: if it jumps, it is finished, and"),
        ("type `splade\nbuild` or [the\nguide](a.md)", "type splade build or the guide"),
        ("f(*a, **kw)\ng(**kw) and 2 ** 3\n4 ** 5", "f(*a, **kw) g(**kw) and 2 ** 3 4 ** 5"),
        ("the __init__.py of 2**3**2, a_b_c and __name__", "the __init__.py of 2**3**2, a_b_c and __name__"),
        (".. note:: mind the gap", "mind the gap"),
        ("- one\n- two", "- one - two"),
        ("C# and F# and #5", "C# and F# and #5"),
        ("", ""),
    ],
)  # fmt: skip
def test_marks_go_and_words_stay(text: str, shown: str) -> None:
    assert on_one_line(text) == shown


@given(st.text(alphabet="ab #`|~*_>[]()=-.+:\n", max_size=60))
def test_no_letter_is_lost_but_of_addresses_and_languages(text: str) -> None:
    line = on_one_line(text)
    assert "\n" not in line and "  " not in line
    if "](" not in text and "```" not in text and "~~~" not in text and "::" not in text:
        assert [letter for letter in line if letter in "ab"] == [letter for letter in text if letter in "ab"]
