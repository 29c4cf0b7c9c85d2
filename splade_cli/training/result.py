"""The result of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Trained:
    """What a run gave: `before` and `after` are validation figures, `guard` those of a collection it is not for.

    All are empty where nothing was there to measure them on. `share` is that of the tuned weights in the average with
    the base; `notes` are sentences for the user.
    """

    model_dir: Path
    steps: int
    best_step: int
    before: dict[str, float]
    after: dict[str, float]
    share: float
    rows: int
    guard_before: dict[str, float] = field(default_factory=dict)
    guard_after: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
