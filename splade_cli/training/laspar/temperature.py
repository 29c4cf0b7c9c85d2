"""Temperature of a softmax over the cosines of a latent model, by those that it has before it learns.

Two texts that keep k of D latents share few where D is large: their cosine is a fraction of what a dense
model gives them, and the smaller the larger D is. A temperature that suits a dense model's cosines would have
the latents of a batch grow alike before its softmax says anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.sparse as sp

from splade_cli.records import Example

LOGITS = 8.0
"""By so much a query's own positive is to stand above the positives of other queries, in the mean."""
SMALLEST = 0.005
LARGEST = 0.1
SAMPLE = 64


def measured_temperature(
    rows: Sequence[Example], encode: Callable[[Sequence[str], str], sp.csr_matrix]
) -> float:
    """The temperature, SMALLEST to LARGEST, from up to SAMPLE rows.

    Args:
        encode: the untrained model's vectors of texts of a kind.
    """
    some = rows[:: max(1, len(rows) // SAMPLE)][:SAMPLE]
    queries = encode([row.query for row in some], "query")
    positives = encode([row.positive for row in some], "document")
    cosines = np.asarray((queries @ positives.T).todense(), dtype=np.float64)
    own = float(np.diagonal(cosines).mean())
    others = (cosines.sum() - np.trace(cosines)) / max(1, cosines.size - len(some))
    return float(np.clip((own - others) / LOGITS, SMALLEST, LARGEST))
