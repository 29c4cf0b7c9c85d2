"""The arrays of the posting lists: their names and types, and how the engine's loops take them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)
Arrays = dict[str, NDArray[Any]]
DTYPES = {
    "about": np.float64,
    "blocks": np.int64,
    "directory": np.int32,
    "terms": np.int32,
    "starts": np.int64,
    "rows": np.uint16,
    "weights": np.float32,
    "plane_of": np.int32,
    "plane_starts": np.int64,
    "scales": np.float32,
    "levels": np.uint8,
}
GROWING = tuple(name for name in DTYPES if name not in ("about", "blocks"))
DAMAGED, UNCLEAN = -1, -2
"""What the loops give in place of a number of keys."""
MISSING = (1 << 63) - 1
"""What stands in place of a turned key where there is none, see `running.answering.answer`."""
SORTED = 32
"""Up to so many results are put in order by the loops, more by NumPy."""
VECTORS = {"indptr": np.int64, "indices": np.int32, "data": np.float32}


def read_only(array: NDArray[Number]) -> NDArray[Number]:
    """A read-only view, as memory maps are: a loop is compiled once for both."""
    view = array.view(np.ndarray)
    view.setflags(write=False)
    return view


def addresses(arrays: Iterable[NDArray[Any]]) -> NDArray[np.int64]:
    """int64 [2 n]: where each of n arrays lies and how many numbers it holds, as `running.answering` takes
    them. They must be kept for as long as this is used.

    Raises:
        ValueError: an array that is not contiguous, whose numbers would be read as others.
    """
    placed: list[int] = []
    for number, array in enumerate(arrays):
        if not array.flags.c_contiguous:
            raise ValueError(f"array {number} of the postings is not contiguous: strides {array.strides}")
        placed += (array.__array_interface__["data"][0], array.size)
    return np.array(placed, dtype=np.int64)


def positive_products(least: float, nearest: float, most: float, about: NDArray[np.float64]) -> bool:
    """Whether every product of a query's weight and a stored one is above zero, also when rounded, and no sum
    can leave the range of float32.

    Args:
        least, nearest, most: the query's smallest weight, its smallest and its largest absolute one.
        about: of the postings, see `postings.Postings`.
    """
    smallest = nearest * about[3]
    largest = most * about[4] * about[1]
    return bool(least > 0 and about[2] > 0 and smallest > 1e-37 and largest < 1e37)
