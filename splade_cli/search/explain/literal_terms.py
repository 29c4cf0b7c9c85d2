"""Vocabulary entries against the words of a text: which entries spell which word; knows no weights and no tokenizer.

WordPiece marks a word's later pieces (``##ing``). Byte-pair and SentencePiece vocabularies mark its first piece
(``Ġfir``, ``▁fir``) and leave the later ones bare; byte-level ones write UTF-8 bytes in an alphabet of 256 printable
characters (Radford 2019, GPT-2). Texts are compared in lower case and without accents, as most tokenizers read them.

Only the entries in question are known here, not the whole vocabulary, so a word counts as spelled where they cover it
from its first to its last letter, or all but an ending of a few letters.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_MARKS = "".join(
    chr(code) for code in range(0x300, 0x3100) if unicodedata.category(chr(code)).startswith("M")
)
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]+|(?:(?![{_UNSPACED}])[^\W_][{_MARKS}\u200c\u200d]*)+|[^\w\s]|_")
_PLAIN_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
_RUN = re.compile(rf"[{_UNSPACED}]+")
_FIRST = "Ġ▁"
_SHORTEST_STEM, _LONGEST_ENDING, _SHORTEST_TAIL = 4, 3, 4
_SILENT = "aeiouy"


@dataclass(frozen=True)
class Word:
    """``text[start:end]`` and the entries that spell it; `ending` letters at its end are spelled by none."""

    start: int
    end: int
    entries: tuple[str, ...]
    ending: int = 0


def readable(entry: str) -> str:
    """A vocabulary entry as a person writes it; a later piece of WordPiece keeps its ``##``."""
    if entry.startswith("##") and len(entry) > 2:
        return entry
    return _bare(entry) or entry


def written(entries: Iterable[str], text: str) -> frozenset[str]:
    """Those of `entries` that stand in the words of `text`."""
    return _written(tuple(entries), text)


@lru_cache(maxsize=64)
def _written(entries: tuple[str, ...], text: str) -> frozenset[str]:
    found = {entry for word in spell(text, entries) for entry in word.entries}
    folded = fold(text)
    mixed = [entry for entry in entries if _is_mixed(entry)]
    return frozenset(found | {entry for entry in mixed if fold(_bare(entry)) in folded})


def spell(text: str, entries: Iterable[str]) -> Iterator[Word]:
    """The words of `text` that `entries` spell, in order, longest entry first from left to right.

    Scripts without blanks (Han, Kana, Thai, ...) give a word for each entry that is found in them.
    """
    return _Speller(entries).words(text)


class _Speller:
    """Entries by how they are spelled: `first` open a word, `later` go on with one; `forms` are stems of the first."""

    def __init__(self, entries: Iterable[str], forms: bool = False) -> None:
        self.first, self.later = _tables(entries)
        self.run = {**self.later, **self.first}
        self.longest = max(map(len, self.run), default=0)
        stems = [(spelling[:-1], entry) for spelling, entry in self.first.items() if spelling[-1] in _SILENT]
        self.forms = {stem: entry for stem, entry in stems if forms and len(stem) >= _SHORTEST_STEM}
        self.openings = {spelling[:2] for spelling in self.first}
        self.tails = {
            spelling[-_SHORTEST_TAIL:] for spelling in self.later if len(spelling) >= _SHORTEST_TAIL
        }

    def words(self, text: str) -> Iterator[Word]:
        if not self.run:
            return
        for match in (_PLAIN_WORD if text.isascii() else _WORD).finditer(text):
            if _RUN.match(match.group()):
                yield from self._in_run(match)
                continue
            found = self._of_word(fold(match.group()))
            if found:
                yield Word(match.start(), match.end(), *found)

    def _in_run(self, match: re.Match[str]) -> Iterator[Word]:
        letters = [
            (letter, place)
            for place, each in enumerate(match.group(), match.start())
            for letter in _fold_letter(each)
        ]
        run = "".join(letter for letter, _ in letters)
        ends = [place for _, place in letters[1:]] + [match.end()]
        place = 0
        while place < len(run):
            sizes = range(min(self.longest, len(run) - place), 0, -1)
            size = next((size for size in sizes if run[place : place + size] in self.run), 0)
            if size:
                entry = self.run[run[place : place + size]]
                yield Word(letters[place][1], ends[place + size - 1], (entry,))
            place += size or 1

    def _of_word(self, word: str) -> tuple[tuple[str, ...], int] | None:
        if word[:2] in self.openings or word[:1] in self.openings:
            found = self._from_start(word) or self._form(word)
            if found:
                return found
        if self.tails and word[-_SHORTEST_TAIL:] in self.tails:
            tails = (word[start:] for start in range(1, len(word) - _SHORTEST_TAIL + 1))
            tail = next((tail for tail in tails if tail in self.later), None)
            return ((self.later[tail],), 0) if tail else None
        return None

    def _from_start(self, word: str) -> tuple[tuple[str, ...], int] | None:
        found: list[str] = []
        place, table = 0, self.first
        while place < len(word):
            sizes = range(min(self.longest, len(word) - place), 0, -1)
            size = next((size for size in sizes if word[place : place + size] in table), 0)
            if not size:
                break
            found.append(table[word[place : place + size]])
            place, table = place + size, self.later
        return (tuple(found), len(word) - place) if found and _is_ending(word, place) else None

    def _form(self, word: str) -> tuple[tuple[str, ...], int] | None:
        for size in range(len(word) - 1, _SHORTEST_STEM - 1, -1) if self.forms else ():
            if len(word) - size > _LONGEST_ENDING:
                return None
            if word[:size] in self.forms:
                return (self.forms[word[:size]],), len(word) - size
        return None


