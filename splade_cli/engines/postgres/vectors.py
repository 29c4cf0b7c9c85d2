"""The text form of pgvector's ``sparsevec``: ``{column:weight,...}/dimensions``, columns counted from 1."""

from __future__ import annotations

from collections.abc import Sequence


def sparsevec(columns: Sequence[int], weights: Sequence[float], dimensions: int) -> str:
    """A vector as text. Nine digits tell every float32 from its neighbours.

    Args:
        columns: counted from 0, ascending.
    """
    pairs = ",".join([f"{column + 1}:{weight:.9g}" for column, weight in zip(columns, weights, strict=True)])
    return f"{{{pairs}}}/{dimensions}"


def parse_sparsevec(text: str) -> tuple[list[int], list[float]]:
    """Columns, counted from 0, and weights of a vector as text."""
    pairs = text[1 : text.index("}")]
    if not pairs:
        return [], []
    columns = []
    weights = []
    for pair in pairs.split(","):
        column, _, weight = pair.partition(":")
        columns.append(int(column) - 1)
        weights.append(float(weight))
    return columns, weights
