"""Settings of a judge: which language model grades, and what becomes of what it grades."""

from __future__ import annotations

from dataclasses import dataclass

from splade_cli.errors import OptionError
from splade_cli.generation.llm.options import Llm

BEST_GRADE = 3


@dataclass(frozen=True)
class Judge:
    """A language model that grades each written query with its passage from 0 to 3.

    Attributes:
        llm: which model, where, and how it is asked; None takes the one that writes the queries. What both
            cost is counted together, by the limits and prices of the one that writes.
        least_grade: pairs below it are rejected; those without a grade stay.
        relabel: mined negatives are graded too: one of the least grade or more is no negative any longer, and
            another positive where its document is on the same side of the split.
    """

    llm: Llm | None = None
    least_grade: int = 2
    relabel: bool = False

    def __post_init__(self) -> None:
        """Raises OptionError for a grade that is none, or that rejects nothing."""
        if not 1 <= self.least_grade <= BEST_GRADE:
            raise OptionError(
                f"the least grade must be from 1 to {BEST_GRADE}, got {self.least_grade}",
                "2 is the default; 0 would reject nothing",
            )
