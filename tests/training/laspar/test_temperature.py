"""The measured temperature against a loop, and at its ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
import scipy.sparse as sp

from splade_cli.config.resolve import resolve
from splade_cli.records import Example
from splade_cli.training.laspar.temperature import LARGEST, LOGITS, SMALLEST, measured_temperature

ROWS = [Example(f"q{number}", f"d{number}") for number in range(9)]


def encoder(spread: float, seed: int = 0) -> Callable[[Sequence[str], str], sp.csr_matrix]:
    """Unit vectors, those of a query and its document as near as `spread` is small."""
    generator = np.random.default_rng(seed)
    centres = generator.random((9, 40))

    def encode(texts: Sequence[str], kind: str) -> sp.csr_matrix:
        rows = centres[[int(text[1:]) for text in texts]] + spread * generator.random((len(texts), 40))
        return sp.csr_matrix(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    return encode


def test_against_a_loop() -> None:
    encode = encoder(0.1, 3)
    queries = encode([row.query for row in ROWS], "query")
    positives = encode([row.positive for row in ROWS], "document")
    own, others = [], []
    for i in range(9):
        for j in range(9):
            cosine = float(queries[i].multiply(positives[j]).sum())
            (own if i == j else others).append(cosine)
    made = {"q": queries, "d": positives}
    found = measured_temperature(ROWS, lambda texts, kind: made[texts[0][0]])
    assert found == pytest.approx((np.mean(own) - np.mean(others)) / LOGITS)
    assert SMALLEST < found < LARGEST


def test_a_model_that_tells_nothing_apart_and_a_single_row() -> None:
    same = sp.csr_matrix(np.ones((9, 4)) / 2)
    assert measured_temperature(ROWS, lambda texts, kind: same) == SMALLEST
    assert measured_temperature(ROWS[:1], lambda texts, kind: sp.csr_matrix([[1.0]])) == LARGEST


def test_who_names_one_keeps_it_and_others_do_not_measure() -> None:
    loss = resolve(preset="laspar", flags={"loss.student_temperature": 0.03}).config.loss
    assert (loss.student_temperature, loss.scale, loss.teacher_temperature) == (0.03, None, 0.05)
    loss = resolve(flags={"model.architecture": "splade"}).config.loss
    assert (loss.student_temperature, loss.scale) == (3, 1.0)
