"""How many terms stay active: lambda by a schedule, or by a controller that is told the terms. Knows no loss's inside.

`losses` here are sentence-transformers' SpladeLoss (or look like it): ``document_regularizer(_weight)`` and
``query_regularizer(_weight)`` with regularisers of `model.regularizers`; a weight that is None means none.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer_callback import ExportableState

from splade_cli.model.encode import encode
from splade_cli.model.loaded import LoadedModel
from splade_cli.training.sparsity.lambda_controller import Dial
from splade_cli.training.sparsity.regularizers import Regularizer, global_sum, processes

KINDS = ("document", "query")
AVERAGES = "regularizers.safetensors"
Measure = Callable[[], Mapping[str, float]]
"""Mean active terms of whole texts with the current weights, by kind."""


def warmed(step: int, steps: int, weight: float) -> float:
    """``weight`` times min((step / steps)^2, 1), the growth of lambda in SPLADE [arXiv 2109.10086, section 4]."""
    return weight if steps <= 0 else weight * min((step / steps) ** 2, 1.0)


def active_terms(
    loaded: LoadedModel, documents: Sequence[str], queries: Sequence[str] = (), batch_size: int = 32
) -> dict[str, float]:
    """Mean active terms of whole texts by kind, encoded as a search would; the model's training mode is kept."""
    was_training = loaded.model.training
    loaded.model.eval()
    try:
        return {
            kind: encode(loaded, texts, kind, batch_size=batch_size).nnz / len(texts)
            for kind, texts in zip(KINDS, (documents, queries), strict=True)
            if texts
        }
    finally:
        loaded.model.train(was_training)


class Warmup(TrainerCallback):
    """Sets both weights of every loss to what `warmed` says of the ones that it was made with.

    Args:
        losses: by dataset, or one after the other.
        ratio: share of all steps over which lambda grows.
    """

    def __init__(self, losses: Mapping[str, Any] | Sequence[Any], ratio: float = 1 / 3) -> None:
        self.losses, self.ratio = _as_list(losses), ratio
        self.weights = [[_weight(loss, kind) for kind in KINDS] for loss in self.losses]

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        for loss, weights in zip(self.losses, self.weights, strict=True):
            for kind, weight in zip(KINDS, weights, strict=True):
                if weight is not None:
                    found = warmed(state.global_step, int(self.ratio * state.max_steps), weight)
                    setattr(loss, f"{kind}_regularizer_weight", found)


