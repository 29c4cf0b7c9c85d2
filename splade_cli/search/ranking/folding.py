"""Passages of a document in result grouping: which of its chunks are one hit.

A page is one hit, whichever of its chunks match; of a manual each section is one. Which of the two a document
is, its chunks tell by where they stand: nothing is asked of the engine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from splade_cli.search.options import Grouping

PAGE_CHARACTERS = 20_000
"""Some eight printed pages: chunks of a document that are farther apart are not of one page."""
UNSECTIONED_CHARACTERS = 3_000
"""About a printed page, which is a section where no heading says what is one."""
FEW_DOCUMENTS = 10
"""In an index of fewer, hits are sections: documents are hardly what somebody looks for there."""


@dataclass(frozen=True)
class Place:
    """Where in its document a chunk stands: the headings above it, outermost first, and its first character.

    Chunks that do not say it stand at 0.
    """

    headings: tuple[str, ...] = ()
    start: int = 0


@dataclass(frozen=True)
class Folding:
    """How far apart, in characters, two chunks of a document may stand and be one hit.

    Attributes:
        other_section: those under different headings.
        unsectioned: those under none. Chunks under the same headings are one hit however far apart.
    """

    other_section: float
    unsectioned: float

    def joins(self, one: Place, other: Place) -> bool:
        """Whether two chunks of one document are one hit."""
        apart = abs(one.start - other.start)
        if not one.headings and not other.headings:
            return apart <= self.unsectioned
        return one.headings == other.headings or apart <= self.other_section


BY_DOCUMENT = Folding(math.inf, math.inf)
BY_SECTION = Folding(0, UNSECTIONED_CHARACTERS)
BY_PAGE = Folding(PAGE_CHARACTERS, PAGE_CHARACTERS)


def folding_of(group: Grouping, few_documents: bool) -> Folding:
    """The rule that a grouping comes to, for an index of `few_documents` or of many."""
    if group == "document":
        return BY_DOCUMENT
    if group == "section" or few_documents:
        return BY_SECTION
    return BY_PAGE
