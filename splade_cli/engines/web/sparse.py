"""A sparse vector in an answer: the columns of its weights in one list, the weights in another."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Sparse:
    """A vector as indices and values.

    Raises:
        ValueError: lists of two lengths, of which nobody knows what belongs together.
    """

    indices: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.indices) != len(self.values):
            raise ValueError(f"a vector of {len(self.indices)} indices and {len(self.values)} values")

    def pairs(self) -> list[tuple[int, float]]:
        """Columns with their weights, columns ascending."""
        return sorted(zip(self.indices, self.values, strict=True))
