"""Batches for tests: parts of the vectors with the chunks and dense vectors that belong to them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.index.store.batches import Batch, Dense
from splade_cli.records import Chunk


def batched(
    parts: Iterable[sp.csr_matrix], chunks: Iterable[Chunk], dense: Iterable[Dense] | None = None
) -> Iterator[Batch]:
    """Batches of parts of the vectors, of chunks, and of parts of the dense vectors cut as those.

    Raises:
        InputError: counts that differ.
    """
    waiting = iter(chunks)
    others = None if dense is None else iter(dense)
    count = 0
    for part in parts:
        batch = list(islice(waiting, part.shape[0]))
        if len(batch) != part.shape[0]:
            raise InputError(
                f"{count + part.shape[0]} vectors and {count + len(batch)} chunks", "give one chunk a row"
            )
        count += part.shape[0]
        yield Batch(batch, part, None if others is None else next(others, None))
    more = sum(1 for _ in waiting)
    if more:
        raise InputError(f"{count} vectors and {count + more} chunks", "give one chunk a row")
    if others is not None and next(others, None) is not None:
        raise InputError("more dense vectors than sparse ones", "give one of each a row")
