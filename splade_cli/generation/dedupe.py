"""What must not reach the training files: copies, near-duplicates, leaks across the split. Texts in, decisions out."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_WORD = re.compile(r"\w+")
COPIED_WORDS = 13


def copies(query: str, text: str) -> bool:
    """Whether a query of `COPIED_WORDS` words or more stands in `text` as it is: it would teach string matching."""
    words = _WORD.findall(query.casefold())
    return (
        len(words) >= COPIED_WORDS
        and f" {' '.join(words)} " in f" {' '.join(_WORD.findall(text.casefold()))} "
    )


def query_key(query: str) -> str:
    """Equal for queries that differ in case, punctuation, or the order of words only."""
    return " ".join(sorted(_WORD.findall(query.casefold())))


def split_groups(groups: Sequence[int], share: float, seed: int) -> list[bool]:
    """True for what goes to validation: whole groups, drawn until about `share` of the items are in.

    At least one group goes to each side where there are two or more and `share` is above 0.
    """
    members: dict[int, int] = {}
    for group in groups:
        members[group] = members.get(group, 0) + 1
    order = sorted(members)
    random.Random(seed).shuffle(order)
    chosen: set[int] = set()
    wanted, taken = share * len(groups), 0
    for group in order[:-1] if share > 0 else []:
        if taken >= wanted:
            break
        if taken + members[group] > 2 * wanted and chosen:
            continue
        chosen.add(group)
        taken += members[group]
    return [group in chosen for group in groups]
