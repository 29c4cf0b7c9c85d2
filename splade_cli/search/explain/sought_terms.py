"""Terms that are looked for in the texts of one search: the words that each text is highlighted at.

What a word stands for is found out once, however many of the texts hold it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from splade_cli.search.explain.word_tokens import Lexicon, Token, Word

if TYPE_CHECKING:
    from splade_cli.search.explain.literal_terms import TermMatcher


class MatchedWord(NamedTuple):
    """``text[start:end]``, a word that `terms` stand for."""

    start: int
    end: int
    terms: tuple[str, ...]


class SoughtTerms:
    """Terms that are looked for in several texts. For one thread.

    Args:
        matcher: what reads texts.
        terms: all that may be asked for.
    """

    def __init__(self, matcher: TermMatcher, terms: Sequence[str]) -> None:
        self._matcher = matcher
        self._terms = frozenset(terms)
        self._stems = matcher.stems_of_terms(terms)
        self._lexicon: Lexicon | None = None
        self._size = 0
        self._candidates: set[str] = set()
        self._names: dict[str, tuple[str, ...]] = {}

    def words(self, text: str, terms: Sequence[str]) -> list[MatchedWord]:
        """See `TermMatcher.words`, for some of the terms."""
        if not terms:
            return []
        known = self._matcher.words_of(text)
        if known is None:
            return self._matcher.read(text, terms)
        lexicon = known.lexicon
        found: list[MatchedWord] = []
        for word in self._candidates_in(lexicon).intersection(known.words):
            if word not in self._names:
                self._names[word] = names_among(lexicon[word], self._terms, self._stems)
            names = self._names[word]
            for name in names:
                if name not in terms:
                    names = names_among(lexicon[word], frozenset(terms), self._stems)
                    break
            if names:
                length = len(word)
                for place in known.places(word):
                    found.append(MatchedWord(place, place + length, names))
        for start, run in known.runs:
            for match in self._matcher.read(run, terms):
                found.append(MatchedWord(start + match.start, start + match.end, match.terms))
        found.sort()
        return found

    def _candidates_in(self, lexicon: Lexicon) -> set[str]:
        """The words of a lexicon that any of the terms may stand for."""
        if lexicon is not self._lexicon or len(lexicon) != self._size:
            self._candidates = lexicon.words_with({*self._terms, *self._stems})
            self._lexicon = lexicon
            self._size = len(lexicon)
        return self._candidates


def names_among(word: Word, terms: frozenset[str], stems: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    """Those of `terms` that a word stands for.

    Args:
        stems: terms, and maybe others, by what must be the word's stem.
    """
    inside = [token for token in word.tokens if token[0] in terms]
    names: list[str] = []
    if inside and 2 * covered(inside, 0, len(word.text)) >= len(word.text):
        names.extend([name for name, _, _ in inside])
    names.extend([term for term in stems.get(word.stem, ()) if term in terms])
    return tuple(dict.fromkeys(names))


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
