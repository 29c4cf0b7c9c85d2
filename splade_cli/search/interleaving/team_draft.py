"""Team-draft interleaving: two rankings shown as one list, which a click on either's result tells apart.

Radlinski, Kurup, Joachims 2008, "How does clickthrough data reflect retrieval quality?", section 4.2: two
captains pick in turn, each the best document of its ranking that is not in the list yet; who picks first is
thrown anew before each pair of picks.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Literal, NamedTuple

Team = Literal["a", "b"]
TEAMS: tuple[Team, Team] = ("a", "b")


class Pick(NamedTuple):
    """A document of the list, by its position in the ranking of the team that picked it."""

    team: Team
    position: int


def team_draft(a: Sequence[str], b: Sequence[str], k: int, coin: random.Random) -> list[Pick]:
    """The first `k` picks out of two rankings of document ids, without repetition, best first.

    A shorter list is the beginning of a longer one that is drawn with an equal coin. Where one ranking has
    nothing left, the other one picks on.
    """
    rankings = {"a": a, "b": b}
    position = {"a": 0, "b": 0}
    taken: set[str] = set()
    picks: list[Pick] = []
    while len(picks) < k:
        order = list(TEAMS)
        if coin.random() < 0.5:
            order.reverse()
        before = len(picks)
        for team in order:
            ranking = rankings[team]
            while position[team] < len(ranking) and ranking[position[team]] in taken:
                position[team] += 1
            if position[team] < len(ranking):
                taken.add(ranking[position[team]])
                picks.append(Pick(team, position[team]))
        if len(picks) == before:
            break
    return picks[:k]
