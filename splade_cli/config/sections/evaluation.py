"""Measurements during and after training: the keys `evaluation.*`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from splade_cli.config.sections.base import Section, listed


class EvaluationSection(Section):
    """What is measured during and after training.

    `guard` is a collection that the model is not adapted to, and on which it must not lose.
    """

    evaluator: Literal["sparse_nanobeir"] | None = None
    nanobeir_datasets: list[str] = Field(["msmarco", "nfcorpus", "nq"])
    mteb_tasks: list[str] = Field([])
    track_sparsity: bool = True
    log_decoded_samples: int = Field(0, ge=0)
    guard: str | None = None
    preflight: bool = True

    @field_validator("nanobeir_datasets", "mteb_tasks", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        return listed(value)

    @field_validator("log_decoded_samples", mode="before")
    @classmethod
    def _count_of_flag(cls, value: Any) -> Any:
        if not isinstance(value, bool):
            return value
        return 3 if value else 0
