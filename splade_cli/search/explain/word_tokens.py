"""Tokens of a text word by word: to BERT's tokenizer a word is the same whatever stands around it.

A text of some hundred words has few that were not met before, so most of them are looked up, and which words
of a text hold a term is a matter of intersecting two sets. What BERT parts otherwise than a pattern (symbols,
accents of their own, scripts without blanks) is left to the tokenizer, run by run.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from splade_cli.search.explain.term_names import WordsByPiece, by_last_piece, continues_a_word

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
"""A word, or a sign."""
_KEPT_WORDS = 1 << 15
_KEPT_MAJORITIES = 1 << 14
_KEPT_TEXTS = 4096
_KEPT_LONG_TEXTS = 64
_LONG = 8192
_PRINTED = "".join(map(chr, range(0x20, 0x7F))) + "\t\n\r"
# Latin, Greek and Cyrillic letters, and general punctuation.
_SCRIPTS = (range(0xA0, 0x250), range(0x370, 0x530), range(0x2000, 0x2070))
_LETTERS = "".join(
    chr(code)
    for codes in _SCRIPTS
    for code in codes
    if unicodedata.category(chr(code))[0] in "LP" or unicodedata.category(chr(code)) == "Zs"
)
_PARTING = "".join(letter for letter in _PRINTED + _LETTERS if not letter.isalnum())
_OTHER = re.compile(f"[^{re.escape(_PRINTED + _LETTERS)}]")
_SOLID = re.compile(f"[^{re.escape(_PARTING)}]+")
Token = tuple[str, int, int]
"""A name in the vocabulary, and where it starts and ends in its word."""


class Word(NamedTuple):
    """A word as it stands in texts.

    Attributes:
        text: the word itself.
        names: of its tokens.
        tokens: in order.
        stem: its own, folded; empty where a word is never highlighted.
        keys: the names of its longer tokens, where it can be highlighted: the others cannot make up half of
            it without one of these.
    """

    text: str
    names: frozenset[str]
    tokens: tuple[Token, ...]
    stem: str
    keys: frozenset[str]


class Lexicon(dict[str, Word]):
    """Words that were met before."""

    def __init__(self, analyse: Callable[[str], Word]) -> None:
        super().__init__()
        self._analyse = analyse
        self.majority = lru_cache(maxsize=_KEPT_MAJORITIES)(self._majority)

    def __missing__(self, text: str) -> Word:
        word = self._analyse(text)
        self[text] = word
        return word

    def _majority(self, text: str, names: frozenset[str]) -> tuple[str, ...]:
        """Those of `names` that are tokens of a word, in order, where they make up half of it or more."""
        tokens = [token for token in self[text].tokens if token[0] in names]
        if 2 * covered(tokens, 0, len(text)) < len(text):
            return ()
        return tuple(dict.fromkeys([name for name, _, _ in tokens]))


@dataclass
class TextWords:
    """A text in words.

    Attributes:
        text: with blanks in place of `runs`.
        words: the different words and signs of `text`, and where they stand, of those that was asked for.
        names: of the tokens of the words.
        runs: where each run that the tokenizer has to read starts, and the run.
        lexicon: what is known of `words`.
    """

    text: str
    words: dict[str, list[int] | None]
    names: frozenset[str]
    runs: tuple[tuple[int, str], ...]
    lexicon: Lexicon

    @cached_property
    def by_key(self) -> tuple[dict[str, list[Word]], dict[str, list[Word]]]:
        """The words that can be highlighted by the tokens that are their keys, and by their stems."""
        of_token: dict[str, list[Word]] = {}
        of_stem: dict[str, list[Word]] = {}
        for text in self.words:
            word = self.lexicon[text]
            if word.stem:
                of_stem.setdefault(word.stem, []).append(word)
            for key in word.keys:
                of_token.setdefault(key, []).append(word)
        return of_token, of_stem

    @cached_property
    def pieced(self) -> dict[str, tuple[str, ...]]:
        """The words of which the vocabulary has only pieces, with these in order."""
        found: dict[str, tuple[str, ...]] = {}
        for text in self.words:
            tokens = self.lexicon[text].tokens
            if len(tokens) > 1:
                names = tuple([name for name, _, _ in tokens])
                if any(map(continues_a_word, names)):
                    found[text] = names
        return found

    @cached_property
    def pieced_by_last(self) -> WordsByPiece:
        """`pieced` by the last of the pieces."""
        return by_last_piece(self.pieced)

    def places(self, word: str) -> list[int]:
        """Where one of the words stands."""
        known = self.words[word]
        if known is None:
            known = places(self.text, word)
            self.words[word] = known
        return known


class WordTokens:
    """Reads texts in words, each of which is looked up. Safe to be used from many threads.

    Args:
        tokenizer: one of which `splits_at_words` is true.
        analyse: makes a word of what stands in a text.
    """

    def __init__(self, tokenizer: Tokenizer, analyse: Callable[[str], Word]) -> None:
        self._added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        self._analyse = analyse
        self._lexicon = Lexicon(analyse)
        self._of_short = lru_cache(maxsize=_KEPT_TEXTS)(self._words)
        self._of_long = lru_cache(maxsize=_KEPT_LONG_TEXTS)(self._words)

    def words(self, text: str) -> TextWords | None:
        """The words of a text; None where an added token, which holds signs, stands in it."""
        if len(text) > _LONG:
            return self._of_long(text)
        return self._of_short(text)

    def _words(self, text: str) -> TextWords | None:
        for added in self._added:
            if added in text:
                return None
        runs: list[tuple[int, str]] = []

        def without_other(match: re.Match[str]) -> str:
            run = match.group()
            if not _OTHER.search(run):
                return run
            runs.append((match.start(), run))
            return " " * len(run)

        if _OTHER.search(text):
            text = _SOLID.sub(without_other, text)
        lexicon = self._lexicon
        if len(lexicon) > _KEPT_WORDS:
            # another thread may still be at the texts of the old one, so it is left as it is
            lexicon = Lexicon(self._analyse)
            self._lexicon = lexicon
            self._of_short.cache_clear()
            self._of_long.cache_clear()
        words: dict[str, list[int] | None] = dict.fromkeys(
            [lexicon[each].text for each in WORD.findall(text)]
        )
        names = frozenset(chain.from_iterable([lexicon[each].names for each in words]))
        return TextWords(text, words, names, tuple(runs), lexicon)


def covered(tokens: Sequence[Token], start: int, end: int) -> int:
    """How many letters of ``text[start:end]`` belong to one of `tokens`, which are in order."""
    letters = 0
    reached = start
    for _, first, last in tokens:
        first = max(first, reached)
        last = min(last, end)
        if first < last:
            letters += last - first
            reached = last
    return letters


def splits_at_words(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer is BERT's, with its normalizer and its way to part words."""
    parts = (tokenizer.model, tokenizer.normalizer, tokenizer.pre_tokenizer)
    return [type(part).__name__ for part in parts] == ["WordPiece", "BertNormalizer", "BertPreTokenizer"]


def places(text: str, word: str) -> list[int]:
    """Where `word` stands in a text as a whole word."""
    found = []
    place = text.find(word)
    while place >= 0:
        end = place + len(word)
        is_start = place == 0 or not text[place - 1].isalnum()
        if is_start and not text[end : end + 1].isalnum():
            found.append(place)
        place = text.find(word, end)
    return found
