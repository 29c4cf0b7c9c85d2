"""Training under a constraint on the number of active terms: lambda is set after each step."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import distributed, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from splade_cli.training.sparsity.all_reduce import processes
from splade_cli.training.sparsity.lambda_controller import LambdaController
from splade_cli.training.sparsity.loss_scale import LossRatio, MainLossRecorder
from splade_cli.training.sparsity.regularized_losses import (
    KINDS,
    Losses,
    as_list,
    lambda_of,
    regularizer_of,
    set_lambda,
)

Measure = Callable[[], Mapping[str, float]]
"""Mean active terms of whole texts with the current weights, by kind."""
FIRST_BATCHES = 8
"""Batches over which the unit of lambda is measured."""
CEILING = 30.0
"""How many times the main loss the penalty may be: more would not prune faster, and would be
hard to come back from."""


class SparsityController(TrainerCallback, ExportableState):
    """Sets lambda of every loss after each step so that texts end with the wanted number of active terms.

    The main loss's scale does not matter: a lambda is counted in units of main loss / penalty, measured for
    each loss over its first batches. Its state is in each checkpoint's trainer_state.json, and read from
    there on resume.

    Args:
        losses: by dataset, or one after the other; their regularisers count terms.
        document_terms, query_terms: wanted active terms a text; None leaves that kind's weight as it is, and
            so does a loss whose weight for that kind is None.
        measure: terms of whole texts by kind, see `active_terms`; called after the first step, `measurements`
            times on the way, four times as often towards the end, and after it. Without it the terms of
            training batches are held to the target.
        ramp: see `LambdaController`.
        decoder: the model's decoder. Its bias is raised for all terms alike where lambda is as good as 0 and
            terms are missing: no penalty makes a model denser. Without it such a run ends too sparse. It is
            also moved, up or down, over the last steps; see `LambdaController.bias_change`.

    Attributes:
        bias_gain: how much the bias was raised in all, in logits.
        terms: measured (or estimated) active terms by kind, after the last step.
    """

    def __init__(
        self,
        losses: Losses,
        *,
        document_terms: float | None = 150,
        query_terms: float | None = 30,
        measure: Measure | None = None,
        measurements: int = 12,
        ramp: float = 0.4,
        decoder: nn.Linear | None = None,
    ) -> None:
        self.losses = as_list(losses)
        self.measure = measure
        self.measurements = measurements
        self.decoder = decoder
        self.bias_gain = 0.0
        self.terms: dict[str, float] = {}
        self.controllers: dict[str, LambdaController] = {}
        self.ratios: dict[str, list[LossRatio]] = {}
        self.lambdas: dict[str, float] = {}
        for kind, target in zip(KINDS, (document_terms, query_terms), strict=True):
            penalised = any(lambda_of(loss, kind) is not None for loss in self.losses)
            if target and penalised:
                self.controllers[kind] = LambdaController(float(target), ramp)
                self.ratios[kind] = [LossRatio() for _ in self.losses]
                self.lambdas[kind] = 0.0
        self._recorders = [MainLossRecorder() for _ in self.losses]
        self._hooks: list[Any] = []

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of this callback."""
        attributes = {
            "controllers": {kind: asdict(controller) for kind, controller in self.controllers.items()},
            "ratios": {kind: [asdict(ratio) for ratio in ratios] for kind, ratios in self.ratios.items()},
            "lambdas": self.lambdas,
            "bias_gain": self.bias_gain,
        }
        return {"args": {}, "attributes": attributes}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state` gave; a target that was changed since is the one that counts."""
        saved = state["attributes"]
        self.bias_gain = saved["bias_gain"]
        for kind, values in saved["controllers"].items():
            if kind in self.controllers:
                target = self.controllers[kind].target
                self.controllers[kind] = LambdaController(**{**values, "target": target})
                self.ratios[kind] = [LossRatio(**ratio) for ratio in saved["ratios"][kind]]
                self.lambdas[kind] = saved["lambdas"][kind]

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        for loss, recorder in zip(self.losses, self._recorders, strict=True):
            self._hooks.append(loss.register_forward_hook(recorder))
        saved = (state.stateful_callbacks or {}).get(type(self).__name__)
        if saved and state.global_step:
            self.restore(saved)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # sentence-transformers' trainer adds a schedule of its own to a SpladeLoss: the later callback wins
        for kind, ratios in self.ratios.items():
            for loss, ratio in zip(self.losses, ratios, strict=True):
                set_lambda(loss, kind, self.lambdas[kind] * ratio.first)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        step = state.global_step
        steps = state.max_steps
        active = self._active_terms_of_step()
        if not active:
            return
        for kind, terms in active.items():
            ceiling = self._ceiling(kind)
            self.lambdas[kind] = self.controllers[kind].update(terms, step, steps, ceiling)
        measurements = self.measurements * 4 if step > 0.85 * steps else self.measurements
        if self.measure and (step == 1 or step % max(1, steps // measurements) == 0):
            self._correct()
        self._move_bias(list(active), step, steps)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        if logs is None or "loss" not in logs:
            return
        for kind, controller in self.controllers.items():
            if not math.isnan(controller.average):
                logs[f"{kind}_terms"] = round(controller.terms, 2)
                weights = [lambda_of(loss, kind) or 0.0 for loss in self.losses]
                logs[f"{kind}_regularizer_weight"] = max(weights)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self._hooks.clear()
        for kind, controller in self.controllers.items():
            if not math.isnan(controller.average):
                self.terms[kind] = controller.terms
        for kind, terms in self._correct().items():
            if kind in self.terms:
                self.terms[kind] = terms

    def _active_terms_of_step(self) -> dict[str, float]:
        """Mean active terms by kind of this step's batches; the losses' ratios take them in."""
        main_losses = [recorder.take() for recorder in self._recorders]
        active: dict[str, float] = {}
        for kind, ratios in self.ratios.items():
            counts = []
            for loss, main_loss, ratio in zip(self.losses, main_losses, ratios, strict=True):
                if lambda_of(loss, kind) is None:
                    continue
                seen = regularizer_of(loss, kind).take()
                if seen is not None:
                    terms, penalty = seen
                    counts.append(terms)
                    ratio.add(1.0 if main_loss is None else main_loss, penalty, FIRST_BATCHES)
            if counts:
                active[kind] = sum(counts) / len(counts)
        return active

    def _ceiling(self, kind: str) -> float:
        ceilings = [CEILING * ratio.now / ratio.first for ratio in self.ratios[kind] if ratio.first > 0]
        return max(ceilings, default=math.inf)

    def _move_bias(self, kinds: list[str], step: int, steps: int) -> None:
        """One bias serves documents and queries: it follows what is missing most, else the documents."""
        if self.decoder is None or self.decoder.bias is None:
            return
        changes = [self.controllers[kind].bias_change(step, steps) for kind in kinds]
        missing = any(self.controllers[kind].missing > 0 for kind in kinds)
        change = max(changes) if missing else changes[0]
        if change:
            self.bias_gain += change
            with torch.no_grad():
                self.decoder.bias.add_(change)

    def _correct(self) -> dict[str, float]:
        """Measures whole texts, tells the controllers, and returns the terms by kind."""
        if self.measure is None:
            return {}
        measured = [dict(self.measure())]
        if processes() > 1:  # they differ by rounding, and must not be steered apart
            distributed.broadcast_object_list(measured)
        for kind, terms in measured[0].items():
            if kind in self.controllers:
                self.controllers[kind].correct(terms)
        return measured[0]
