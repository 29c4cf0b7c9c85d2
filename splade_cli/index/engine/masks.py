"""The mask of a filter, uint8 [rows], as the loops of a search look at it: which groups hold an allowed row,
and which rows are allowed where they are few."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.engine.blockmax import SHIFT
from splade_cli.index.engine.compiling import compiled

WORDS = 32
"""Words of eight truth values of a mask that are passed over at once where none is true."""
SAMPLES = 16
"""Stretches of a mask that are looked at to tell whether it allows many rows."""
STRETCH = 8 * WORDS
"""Rows of each."""


@compiled
def exclude_groups(bounds: NDArray[np.float32], allowed: NDArray[np.uint8]) -> None:
    """Gives the bound zero to groups of which no row is allowed."""
    whole = len(allowed) >> SHIFT
    words = allowed[: whole << SHIFT].view(np.uint32)  # a group's four truth values
    for group in range(whole):  # bounds are finite; a choice in place of the product took 2.5 times as long
        bounds[group] *= np.float32(words[group] != 0)
    if whole << SHIFT < len(allowed) and not allowed[whole << SHIFT :].any():
        bounds[whole] = 0


@compiled
def _allows_more(allowed: NDArray[np.uint8], most: int) -> bool:
    """Whether a sample lets expect twice as many allowed rows as `most`. Not where fewer than three of its
    stretches hold one, since these may be all there are, nor where rows are too few for a sample."""
    apart = len(allowed) // SAMPLES
    if apart < SAMPLES * STRETCH:
        return False
    stretches = 0
    found = 0
    for sample in range(SAMPLES):
        held = 0
        for truth in allowed[sample * apart : sample * apart + STRETCH]:
            held += truth != 0
        found += held
        stretches += held > 0
    return stretches > 2 and found * len(allowed) > 2 * most * SAMPLES * STRETCH


@compiled
def find_allowed(
    allowed: NDArray[np.uint8], first: int, last: int, most: int, rows: NDArray[np.int64]
) -> int:
    """Writes the rows from `first` to before `last` that are allowed to `rows`, ascending; gives their
    number, or -1 where there are more than `most`, or a sample lets expect twice as many. `rows` has room for
    8 more than `most`."""
    found = 0
    count = last - first
    words = allowed[first : first + (count >> 3 << 3)].view(np.uint64)
    if _allows_more(allowed[first:last], most):
        return -1
    for start in range(0, len(words) + 1, WORDS):
        end = min(start + WORDS, len(words))
        any_of_them = np.uint64(0)
        for word in words[start:end]:
            any_of_them |= word
        if any_of_them == 0:
            continue
        for place in range(start, end):
            if words[place] != 0:
                row = first + (place << 3)
                found = _add_allowed(allowed, row, row + 8, found, rows)
                if found > most:
                    return -1
    found = _add_allowed(allowed, first + (len(words) << 3), last, found, rows)
    return found if found <= most else -1


@compiled
def _add_allowed(
    allowed: NDArray[np.uint8], first: int, last: int, found: int, rows: NDArray[np.int64]
) -> int:
    """Writes the allowed of a few rows behind those that were found; how many there are then."""
    for row in range(first, last):
        if allowed[row]:
            rows[found] = row
            found += 1
    return found
