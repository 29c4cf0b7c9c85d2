"""The result of a training run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Trained:
    """What a run gave.

    Attributes:
        model_dir: the model's folder.
        before, after: validation figures, empty without validation rows.
        share: of the tuned weights in the average with the base.
        guard_before, guard_after: figures of a collection that the run is not for, empty without one.
        notes: sentences for the user.
        doubts: what speaks against trusting the model, in sentences.
        is_dense: whether it is LASPAR's dense control.
        viewers: commands that show the curves, of the trackers that were asked for.
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
    doubts: tuple[str, ...] = ()
    is_dense: bool = False
    viewers: list[str] = field(default_factory=list)
