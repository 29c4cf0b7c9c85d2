"""Names of measures as ir-measures writes them, one or several in a setting, and what is refused."""

from __future__ import annotations

import pytest

from splade_cli.errors import InputError
from splade_cli.evaluation.measures.notation import (
    CONDENSED,
    higher_is_better,
    measures_of,
    parse_measure,
    shown_first,
)


def test_several_in_one_setting() -> None:
    assert measures_of(["nDCG@10 RR@10  R@100", "AP", "RR@10"]) == ["nDCG@10", "RR@10", "R@100", "AP"]
    assert parse_measure("AP(rel=2)@100") == ("AP(rel=2)", 100)
    assert parse_measure(CONDENSED) == ("nDCG(judged_only=True)", 10)
    assert parse_measure("rprec") == ("Rprec", None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("RBP(p=0.8)", "unknown measure"),
        ("AP(foo=1)", "unknown measure 'AP\\(foo=1\\)'"),
        ("P(rel=2)", "needs a cutoff"),
        ("nDCG(dcg='exp-log2')@10", "none of trec_eval's"),
        ("Unjudged", "needs a cutoff"),
    ],
)
def test_what_is_not_computed(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        measures_of([f"nDCG@10 {name}"])


def test_less_of_some_is_better() -> None:
    assert higher_is_better("nDCG@10") and not higher_is_better("Unjudged@10")
    assert shown_first(["Unjudged@5", "R@5"]) == "R@5"
    assert shown_first(["Unjudged@5"]) == "Unjudged@5"
