"""Terms that are looked for in the texts of one search: the words that each text is highlighted at.

Each text knows which of its words have a token or a stem; what a word stands for follows from the terms that
led to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from splade_cli.search.explain.word_tokens import TextWords, Word

if TYPE_CHECKING:
    from splade_cli.search.explain.literal_terms import TermMatcher


class MatchedWord(NamedTuple):
    """``text[start:end]``, a word that `terms` stand for."""

    start: int
    end: int
    terms: tuple[str, ...]


_matched_word = partial(tuple.__new__, MatchedWord)  # `_make` would be a call of Python for each


class SoughtTerms:
    """Terms that are looked for in several texts. For one thread.

    Args:
        matcher: what reads texts.
        terms: all that may be asked for.
    """

    def __init__(self, matcher: TermMatcher, terms: Sequence[str]) -> None:
        self._matcher = matcher
        self._stems = {term: matcher.stems_of_term(term) for term in terms}

    def words(self, text: str, terms: Sequence[str]) -> list[MatchedWord]:
        """See `TermMatcher.words`, for some of the terms."""
        if not terms:
            return []
        known = self._matcher.words_of(text)
        if known is None:
            return self._matcher.read(text, terms)
        words, stemmed = self._candidates(known, terms)
        wanted = frozenset(terms)
        found: list[MatchedWord] = []
        for each, word in words.items():
            names = tuple(word.names & wanted)
            if len(word.tokens) > 1 and names:
                names = known.lexicon.majority(each, frozenset(names))
            if each in stemmed and stemmed[each] != names:
                names = tuple(dict.fromkeys(names + stemmed[each]))
            if names:
                length = len(each)
                for place in known.words[each] or known.places(each):
                    found.append(_matched_word((place, place + length, names)))
        for start, run in known.runs:
            for match in self._matcher.read(run, terms):
                found.append(MatchedWord(start + match.start, start + match.end, match.terms))
        found.sort()
        return found

    def _candidates(
        self, known: TextWords, terms: Sequence[str]
    ) -> tuple[dict[str, Word], dict[str, tuple[str, ...]]]:
        """The words of a text that terms may stand for, and the terms of the stems of some of them."""
        of_token, of_stem = known.by_key
        words: dict[str, Word] = {}
        stemmed: dict[str, tuple[str, ...]] = {}
        for term in terms:
            if term in of_token:
                for word in of_token[term]:
                    words[word.text] = word
            for stem in self._stems[term]:
                if stem in of_stem:
                    for word in of_stem[stem]:
                        words[word.text] = word
                        stemmed[word.text] = (*stemmed.get(word.text, ()), term)
        return words, stemmed
