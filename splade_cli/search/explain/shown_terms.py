"""Terms of a score as a person reads them: pieces joined to words, and without what gives next to nothing.

The terms of a hit add up to its score and stay as they are; these are for a line or a table of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from splade_cli.records import Term
from splade_cli.search.explain.term_names import WordsByPiece, by_last_piece, continues_a_word
from splade_cli.search.explain.terms import Origin, origins

LEAST_SHARE = 0.005
"""Share of a score from which on a term is shown: less would read 0%."""


class ShownTerm(NamedTuple):
    """A term, or a word of several.

    Attributes:
        name: a vocabulary entry, or a whole word where its pieces met.
        share: of what all terms give, from 0 to 1.
    """

    name: str
    origin: Origin
    query_weight: float
    document_weight: float
    contribution: float
    share: float


class ShownTerms(NamedTuple):
    """Those that are worth a reader's time, largest contribution first; `others` is how many are not."""

    terms: list[ShownTerm]
    others: int


def shown_terms(terms: Sequence[Term]) -> ShownTerms:
    """Terms with the pieces of a word as one.

    Later pieces of words that did not meet as a whole are left out, as are terms of less than `LEAST_SHARE`.
    Weights of a word are the sums of those of its pieces, so their product is not its contribution.
    """
    whole = sum(term.contribution for term in terms)
    words: dict[str, list[Term]] = {}
    for number, term in enumerate(terms):
        words.setdefault(term.word or f"{number} {term.term}", []).append(term)
    shown = []
    for pieces in words.values():
        first = pieces[0]
        if not first.word and continues_a_word(first.term):
            continue
        contribution = sum(piece.contribution for piece in pieces)
        share = contribution / whole if whole else 0.0
        if whole and share < LEAST_SHARE:
            continue
        literal = all(piece.literal for piece in pieces)
        in_document = all(piece.in_document for piece in pieces)
        (origin,) = origins([Term(first.term, 0, 0, 0, literal, in_document)])
        shown.append(
            ShownTerm(
                first.word or first.term,
                origin,
                sum(piece.query_weight for piece in pieces),
                sum(piece.document_weight for piece in pieces),
                contribution,
                share,
            )
        )
    shown.sort(key=lambda each: -each.contribution)
    return ShownTerms(shown, len(words) - len(shown))


def whole_words(names: Sequence[str], pieced: WordsByPiece, in_document: WordsByPiece) -> dict[str, str]:
    """The word that each of `names` is a piece of, where all pieces of that word are among them.

    Args:
        pieced: words of the query that have several pieces.
        in_document: the same of the document, which is asked where the query has no such word.
    """
    there = set(names)
    last_pieces = list(filter(continues_a_word, names))
    found: dict[str, str] = {}
    for words in (pieced, in_document):
        for name in last_pieces:
            for word, pieces in words.get(name, ()):
                if there.issuperset(pieces) and found.keys().isdisjoint(pieces):
                    found.update(dict.fromkeys(pieces, word))
    return found


def joined(
    terms: Sequence[tuple[str, float]], pieced: Mapping[str, Sequence[str]]
) -> list[tuple[str, float]]:
    """Names and weights, heaviest first, the pieces of a word as one; other later pieces are left out."""
    words = whole_words([name for name, _ in terms], by_last_piece(pieced), {})
    sums: dict[str, float] = {}
    for name, weight in terms:
        if name in words or not continues_a_word(name):
            shown = words.get(name, name)
            sums[shown] = sums.get(shown, 0.0) + weight
    return sorted(sums.items(), key=lambda pair: -pair[1])
