"""Train/validation split by groups of near-duplicates, so that nothing of one side stands on the other."""

from __future__ import annotations

import random
from collections.abc import Sequence

from splade_cli.corpus.near_duplicates import duplicate_groups
from splade_cli.records import Document


def split_documents_by_group(documents: Sequence[Document], share: float, seed: int) -> dict[str, bool]:
    """By document id, whether it goes to validation: near-duplicates together, see `split_groups`."""
    groups = duplicate_groups([document.text for document in documents])
    validation = split_groups(groups, share, seed)
    return {document.id: side for document, side in zip(documents, validation, strict=True)}


def split_groups(groups: Sequence[int], share: float, seed: int) -> list[bool]:
    """True for what goes to validation: whole groups, drawn until about `share` of the items are in.

    At least one group goes to each side where there are two or more and `share` is above 0.
    """
    if share <= 0:
        return [False] * len(groups)
    sizes: dict[int, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    order = sorted(sizes)
    random.Random(seed).shuffle(order)
    chosen: set[int] = set()
    wanted = share * len(groups)
    items = 0
    for group in order[:-1]:
        if items >= wanted:
            break
        if items + sizes[group] > 2 * wanted and chosen:
            continue
        chosen.add(group)
        items += sizes[group]
    return [group in chosen for group in groups]
