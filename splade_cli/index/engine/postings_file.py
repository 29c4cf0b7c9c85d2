"""Posting lists in a container: written block by block, opened as memory maps."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import DTypeLike, NDArray

from splade_cli.errors import IndexFolderError
from splade_cli.index.containers.container import Container
from splade_cli.index.containers.container_writer import ContainerWriter
from splade_cli.index.engine.arrays import DTYPES, GROWING, VECTORS, Arrays
from splade_cli.index.engine.postings import Postings

MOST_DIMENSIONS = (1 << 31) - 1
REBUILD = "make the index again from its vectors"


def write_postings(
    out: ContainerWriter,
    prefix: str,
    parts: Iterable[sp.csr_matrix],
    dimensions: int,
    *,
    weights: DTypeLike = np.float32,
) -> None:
    """Writes postings as tensors of names that begin with `prefix`.

    Args:
        parts: rows in order, of which one block is held at a time.
        weights: float32, or for `parts` of counts the uint8 or uint16 that holds them.

    Raises:
        InputError: parts of another width, a weight that is not finite, or a term that is no dimension.
    """
    from splade_cli.index.engine.inversion import invert_blocks

    dtypes = DTYPES | {"weights": np.dtype(weights)}
    tensors = {name: out.growing(f"{prefix}{name}", dtypes[name]) for name in GROWING}
    about, blocks = invert_blocks(parts, dimensions, lambda name, values: tensors[name].append(values))
    out.add(f"{prefix}about", about)
    out.add(f"{prefix}blocks", blocks)


def open_postings(
    container: Container,
    prefix: str,
    vectors: tuple[NDArray[Any], ...] = (),
    *,
    weights: DTypeLike = np.float32,
    step: float = 1.0,
) -> Postings:
    """Postings over the tensors of a container, of which only the ends of pointers are read here.

    Args:
        vectors: indptr, indices and data of the rows' vectors, to score rows by; none where they are not at
            hand.
        weights: as they were written.
        step: what a count of 1 is worth, a power of two.

    Raises:
        IndexFolderError: a tensor is missing, or does not fit the others.
    """
    dtypes = DTYPES | {"weights": np.dtype(weights)}
    try:
        arrays: Arrays = {name: container.tensor(f"{prefix}{name}", dtype) for name, dtype in dtypes.items()}
        container.file.require_arrays(
            arrays["about"], arrays["blocks"], arrays["starts"][-1:], arrays["plane_starts"][-1:]
        )
        if not _fit(arrays):
            raise ValueError("pointers of postings do not fit")
        if vectors and arrays["about"][5]:
            _check(vectors, arrays)
    except ValueError as error:
        raise IndexFolderError(f"{container.path} is damaged: {error}", REBUILD) from None
    in_order = vectors if arrays["about"][5] else ()
    return Postings.of(arrays, in_order, step, container.file)


def _check(vectors: tuple[NDArray[Any], ...], arrays: Arrays) -> None:
    """Raises ValueError where vectors and postings do not fit."""
    kinds = VECTORS | {"data": arrays["weights"].dtype}
    indptr, indices, data = vectors
    if len(indptr) != arrays["about"][0] + 1 or not len(indices) == len(data) == len(arrays["rows"]):
        raise ValueError("vectors and postings do not fit")
    if tuple(each.dtype for each in vectors) != tuple(np.dtype(kind) for kind in kinds.values()):
        raise ValueError("vectors and postings hold other types")


def _fit(arrays: Arrays) -> bool:
    """Whether the lengths of the arrays agree with each other and with the pointers into them."""
    size = {name: len(array) for name, array in arrays.items()}
    if (
        size["about"] != 6
        or size["blocks"] % 3
        or not size["blocks"]
        or not size["starts"]
        or not size["plane_starts"]
    ):
        return False
    rows, dimensions, least, nearest, most, _ = arrays["about"]
    blocks = arrays["blocks"].reshape(-1, 3)
    if not (0 <= rows <= (len(blocks) - 1) << 16 < rows + (1 << 16) and 0 <= dimensions <= MOST_DIMENSIONS):
        return False
    if np.isnan(least) or not (nearest >= 0 and 0 <= most < np.inf):
        return False
    shifts = blocks[:-1, 2]
    if np.any((shifts < 0) | (shifts >= 31)):
        return False
    buckets = (max(0, int(dimensions) - 1) >> shifts) + 2
    return bool(
        blocks[0, 0] == blocks[0, 1] == 0
        and np.all(np.diff(blocks[:, 0]) >= 0)
        and np.all(np.diff(blocks[:, 1]) == buckets)
        and blocks[-1, 0] == size["terms"] == size["plane_of"] == size["starts"] - 1
        and blocks[-1, 1] == size["directory"]
        and arrays["starts"][-1] == size["rows"] == size["weights"]
        and size["scales"] == size["plane_starts"] - 1
        and arrays["plane_starts"][-1] == size["levels"]
    )
