"""Hard negative mining: the round trip, negatives below the positive in a teacher's ranking of a query."""

from __future__ import annotations

import random
from collections.abc import Mapping, Set
from dataclasses import dataclass

from splade_cli.records import WrittenNegative


@dataclass(frozen=True)
class MiningRules:
    """How negatives are chosen among what the teacher ranks for a query.

    Attributes:
        count: negatives wanted; fewer where there are not enough candidates.
        depth: candidates are among the best so many.
        round_trip: the positive must be among the first so many, or else the query is dropped; None keeps it
            wherever the teacher ranks it, as one that a person named.
        ceiling: a candidate above this share of the positive's score may be relevant itself and is passed
            over (positive-aware mining, de Souza Moreira et al. 2024, arXiv 2407.15831). None passes over
            nothing: a student that learns the teacher's scores is told by them what is relevant.
    """

    count: int = 5
    depth: int = 20
    round_trip: int | None = None
    ceiling: float | None = 0.95


@dataclass(frozen=True)
class Mined:
    """A positive with its negatives, hardest first or as drawn.

    Attributes:
        scores: the teacher's, of the positive, of each negative, and of each that was written.
        rank: the teacher's rank of the positive, 0 where it has none.
        passed_over: the best candidates that the ceiling has left out, best first.
        written: negatives that a language model wrote.
    """

    positive: str
    negatives: tuple[str, ...]
    scores: tuple[float, ...]
    rank: int
    passed_over: tuple[str, ...] = ()
    written: tuple[WrittenNegative, ...] = ()


def mine(
    teacher: Mapping[str, float],
    positive: str,
    rules: MiningRules,
    *,
    excluded: Set[str] = frozenset(),
    draw: random.Random | None = None,
) -> Mined | None:
    """Negatives of a query that was written for a chunk; None where retrieval does not find the chunk again.

    Args:
        teacher: chunk id to score, best first, from `teachers.Teachers.rank`.
        positive: the chunk that the query was written for.
        excluded: chunks that are never negatives, e.g. those that overlap the positive.
        draw: picks among the candidates at random; the hardest are taken without it.
    """
    rank = rank_of(teacher, positive)
    if rules.round_trip is not None and not 0 < rank <= rules.round_trip:
        return None
    score = teacher.get(positive, 0.0)
    limit = _limit(score, rules.ceiling)
    near = [name for name in list(teacher)[: rules.depth + 1] if name != positive and name not in excluded]
    candidates = [chunk_id for chunk_id in near if teacher[chunk_id] <= limit]
    passed_over = tuple(chunk_id for chunk_id in near if teacher[chunk_id] > limit)
    negatives = _chosen(candidates, rules.count, draw)
    scores = tuple(teacher[chunk_id] for chunk_id in negatives)
    return Mined(positive, negatives, (score, *scores), rank, passed_over)


def mine_judged(
    teacher: Mapping[str, float],
    positive: str,
    rules: MiningRules,
    *,
    excluded: Set[str] = frozenset(),
    irrelevant: Set[str] = frozenset(),
    draw: random.Random | None = None,
) -> Mined:
    """Negatives of a query whose positive a person named, wherever the teacher ranks it.

    Where the ceiling leaves too few, since the teacher ranks the positive low, its last chunks fill up.

    Args:
        excluded: chunks that are never negatives: what is relevant to the query, and near-duplicates of it.
        irrelevant: chunks that a person judged not relevant: no ceiling for them.
        teacher, draw: as of `mine`.

    Returns:
        Its first score, the positive's, is at least that of every negative: a person knows better than the
        teacher.
    """
    score = teacher.get(positive, 0.0)
    limit = _limit(score, rules.ceiling)
    others = [chunk_id for chunk_id in teacher if chunk_id != positive and chunk_id not in excluded]
    allowed = [chunk_id for chunk_id in others if chunk_id in irrelevant or teacher[chunk_id] <= limit]
    candidates = allowed[: rules.depth]
    usable = set(allowed)
    passed_over = tuple(chunk_id for chunk_id in others[: rules.depth] if chunk_id not in usable)
    missing = rules.count - len(candidates)
    if missing > 0:
        used = set(candidates)
        candidates += [chunk_id for chunk_id in reversed(others) if chunk_id not in used][:missing]
    negatives = _chosen(candidates, rules.count, draw)
    scores = [teacher[chunk_id] for chunk_id in negatives]
    rank = rank_of(teacher, positive)
    return Mined(positive, negatives, (max([score, *scores]), *scores), rank, passed_over)


def rank_of(teacher: Mapping[str, float], positive: str) -> int:
    """The teacher's rank of a chunk, from 1; 0 where it has none."""
    if positive not in teacher:
        return 0
    return list(teacher).index(positive) + 1


def _limit(score: float, ceiling: float | None) -> float:
    if ceiling is None:
        return float("inf")
    return score * ceiling


def _chosen(candidates: list[str], count: int, draw: random.Random | None) -> tuple[str, ...]:
    if draw is not None:
        candidates = draw.sample(candidates, min(count, len(candidates)))
    return tuple(candidates[:count])
