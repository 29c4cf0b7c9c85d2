"""Train/validation/test split by groups of near-duplicates, so that nothing of one side stands on another."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from splade_cli.corpus.near_duplicates import duplicate_groups
from splade_cli.datasets.splits import SplitRatio
from splade_cli.records import Document

SIDES = ("train", "val", "test")


def split_documents_by_group(documents: Sequence[Document], ratio: SplitRatio, seed: int) -> dict[str, str]:
    """By document id, the side on which it is: near-duplicates together, see `split_groups`."""
    groups = duplicate_groups([document.text for document in documents])
    sides = split_groups(groups, ratio, seed)
    return {document.id: side for document, side in zip(documents, sides, strict=True)}


def split_groups(groups: Sequence[int], ratio: SplitRatio, seed: int) -> list[str]:
    """The side of each item, one of `SIDES`: whole groups, drawn until about their share of the items is in.

    What goes to validation does not depend on whether there is a test side. One group at least stays for
    training, and one goes to each side that has a share, as long as there are two left to draw from.
    """
    sizes: dict[int, int] = {}
    for group in groups:
        sizes[group] = sizes.get(group, 0) + 1
    order = sorted(sizes)
    random.Random(seed).shuffle(order)
    validation = _drawn(order, sizes, ratio[1] * len(groups))
    left = [group for group in order if group not in validation]
    test = _drawn(left, sizes, ratio[2] * len(groups))
    sides = []
    for group in groups:
        side = "train"
        if group in validation:
            side = "val"
        elif group in test:
            side = "test"
        sides.append(side)
    return sides


def _drawn(order: Sequence[int], sizes: Mapping[int, int], wanted: float) -> set[int]:
    """Groups in their order until about so many items are in, never the last one."""
    chosen: set[int] = set()
    items = 0
    for group in order[:-1]:
        if items >= wanted:
            break
        if items + sizes[group] > 2 * wanted and chosen:
            continue
        chosen.add(group)
        items += sizes[group]
    return chosen
