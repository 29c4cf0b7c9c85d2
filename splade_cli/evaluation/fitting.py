"""Rankings of judged queries in, fusion weights out, and an honest word on whether fusing helps; knows no model.

Weights are chosen on a grid by the mean nDCG@10 of `fusion.weighted`. What they are worth is measured by
cross-validation: each query is scored with weights that were fitted without it, and compared with the best single
system on the same queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isclose

import numpy as np
from numpy.typing import NDArray

from splade_cli.datasets.collections import Qrels
from splade_cli.errors import InputError
from splade_cli.evaluation.significance import Comparison, compare
from splade_cli.index.engine.ranking import Ranking, aligned, normalised, weighted

STEP, FOLDS, CUTOFF = 10, 5, 10
Weights = tuple[float, ...]


@dataclass(frozen=True)
class Fitted:
    """Fusion weights.

    Attributes:
        names: of the systems.
        weights: one a system, summing to 1, fitted to all queries.
        held_out: for each of these queries the weights that were fitted without it.
        figure: nDCG@10 with the weights of `held_out`.
        single, single_figure: the best of the systems alone, and its nDCG@10.
        versus: `figure` against `single_figure`, by query.
    """

    names: tuple[str, ...]
    weights: Weights
    held_out: dict[str, Weights]
    figure: float
    single: str
    single_figure: float
    versus: Comparison

    @property
    def sentence(self) -> str:
        """Whether fitted fusion helps, in words."""
        said = verdict("fitted fusion", self.figure, self.single, self.single_figure, self.versus)
        idle = [name for name, weight in zip(self.names, self.weights, strict=True) if not weight]
        return (
            f"{said}; {' and '.join(idle)} adds nothing" if idle and len(idle) < len(self.names) - 1 else said
        )

    def fuse(self, lists: Sequence[Ranking], queries: Sequence[str], k: int) -> Ranking:
        """`fusion.weighted` of rankings [q, n]; of a query that was fitted to, with the weights fitted without it."""
        parts = [
            weighted(
                [(rows[place : place + 1], scores[place : place + 1]) for rows, scores in lists], weights, k
            )
            for place, weights in enumerate(self.held_out.get(query, self.weights) for query in queries)
        ]
        return np.concatenate([rows for rows, _ in parts]), np.concatenate([scores for _, scores in parts])


def fit(
    names: Sequence[str],
    lists: Sequence[Ranking],
    queries: Sequence[str],
    document_of: Sequence[str],
    qrels: Qrels,
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> Fitted:
    """Fits one weight a system.

    Args:
        lists: the systems' rankings, each [q, n] over the same rows.
        queries: q ids.
        document_of: the document of each row; a document scores as its best row.
        folds: parts of the cross-validation.

    Raises:
        InputError: fewer than two systems or queries.
    """
    if len(lists) < 2 or len(queries) < 2:
        raise InputError(
            f"fusion weights cannot be fitted to {len(lists)} systems and {len(queries)} queries",
            "two of each at least",
        )
    grid = simplex(len(lists))
    scaled = [normalised(ranking) for ranking in lists]
    table = np.array(
        [_ndcg(scaled, place, grid, document_of, qrels.get(query, {})) for place, query in enumerate(queries)]
    )
    part_of = np.random.default_rng(seed).permutation(len(queries)) % min(folds, len(queries))
    chosen = {part: _choice(table[part_of != part], grid) for part in range(int(part_of.max()) + 1)}
    numbers = [chosen[int(part)] for part in part_of]
    fused = {query: float(table[place, numbers[place]]) for place, query in enumerate(queries)}
    alone = [int(np.flatnonzero(grid[:, system] == 1)[0]) for system in range(len(lists))]
    best = max(range(len(lists)), key=lambda system: (table[:, alone[system]].mean(), -system))
    single = {query: float(table[place, alone[best]]) for place, query in enumerate(queries)}
    return Fitted(
        names=tuple(names),
        weights=_weights(grid[_choice(table, grid)]),
        held_out={query: _weights(grid[number]) for query, number in zip(queries, numbers, strict=True)},
        figure=float(np.mean(list(fused.values()))),
        single=names[best],
        single_figure=float(np.mean(list(single.values()))),
        versus=compare(fused, single),
    )


def verdict(what: str, figure: float, single: str, single_figure: float, versus: Comparison) -> str:
    """Whether `what` is worth it over the best single system, in words."""
    figures = f"nDCG@10 {figure:.4f}, {single} alone {single_figure:.4f}, p = {versus.p_value:.4f}"
    if versus.difference > 0 and versus.significant:
        return f"{what} helps: {figures}"
    if versus.difference < 0 and versus.significant:
        return f"{what} harms: {figures}; search with {single} alone"
    return f"{what} does not help for certain: {figures}, which may be chance"


def lead(system: Mapping[str, float], singles: Mapping[str, Mapping[str, float]], what: str) -> str:
    """The verdict on per-query values of a fused system beside those of the systems that it fuses."""
    figures = {name: float(np.mean(list(values.values()))) for name, values in singles.items()}
    single = max(figures, key=lambda name: figures[name])
    versus = compare(system, singles[single])
    return verdict(what, float(np.mean(list(system.values()))), single, figures[single], versus)


def simplex(systems: int) -> NDArray[np.float64]:
    """All weights [c, systems] in steps of 1 / STEP that sum to 1, each system alone among them."""
    points = [point for point in product(range(STEP + 1), repeat=systems) if sum(point) == STEP]
    return np.array(points, dtype=np.float64) / STEP


def _choice(table: NDArray[np.float64], grid: NDArray[np.float64]) -> int:
    """The grid point of the largest mean; of equal ones the one that is nearest to equal weights."""
    means = table.mean(0)
    uneven = ((grid - grid.mean(1, keepdims=True)) ** 2).sum(1)
    return min(range(len(grid)), key=lambda point: (-round(float(means[point]), 12), uneven[point], point))


def _ndcg(
    scaled: Sequence[Ranking],
    place: int,
    grid: NDArray[np.float64],
    document_of: Sequence[str],
    grades: Mapping[str, int],
) -> NDArray[np.float64]:
    """nDCG@10 [c] of one query under each of the weights, as `metrics.per_query` measures `fusion.weighted`."""
    rows, table = aligned(scaled, place)
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:CUTOFF]
    if not ideal or not len(rows):
        return np.zeros(len(grid))
    discounts = 1 / np.log2(np.arange(2, CUTOFF + 2))
    # document ids descending, so that a stable sort leaves equal scores in trec_eval's order
    names = sorted({document_of[row] for row in rows}, reverse=True)
    number = {name: position for position, name in enumerate(names)}
    belongs = np.array([number[document_of[row]] for row in rows])
    best = np.full((len(names), len(grid)), -np.inf, dtype=np.float32)
    sums = (table @ grid.T).astype(np.float32)
    # a list of weight 0 brings no rows
    there = (np.array([np.isin(rows, ranking[0][place]) for ranking in scaled]).T.astype(float) @ grid.T) > 0
    np.maximum.at(best, belongs, np.where(there, sums, -np.inf))
    order = np.argsort(-best, axis=0, kind="stable")[:CUTOFF]
    gains = np.array([max(0, grades.get(name, 0)) for name in names], dtype=np.float64)
    found = np.where(np.isfinite(np.take_along_axis(best, order, 0)), gains[order], 0.0)
    return np.asarray(discounts[: len(order)] @ found / (discounts[: len(ideal)] @ np.array(ideal)))


def _weights(point: NDArray[np.float64]) -> Weights:
    assert isclose(float(point.sum()), 1)
    return tuple(float(weight) for weight in point)
