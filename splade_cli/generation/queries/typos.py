"""Spelling mistakes as fingers make them: letters swapped, left out, doubled, or of the key beside."""

from __future__ import annotations

import random
import re

_WORD = re.compile(r"[^\W\d_]{4,}")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_BESIDE = {
    letter: row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    for row in _ROWS
    for place, letter in enumerate(row)
}
LETTERS_A_MISTAKE = 16
"""Letters of a text for which there is one mistake, about."""


def misspelled(text: str, draw: random.Random) -> str:
    """`text` with a mistake in one word or more; empty where no word of four letters is in it.

    The first letter of a word stays right: people see that one.
    """
    words = list(_WORD.finditer(text))
    if not words:
        return ""
    count = max(1, round(sum(len(word[0]) for word in words) / LETTERS_A_MISTAKE))
    for word in sorted(draw.sample(words, min(count, len(words))), key=lambda word: -word.start()):
        text = text[: word.start()] + _with_mistake(word[0], draw) + text[word.end() :]
    return text


def _with_mistake(word: str, draw: random.Random) -> str:
    """A word with one mistake behind its first letter."""
    place = draw.randrange(1, len(word) - 1)
    letter = word[place]
    following = word[place + 1]
    mistakes = [word[:place] + word[place + 1 :], word[:place] + letter + word[place:]]
    if letter != following:
        mistakes.append(word[:place] + following + letter + word[place + 2 :])
    if beside := _BESIDE.get(letter):
        mistakes.append(word[:place] + draw.choice(beside) + word[place + 1 :])
    return draw.choice(mistakes)
