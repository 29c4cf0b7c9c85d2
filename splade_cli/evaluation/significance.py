"""Paired significance test of two systems on the same queries: p-value and interval of their difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import InputError

RESAMPLES = 10_000
BATCH = 1_000
"""Resamples in memory at a time."""
LEVEL = 0.05
DECIMALS = 12
"""Means are compared after rounding to so many: sums in another order are equal."""


@dataclass(frozen=True)
class Comparison:
    """`difference` of means (system minus baseline), its 95% bootstrap interval, and a two-sided p-value.

    Attributes:
        better, worse: queries that the system answers better, or worse; the others are ties.
        p_holm: the p-value with regard to the other comparisons of one run, see `holm`; None for one alone.
    """

    difference: float
    low: float
    high: float
    p_value: float
    better: int
    worse: int
    queries: int
    p_holm: float | None = None

    @property
    def ties(self) -> int:
        """Queries that both answer alike."""
        return self.queries - self.better - self.worse

    @property
    def p(self) -> float:
        """The corrected p-value, or where there is none the plain one."""
        return self.p_value if self.p_holm is None else self.p_holm

    @property
    def significant(self) -> bool:
        """At the 5% level, with regard to the other comparisons."""
        return self.p < LEVEL


def compare(system: Mapping[str, float], baseline: Mapping[str, float], seed: int = 0) -> Comparison:
    """Paired randomisation test, and percentile bootstrap of the mean difference.

    Fisher's randomisation test as recommended for retrieval by Smucker, Allan and Carterette 2007: under the
    null hypothesis each query's difference is as likely to have either sign. Up to 13 queries all signs are
    tried, of more a random sample.

    Raises:
        InputError: the two do not have the same queries.
    """
    if system.keys() != baseline.keys():
        raise InputError("two systems can only be compared on the same queries", "evaluate both on one split")
    differences = np.array([system[query] - baseline[query] for query in system], dtype=np.float64)
    if not len(differences):
        raise InputError("no query to compare on", "check the split")
    generator = np.random.default_rng(seed)
    p_value = _p_value(differences, generator)
    low, high = _interval(differences, generator)
    return Comparison(
        difference=float(differences.mean()),
        low=low,
        high=high,
        p_value=p_value,
        better=int((differences > 0).sum()),
        worse=int((differences < 0).sum()),
        queries=len(differences),
    )


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The comparisons of one run, in their order, with the p-values of `holm`."""
    adjusted = holm([comparison.p_value for comparison in comparisons])
    return [replace(each, p_holm=p) for each, p in zip(comparisons, adjusted, strict=True)]


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted p-values [Holm 1979]: the chance of any false finding among all stays below the level.

    The i-th smallest of m, i from 0, is multiplied by m - i, and is no smaller than the one before it.
    """
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, number in enumerate(order.tolist()):
        largest = max(largest, min(1.0, p_values[number] * (len(p_values) - rank)))
        adjusted[number] = largest
    return adjusted


def _p_value(differences: NDArray[np.float64], generator: np.random.Generator) -> float:
    """Share of sign assignments whose mean is as far from 0; of sampled ones the observed one is one."""
    if len(differences) == 1:
        return 1.0
    from scipy import stats

    test = stats.permutation_test(
        (differences,),
        _distance_from_zero,
        permutation_type="samples",
        alternative="greater",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=BATCH,
        random_state=generator,
    )
    return float(test.pvalue)


def _distance_from_zero(differences: NDArray[np.float64], axis: int = -1) -> NDArray[np.float64]:
    distances: NDArray[np.float64] = np.abs(np.mean(differences, axis=axis)).round(DECIMALS)
    return distances


def _interval(differences: NDArray[np.float64], generator: np.random.Generator) -> tuple[float, float]:
    if len(differences) == 1:
        only = float(differences[0])
        return only, only
    from scipy import stats

    resampled = stats.bootstrap(
        (differences,),
        np.mean,
        confidence_level=1 - LEVEL,
        method="percentile",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=BATCH,
        random_state=generator,
    )
    return float(resampled.confidence_interval.low), float(resampled.confidence_interval.high)
