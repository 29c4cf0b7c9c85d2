"""Texts in, the words that BM25 counts out: language, stop words, stemmer; sorted words in a file. Knows no counts.

bm25s splits, drops stop words and stems with Snowball; the language of the texts decides the lists.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

_WORD = re.compile(r"(?u)\b\w\w+\b")
_STEMMERS = (
    "english",
    "norwegian",
    "danish",
    "swedish",
    "german",
    "dutch",
    "french",
    "spanish",
    "italian",
    "portuguese",
    "russian",
)


def words_of(texts: Sequence[str], language: str) -> list[list[str]]:
    """The stemmed words of each text, in their order."""
    found: list[list[str]] = _tokens(texts, language, return_ids=False)
    return found


def stems_of(words: Sequence[str], language: str) -> list[str]:
    """The stem of each word as it stands, stop words too."""
    stems: list[str] = _stemmer(language).stemWords(list(words))
    return stems


def numbered_words(texts: Sequence[str], language: str) -> tuple[list[list[int]], list[str]]:
    """The same as numbers, and the words that the numbers stand for, in an order that means nothing."""
    tokens = _tokens(texts, language, return_ids=True)
    return tokens.ids, sorted(tokens.vocab, key=tokens.vocab.__getitem__)


def guess_language(texts: Sequence[str], sample: int = 200) -> str:
    """The language whose stop words cover most of a sample of `texts`; ``english`` where none does."""
    step = max(1, len(texts) // sample)
    words = Counter(word for text in texts[::step][:sample] for word in _WORD.findall(text[:1000].lower()))
    covered = {name: sum(words[word] for word in stop_words(name)) for name in _STEMMERS}
    best = max(covered, key=lambda name: (covered[name], name == "english"))
    return best if covered[best] else "english"


@lru_cache(maxsize=16)
def stop_words(language: str, full: bool = False) -> frozenset[str]:
    """Function words of a language, as bm25s lists them; for English Lucene's short list unless `full`."""
    from bm25s import stopwords

    if language == "english":
        return frozenset(stopwords.STOPWORDS_EN_PLUS if full else stopwords.STOPWORDS_EN)
    return frozenset(getattr(stopwords, f"STOPWORDS_{language.upper()}", ()))


class StoredWords(Sequence[str]):
    """Sorted words in one memory-mapped file, read one at a time: a search looks up few of them."""

    def __init__(self, path: Path, ends: NDArray[np.int64]) -> None:
        self._bytes = np.memmap(path, dtype=np.uint8, mode="r") if ends[-1] else np.empty(0, dtype=np.uint8)
        self._ends = ends
        if len(self._bytes) != ends[-1]:
            raise ValueError("the words do not fit")

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> list[str]: ...
    def __getitem__(self, place: int | slice) -> str | list[str]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(place)
        return bytes(self._bytes[self._ends[place] : self._ends[place + 1]]).decode()


def _tokens(texts: Sequence[str], language: str, return_ids: bool) -> Any:
    import bm25s

    return bm25s.tokenize(
        list(texts),
        stopwords=list(stop_words(language)),
        stemmer=_stemmer(language),
        return_ids=return_ids,
        show_progress=False,
    )


@lru_cache(maxsize=16)
def _stemmer(language: str) -> Any:
    import Stemmer

    return Stemmer.Stemmer(language if language in _STEMMERS else "english")
