"""PID controller of the regularisation weight lambda, in log space: active terms in, lambda out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar


@dataclass
class LambdaController:
    """Steers one lambda so that texts have `target` active terms.

    The terms are led from where they are to `target` along a straight line in log space over the `ramp` share
    of the steps, and held there; the integral part is dual ascent on the constraint "active = reference".
    Time is measured in units of steps / 60, so a short run is steered as a long one is.

    Attributes:
        target: wanted active terms a text.
        ramp: share of the steps after which `target` is to be reached.
        integral: log of lambda in units of main loss / penalty at the start.
        average: moving average of log(active terms) of training batches.
        factor: terms of whole texts over terms of training batches, which are truncated and see dropout.
        start: terms when the run began.
        missing: log(wanted / active) where lambda is as good as 0 already, else 0.
        trail: a slower average, for the direction in which terms are going.
        error: log(active / wanted) after the last step.
    """

    target: float
    ramp: float = 0.4
    integral: float = math.log(0.02)
    average: float = math.nan
    factor: float = 1.0
    start: float = math.nan
    missing: float = 0.0
    trail: float = math.nan
    error: float = 0.0

    GAIN: ClassVar[float] = 1.5
    DAMPING: ClassVar[float] = 2.0
    LOWEST: ClassVar[float] = math.log(1e-5)
    HIGHEST: ClassVar[float] = math.log(1e8)
    NEGLIGIBLE: ClassVar[float] = math.log(2e-2)

    @property
    def terms(self) -> float:
        """The estimate of the active terms of whole texts."""
        return math.exp(self.average) * self.factor

    def correct(self, measured: float) -> None:
        """Takes the terms that whole texts have now, of which training batches show a part."""
        if math.isnan(self.average):
            return
        factor = max(measured, 0.5) / math.exp(self.average)
        # a batch is few texts: half of what it says, but for the first time
        self.factor = factor if self.factor == 1.0 else math.sqrt(factor * self.factor)
        if math.isnan(self.start):
            self.start = self.terms

    def reference(self, step: float, steps: int) -> float:
        """Terms wanted after `step` of `steps`."""
        if self.start <= self.target:
            return self.target
        share = min(1.0, max(0.0, step) / max(1.0, self.ramp * steps))
        return float(self.start * (self.target / self.start) ** share)

    def update(self, active: float, step: int, steps: int, ceiling: float = math.inf) -> float:
        """Lambda for the next step, in units of main loss / penalty at the start.

        Args:
            active: mean active terms a text in this step's batches.
            step, steps: steps done, of how many.
            ceiling: lambda above which the penalty would drown the main loss.
        """
        unit = max(4.0, steps / 60)
        self._observe(active, unit)
        wanted = self.reference(step, steps)
        self.error = _within(math.log(self.terms / wanted), 1.5)
        # the two averages lie 1.5 units apart: how much faster than the line the terms fall
        fall_of_line = math.log(wanted / self.reference(step - 1.5 * unit, steps))
        drift = self.average - self.trail - fall_of_line
        # FLOPS go with the square of the terms
        forward = 2 * math.log(self.start / wanted) if self.start > wanted else 0.0
        highest = min(self.HIGHEST, math.log(max(ceiling, 1e-300)))
        integral = min(highest - forward, self.integral + self.error / unit)
        self.integral = max(self.LOWEST, integral)
        steered = self.integral + self.GAIN * self.error + self.DAMPING * _within(drift, 2.0)
        log_lambda = min(steered, highest)
        too_few = log_lambda < self.NEGLIGIBLE and self.error < -0.1
        self.missing = -self.error if too_few else 0.0
        return math.exp(min(log_lambda + forward, highest))

    def bias_change(self, step: int, steps: int) -> float:
        """What the decoder's bias should gain now, in logits.

        It is not 0 where lambda is as good as 0 and terms are missing, and over the last 15% of the steps,
        when the learning rate is too low for lambda to move much, where something is still amiss.
        """
        error = -self.missing
        if not error and step > 0.85 * steps and abs(self.error) > 0.03:
            error = self.error
        return -0.8 * error / max(4.0, steps / 60)

    def _observe(self, active: float, unit: float) -> None:
        value = math.log(max(active, 0.5))
        if math.isnan(self.average):
            self.average = value
            self.trail = value
        self.average += min(1.0, 2 / unit) * (value - self.average)
        self.trail += 0.5 / unit * (value - self.trail)
        if math.isnan(self.start):
            self.start = self.terms


def _within(value: float, bound: float) -> float:
    return max(-bound, min(bound, value))
