"""Inverse document frequencies against their formulas written out; nobody else computes one."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest

from splade_cli.idf import inverse_document_frequency, rarity, specificity

PACKAGE = Path(__file__).resolve().parents[1] / "splade_cli"


def test_values() -> None:
    frequencies = np.array([[1, 2], [5, 10]])
    expected = [[math.log(1 + (10 - n + 0.5) / (n + 0.5)) for n in row] for row in frequencies.tolist()]
    assert inverse_document_frequency(frequencies, 10) == pytest.approx(np.array(expected))
    assert [specificity(n, 10) for n in (1, 5, 10)] == [math.log(10), math.log(2), 0]
    assert [rarity(n, 10) for n in (1, 5, 10)] == [math.log(11), math.log(3), math.log(2)]


def test_no_other_file_takes_the_logarithm_of_one_and_a_quotient() -> None:
    """Such as ``log(1 + N / n)``, ``log((N - n) / n)`` or ``log1p`` of a quotient of counts."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ("log", "log1p"):
                quotient = [
                    part
                    for argument in node.args
                    for part in ast.walk(argument)
                    if isinstance(part, ast.BinOp) and isinstance(part.op, ast.Div)
                ]
                if quotient:
                    found.append(path.relative_to(PACKAGE).as_posix())
    assert set(found) == {"idf.py", *NO_FREQUENCIES}


NO_FREQUENCIES = {"model/splade/calibration.py", "training/sparsity/lambda_controller.py"}
"""Logarithms of how far active terms are from what is wanted."""
