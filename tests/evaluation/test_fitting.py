"""Fitted fusion weights against trec_eval and brute force; held-out queries; what is said of a fusion."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from splade_cli.errors import InputError
from splade_cli.evaluation import fitting
from splade_cli.evaluation.fitting import Fitted, fit, lead, simplex, verdict
from splade_cli.evaluation.metrics import per_query, run_of_ranking
from splade_cli.evaluation.significance import compare
from splade_cli.evaluation.systems.system import HeldOutFusion
from splade_cli.records import Hit, Ranking
from splade_cli.search.options import SearchOptions
from splade_cli.search.ranking.fusion import weighted

ROWS, DEPTH = 60, 25
TWO = {"sparse": "a", "bm25": "b"}
DOCUMENTS = {f"c{row:02}": f"d{row // 2:02}" for row in range(ROWS)}


class Fusing:
    """A retriever that fuses rankings of known queries, whose texts are their ids."""

    def __init__(self, rankings: list[Ranking], ids: list[str]) -> None:
        self.rankings, self.ids = rankings, ids

    def search(
        self, queries: Sequence[str], k: int = 10, options: SearchOptions | None = None
    ) -> list[list[Hit]]:
        assert options is not None and options.mode == "hybrid" and isinstance(options.weights, dict)
        numbers = [self.ids.index(query) for query in queries]
        some = [
            Ranking([each.ids[number] for number in numbers], [each.scores[number] for number in numbers])
            for each in self.rankings
        ]
        fused = weighted(some, list(options.weights.values()), k)
        return [
            [
                Hit(chunk, rank, float(score), "")
                for rank, (chunk, score) in enumerate(zip(*line, strict=True), 1)
            ]
            for line in zip(fused.ids, fused.scores, strict=True)
        ]


def fused(rankings: list[Ranking], fitted: Fitted, ids: list[str], asked: dict[str, str], k: int) -> Ranking:
    hits = HeldOutFusion(Fusing(rankings, ids), fitted, asked).search(ids, k, SearchOptions())
    scores = [np.array([hit.score for hit in line], dtype=np.float32) for line in hits]
    return Ranking([[hit.id for hit in line] for line in hits], scores)


def ranked(scores: np.ndarray) -> Ranking:
    """The DEPTH best of [q, ROWS] scores."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :DEPTH]
    ids = [[f"c{row:02}" for row in line] for line in order.tolist()]
    return Ranking(ids, list(np.take_along_axis(scores, order, 1).astype(np.float32)))


def made_up(
    queries: int, noise: tuple[float, ...], seed: int = 0
) -> tuple[list[Ranking], list[str], dict[str, dict[str, int]]]:
    """Systems that see one relevance through noise of their own; two chunks a document, graded judgements."""
    generator = np.random.default_rng(seed)
    truth = (generator.random((queries, ROWS)) < 0.08) * generator.integers(1, 4, size=(queries, ROWS))
    lists = [ranked(truth + level * generator.normal(size=truth.shape)) for level in noise]
    ids = [f"q{number}" for number in range(queries)]
    qrels = {}
    for name, line in zip(ids, truth, strict=True):
        grades: dict[str, int] = {}
        for row, grade in enumerate(line.tolist()):
            document = DOCUMENTS[f"c{row:02}"]
            grades[document] = max(grades.get(document, 0), grade)
        qrels[name] = {document: grade for document, grade in grades.items() if grade or document < "d10"}
    return lists, ids, qrels


def measured(ranking: Ranking, ids: list[str], qrels: dict[str, dict[str, int]]) -> np.ndarray:
    values = per_query(run_of_ranking(ids, ranking, 100, DOCUMENTS), qrels, ["nDCG@10"])["nDCG@10"]
    return np.array([values[name] for name in ids])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("length", [DEPTH, 4])
def test_grid_figures_are_those_of_trec_eval(seed: int, length: int) -> None:
    lists, ids, qrels = made_up(12, (0.5, 1.5, 3.0), seed)
    # many equal scores
    lists = [
        Ranking(
            [line[:length] for line in each.ids], [np.round(line[:length] * 2) / 2 for line in each.scores]
        )
        for each in lists
    ]
    qrels["q3"] = {"d01": -1, "d02": 0}
    qrels["q4"] = {"unknown": 2, "d05": 1}
    grid = simplex(3)
    table = np.array(
        [fitting._ndcg(lists, number, grid, DOCUMENTS, qrels[name]) for number, name in enumerate(ids)]
    )
    for number in range(0, len(grid), 2):
        expected = measured(weighted(lists, grid[number], 75), ids, qrels)
        np.testing.assert_allclose(table[:, number], expected, atol=1e-6)


def test_simplex() -> None:
    grid = simplex(3)
    assert grid.shape == (66, 3)
    np.testing.assert_allclose(grid.sum(1), 1)
    assert len({tuple(point) for point in grid.tolist()}) == 66
    assert all(np.eye(3)[system].tolist() in grid.tolist() for system in range(3))


