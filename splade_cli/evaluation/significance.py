"""Two systems on the same queries: is the difference more than chance? Pure functions of per-query values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from splade_cli.errors import InputError

PERMUTATIONS = 10_000


@dataclass(frozen=True)
class Comparison:
    """`difference` of means (system minus baseline), its 95% bootstrap interval, and a two-sided p-value."""

    difference: float
    low: float
    high: float
    p_value: float
    better: int
    worse: int
    queries: int

    @property
    def significant(self) -> bool:
        """At the 5% level."""
        return self.p_value < 0.05


def compare(system: Mapping[str, float], baseline: Mapping[str, float], seed: int = 0) -> Comparison:
    """Paired randomisation test and bootstrap interval of the mean difference.

    Fisher's randomisation test as recommended for retrieval by Smucker, Allan and Carterette 2007: under the null
    hypothesis each query's difference is as likely to have either sign.

    Raises:
        InputError: the two do not have the same queries.
    """
    if system.keys() != baseline.keys():
        raise InputError("two systems can only be compared on the same queries", "evaluate both on one split")
    differences = np.array([system[query] - baseline[query] for query in system], dtype=np.float64)
    if not len(differences):
        raise InputError("no query to compare on", "check the split")
    generator = np.random.default_rng(seed)
    observed = differences.mean()
    extreme, sampled = 0, []
    for _ in range(10):
        size = (PERMUTATIONS // 10, len(differences))
        signs = generator.integers(0, 2, size=size) * 2 - 1
        extreme += int((np.abs((signs * differences).mean(1)) >= abs(observed) - 1e-12).sum())
        sampled.append(differences[generator.integers(0, len(differences), size=size)].mean(1))
    low, high = np.percentile(np.concatenate(sampled), [2.5, 97.5])
    return Comparison(
        difference=float(observed),
        low=float(low),
        high=float(high),
        p_value=(extreme + 1) / (PERMUTATIONS + 1),
        better=int((differences > 0).sum()),
        worse=int((differences < 0).sum()),
        queries=len(differences),
    )
