"""Automatic int8: taken for a corpus where the CPU gains by it and a sample ranks as in float32."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp

from splade_cli.model.encode import encode
from splade_cli.model.kernels.dispatch import int8_is_faster
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.splade.encoder import SpladeModel

SAMPLE = 192
LEAST_OVERLAP = 0.97


def settle_precision(loaded: LoadedModel, texts: Sequence[str]) -> LoadedModel:
    """`loaded` in int8 where this CPU gains by it and these texts rank as in float32, else as it is.

    Up to SAMPLE of `texts` are encoded both ways and each is searched with among all: int8 is taken where the
    ten nearest are the same, LEAST_OVERLAP of them at least.
    """
    if len(texts) < 2 or not _could_gain(loaded):
        return loaded
    sample = list(texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE])
    exact = encode(loaded, sample)
    low = loaded.with_precision("int8", "automatic")
    overlap = neighbours_in_common(exact, encode(low, sample))
    reason = f"of the ten nearest of {len(sample)} sample texts {overlap:.1%} are those of fp32"
    return loaded.with_precision("int8" if overlap >= LEAST_OVERLAP else "fp32", reason)


def neighbours_in_common(exact: sp.csr_matrix, other: sp.csr_matrix, k: int = 10) -> float:
    """Share of each row's k largest products with the others that two matrices [n, V] have in common."""
    nearest = []
    for matrix in (exact, other):
        products = (exact @ matrix.T).toarray()
        np.fill_diagonal(products, -np.inf)
        nearest.append(np.argsort(-products, axis=1, kind="stable")[:, :k])
    common = [len(np.intersect1d(left, right)) for left, right in zip(*nearest, strict=True)]
    return float(np.mean(common) / nearest[0].shape[1])


def _could_gain(loaded: LoadedModel) -> bool:
    """Whether the model runs in float32 on a CPU that multiplies int8 faster, and max-pools a fused head."""
    model = loaded.model
    if loaded.device.name != "cpu" or loaded.device.precision != "fp32" or not int8_is_faster():
        return False
    return isinstance(model, SpladeModel) and model.fused and model.pooling == "max"
