"""Why a row scored what it did: query vector, document vector and texts in, terms and snippets out. Pure functions.

A dot product is a sum over shared terms, so the contributions of a hit add up to its score exactly.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from splade_cli.records import Term

SNIPPET_CHARS = 200
_WORD = re.compile(r"\w+")


def shared_terms(
    query: sp.csr_matrix, document: sp.csr_matrix, vocabulary: Sequence[str], query_text: str
) -> tuple[Term, ...]:
    """Terms active in both rows [1, V], largest contribution first.

    A term is literal where it stands in the query's own words, else the model added it (expansion).
    """
    common, left, right = np.intersect1d(query.indices, document.indices, assume_unique=True, return_indices=True)
    contributions = query.data[left] * document.data[right]
    text = query_text.lower()
    terms = []
    for place in np.argsort(-contributions, kind="stable"):
        name = term_name(vocabulary, int(common[place]))
        terms.append(
            Term(
                term=name,
                query_weight=float(query.data[left[place]]),
                document_weight=float(document.data[right[place]]),
                contribution=float(contributions[place]),
                literal=is_literal(name, text),
            )
        )
    return tuple(terms)


def active_terms(row: sp.csr_matrix, vocabulary: Sequence[str], limit: int = 20) -> list[tuple[str, float]]:
    """The `limit` heaviest terms of one row [1, V] with their weights."""
    order = np.argsort(-row.data, kind="stable")[:limit]
    return [(term_name(vocabulary, int(row.indices[place])), float(row.data[place])) for place in order]


def missing_terms(query: sp.csr_matrix, document: sp.csr_matrix, vocabulary: Sequence[str]) -> list[tuple[str, float]]:
    """The query's terms that the document lacks, heaviest first."""
    lacking = ~np.isin(query.indices, document.indices)
    found = zip(query.indices[lacking], query.data[lacking], strict=True)
    ranked = sorted(found, key=lambda pair: -pair[1])
    return [(term_name(vocabulary, int(index)), float(weight)) for index, weight in ranked]


def term_name(vocabulary: Sequence[str], index: int) -> str:
    """The vocabulary's name of a column, or its number where the vocabulary is not known."""
    return vocabulary[index] if index < len(vocabulary) else f"[{index}]"


def is_literal(term: str, text: str) -> bool:
    """Whether a vocabulary entry stands in `text` (lower case); word-piece and byte-BPE marks are looked through."""
    if term.startswith("##") and len(term) > 2:
        return re.search(rf"(?<=\w){re.escape(term[2:].lower())}", text) is not None
    bare = term.lstrip("Ġ▁").lower()
    return (
        bool(bare)
        and re.search(rf"(?<!\w){re.escape(bare)}" if bare[0].isalnum() else re.escape(bare), text) is not None
    )


def snippet(text: str, words: Sequence[str], length: int = SNIPPET_CHARS) -> str:
    """A piece of `text` of about `length` characters around the most of `words`, cut at words, on one line."""
    flat = " ".join(text.split())
    if len(flat) <= length:
        return flat
    wanted = [word.lstrip("#Ġ▁").lower() for word in words]
    wanted = [word for word in wanted if len(word) > 2]
    lower = flat.lower()
    places = [match.start() for word in wanted for match in re.finditer(rf"(?<!\w){re.escape(word)}", lower)]
    start = 0
    if places:
        ordered = np.sort(np.array(places))
        inside = np.searchsorted(ordered, ordered + length - 40, side="right") - np.arange(len(ordered))
        start = max(0, int(ordered[int(np.argmax(inside))]) - 30)
    start = min(start, len(flat) - length)
    if start > 0:
        start = flat.find(" ", start) + 1 or start
    end = min(len(flat), start + length)
    if end < len(flat):
        end = max(flat.rfind(" ", start + length // 2, end), start + length // 2)
    return ("… " if start else "") + flat[start:end].strip() + (" …" if end < len(flat) else "")


def matched_spans(text: str, words: Sequence[str]) -> list[tuple[int, int]]:
    """(start, end) of each word of `text` that begins with one of `words`, for highlighting."""
    wanted = tuple(word.lower() for word in words if word.isalnum() and len(word) > 2)
    return [match.span() for match in _WORD.finditer(text) if wanted and match.group().lower().startswith(wanted)]
