"""CSR matrices of float32, the type of all sparse vectors here: made from other kinds, empty, and stacked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import numpy as np
import scipy.sparse as sp

Sparse = sp.spmatrix | sp.sparray
"""Any SciPy sparse kind, as callers may hand it in."""


def as_csr(vectors: Sparse, *, copy: bool = False) -> sp.csr_matrix:
    """The same as CSR float32."""
    return sp.csr_matrix(cast(Any, vectors), dtype=np.float32, copy=copy)


def empty_csr(dimensions: int) -> sp.csr_matrix:
    """No rows of so many columns."""
    return sp.csr_matrix(np.empty((0, dimensions), dtype=np.float32))


def stacked(parts: Iterable[sp.csr_matrix], dimensions: int) -> sp.csr_matrix:
    """The rows of all parts, one after the other; there may be none."""
    return sp.csr_matrix(sp.vstack([empty_csr(dimensions), *parts], format="csr"))
