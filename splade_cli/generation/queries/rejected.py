"""Filters of data generation, each of which can be switched off, and what they reject, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from splade_cli.errors import OptionError, did_you_mean
from splade_cli.records import JsonValue

DUPLICATE = "duplicate"
COPY = "copy"
ROUND_TRIP = "round-trip"
CEILING = "ceiling"
LOST = "lost"
LABELS = "labels"
JUDGE = "judge"
FILTERS = {
    DUPLICATE: "a query of the same words as one before",
    COPY: "a query that stands in its chunk word for word",
    ROUND_TRIP: "a query that does not find its chunk again",
    CEILING: "a negative that scores about as high as the positive",
}
"""What may be switched off. Lost queries of a test, and labels without use, are never kept."""


@dataclass(frozen=True)
class Rejected:
    """A query, or a negative of one, that a filter has taken out.

    Attributes:
        chunk_id: of its positive; empty where there is none.
        filter: one of `FILTERS`, `LOST`, `LABELS` or `JUDGE`.
        reason: in words, with what the filter has measured.
        negative: what was not to be a negative, the id of a chunk or a text that was written; empty where the
            query itself is rejected.
    """

    query: str
    chunk_id: str
    filter: str
    reason: str
    negative: str = ""

    def to_json(self) -> dict[str, JsonValue]:
        """A line of rejected.jsonl."""
        row: dict[str, JsonValue] = {
            "query": self.query,
            "chunk_id": self.chunk_id,
            "filter": self.filter,
            "reason": self.reason,
        }
        if self.negative:
            row["negative"] = self.negative
        return row


class Rejections:
    """What has been rejected in a run.

    Attributes:
        queries, negatives: how many, by what is wrong with them in short.
    """

    def __init__(self) -> None:
        self.queries: Counter[str] = Counter()
        self.negatives: Counter[str] = Counter()
        self._rows: list[Rejected] = []

    def add(self, short: str, rejected: Rejected) -> None:
        """Counts one under `short`."""
        counts = self.negatives if rejected.negative else self.queries
        counts[short] += 1
        self._rows.append(rejected)

    def __iter__(self) -> Iterator[Rejected]:
        return iter(self._rows)


def check_filters(names: Iterable[str], possible: Iterable[str]) -> None:
    """Raises OptionError for a name that is no filter, or one that has nothing to do where it is named.

    Args:
        possible: filters that the queries at hand go through.
    """
    usable = list(possible)
    for name in names:
        if name not in FILTERS:
            raise OptionError(
                f"no filter is called '{name}'", did_you_mean(name, FILTERS) or f"one of {', '.join(FILTERS)}"
            )
        if name not in usable:
            raise OptionError(
                f"the filter '{name}' has nothing to do with these queries",
                f"leave it out; they go through: {', '.join(usable)}",
            )
