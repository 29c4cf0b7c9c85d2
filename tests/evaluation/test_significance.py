"""The paired randomisation test against every assignment of signs and against plain loops; costs too."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splade_cli.errors import InputError
from splade_cli.evaluation.costs import flops, index_bytes, percentiles, sparsity
from splade_cli.evaluation.significance import RESAMPLES, compare, corrected, holm
from splade_cli.reports.histogram import Histogram


def named(values: list[float] | np.ndarray) -> dict[str, float]:
    return {f"q{number}": float(value) for number, value in enumerate(values)}


def exhaustive(differences: np.ndarray) -> float:
    """Two-sided p over all 2^n sign assignments."""
    observed = abs(differences.mean())
    every = itertools.product((-1, 1), repeat=len(differences))
    means = [abs((np.array(signs) * differences).mean()) for signs in every]
    return float(np.mean([mean >= observed - 1e-12 for mean in means]))


def test_holm_by_hand() -> None:
    assert holm([]) == []
    assert holm([0.04]) == [0.04]
    # sorted 0.005, 0.01, 0.03, 0.04: times 4, 3, 2, 1, never smaller than the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_its_steps_reject(p_values: list[float]) -> None:
    adjusted = holm(p_values)
    level = 0.05
    rejected = set()
    for rank, number in enumerate(np.argsort(p_values, kind="stable").tolist()):
        if p_values[number] * (len(p_values) - rank) >= level:
            break
        rejected.add(number)
    assert {number for number, p in enumerate(adjusted) if p < level} == rejected
    assert all(plain <= p for plain, p in zip(p_values, adjusted, strict=True))


def test_comparisons_of_a_run_are_corrected_together() -> None:
    values = LOOPS[300, 0.06, False]
    one = compare(named(values[0]), named(values[1]))
    assert one.significant and one.p_holm is None
    both = corrected([one, one])
    assert [each.p_holm for each in both] == pytest.approx([2 * one.p_value] * 2)
    assert not both[0].significant, "0.03 of two comparisons may be chance"
    assert one.ties == one.queries - one.better - one.worse


@pytest.mark.parametrize("seed", range(6))
def test_p_value_against_every_sign(seed: int) -> None:
    generator = np.random.default_rng(seed)
    system, baseline = generator.random(10), generator.random(10) - 0.1 * seed
    expected = exhaustive(system - baseline)
    assert compare(named(system), named(baseline)).p_value == pytest.approx(expected, abs=1e-12)


def test_p_value_of_sampled_signs() -> None:
    generator = np.random.default_rng(7)
    system, baseline = generator.random(15), generator.random(15) - 0.15
    expected = exhaustive(system - baseline)
    error = 4 * (expected * (1 - expected) / RESAMPLES) ** 0.5 + 2 / RESAMPLES
    found = compare(named(system), named(baseline)).p_value
    assert 0.02 < expected < 0.9
    assert found == pytest.approx(expected, abs=error)
    assert found != pytest.approx(expected, abs=1e-12), "of 15 queries signs are sampled"


@pytest.mark.parametrize(
    ("queries", "shift", "binary", "p_value", "low", "high"),
    [
        (40, 0.08, False, 0.1728, -0.0358, 0.2083),
        (40, 0.08, True, 0.8206, -0.1750, 0.2750),
        (300, 0.03, False, 0.5796, -0.0336, 0.0585),
        (300, 0.03, True, 0.8041, -0.0933, 0.0667),
        (300, 0.06, False, 0.0298, 0.0064, 0.0956),
        (300, 0.06, True, 0.1616, -0.1400, 0.0200),
        (300, 0.30, False, 0.0001, 0.2368, 0.3293),
    ],
)
def test_figures_of_plain_loops(
    queries: int, shift: float, binary: bool, p_value: float, low: float, high: float
) -> None:
    """Ten times a thousand signs and draws, in loops, gave these for the same values."""
    system, baseline = LOOPS[queries, shift, binary]
    found = compare(named(system), named(baseline))
    error = 5 * (2 * p_value * (1 - p_value) / RESAMPLES) ** 0.5 + 2 / RESAMPLES
    assert found.p_value == pytest.approx(p_value, abs=error)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.004)


def values_of_the_loops() -> dict[tuple[int, float, bool], tuple[np.ndarray, np.ndarray]]:
    """The per-query values that `test_figures_of_plain_loops` has figures for, from one generator."""
    generator = np.random.default_rng(3)
    made = {}
    for queries, shift in (
        (1, 0),
        (2, 0),
        (10, 0.1),
        (13, 0.2),
        (14, 0.1),
        (40, 0.08),
        (300, 0.03),
        (300, 0.06),
        (300, 0.3),
    ):
        for binary in (False, True):
            system, baseline = generator.random(queries), generator.random(queries) - shift
            if binary:
                system, baseline = (system > 0.5).astype(float), (baseline > 0.4).astype(float)
            made[queries, shift, binary] = (system, baseline)
    return made


LOOPS = values_of_the_loops()


def test_one_query_is_no_evidence() -> None:
    found = compare({"q": 0.75}, {"q": 0.25})
    assert (found.p_value, found.low, found.high) == (1.0, 0.5, 0.5)


def test_what_a_comparison_says() -> None:
    found = compare(named([1.0] * 20 + [0.0]), named([0.5] * 20 + [0.1]))
    assert found.difference == pytest.approx((20 * 0.5 - 0.1) / 21)
    assert (found.better, found.worse, found.queries) == (20, 1, 21)
    assert found.low < found.difference < found.high
    assert found.significant
    assert found.p_value >= 1 / (RESAMPLES + 1), "a p-value from samples is never zero"
    mirrored = compare(named([0.5] * 20 + [0.1]), named([1.0] * 20 + [0.0]))
    assert mirrored.difference == -found.difference
    assert mirrored.p_value == found.p_value


def test_equal_systems_do_not_differ() -> None:
    found = compare(named([0.3, 0.7]), named([0.3, 0.7]))
    assert (found.difference, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert not found.significant


def test_the_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    inside = 0
    for seed in range(60):
        values = np.random.default_rng(seed).normal(0.3, 1, 60)
        found = compare(named(values), named(np.zeros(60)), seed)
        inside += found.low <= 0.3 <= found.high
    assert 51 <= inside <= 60


def test_queries_are_paired_by_name_and_have_to_be_the_same() -> None:
    forward = compare({"a": 1.0, "b": 0.0}, {"b": 0.0, "a": 1.0})
    assert forward.difference == 0
    with pytest.raises(InputError, match="the same queries"):
        compare({"a": 1.0}, {"b": 1.0})
    with pytest.raises(InputError, match="no query"):
        compare({}, {})


def test_the_same_seed_gives_the_same_figures() -> None:
    left, right = named(np.random.default_rng(1).random(30)), named(np.random.default_rng(2).random(30))
    assert compare(left, right) == compare(left, right)
    assert compare(left, right, seed=1) != compare(left, right)


MATRIX = arrays(
    np.float32, st.tuples(st.integers(0, 7), st.just(5)), elements=st.sampled_from([0.0, 0.0, 1.5, -2.0])
)


@given(MATRIX)
def test_sparsity_against_a_loop(dense: np.ndarray) -> None:
    found = sparsity(sp.csr_matrix(dense))
    counts = [sum(1 for value in row if value != 0) for row in dense]
    if not counts:
        assert (found.mean, found.median, found.p95, found.zeros) == (0, 0, 0, 1)
        assert found.histogram is None
        return
    assert found.histogram is not None and found.histogram.low == min(counts)
    for number, texts in enumerate(found.histogram.counts):
        assert texts == counts.count(min(counts) + number)
    assert found.mean == pytest.approx(sum(counts) / len(counts))
    assert found.median == np.median(counts)
    assert found.p95 == np.percentile(counts, 95)
    assert found.zeros == pytest.approx(1 - sum(counts) / (5 * len(counts)))


@given(st.lists(st.integers(0, 4000), min_size=1, max_size=40))
def test_a_histogram_counts_every_text_in_at_most_thirty_bins(counts: list[int]) -> None:
    histogram = Histogram.of(np.array(counts))
    assert sum(histogram.counts) == len(counts) and 1 <= len(histogram.counts) <= 30
    for number, texts in enumerate(histogram.counts):
        start = histogram.low + number * histogram.width
        assert texts == sum(start <= count < start + histogram.width for count in counts)


@given(MATRIX, MATRIX)
def test_flops_against_a_loop(queries: np.ndarray, documents: np.ndarray) -> None:
    pairs = [
        sum(1 for left, right in zip(query, document, strict=True) if left != 0 and right != 0)
        for query in queries
        for document in documents
    ]
    expected = sum(pairs) / len(pairs) if pairs else 0.0
    assert flops(sp.csr_matrix(queries), sp.csr_matrix(documents)) == pytest.approx(expected)


def test_bytes_and_percentiles() -> None:
    assert index_bytes(sp.csr_matrix(np.array([[1.0, 0, 2], [0, 0, 3]]))) == 3 * 8 + 4 * 8
    assert percentiles([]) == (0.0, 0.0, 0.0)
    assert percentiles([0.001, 0.003, 0.002]) == pytest.approx((2.0, 2.9, 2.98))
