"""Weight averaging of a base and a fine-tuned model [Wortsman et al. 2022, arXiv 2109.01903].

Averaging the weights before and after fine-tuning keeps what the base could do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from splade_cli.config.schema import Config
from splade_cli.evaluation.significance import LEVEL, Comparison, compare

Weights = Mapping[str, torch.Tensor]
AUTO = "auto"
WITH_VOCABULARY = ("splade", "inference-free-splade")
"""Architectures whose base may be a model of the same kind, worth keeping a part of."""


def copied_weights(encoder: torch.nn.Module) -> dict[str, torch.Tensor]:
    """All parameters and buffers by name, on the CPU, which training changes no more."""
    return {name: value.detach().cpu().clone() for name, value in encoder.state_dict().items()}


def wanted_share(config: Config, *, is_adaptation: bool) -> float | str:
    """The tuned share that a configuration comes to: a number, ``auto`` or ``validation``.

    It is 1, the tuned weights alone, for ``auto`` where the base was no sparse encoder, where the best
    weights are kept, or where terms are asked for, which an average would move.

    Args:
        is_adaptation: whether the base was a sparse encoder already.
    """
    share = config.training.tuned_share
    if config.model.architecture not in WITH_VOCABULARY:
        return 1.0
    if share != AUTO:
        return share
    loss = config.loss
    has_target = loss.target_document_terms is not None or loss.target_query_terms is not None
    if has_target or config.training.load_best_model_at_end or not is_adaptation:
        return 1.0
    return AUTO


def set_mixture(model: torch.nn.Module, base: Weights, tuned: Weights, share: float) -> None:
    """Sets `model` to ``share * tuned + (1 - share) * base``, in place; counters stay as they are."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.copy_(share * tuned[name] + (1 - share) * base[name].to(value.device))


def average_by_validation(
    model: torch.nn.Module,
    base: Weights,
    shares: Sequence[float],
    by_query: Callable[[], Mapping[str, float]],
) -> tuple[float, dict[float, float]]:
    """Sets `model` to the mixture with the smallest tuned share that validation cannot tell from the best.

    That is the smallest whose mean is within one standard error (of the paired differences) of the best mean:
    validation queries that were made like the training queries flatter the tuned end.

    Args:
        by_query: the measure of each validation query with the model's weights as they are.

    Returns:
        The tuned share of the model, and the mean of each share that was tried.
    """
    tuned = _copy(model)
    values: dict[float, NDArray[np.float64]] = {}
    for share in sorted(shares):
        set_mixture(model, base, tuned, share)
        measured = by_query()
        values[share] = np.array([measured[query] for query in sorted(measured)])
    best = max(values, key=lambda share: float(values[share].mean()))
    chosen = best
    for share in values:
        differences = values[best] - values[share]
        if differences.mean() <= differences.std() / len(differences) ** 0.5:
            chosen = share
            break
    set_mixture(model, base, tuned, chosen)
    return chosen, {share: float(each.mean()) for share, each in values.items()}


def average_by_guard(
    model: torch.nn.Module,
    base: Weights,
    shares: Sequence[float],
    measure: Callable[[], float],
    threshold: float,
) -> tuple[float, dict[float, float]]:
    """Sets `model` to the mixture with the first of `shares` that reaches `threshold`, else the last.

    Returns:
        The tuned share of the model, and the measure of each share that was tried.
    """
    tuned = _copy(model)
    measured: dict[float, float] = {}
    share = shares[0]
    for share in shares:
        set_mixture(model, base, tuned, share)
        measured[share] = measure()
        if measured[share] >= threshold:
            break
    return share, measured


def lead_of_the_best(
    on_the_way: Mapping[int, Mapping[str, float]], averaged: Mapping[str, float]
) -> tuple[int, Comparison] | None:
    """The step whose weights validated best, and its lead, where an average is significantly worse than it.

    Args:
        on_the_way: by step, the measure of each validation query with the tuned weights.
        averaged: the same with the average.
    """
    if not on_the_way or not averaged:
        return None
    best = max(on_the_way, key=lambda step: sum(on_the_way[step].values()))
    versus = compare(on_the_way[best], averaged)
    if versus.difference <= 0 or versus.p_value >= LEVEL / len(on_the_way):
        return None
    return best, versus


def average(model: torch.nn.Module, base: Weights, share: float) -> None:
    """Sets `model` to `share` of its weights and the rest of `base`."""
    set_mixture(model, base, _copy(model), share)


def _copy(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
