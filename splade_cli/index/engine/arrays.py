"""The arrays of the posting lists: their names and types, and how the engine's loops take them."""

from __future__ import annotations

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
VECTORS = {"indptr": np.int64, "indices": np.int32, "data": np.float32}


def read_only(array: NDArray[Number]) -> NDArray[Number]:
    """A read-only view, as memory maps are: a loop is compiled once for both."""
    view = array.view(np.ndarray)
    view.setflags(write=False)
    return view
