"""Literal terms: the vocabulary entries that stand in a text itself, and the words of it that they stand for.

An entry is literal when it is one of the tokens that the index's tokenizer makes of the text. Where there is
no tokenizer, words are compared, case and accents aside.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from splade_cli.index.bm25.scripts import BIGRAM, HANGUL, UNSPACED
from splade_cli.search.explain.sought_terms import MatchedWord, SoughtTerms
from splade_cli.search.explain.term_names import WordsByPiece, continues_a_word, fold, is_mark, readable
from splade_cli.search.explain.word_tokens import TextWords, Word, WordTokens, covered, splits_at_words

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_MARKS = "".join(
    chr(code) for code in range(0x300, 0x3100) if unicodedata.category(chr(code)).startswith("M")
)
_WORD = re.compile(rf"[{UNSPACED}]+|(?:(?![{UNSPACED}])[^\W_][{_MARKS}\u200c\u200d]*)+|[^\w\s]|_")
_PLAIN_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
_RUN = re.compile(rf"[{UNSPACED}]+")
_BIGRAM = re.compile(BIGRAM)
_KOREAN = re.compile(f"[{HANGUL}]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CACHED_TEXTS = 512
_CACHED_TERMS = 4096


class Token(NamedTuple):
    """A token that is ``text[start:end]``, by its name in the vocabulary."""

    name: str
    start: int
    end: int


class TermMatcher:
    """Finds terms in texts. Safe to be used from many threads.

    Args:
        tokenizer: the model's, as the index keeps it. One that truncates is read to the end all the same.
        language: of the texts, whose stemmer tells the forms of a word.
    """

    def __init__(self, tokenizer: Tokenizer | None = None, language: str = "english") -> None:
        self._tokenizer = tokenizer
        self._language = language
        self._tokenized = lru_cache(maxsize=_CACHED_TEXTS)(self._tokenize)
        self._telling = lru_cache(maxsize=_CACHED_TEXTS)(self._telling_words)
        self.stems_of_term = lru_cache(maxsize=_CACHED_TERMS)(self._stems_of_term)
        self._by_word: WordTokens | None = None
        if tokenizer is not None and splits_at_words(tokenizer):
            self._by_word = WordTokens(tokenizer, self._analysed)

    def literal(self, terms: Iterable[str], *texts: str) -> frozenset[str]:
        """Those of `terms` that stand in one of `texts`."""
        if self._tokenizer is None:
            return frozenset(term for term in terms if any(_holds(text, term) for text in texts))
        wanted = frozenset(terms)
        found: frozenset[str] = frozenset()
        for text in texts:
            if len(found) == len(wanted):
                break  # nothing is left to be found
            known = self.words_of(text)
            if known is None:
                found |= wanted.intersection(self._tokenized(text)[0])
                continue
            found |= wanted & known.names
            for _, run in known.runs:
                found |= wanted.intersection(self._tokenized(run)[0])
        return found

    def words(self, text: str, terms: Sequence[str]) -> list[MatchedWord]:
        """The whole words of `text` that `terms` stand for, in order: what to highlight.

        A word is matched by literal terms that make up half of it or more, and by its stem: weaving by weave.
        Words of one or two letters are left alone unless they hold a digit or stand in capitals, and so are
        signs.
        """
        return self.seek(terms).words(text, terms)

    def seek(self, terms: Sequence[str]) -> SoughtTerms:
        """Terms that are looked for in several texts, where each time only some of them count."""
        return SoughtTerms(self, terms)

    def words_of(self, text: str) -> TextWords | None:
        """A text in words that are looked up; None where the tokenizer has to read all of it."""
        if self._by_word is None:
            return None
        return self._by_word.words(text)

    def pieced_words(self, *texts: str) -> dict[str, tuple[str, ...]]:
        """The words of `texts` of which the vocabulary has only pieces, with these in order."""
        found: dict[str, tuple[str, ...]] = {}
        for text in texts:
            known = self.words_of(text)
            if known is not None:
                found |= known.pieced
        return found

    def words_by_last_piece(self, text: str) -> WordsByPiece:
        """`pieced_words` of one text, by the last of the pieces."""
        known = self.words_of(text)
        return known.pieced_by_last if known is not None else {}

    def read(self, text: str, terms: Sequence[str]) -> list[MatchedWord]:
        """See `words`, by the tokens of the whole text."""
        told, stemmed = self._telling(text)
        if not told:
            return []
        wanted = set(terms)
        matched = self._matched(text, wanted)
        stems = self.stems_of_terms(terms)
        words: list[MatchedWord] = []
        for (start, end), stem, inside in zip(told, stemmed, _inside(told, matched), strict=True):
            if _RUN.match(text[start:end]):
                words.extend(self._words_of_run(text, start, end, inside, wanted))
                continue
            literal: list[str] = []
            if 2 * covered(inside, start, end) >= end - start:
                literal.extend(token.name for token in inside)
            literal.extend(stems.get(stem, ()))
            if _KOREAN.match(text[start:end]):
                literal.extend(term for term in wanted if _BIGRAM.fullmatch(term) and term in text[start:end])
            if literal:
                words.append(MatchedWord(start, end, tuple(dict.fromkeys(literal))))
        return words

    def _telling_words(self, text: str) -> tuple[list[tuple[int, int]], list[str]]:
        """Where the words of a text that can be highlighted stand, and their stems."""
        told = [(start, end) for start, end in _word_spans(text) if _is_telling(text[start:end])]
        return told, _stems([fold(text[start:end]) for start, end in told], self._language)

    def _words_of_run(
        self, text: str, start: int, end: int, tokens: Sequence[Token], wanted: set[str]
    ) -> list[MatchedWord]:
        """Where no blanks part words: each token, and each place where terms of BM25 stand, is one.

        Without a tokenizer all terms are looked for.
        """
        found: list[MatchedWord] = []
        reached = start
        for token in tokens:
            # the bytes of one letter are tokens at the same offsets: the first stands for all
            if token.start >= reached and token.end <= end:
                found.append(MatchedWord(token.start, token.end, (token.name,)))
                reached = token.end
        names = {readable(term): term for term in wanted if term}
        if self._tokenizer is not None:
            names = {name: term for name, term in names.items() if _BIGRAM.fullmatch(name)}
        found.extend(_occurrences(text, start, end, names))
        return _joined(found)

    def _analysed(self, word: str) -> Word:
        """What is to be known of a word."""
        names, offsets = self._tokenize(word)
        tokens = tuple((name, start, end) for name, (start, end) in zip(names, offsets, strict=True))
        if not _is_telling(word):
            return Word(word, frozenset(names), tokens, "", frozenset())
        (stem,) = _stems([fold(word)], self._language)
        least = len(word) / (2 * max(1, len(tokens)))
        keys = frozenset(name for name, start, end in tokens if end - start >= least)
        return Word(word, frozenset(names), tokens, stem, keys)

    def stems_of_terms(self, terms: Sequence[str]) -> dict[str, list[str]]:
        """Terms by their stems, and by themselves: those of BM25 are stems."""
        stems: dict[str, list[str]] = {}
        for term in terms:
            for key in self.stems_of_term(term):
                stems.setdefault(key, []).append(term)
        return stems

    def _stems_of_term(self, term: str) -> frozenset[str]:
        """A term and its stem, folded; none of what only goes on with a word."""
        if continues_a_word(term):
            return frozenset()
        name = fold(readable(term))
        return frozenset((name, *_stems([name], self._language)))

    def _matched(self, text: str, terms: set[str]) -> list[Token]:
        """The tokens of a text that are `terms`, in order."""
        names, offsets = self._tokenized(text)
        matched = []
        for name, (start, end) in zip(names, offsets, strict=True):
            if name in terms:
                matched.append(Token(name, start, end))
        return sorted(matched, key=lambda token: (token.start, token.end))

    def _tokenize(self, text: str) -> tuple[list[str], list[tuple[int, int]]]:
        """Names and offsets of all tokens of a text."""
        names: list[str] = []
        offsets: list[tuple[int, int]] = []
        if self._tokenizer is not None:
            # a lone surrogate, as Python reads bytes that are no text, would be refused
            whole = self._tokenizer.encode(_SURROGATE.sub("?", text), add_special_tokens=False)
            # what truncation cuts off comes as further encodings, each with offsets into the whole text
            for encoding in (whole, *whole.overflowing):
                names.extend(encoding.tokens)
                offsets.extend(encoding.offsets)
        return names, offsets


def _occurrences(text: str, start: int, end: int, names: Mapping[str, str]) -> Iterator[MatchedWord]:
    """Where the names of terms stand in ``text[start:end]``, overlapping ones too."""
    for name, term in names.items():
        place = text.find(name, start, end)
        while name and place >= 0:
            yield MatchedWord(place, place + len(name), (term,))
            place = text.find(name, place + 1, end)


def _joined(words: list[MatchedWord]) -> list[MatchedWord]:
    """The same in order, those that overlap as one."""
    joined: list[MatchedWord] = []
    for word in sorted(words, key=lambda each: (each.start, -each.end)):
        if joined and word.start < joined[-1].end:
            last = joined[-1]
            terms = tuple(dict.fromkeys(last.terms + word.terms))
            joined[-1] = MatchedWord(last.start, max(last.end, word.end), terms)
        else:
            joined.append(word)
    return joined


def _inside(spans: Sequence[tuple[int, int]], tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """The tokens that reach into each span; both are in order."""
    first = 0
    for start, end in spans:
        while first < len(tokens) and tokens[first].end <= start:
            first += 1
        inside = []
        for token in tokens[first:]:
            if token.start >= end:
                break
            inside.append(token)
        yield inside


def _word_spans(text: str) -> list[tuple[int, int]]:
    pattern = _WORD
    if text.isascii():
        pattern = _PLAIN_WORD
    return [match.span() for match in pattern.finditer(text)]


def _stems(words: list[str], language: str) -> list[str]:
    from splade_cli.index.bm25.analyzer import stems_of

    return stems_of(words, language)


def _holds(text: str, term: str) -> bool:
    """Whether a term is one of the words of a text, or part of a run of words without blanks."""
    name = fold(readable(term))
    if not name or continues_a_word(term) or is_mark(term):
        return False
    words = _folded_words(text)
    return name in words or (bool(_RUN.fullmatch(name)) and name in fold(text))


@lru_cache(maxsize=_CACHED_TEXTS)
def _folded_words(text: str) -> frozenset[str]:
    return frozenset(fold(match.group()) for match in _WORD.finditer(text))


def _is_telling(word: str) -> bool:
    if not any(letter.isalnum() for letter in word):
        return False
    if len(word) >= 3 or _RUN.match(word):
        return True
    return (word.isupper() and len(word) == 2) or any(letter.isdigit() for letter in word)
