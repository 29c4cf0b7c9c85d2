"""Arrays as the engine's loops take them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Number = TypeVar("Number", bound=np.generic)


def read_only(array: NDArray[Number]) -> NDArray[Number]:
    """A read-only view, as memory maps are: a loop is compiled once for both."""
    view = array.view(np.ndarray)
    view.flags.writeable = False
    return view
