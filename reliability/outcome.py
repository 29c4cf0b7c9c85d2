"""The outcome of a series of fault injections: one line of the table in docs/reliability.md."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Outcome:
    """How many tries of one kind of fault ended in which way.

    Attributes:
        what: the kind of fault and what it was done to, as a row of the table names it.
        endings: how often each ending was seen; those in `wrong` are faults of this project.
        wrong: the endings that must not happen: "wrong answer", "traceback", "crash", "hang", "left over"
        notes: one line for each try that went wrong, with what repeats it (seed, offset, file).
    """

    what: str
    endings: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        return sum(self.endings.values()) + sum(self.wrong.values())

    def right(self, ending: str) -> None:
        """Counts a try that ended as it must."""
        self.endings[ending] += 1

    def failed(self, ending: str, note: str) -> None:
        """Counts a try that ended as it must not, with what repeats it."""
        self.wrong[ending] += 1
        self.notes.append(f"{ending}: {note}")


@dataclass(frozen=True)
class Tries:
    """Which faults a run injects.

    Attributes:
        count: tries of each line of the table.
        seed: of all that is drawn by chance.
        only: a text; lines whose names do not hold it are left out.
    """

    count: int
    seed: int = 0
    only: str = ""

    def has(self, line: str) -> bool:
        """Whether the line of this name is asked for."""
        return self.only in line


HEAD = "| what | tried | ended right | ended wrong |\n|---|---:|---|---|"


def row(outcome: Outcome) -> str:
    """The outcome as a row of a Markdown table under `HEAD`."""
    right = ", ".join(f"{count} {ending}" for ending, count in outcome.endings.most_common())
    wrong = ", ".join(f"{count} {ending}" for ending, count in outcome.wrong.most_common())
    return f"| {outcome.what} | {outcome.tried} | {right} | {wrong or '0'} |"
