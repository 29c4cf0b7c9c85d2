"""Automatic precision: a lower one for a corpus, where a CPU gains by it and a sample ranks as in float32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.model.encode import encode
from splade_cli.model.kernels.dispatch import bf16_is_faster, int8_is_faster
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.splade.encoder import SpladeModel

Matrix = sp.csr_matrix | NDArray[np.float32]

SAMPLE = 192
LEAST_OVERLAP = 0.97


def settle_precision(loaded: LoadedModel, texts: Sequence[str]) -> LoadedModel:
    """`loaded` in the fastest precision of this CPU in which these texts rank as in float32.

    Up to SAMPLE of `texts` are encoded in each and each is searched with among all: a precision is taken
    where the ten nearest are the same, LEAST_OVERLAP of them at least.
    """
    lower = list(lower_precisions(loaded))
    if len(texts) < 2 or not lower:
        return loaded
    sample = list(texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE])
    exact = encode(loaded, sample)
    reason = ""
    for precision in lower:
        overlap = neighbours_in_common(exact, encode(loaded.with_precision(precision, "automatic"), sample))
        reason = f"of the ten nearest of {len(sample)} sample texts {overlap:.1%} are those of fp32"
        if overlap >= LEAST_OVERLAP:
            return loaded.with_precision(precision, reason)
    return loaded.with_precision("fp32", f"{reason} in {lower[-1]}")


def neighbours_in_common(exact: Matrix, other: Matrix, k: int = 10) -> float:
    """Share of each row's k largest products with the others that two matrices [n, V] have in common."""
    nearest = []
    for matrix in (exact, other):
        products = exact @ matrix.T
        if not isinstance(products, np.ndarray):
            products = products.toarray()
        np.fill_diagonal(products, -np.inf)
        nearest.append(np.argsort(-products, axis=1, kind="stable")[:, :k])
    common = [len(np.intersect1d(left, right)) for left, right in zip(*nearest, strict=True)]
    return float(np.mean(common) / nearest[0].shape[1])


def lower_precisions(loaded: LoadedModel) -> Iterator[str]:
    """What this CPU multiplies faster than float32, fastest first; nothing where that is not the precision.

    int8 is for fused heads that pool by maximum.
    """
    model = loaded.model
    if loaded.device.name != "cpu" or loaded.device.precision != "fp32":
        return
    has_max_head = isinstance(model, SpladeModel) and model.fused and model.pooling == "max"
    has_int8 = has_max_head and int8_is_faster()
    has_bf16 = bf16_is_faster("cpu")
    if has_bf16 and has_int8:
        yield "bf16+int8"
    if has_bf16:
        yield "bf16"
    if has_int8:
        yield "int8"