class Controller(TrainerCallback, ExportableState):
    """Sets lambda of every loss after each step so that texts end with the wanted number of active terms.

    The main loss's scale does not matter: a lambda is counted in units of main loss / penalty, measured for each loss
    over its first batches. Its state is in each checkpoint's trainer_state.json, and read from there on resume.

    Args:
        losses: by dataset, or one after the other; their regularisers count terms.
        document_terms, query_terms: wanted active terms a text; None leaves that kind's weight as it is, and so does
            a loss whose weight for that kind is None.
        measure: terms of whole texts by kind, see `active_terms`; called after the first step, `measurements` times
            on the way, four times as often towards the end, and after it. Without it the terms of training batches
            are held to the target.
        ramp: see `Dial`.
        decoder: the model's decoder. Its bias is raised for all terms alike where lambda is as good as 0 and terms
            are missing: no penalty makes a model denser. Without it such a run ends too sparse, and `outcome` says so.
            It is also moved, up or down, over the last steps; see `Dial.rise`.

    Attributes:
        lifted: how much that was in all, in logits.
        terms: measured (or estimated) active terms by kind, after the last step.
    """

    PROBES = 8
    CEILING = 30.0
    """How many times the main loss the penalty may be: more would not prune faster, and be hard to come back from."""

    def __init__(
        self,
        losses: Mapping[str, Any] | Sequence[Any],
        *,
        document_terms: float | None = 150,
        query_terms: float | None = 30,
        measure: Measure | None = None,
        measurements: int = 12,
        ramp: float = 0.4,
        decoder: nn.Linear | None = None,
    ) -> None:
        self.decoder, self.lifted = decoder, 0.0
        self.losses, self.measure, self.measurements = _as_list(losses), measure, measurements
        wanted = dict(zip(KINDS, (document_terms, query_terms), strict=True))
        self.dials = {
            kind: Dial(float(terms), ramp)
            for kind, terms in wanted.items()
            if terms and any(_weight(loss, kind) is not None for loss in self.losses)
        }
        self.scales = {kind: [_Ratio() for _ in self.losses] for kind in self.dials}
        self.lambdas = {kind: 0.0 for kind in self.dials}
        self.terms: dict[str, float] = {}
        self._bases: list[list[float]] = [[] for _ in self.losses]
        self._hooks: list[Any] = []

    def state(self) -> dict[str, Any]:
        """What a checkpoint keeps of this callback."""
        attributes = {
            "dials": {kind: asdict(dial) for kind, dial in self.dials.items()},
            "scales": {kind: [asdict(ratio) for ratio in ratios] for kind, ratios in self.scales.items()},
            "lambdas": self.lambdas,
            "lifted": self.lifted,
        }
        return {"args": {}, "attributes": attributes}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on from what `state` gave."""
        saved = state["attributes"]
        self.lifted = saved["lifted"]
        for kind, dial in saved["dials"].items():
            if kind in self.dials:
                # a target that was changed for the resumed run is the one that counts
                self.dials[kind] = Dial(**{**dial, "target": self.dials[kind].target})
                self.scales[kind] = [_Ratio(**ratio) for ratio in saved["scales"][kind]]
                self.lambdas[kind] = saved["lambdas"][kind]

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        self._hooks = [
            loss.register_forward_hook(_MainLoss(found))
            for loss, found in zip(self.losses, self._bases, strict=True)
        ]
        saved = (state.stateful_callbacks or {}).get(type(self).__name__) if state.global_step else None
        if saved:
            self.restore(saved)

    def on_step_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        # sentence-transformers' trainer adds a schedule of its own to a SpladeLoss; the later callback has its way
        for kind, ratios in self.scales.items():
            for loss, ratio in zip(self.losses, ratios, strict=True):
                _set_weight(loss, kind, self.lambdas[kind] * ratio.first)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        step, steps = state.global_step, state.max_steps
        bases = [sum(found) / len(found) if found else None for found in self._bases]
        for found in self._bases:
            found.clear()
        seen: dict[str, float] = {}
        for kind in self.dials:
            counted = []
            for loss, base, ratio in zip(self.losses, bases, self.scales[kind], strict=True):
                taken = _regularizer(loss, kind).take() if _weight(loss, kind) is not None else None
                if taken is not None:
                    counted.append(taken[0])
                    ratio.add(1.0 if base is None else base, taken[1], self.PROBES)
            if counted:
                seen[kind] = sum(counted) / len(counted)
        if not seen:
            return
        for kind, active in seen.items():
            dial = self.dials[kind]
            ceilings = [
                self.CEILING * ratio.now / ratio.first for ratio in self.scales[kind] if ratio.first > 0
            ]
            self.lambdas[kind] = dial.update(active, step, steps, max(ceilings, default=math.inf))
        often = self.measurements * (4 if step > 0.85 * steps else 1)
        if self.measure and (step == 1 or step % max(1, steps // often) == 0):
            self._correct()
        rises = [self.dials[kind].rise(step, steps) for kind in seen]
        # one bias serves documents and queries: it follows what is missing most, else the documents
        rise = max(rises) if max(self.dials[kind].missing for kind in seen) > 0 else rises[0]
        if rise and self.decoder is not None and self.decoder.bias is not None:
            self.lifted += rise
            with torch.no_grad():
                self.decoder.bias.add_(rise)

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
        for kind, dial in self.dials.items():
            if not math.isnan(dial.average):
                logs[f"{kind}_terms"] = round(dial.terms, 2)
                logs[f"{kind}_regularizer_weight"] = max(_weight(loss, kind) or 0.0 for loss in self.losses)

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        for hook in self._hooks:
            hook.remove()
        self.terms = {kind: dial.terms for kind, dial in self.dials.items() if not math.isnan(dial.average)}
        measured = self._correct()
        self.terms.update({kind: terms for kind, terms in measured.items() if kind in self.terms})

    def outcome(self, within: float = 0.15) -> list[str]:
        """A sentence for each kind that ended further than `within` from its target."""
        said = []
        for kind, terms in self.terms.items():
            dial = self.dials[kind]
            if abs(terms / dial.target - 1) <= within:
                continue
            why = "more steps or a higher learning rate would bring it closer"
            if terms < dial.target and self.lambdas[kind] < math.exp(dial.SILENT):
                why = "the penalty was let down to nothing and the terms did not rise: training asks for no more"
            plural = {"document": "documents", "query": "queries"}[kind]
            said.append(
                f"{plural} ended with {terms:.0f} active terms, {dial.target:.0f} were asked for: {why}"
            )
        return said

    def _correct(self) -> dict[str, float]:
        if self.measure is None:
            return {}
        measured = [dict(self.measure())]
        if processes() > 1:  # they differ by rounding, and must not be steered apart
            distributed.broadcast_object_list(measured)
        for kind, terms in measured[0].items():
            if kind in self.dials:
                self.dials[kind].correct(terms)
        return measured[0]


class MovingAverages(TrainerCallback):
    """Saves the regularisers' moving averages with each checkpoint, and reads them on resume."""

    def __init__(self, losses: Mapping[str, Any] | Sequence[Any]) -> None:
        self.losses = _as_list(losses)

    def _buffers(self) -> dict[str, tuple[Any, str]]:
        return {
            f"{number}.{kind}.{name}": (regularizer, name)
            for number, loss in enumerate(self.losses)
            for kind in KINDS
            for regularizer in [getattr(loss, f"{kind}_regularizer", None)]
            for name in getattr(regularizer, "averages", ())
        }

    def save(self, folder: Path) -> None:
        """Writes the averages, if there are any, into a checkpoint that is being written."""
        from safetensors.torch import save_file

        found = {key: getattr(part, name).cpu().contiguous() for key, (part, name) in self._buffers().items()}
        if found and folder.is_dir():
            save_file(found, folder / AVERAGES)

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        from safetensors.torch import load_file

        path = Path(args.output_dir) / f"checkpoint-{state.global_step}" / AVERAGES
        if state.global_step and path.is_file():
            saved = load_file(path, device=str(args.device))
            for key, (part, name) in self._buffers().items():
                if key in saved:
                    setattr(part, name, saved[key])


