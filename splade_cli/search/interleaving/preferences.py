"""Interleaved preferences: whose hits people opened and called good, and a sign test over queries.

A JSONL file, a row for each act:

    {"query", "id", "team": "a"|"b", "act": "open"|"good"|"bad"|"none", "a": NAME, "b": NAME}

Rows are only added, so several processes may keep them in one file.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from splade_cli.errors import InputError
from splade_cli.search.interleaving.team_draft import TEAMS, Team
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import WAIT_SECONDS, read_jsonl
from splade_cli.storage.machine_faults import raise_machine_error
from splade_cli.storage.outputs import require_readable

Act = Literal["open", "good", "bad", "none"]
ACTS: tuple[Act, ...] = ("open", "good", "bad", "none")
LEVEL = 0.05
PREFERENCES = "ab.jsonl"


@dataclass(frozen=True)
class Preference:
    """What somebody did with a hit of a query, and the side that the hit was from."""

    query: str
    id: str
    team: Team
    act: Act


@dataclass(frozen=True)
class Outcome:
    """How many queries were won by either side, or by none, and how likely so uneven a result is by chance.

    Attributes:
        p_value: two-sided sign test over the queries that somebody won; 1 where there is none.
    """

    a: str
    b: str
    won_by_a: int
    won_by_b: int
    ties: int
    p_value: float

    @property
    def winner(self) -> str:
        """The name of the side that is significantly better at the 5% level; empty where none is."""
        if self.p_value >= LEVEL:
            return ""
        return self.a if self.won_by_a > self.won_by_b else self.b


def credits(preferences: Iterable[Preference]) -> dict[str, dict[str, Team]]:
    """Query to the hits that speak for a side: opened or called good, and not called bad afterwards."""
    liked: dict[str, dict[str, Team]] = {}
    for each in preferences:
        of_query = liked.setdefault(each.query, {})
        if each.act in ("open", "good"):
            of_query[each.id] = each.team
        else:
            of_query.pop(each.id, None)
    return liked


def outcome(preferences: Iterable[Preference], a: str, b: str) -> Outcome:
    """Each query is one vote, for the side with more credited hits [Radlinski et al. 2008, section 4.2]."""
    votes = {"a": 0, "b": 0}
    ties = 0
    for liked in credits(preferences).values():
        counts = {team: sum(each == team for each in liked.values()) for team in TEAMS}
        if counts["a"] == counts["b"]:
            ties += bool(liked)
        else:
            votes[max(counts, key=lambda team: counts[team])] += 1
    return Outcome(a, b, votes["a"], votes["b"], ties, sign_test(votes["a"], votes["b"]))


def sign_test(first: int, second: int) -> float:
    """The two-sided p-value of `first` wins against `second`, where both are as likely."""
    if first + second == 0:
        return 1.0
    from scipy.stats import binomtest

    return float(binomtest(first, first + second).pvalue)


class PreferenceLog:
    """The acts of one pair of searchers in one file; rows of other pairs are left alone, and not counted.

    Args:
        path: a .jsonl file; it is made by the first act.
        a, b: names of the two.

    Raises:
        InputError: another kind of file, or two equal names.
    """

    def __init__(self, path: Path, a: str, b: str) -> None:
        if path.suffix != ".jsonl" or path.is_dir():
            raise InputError(f"preferences are kept as JSONL, not in {path}", "name a file such as ab.jsonl")
        if a == b:
            raise InputError(f"{a} would be compared with itself", "name another model or index")
        require_readable(path)
        self.path = path
        self.a = a
        self.b = b

    def add(self, preference: Preference) -> None:
        """Adds one act at the end. Raises InputError where the file cannot be written."""
        import json

        row = {**preference.__dict__, "a": self.a, "b": self.b}
        line = json.dumps(row, ensure_ascii=False) + "\n"
        with claimed(self.path, wait=WAIT_SECONDS):
            try:
                self._append(line.encode())
            except OSError as error:
                raise_machine_error(error, self.path)
                reason = error.strerror or str(error)
                raise InputError(
                    f"preferences cannot be written to {self.path}: {reason}", "choose another file for them"
                ) from None

    def _append(self, line: bytes) -> None:
        with self.path.open("ab+", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            if size:
                file.seek(size - 1)
                # the end of a file that somebody wrote by hand
                if file.read(1) != b"\n":
                    line = b"\n" + line
            try:
                file.write(line)
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise

    def preferences(self) -> Iterator[Preference]:
        """The acts about this pair, in the order in which they came; rows that are none are passed over."""
        if not self.path.exists():
            return
        for row in read_jsonl(self.path):
            act = _preference(row)
            if act is not None and row.get("a") == self.a and row.get("b") == self.b:
                yield act

    def outcome(self) -> Outcome:
        """Of all acts so far."""
        return outcome(self.preferences(), self.a, self.b)


def _preference(row: Mapping[str, object]) -> Preference | None:
    query = row.get("query")
    name = row.get("id")
    team = row.get("team")
    act = row.get("act")
    if not isinstance(query, str) or not isinstance(name, str) or team not in TEAMS or act not in ACTS:
        return None
    return Preference(query, name, team, act)  # type: ignore[arg-type]
