"""Facets: of each field with few values, how many rows hold each of them.

A row that holds a list counts for each of its members. Fields whose values tell texts apart rather than sort
them (ids, titles, paths) have too many to be facets.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.metadata.columns import Columns, Entries, Field
from splade_cli.index.metadata.fields import OWN_FIELDS, Scalar

MOST_VALUES = 20
"""Of a facet."""
Mask = NDArray[np.bool_]
Counts = dict[str, Counter[Scalar]]


def value_counts(segments: Sequence[Columns], masks: Sequence[Mask]) -> Counts:
    """How many rows of `masks` hold each value, by field, of fields with at most `MOST_VALUES` of them there.

    Args:
        masks: bool [rows] of each segment.

    Raises:
        IndexFolderError: a field is damaged.
    """
    found: Counts = {}
    crowded: set[str] = set()
    for columns, mask in zip(segments, masks, strict=True):
        for name in columns.fields:
            if name in OWN_FIELDS or name in crowded:
                continue
            counts = found.setdefault(name, Counter())
            if _is_crowded(columns.fields[name]) or not _add(columns, name, mask, counts):
                crowded.add(name)
    return {name: counts for name, counts in sorted(found.items()) if name not in crowded and counts}


def _is_crowded(field: Field) -> bool:
    """Whether the dictionary alone says so; texts of rows that were removed may stand in it as well."""
    return field.dictionary is not None and len(field.dictionary) > 10 * MOST_VALUES


def _add(columns: Columns, name: str, mask: Mask, counts: Counter[Scalar]) -> bool:
    """Adds those of one segment; False where there are too many."""
    field = columns.field(name)
    assert field is not None
    if field.texts is not None and field.dictionary is not None:
        codes, numbers = _distinct(field.texts, mask)
        if len(codes) > MOST_VALUES:
            return False
        for code, number in zip(codes.tolist(), numbers.tolist(), strict=True):
            counts[field.dictionary[code]] += number
    if field.flags is not None:
        for code, number in zip(*(each.tolist() for each in _distinct(field.flags, mask)), strict=True):
            counts["true" if code else "false"] += number
    if field.numbers is not None:
        values, numbers = _distinct(field.numbers, mask)
        if len(values) > MOST_VALUES:
            return False
        for value, number in zip(values.tolist(), numbers.tolist(), strict=True):
            counts[value] += number
    return len(counts) <= MOST_VALUES


def _distinct(entries: Entries, mask: Mask) -> tuple[NDArray[np.float64 | np.int32], NDArray[np.int64]]:
    """The distinct values of the rows of `mask`, and how many entries hold each."""
    chosen = mask if entries.rows is None else mask[entries.rows]
    return np.unique(entries.values[chosen & entries.present()], return_counts=True)
