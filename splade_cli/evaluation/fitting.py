"""Weights of a rank fusion, fitted to judged queries by cross-validated grid search.

Weights are chosen by the mean nDCG@10 of `fusion.weighted` over a grid. What they are worth is measured by
cross-validation: each query is scored with weights that were fitted without it, and compared with the best
single system on the same queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import isclose

import numpy as np
from numpy.typing import NDArray

from splade_cli.datasets.formats.trec import Qrels
from splade_cli.errors import InputError
from splade_cli.evaluation.significance import Comparison, compare
from splade_cli.records import Ranking
from splade_cli.search.ranking.fusion import scaled

STEP = 10
"""A weight is a multiple of 1 / STEP."""
FOLDS = 5
CUTOFF = 10
Weights = tuple[float, ...]


@dataclass(frozen=True)
class Fitted:
    """Fusion weights.

    Attributes:
        parts: what is fused, as `SearchOptions.weights` names it.
        names: how a report calls them.
        weights: one a part, summing to 1, fitted to all queries.
        held_out: for each of these queries the weights that were fitted without it.
        figure: nDCG@10 with the weights of `held_out`.
        single, single_figure: the best of the parts alone, and its nDCG@10.
        versus: `figure` against `single_figure`, by query.
    """

    parts: tuple[str, ...]
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
        if idle and len(idle) < len(self.names) - 1:
            return f"{said}; {' and '.join(idle)} adds nothing"
        return said

    def weights_for(self, query: str) -> Weights:
        """Those of a query; of one that was fitted to, those that were fitted without it."""
        return self.held_out.get(query, self.weights)

    def by_part(self, weights: Weights) -> dict[str, float]:
        """Weights as `SearchOptions` take them."""
        return dict(zip(self.parts, weights, strict=True))


def fit(
    systems: Mapping[str, str],
    rankings: Sequence[Ranking],
    queries: Sequence[str],
    documents: Mapping[str, str],
    qrels: Qrels,
    *,
    folds: int = FOLDS,
    seed: int = 0,
) -> Fitted:
    """Fits one weight a part.

    Args:
        systems: the parts that are fused, and how a report calls each.
        rankings: one a part.
        queries: their ids.
        documents: the document of each ranked chunk; a document scores as its best chunk.
        folds: parts of the cross-validation.

    Raises:
        InputError: fewer than two parts or queries.
    """
    if len(rankings) < 2 or len(queries) < 2:
        raise InputError(
            f"fusion weights cannot be fitted to {len(rankings)} systems and {len(queries)} queries",
            "two of each at least",
        )
    grid = simplex(len(rankings))
    table = np.array(
        [
            _ndcg(rankings, number, grid, documents, qrels.get(query, {}))
            for number, query in enumerate(queries)
        ]
    )
    fold_of = np.random.default_rng(seed).permutation(len(queries)) % min(folds, len(queries))
    by_fold = {fold: _choice(table[fold_of != fold], grid) for fold in range(int(fold_of.max()) + 1)}
    chosen = [by_fold[int(fold)] for fold in fold_of]
    fused = {query: float(table[number, chosen[number]]) for number, query in enumerate(queries)}
    alone = [int(np.flatnonzero(grid[:, part] == 1)[0]) for part in range(len(rankings))]
    best = max(range(len(rankings)), key=lambda part: (table[:, alone[part]].mean(), -part))
    single = {query: float(table[number, alone[best]]) for number, query in enumerate(queries)}
    names = tuple(systems.values())
    return Fitted(
        parts=tuple(systems),
        names=names,
        weights=_weights(grid[_choice(table, grid)]),
        held_out={query: _weights(grid[point]) for query, point in zip(queries, chosen, strict=True)},
        figure=_mean(fused),
        single=names[best],
        single_figure=_mean(single),
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
    figures = {name: _mean(values) for name, values in singles.items()}
    single = max(figures, key=lambda name: figures[name])
    return verdict(what, _mean(system), single, figures[single], compare(system, singles[single]))


def simplex(parts: int) -> NDArray[np.float64]:
    """All weights [c, parts] in steps of 1 / STEP that sum to 1, each part alone among them."""
    points = [point for point in product(range(STEP + 1), repeat=parts) if sum(point) == STEP]
    return np.array(points, dtype=np.float64) / STEP


def _choice(table: NDArray[np.float64], grid: NDArray[np.float64]) -> int:
    """The grid point of the largest mean; of equal ones the one that is nearest to equal weights."""
    means = table.mean(0)
    uneven = ((grid - grid.mean(1, keepdims=True)) ** 2).sum(1)
    return min(range(len(grid)), key=lambda point: (-round(float(means[point]), 12), uneven[point], point))


def _ndcg(
    rankings: Sequence[Ranking],
    query: int,
    grid: NDArray[np.float64],
    documents: Mapping[str, str],
    grades: Mapping[str, float],
) -> NDArray[np.float64]:
    """nDCG@10 [c] of one query under each of the weights, as trec_eval measures `fusion.weighted`."""
    ids, table = scaled(rankings, query)
    ideal = sorted((grade for grade in grades.values() if grade > 0), reverse=True)[:CUTOFF]
    if not ideal or not ids:
        return np.zeros(len(grid))
    # document ids descending, so that a stable sort leaves equal scores in trec_eval's order
    names = sorted({documents[each] for each in ids}, reverse=True)
    number_of = {name: number for number, name in enumerate(names)}
    document_numbers = np.array([number_of[documents[each]] for each in ids])
    scores = (table @ grid.T).astype(np.float32)
    # a ranking of weight 0 brings no texts
    ranked = (_membership(rankings, query, ids) @ grid.T) > 0
    best = np.full((len(names), len(grid)), -np.inf, dtype=np.float32)
    np.maximum.at(best, document_numbers, np.where(ranked, scores, -np.inf))
    order = np.argsort(-best, axis=0, kind="stable")[:CUTOFF]
    gains = np.array([max(0, grades.get(name, 0)) for name in names], dtype=np.float64)
    gained = np.where(np.isfinite(np.take_along_axis(best, order, 0)), gains[order], 0.0)
    discounts = 1 / np.log2(np.arange(2, CUTOFF + 2))
    return np.asarray(discounts[: len(order)] @ gained / (discounts[: len(ideal)] @ np.array(ideal)))


def _membership(rankings: Sequence[Ranking], query: int, ids: Sequence[str]) -> NDArray[np.float64]:
    """1 where a ranking has an id, [ids, rankings]."""
    listed = [set(ranking.ids[query]) for ranking in rankings]
    return np.array([[each in ranked for ranked in listed] for each in ids], dtype=np.float64)


def _mean(values: Mapping[str, float]) -> float:
    return float(np.mean(list(values.values())))


def _weights(point: NDArray[np.float64]) -> Weights:
    assert isclose(float(point.sum()), 1)
    return tuple(float(weight) for weight in point)
