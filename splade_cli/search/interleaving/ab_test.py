"""An A/B test in use: one list of hits out of two searchers, and a log of which side people prefer.

Which side a hit is from is not shown, and nothing on it tells: its score is one over its rank.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from splade_cli.records import Hit
from splade_cli.search.interleaving.preferences import Act, Outcome, Preference, PreferenceLog
from splade_cli.search.interleaving.team_draft import Team, team_draft
from splade_cli.search.options import AUTO, Grouping, SearchOptions
from splade_cli.search.searcher import Searcher


@dataclass(frozen=True)
class AbTest:
    """Two searchers over the same documents.

    A query's list is drawn by its own coin, so that whoever asks it again, of any process, sees the same one.

    Attributes:
        other: the second of the two; the first is given with each query, since it may be a newer generation.
        log: where acts are kept.
    """

    other: Searcher
    log: PreferenceLog

    def search(self, searcher: Searcher, query: str, k: int, options: SearchOptions) -> list[Hit]:
        """The `k` best hits of both, by team draft.

        The other side searches in its own mode where it lacks the one that is asked for.

        Raises:
            InputError: as `Searcher.search`.
        """
        return [hit for hit, _ in self._drawn(searcher, query, k, options)]

    def act(
        self, searcher: Searcher, query: str, name: str, act: Act, depth: int, options: SearchOptions
    ) -> None:
        """Keeps what somebody did with the hit `name` of `query`, where it is among the first `depth`."""
        for hit, team in self._drawn(searcher, query, depth, options):
            if hit.id == name:
                self.log.add(Preference(query, name, team, act))

    def outcome(self) -> Outcome:
        """Of all acts that the log has."""
        return self.log.outcome()

    def _drawn(
        self, searcher: Searcher, query: str, k: int, options: SearchOptions
    ) -> list[tuple[Hit, Team]]:
        if options.group == AUTO:
            # a list must be the beginning of a longer one, and names of its hits the same in both
            options = replace(options, group="section" if searcher.ranker.few_documents else "document")
        second = options_for(self.other, replace(options, mode=searcher.ranker.mode_of(options)))
        sides = {"a": searcher.search(query, k, options), "b": self.other.search(query, k, second)}
        passages = {team: [_passage(hit, options.group) for hit in hits] for team, hits in sides.items()}
        coin = random.Random(query)
        drawn = []
        for rank, pick in enumerate(team_draft(passages["a"], passages["b"], k, coin), 1):
            hit = sides[pick.team][pick.position]
            drawn.append((replace(hit, rank=rank, score=1 / rank, parts={}), pick.team))
        return drawn


def _passage(hit: Hit, group: Grouping) -> str:
    """A name for what a hit is of, since either side may show another chunk of it: its document, or of that
    its section, its page where no heading says one, or else itself; itself where each chunk is a hit."""
    if group == "off":
        return hit.id
    if group != "section":
        return hit.document_id or hit.id
    if hit.headings:
        return " > ".join((hit.document_id, *hit.headings))
    if hit.within:
        return hit.place
    return hit.id


def options_for(searcher: Searcher, options: SearchOptions) -> SearchOptions:
    """`options`, in the searcher's own mode where it lacks the one that they ask for."""
    if options.mode in (AUTO, *searcher.modes):
        return options
    return replace(options, mode=searcher.mode)
