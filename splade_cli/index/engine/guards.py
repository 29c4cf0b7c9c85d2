"""What the loops of a search check its arrays by: checksums of their file, and marks of what was found right.

A guard is a tuple of arrays:

    0 data     uint8 [bytes]: the file
    1 sums     uint32 [blocks]: the CRC-32 that each of its blocks must have
    2 states   uint8 [blocks]: see `containers.mapped_file`
    3 places   int64 [12]: where in the file each of PLACES begins
    4 known    uint8 [T]: what was checked of each term of each block: ENTRY, BOUNDS, SUMS
    5 about    float64 [6]: see `postings.Postings`

All but the last are empty for postings in memory, of which nothing is checked.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.index.containers.mapped_file import MappedFile
from splade_cli.index.engine.arrays import read_only

PLACES = (
    "directory", "terms", "starts", "rows", "weights", "plane_of", "plane_starts", "scales", "levels",
    "indptr", "indices", "data",
)  # fmt: skip
DIRECTORY, TERMS, STARTS, ROWS, WEIGHTS, PLANE_OF, PLANE_STARTS, SCALES, LEVELS = range(9)
INDPTR, INDICES, DATA = range(9, 12)
Guard = tuple[NDArray[Any], ...]


def guard_of(
    arrays: dict[str, NDArray[Any]], vectors: tuple[NDArray[Any], ...], file: MappedFile | None
) -> Guard:
    """The guard of postings and vectors that lie in `file`; one that checks nothing where there is none."""
    about = read_only(arrays["about"])
    places = np.zeros(len(PLACES), dtype=np.int64)
    if file is None or not len(file.states):
        data = np.empty(0, dtype=np.uint8)
        sums = np.empty(0, dtype=np.uint32)
        states = np.empty(0, dtype=np.uint8)
        known = np.empty(0, dtype=np.uint8)
    else:
        data, sums, states = file.data, file.sums, file.states
        known = np.zeros(len(arrays["terms"]), dtype=np.uint8)
        named = arrays | dict(zip(("indptr", "indices", "data"), vectors, strict=False))
        for number, name in enumerate(PLACES):
            if name in named and named[name].size:
                places[number] = file.start_of(named[name])
    return read_only(data), read_only(sums), states, read_only(places), known, about
