"""Records of an analysis: the queries that a system lost, worst first, and how often each cause is one."""

from __future__ import annotations

from dataclasses import dataclass

VOCABULARY_GAP = "vocabulary gap"
CUT_TEXT = "cut text"
NEAR_DUPLICATE = "near-duplicate above"
UNJUDGED = "unjudged on top"
CAUSES = {
    VOCABULARY_GAP: "a missed relevant document shares no term with the query",
    CUT_TEXT: "a missed relevant document is longer than what the model reads",
    NEAR_DUPLICATE: "nearly the same text as a relevant document stands above it, and is not judged relevant",
    UNJUDGED: "the first result is not judged: perhaps it is right",
}
"""Names of causes, and what they mean. A query may have several, or none of these."""


@dataclass(frozen=True)
class DecidingTerm:
    """What a term adds to the score of a document that stands `above`, and to that of a `relevant` one."""

    term: str
    above: float
    relevant: float


@dataclass(frozen=True)
class LostQuery:
    """One query of which the system is short of the best value.

    Attributes:
        difference: of its value to the baseline's; None without a baseline.
        relevant: the relevant document that ranks best, else the one of the highest grade.
        rank: its rank, None beyond what was ranked.
        above: the first document that is not relevant and stands above it; empty where none does.
        terms: of the sparse model that put `above` before `relevant`, the strongest first.
        causes: see CAUSES.
    """

    query_id: str
    query: str
    value: float
    relevant: str
    above: str
    baseline: float | None = None
    difference: float | None = None
    rank: int | None = None
    terms: tuple[DecidingTerm, ...] = ()
    causes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Analysis:
    """How one system failed.

    Attributes:
        measure: that the values are of.
        system, baseline: names; the baseline is empty where there was none.
        lost: queries short of the best value, of all.
        causes: how many of these have each cause.
        queries: the worst of them, by what they lose against the baseline, then by value.
        frequent_terms: terms active in more than a fifth of the texts, with their shares.
    """

    measure: str
    system: str
    baseline: str
    lost: int
    causes: dict[str, int]
    queries: tuple[LostQuery, ...]
    frequent_terms: tuple[tuple[str, float], ...] = ()
