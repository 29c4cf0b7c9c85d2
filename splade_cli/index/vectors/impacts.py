"""Quantised impacts: weights as counts of one step, in 8 or 16 bits.

The step is a power of two, so a weight is `count * step` exactly, in float32 too: a score is the same to the
bit whether an engine multiplies rounded weights, or counts by queries whose weights were multiplied by the
step. That costs at most one bit. A weight takes 1 or 2 bytes instead of 4.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError, OptionError

BITS = (8, 16)
_SMALLEST = -100
"""The least exponent of a step, so that products with it stay far from where float32 has fewer bits."""


@dataclass(frozen=True)
class Impacts:
    """How an index stores its weights.

    Attributes:
        bits: of a count, 8 or 16.
        step: what a count of 1 weighs, a power of two.
    """

    bits: int
    step: float

    def __post_init__(self) -> None:
        check_bits(self.bits)
        if not 0 < self.step < math.inf or math.frexp(self.step)[0] != 0.5:
            raise InputError(f"the step of weights must be a power of two, got {self.step}", "e.g. 0.015625")

    @classmethod
    def fitting(cls, parts: Iterable[sp.csr_matrix], bits: int) -> Impacts:
        """The smallest step of which 2^bits - 1 reach the largest weight of all parts, which are read once.

        Raises:
            InputError: bits other than 8 or 16, a weight that is negative or not finite.
        """
        check_bits(bits)
        largest = 0.0
        for part in parts:
            _refuse_negative(part.data, bits)
            largest = max(largest, float(part.data.max(initial=0.0)))
        if not math.isfinite(largest):
            raise InputError(
                "a document vector holds a weight that is not finite", "check the model that made it"
            )
        if not largest:
            return cls(bits, 1.0)
        return cls(bits, 2.0 ** max(_SMALLEST, math.ceil(math.log2(largest / (2**bits - 1)))))

    @property
    def dtype(self) -> np.dtype[np.uint8] | np.dtype[np.uint16]:
        """Of counts."""
        return np.dtype(np.uint8) if self.bits == 8 else np.dtype(np.uint16)

    def counts(self, vectors: sp.csr_matrix) -> sp.csr_matrix:
        """Weights as the nearest counts, of the same shape. Those below half a step are left out, those above
        the largest count become it.

        Raises:
            InputError: a negative weight.
        """
        _refuse_negative(vectors.data, self.bits)
        rounded = np.rint(vectors.data / np.float32(self.step))
        counted = np.minimum(rounded, np.float32(2**self.bits - 1)).astype(self.dtype)
        mask = counted != 0
        ends = np.concatenate([[0], np.cumsum(mask)])[vectors.indptr]
        return sp.csr_matrix((counted[mask], vectors.indices[mask], ends), shape=vectors.shape)

    def weights(self, counts: sp.csr_matrix) -> sp.csr_matrix:
        """Counts as weights, float32; the places of the weights are shared, not copied."""
        data: NDArray[np.float32] = counts.data.astype(np.float32)
        data *= np.float32(self.step)
        return sp.csr_matrix((data, counts.indices, counts.indptr), shape=counts.shape, copy=False)


def quantised(vectors: sp.csr_matrix, bits: int) -> sp.csr_matrix:
    """Vectors as an index of these impacts has them. Raises InputError as `Impacts.fitting`."""
    impacts = Impacts.fitting([vectors], bits)
    return impacts.weights(impacts.counts(vectors))


def check_bits(bits: int) -> None:
    """Raises InputError for other bits than BITS."""
    if bits not in BITS:
        raise OptionError(f"impacts must be of 8 or 16 bits, got {bits}", "leave it out for full weights")


def _refuse_negative(weights: NDArray[np.float32], bits: int) -> None:
    if len(weights) and weights.min() < 0:
        raise InputError(
            f"impacts of {bits} bits take no negative weights, and there is one of {float(weights.min()):g}",
            "store full weights",
        )