def test_each_query_is_scored_with_weights_that_did_not_see_it() -> None:
    lists, ids, qrels = made_up(30, (1.0, 1.2), 5)
    fitted = fit(TWO, lists, ids, DOCUMENTS, qrels, folds=4, seed=2)
    grid = simplex(2)
    every = np.array([measured(weighted(lists, weights, 75), ids, qrels) for weights in grid])
    part_of = np.random.default_rng(2).permutation(30) % 4
    expected = np.empty(30)
    for part in range(4):
        means = every[:, part_of != part].mean(1)
        best = np.flatnonzero(np.isclose(means, means.max(), atol=1e-12))
        for place in np.flatnonzero(part_of == part):
            held_out = fitted.held_out[ids[place]]
            assert any(np.allclose(grid[number], held_out) for number in best)
            expected[place] = every[np.flatnonzero((grid == np.array(held_out)).all(1))[0], place]
    assert fitted.figure == pytest.approx(expected.mean())
    assert fitted.single_figure == pytest.approx(max(every[0].mean(), every[-1].mean()))
    assert len({weights for weights in fitted.held_out.values()}) > 1, (
        "folds differ, or this test shows nothing"
    )
    ranking = fused(lists, fitted, ids, {name: name for name in ids}, 75)
    np.testing.assert_allclose(measured(ranking, ids, qrels), expected, atol=1e-6)


def test_new_queries_take_the_weights_of_all() -> None:
    lists, ids, qrels = made_up(20, (1.0, 1.0), 1)
    fitted = fit(TWO, lists, ids, DOCUMENTS, qrels)
    assert fused(lists, fitted, ids, {}, 10).ids == weighted(lists, fitted.weights, 10).ids
    assert fitted.by_part(fitted.weights) == dict(zip(("sparse", "bm25"), fitted.weights, strict=True))


def test_systems_that_add_to_each_other_are_fused() -> None:
    lists, ids, qrels = made_up(150, (1.2, 1.2), 3)
    fitted = fit(TWO, lists, ids, DOCUMENTS, qrels)
    assert min(fitted.weights) >= 0.3
    assert fitted.figure > fitted.single_figure
    assert fitted.versus.significant
    assert fitted.sentence.startswith("fitted fusion helps: nDCG@10 0.")
    assert f"{fitted.single} alone {fitted.single_figure:.4f}" in fitted.sentence


def test_noise_gets_little_weight_and_the_sentence_says_so() -> None:
    lists, ids, qrels = made_up(150, (0.5, 50.0), 4)
    fitted = fit({"sparse": "good", "bm25": "noise"}, lists, ids, DOCUMENTS, qrels)
    assert fitted.weights == (0.9, 0.1)
    assert fitted.single == "good"
    assert (fitted.versus.better, fitted.versus.worse) == (22, 25)
    assert fitted.sentence.startswith("fitted fusion does not help for certain: nDCG@10 ")


def test_a_system_without_weight_is_named() -> None:
    lists, ids, qrels = made_up(80, (0.6, 0.6, 50.0), 6)
    fitted = fit({**TWO, "dense": "noise"}, lists, ids, DOCUMENTS, qrels)
    assert fitted.weights[2] == 0
    assert fitted.sentence.endswith("; noise adds nothing")
    alone = Fitted(("sparse", "bm25"), ("a", "b"), (1.0, 0.0), {}, 0.5, "a", 0.5, fitted.versus)
    assert "adds nothing" not in alone.sentence, "one system alone is no fusion to speak of"


def test_words() -> None:
    better = {f"q{number}": 0.5 + 0.01 * (number % 3) for number in range(60)}
    worse = {name: value - 0.2 for name, value in better.items()}
    assert verdict("it", 0.5, "x", 0.3, compare(better, worse)).startswith(
        "it helps: nDCG@10 0.5000, x alone 0.3000, p = "
    )
    assert verdict("it", 0.3, "x", 0.5, compare(worse, better)).endswith("search with x alone")
    assert "may be chance" in verdict("it", 0.5, "x", 0.5, compare(better, better))
    said = lead(better, {"a": worse, "b": {name: value - 0.1 for name, value in better.items()}}, "RRF")
    assert said.startswith("RRF helps: nDCG@10 0.51")
    assert "b alone 0.41" in said, "the best of the others is what it must beat"


def test_too_little_to_fit() -> None:
    lists, ids, qrels = made_up(3, (1.0, 1.0))
    with pytest.raises(InputError, match="1 systems and 3 queries"):
        fit({"sparse": "a"}, lists[:1], ids, DOCUMENTS, qrels)
    with pytest.raises(InputError, match="2 systems and 1 queries"):
        fit(TWO, lists, ids[:1], DOCUMENTS, qrels)
    small = fit(TWO, [Ranking(each.ids[:2], each.scores[:2]) for each in lists], ids[:2], DOCUMENTS, qrels)
    assert set(small.held_out) == {"q0", "q1"}
