"""Batches of texts of like length: what is padded is bounded, by what one batch more would cost.

A forward pass costs what its longest text makes of all of them, and something for itself. Sorted by length,
texts join a batch while its padding stays below the tokens that a further batch is worth.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

TOKENS_PER_BATCH = {"cpu": 8192, "cuda": 131072, "mps": 32768}
"""Tokens in a batch at most, padding included, by kind of device."""
TOKENS_PER_PASS = {"cpu": 96, "cuda": 16384, "mps": 4096}
"""Tokens that take as long as beginning a batch, about."""
PADDED = 1 / 16
"""Share of a batch that may be padding in any case."""


def batches_of_like_length(
    lengths: NDArray[np.int64], batch_size: int, kind: str = "cpu", tokens: int | None = None
) -> Iterator[NDArray[np.int64]]:
    """Numbers of texts, longest first.

    Args:
        lengths: tokens of each text [n].
        batch_size: texts in a batch at most.
        kind: of device: cpu, cuda or mps.
        tokens: in a batch at most, where that is less than `TOKENS_PER_BATCH`; a longer text is a batch.
    """
    order = np.argsort(-lengths, kind="stable")
    budget = TOKENS_PER_BATCH.get(kind, TOKENS_PER_BATCH["cpu"])
    if tokens is not None:
        budget = min(budget, tokens)
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        most = order[start : start + max(1, min(batch_size, budget // longest))]
        padded = longest * np.arange(1, len(most) + 1)
        padding = padded - np.cumsum(lengths[most])
        allowed = np.maximum(TOKENS_PER_PASS.get(kind, TOKENS_PER_PASS["cpu"]), PADDED * padded)
        beyond = np.flatnonzero(padding > allowed)
        size = int(beyond[0]) if len(beyond) else len(most)
        yield order[start : start + size]
        start += size
