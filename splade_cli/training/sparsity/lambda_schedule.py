"""Quadratic warm-up of the regularisation weight lambda [Formal 2021, arXiv 2109.10086, section 4]."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from splade_cli.training.sparsity.regularized_losses import KINDS, Losses, as_list, lambda_of, set_lambda


def quadratic_warmup(step: int, steps: int, weight: float) -> float:
    """``weight * min((step / steps)^2, 1)``: lambda after `step` of the `steps` over which it grows."""
    if steps <= 0:
        return weight
    return weight * min((step / steps) ** 2, 1.0)


class LambdaWarmup(TrainerCallback):
    """Sets both lambdas of every loss to what `quadratic_warmup` says of the ones that it was made with.

    Args:
        losses: by dataset, or one after the other.
        ratio: share of all steps over which lambda grows.
    """

    def __init__(self, losses: Losses, ratio: float = 1 / 3) -> None:
        self.losses = as_list(losses)
        self.ratio = ratio
        self.final = [[lambda_of(loss, kind) for kind in KINDS] for loss in self.losses]

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        steps = int(self.ratio * state.max_steps)
        for loss, weights in zip(self.losses, self.final, strict=True):
            for kind, weight in zip(KINDS, weights, strict=True):
                if weight is not None:
                    set_lambda(loss, kind, quadratic_warmup(state.global_step, steps, weight))
