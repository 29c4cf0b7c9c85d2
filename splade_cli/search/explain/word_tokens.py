"""Tokens of a text word by word: to BERT's tokenizer a word is the same whatever stands around it.

A text of some hundred words has few that were not met before, so most of them are looked up. Texts with signs
at which BERT parts words otherwise than a pattern (accents of their own, symbols, scripts without blanks)
are left to the tokenizer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
"""A word, or a sign."""
_KEPT_WORDS = 1 << 15
_KEPT_TEXTS = 64
_PRINTED = "".join(map(chr, range(0x20, 0x7F)))
# Latin, Greek and Cyrillic letters, and general punctuation.
_SCRIPTS = (range(0xA0, 0x250), range(0x370, 0x530), range(0x2000, 0x2070))
_LETTERS = "".join(
    chr(code)
    for codes in _SCRIPTS
    for code in codes
    if unicodedata.category(chr(code))[0] in "LP" or unicodedata.category(chr(code)) == "Zs"
)
_OTHER = re.compile(f"[^{re.escape(_PRINTED + _LETTERS)}\t\n\r]")
Token = tuple[str, int, int]
"""A name in the vocabulary, and where it starts and ends in its word."""


class Word(NamedTuple):
    """A word as it stands in texts.

    Attributes:
        text: the word itself.
        names: of its tokens.
        tokens: in order.
        stem: its own, folded.
        keys: names and stem of a word that can be highlighted; of another none.
    """

    text: str
    names: frozenset[str]
    tokens: tuple[Token, ...]
    stem: str
    keys: frozenset[str]


class WordTokens:
    """Looks up the words of texts. Safe to be used from many threads.

    Args:
        tokenizer: one of which `splits_at_words` is true.
        analyse: makes a word of what stands in a text.
    """

    def __init__(self, tokenizer: Tokenizer, analyse: Callable[[str], Word]) -> None:
        self._added = [token.content for token in tokenizer.get_added_tokens_decoder().values()]
        self._known = _Known(analyse)
        self.words = lru_cache(maxsize=_KEPT_TEXTS)(self._words)

    def _words(self, text: str) -> list[Word] | None:
        """The different words and signs of a text; None of a text that the tokenizer has to read whole."""
        if _OTHER.search(text):
            return None
        for added in self._added:
            if added in text:
                return None
        if len(self._known) > _KEPT_WORDS:
            self._known.clear()
        return list(map(self._known.__getitem__, dict.fromkeys(WORD.findall(text))))


class _Known(dict[str, Word]):
    """Words that were met before."""

    def __init__(self, analyse: Callable[[str], Word]) -> None:
        super().__init__()
        self._analyse = analyse

    def __missing__(self, text: str) -> Word:
        word = self._analyse(text)
        self[text] = word
        return word


def splits_at_words(tokenizer: Tokenizer) -> bool:
    """Whether a tokenizer is BERT's, with its normalizer and its way to part words."""
    parts = (tokenizer.model, tokenizer.normalizer, tokenizer.pre_tokenizer)
    return [type(part).__name__ for part in parts] == ["WordPiece", "BertNormalizer", "BertPreTokenizer"]


def places(text: str, word: str) -> Iterator[int]:
    """Where `word` stands in a text as a whole word."""
    place = text.find(word)
    while place >= 0:
        end = place + len(word)
        is_start = place == 0 or not text[place - 1].isalnum()
        if is_start and not text[end : end + 1].isalnum():
            yield place
        place = text.find(word, end)