@dataclass
class _Ratio:
    """Main loss over penalty: `first` as it was over the first batches, `now` as it is."""

    first: float = 0.0
    now: float = 0.0
    probes: int = 0

    def add(self, base: float, penalty: float, probes: int) -> None:
        if penalty <= 0:
            return
        # a loss that is solved already has no scale; small steps are found from anywhere
        ratio = (abs(base) if abs(base) > 1e-6 else 1e-3) / penalty
        self.now = ratio if not self.probes else self.now + 0.1 * (ratio - self.now)
        if self.probes < probes:
            self.first += (ratio - self.first) / (self.probes + 1)
        self.probes += 1


@dataclass
class _MainLoss:
    """A forward hook that notes what of a loss's output is no regulariser's part."""

    found: list[float] = field(default_factory=list)

    def __call__(self, module: Any, inputs: Any, output: Any) -> None:
        if torch.is_grad_enabled() and isinstance(output, dict):
            parts = [part.detach() for name, part in output.items() if not name.endswith("_regularizer_loss")]
            if parts:
                total: Tensor = global_sum(torch.stack(parts).sum())
                self.found.append(float(total) / processes())


def _as_list(losses: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
    return list(losses.values()) if isinstance(losses, Mapping) else list(losses)


def _regularizer(loss: Any, kind: str) -> Regularizer:
    found: Regularizer = getattr(loss, f"{kind}_regularizer")
    return found


def _weight(loss: Any, kind: str) -> float | None:
    found: float | None = getattr(loss, f"{kind}_regularizer_weight", None)
    return found


def _set_weight(loss: Any, kind: str, weight: float | None) -> None:
    if weight is not None and _weight(loss, kind) is not None:
        setattr(loss, f"{kind}_regularizer_weight", weight)
