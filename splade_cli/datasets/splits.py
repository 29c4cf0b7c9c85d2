"""Splits of labelled rows: train, validation and test by their names, or cut from rows that have none."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

from splade_cli.records import Example

SplitRatio = tuple[float, float, float]
"""Shares of train, validation and test."""

_NAMES = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev", "development", "eval"),
    "test": ("test", "testing"),
}


def split_of(name: str) -> str | None:
    """train, val or test, by a word in a file's or a split's name; None where there is none."""
    words = re.split(r"[^a-z]+", name.lower())
    for split, names in _NAMES.items():
        if any(word in names for word in words):
            return split
    return None


def held_out(
    rows: Sequence[Example], split_ratio: SplitRatio, seed: str
) -> tuple[list[Example], list[Example], list[Example]]:
    """Rows shuffled and split; those that share a query or a positive stay together, large groups in train.

    The held-out parts are never larger than their share; they are smaller only where groups are too large for
    them.
    """
    groups = _groups(rows)
    random.Random(seed).shuffle(groups)
    train: list[Example] = []
    val: list[Example] = []
    test: list[Example] = []
    most_val = round(len(rows) * split_ratio[1])
    most_test = round(len(rows) * split_ratio[2])
    for group in groups:
        if len(val) + len(group) <= most_val:
            split = val
        elif len(test) + len(group) <= most_test:
            split = test
        else:
            split = train
        split.extend(rows[number] for number in group)
    return train, val, test


def _groups(rows: Sequence[Example]) -> list[list[int]]:
    """Connected components of the rows that share a query or a positive, by union-find: their numbers."""
    parent = list(range(len(rows)))

    def root(row: int) -> int:
        while parent[row] != row:
            parent[row] = parent[parent[row]]
            row = parent[row]
        return row

    first_with: dict[str, int] = {}
    for number, row in enumerate(rows):
        for text in (row.query, row.positive):
            parent[root(number)] = root(first_with.setdefault(text, number))
    groups: dict[int, list[int]] = {}
    for number in range(len(rows)):
        groups.setdefault(root(number), []).append(number)
    return list(groups.values())
