"""Scales and drawings: round numbers on an axis, marks where the figures are, tables of the figures."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splade_cli.reports.plot import Axis, Plot, Series
from splade_cli.reports.scale import scale
from splade_cli.reports.svg import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, svg
from tests.reports.pages import PAGE

FIGURES = st.lists(st.floats(-1e9, 1e9).map(lambda value: round(value, 6)), max_size=20)


@given(FIGURES)
def test_a_linear_axis_holds_its_values_between_round_ticks(values: list[float]) -> None:
    made = scale(Axis("x"), values, 0.0, 100.0)
    assert 2 <= len(made.ticks) <= 13
    for value in values:
        assert -1e-6 <= made(value) <= 100 + 1e-6
    steps = [right - left for left, right in pairwise(made.ticks)]
    assert max(steps) == pytest.approx(min(steps))
    assert f"{steps[0]:e}"[0] in "125" or f"{steps[0]:.1e}"[0] in "125"


@given(st.lists(st.floats(1e-4, 1e9), max_size=20))
def test_a_logarithmic_axis_holds_its_values(values: list[float]) -> None:
    made = scale(Axis("x", log=True), values, 0.0, 100.0)
    assert made.ticks and made.high >= 4 * made.low
    for value in values:
        assert -1e-6 <= made(value) <= 100 + 1e-6


def test_an_axis_has_the_ends_that_were_asked_for() -> None:
    made = scale(Axis("recall", low=0.0, high=1.0), [0.4, 0.6], 100.0, 0.0)
    assert (made.low, made.high) == (0.0, 1.0)
    assert made(0.0) == 100.0 and made(1.0) == 0.0 and made(0.25) == 75.0


@pytest.mark.parametrize("plot", PAGE.plots, ids=lambda plot: plot.kind)
def test_marks_are_inside_the_frame(plot: Plot) -> None:
    drawn = svg(plot, "p")
    marks = re.findall(r'<circle class="mark c\d" cx="([\d.]+)" cy="([\d.-]+)"', drawn)
    bars = re.findall(
        r'<rect class="\w+" x="([\d.]+)" width="([\d.]+)" y="([\d.]+)" height="([\d.]+)"', drawn
    )
    assert marks or bars
    for x, y in marks:
        assert float(x) >= LEFT and float(x) <= WIDTH - RIGHT
        assert float(y) <= HEIGHT - BOTTOM
    for x, width, y, height in bars:
        assert float(x) >= LEFT and float(x) + float(width) <= WIDTH - RIGHT + 0.1
        assert float(y) >= TOP and float(y) + float(height) <= HEIGHT - BOTTOM + 0.1


def test_bars_stand_on_zero_and_hang_from_it() -> None:
    drawn = svg(PAGE.plots[2], "p")
    zero = float(re.findall(r'y1="([\d.]+)" y2="[\d.]+" class="zero"', drawn)[0])
    (down,) = re.findall(r'<rect class="below".*?y="([\d.]+)" height="([\d.]+)"', drawn)
    (up,) = re.findall(r'<rect class="c0".*?y="([\d.]+)" height="([\d.]+)"', drawn)
    assert float(down[0]) == zero
    assert float(up[0]) + float(up[1]) == pytest.approx(zero, abs=0.11)
    assert float(down[1]) / float(up[1]) == pytest.approx(1.5, abs=0.01)


def test_names_beside_points_are_kept_apart() -> None:
    series = tuple(Series(f"system {n}", (10.0,), (0.5 + n / 1000,), n) for n in range(6))
    drawn = svg(Plot("t", "d", "points", Axis("ms"), Axis("nDCG@10"), series), "p")
    places = sorted(float(y) for y in re.findall(r'y="([\d.]+)" text-anchor="\w+" class="label', drawn))
    assert len(places) == 6
    assert all(lower - upper >= 13.9 for upper, lower in pairwise(places))
