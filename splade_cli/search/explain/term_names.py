"""Vocabulary entries as a person writes them.

WordPiece marks a word's later pieces (``##ing``); byte-pair and SentencePiece vocabularies mark its first
piece (``Ġfir``, ``▁fir``). Byte-level ones write UTF-8 bytes in an alphabet of 256 printable characters
(Radford 2019, GPT-2).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from functools import lru_cache

_FIRST_PIECE = "Ġ▁"
WordsByPiece = Mapping[str, Sequence[tuple[str, Sequence[str]]]]
"""Words of several pieces, with all of these, by their last one."""


def readable(entry: str) -> str:
    """A vocabulary entry as text; a later piece of WordPiece keeps its ``##``."""
    if entry.startswith("##") and len(entry) > 2:
        return entry
    return _decoded(entry.lstrip(_FIRST_PIECE)) or entry


def continues_a_word(entry: str) -> bool:
    """Whether WordPiece says that the entry is a later piece of a word."""
    return entry.startswith("##") and len(entry) > 2


def by_last_piece(words: Mapping[str, Sequence[str]]) -> WordsByPiece:
    """Words and their pieces by the last of these, which fewer words have than a first one."""
    found: dict[str, list[tuple[str, Sequence[str]]]] = {}
    for word, pieces in words.items():
        found.setdefault(pieces[-1], []).append((word, pieces))
    return found


def is_mark(entry: str) -> bool:
    """Whether an entry is nothing but the mark of a word's first piece."""
    return not entry.strip(_FIRST_PIECE)


def fold(text: str) -> str:
    """Lower case without accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", text.lower())
    return unicodedata.normalize("NFC", "".join(part for part in parts if unicodedata.category(part) != "Mn"))


def _decoded(entry: str) -> str:
    if entry.isascii():
        return entry
    letters = _byte_letters()
    try:
        return bytes(letters[letter] for letter in entry).decode()
    except (KeyError, UnicodeDecodeError):
        return entry


@lru_cache(maxsize=1)
def _byte_letters() -> dict[str, int]:
    """Letter to byte: printable Latin-1 stands for itself, the other 68 bytes begin at U+0100."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    letters.update({chr(256 + number): byte for number, byte in enumerate(others)})
    return letters