def _is_ending(word: str, place: int) -> bool:
    """Whether the letters after `place`, if any, can be an inflection of those before: few, a doubled one aside."""
    if place == len(word):
        return True
    doubled = word[place] == word[place - 1]
    return place >= _SHORTEST_STEM and len(word) - place - doubled <= _LONGEST_ENDING


def matched_spans(text: str, entries: Iterable[str]) -> list[tuple[int, int]]:
    """(start, end) of each whole word of `text` that `entries` spell or that is a form of one, for highlighting.

    Words of one or two letters are left alone unless they hold a digit or stand in capitals, and so are signs.
    """
    return [(word.start, word.end) for word in matched_words(text, entries)]


def matched_words(text: str, entries: Iterable[str]) -> list[Word]:
    """The words behind `matched_spans`: weaving is a form of weave, though no tokenizer spells it so."""
    return [
        word for word in _Speller(entries, forms=True).words(text) if _is_telling(text[word.start : word.end])
    ]


def _is_telling(word: str) -> bool:
    if not any(letter.isalnum() for letter in word):
        return False
    short = len(word) < 3 and not _RUN.match(word)
    return not short or (word.isupper() and len(word) == 2) or any(letter.isdigit() for letter in word)


def fold(text: str) -> str:
    """Lower case without accents."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFD", text.lower())
    return unicodedata.normalize("NFC", "".join(part for part in parts if unicodedata.category(part) != "Mn"))


_fold_letter = lru_cache(maxsize=8192)(fold)


def _tables(entries: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Folded spelling to entry, of entries that open a word and of those that go on with one."""
    listed = list(entries)
    bare_goes_on = any(entry[:1] in _FIRST and entry[:1] for entry in listed)
    first: dict[str, str] = {}
    later: dict[str, str] = {}
    for entry in listed:
        if entry.startswith("##") and len(entry) > 2:
            later.setdefault(fold(entry[2:]), entry)
            continue
        spelling = fold(_bare(entry))
        first.setdefault(spelling, entry)
        if bare_goes_on and entry[:1] not in _FIRST:
            later.setdefault(spelling, entry)
    return {spelling: entry for spelling, entry in first.items() if spelling}, later


def _is_mixed(entry: str) -> bool:
    """Whether letters and signs stand in one entry, such as c++, which no single word of a text spells."""
    bare = _bare(entry.removeprefix("##"))
    return len(bare) > 1 and len(_WORD.findall(bare)) > 1 and any(letter.isalnum() for letter in bare)


@lru_cache(maxsize=1)
def _byte_letters() -> dict[str, int]:
    """Letter to byte: printable Latin-1 stands for itself, the other 68 bytes are shifted to U+0100 and on."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


def _bare(entry: str) -> str:
    entry = entry.lstrip(_FIRST)
    if entry.isascii():
        return entry
    letters = _byte_letters()
    try:
        decoded = bytes(letters[letter] for letter in entry).decode()
    except (KeyError, UnicodeDecodeError):
        return entry
    return decoded
