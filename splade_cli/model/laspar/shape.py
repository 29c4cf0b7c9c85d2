"""Sizes of a latent head: what is fixed of it before it has parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace

from splade_cli.errors import InputError

VARIANTS = ("attention", "sum")
FLOAT32_LIMIT = 1 << 28
"""Numbers in U up to which it is float32 (1 GiB); larger ones are bfloat16."""


@dataclass(frozen=True)
class LatentShape:
    """The sizes of a head, as its folder keeps them.

    Attributes:
        width: d.
        dimensions: D, 32,768 to 4,194,304 in LASPAR.
        variant: ``attention`` or ``sum``.
        rank: r of a factorised U = P R with P [D, r] and R [r, d]; None for a whole U. r = d / 3 takes a
            third of the memory and time and costs quality, see benchmarks/RESULTS.md.
        positions: learned position weights; tokens beyond share the last one.
        query_k, document_k: latents kept.
        precision: of U: float32, bfloat16, or auto by its size.

    Raises:
        InputError: a variant or size that cannot be.
    """

    width: int
    dimensions: int
    variant: str = "attention"
    rank: int | None = None
    positions: int = 512
    query_k: int = 128
    document_k: int = 512
    precision: str = "auto"

    def __post_init__(self) -> None:
        if self.variant not in VARIANTS:
            raise InputError(f"unknown variant '{self.variant}' of laspar", f"one of {', '.join(VARIANTS)}")
        if self.rank is not None and not 0 < self.rank <= self.width:
            raise InputError(
                f"rank {self.rank} of a factorised U is not between 1 and the width {self.width} of the base",
                "lower latent_rank, or leave it out for a whole U",
            )
        if not 0 < self.query_k <= self.dimensions or not 0 < self.document_k <= self.dimensions:
            raise InputError(
                f"cannot keep {self.query_k} and {self.document_k} of {self.dimensions} latents",
                "lower latent_query_k or document_k",
            )

    def resolved(self) -> LatentShape:
        """The same with the precision that its size asks for."""
        if self.precision != "auto":
            return self
        numbers = self.dimensions * (self.rank or self.width)
        if numbers <= FLOAT32_LIMIT:
            return replace(self, precision="float32")
        return replace(self, precision="bfloat16")
