"""Preflight: diagnosis of a head by its active dimensions, similarities and logits, and its cure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from splade_cli.errors import ModelError
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.splade.calibration import background_shift, largest_logits, shift_bias
from splade_cli.model.splade.pooling import activate

SAMPLE = 200
TOO_MANY = 0.25
"""Share of the vocabulary that is active in a mean text from which on a head counts as all-active."""
TOO_FEW = 2.0
TOO_OFTEN_EMPTY = 0.25
"""Mean active terms, and share of texts without any, from which on a head counts as all-zero."""
TOO_ALIKE = 0.95


@dataclass(frozen=True)
class Diagnosis:
    """What a head does with texts of the corpus.

    Attributes:
        verdict: ``ok``, ``all-active``, ``all-zero``, ``bounded`` (logits are squashed and never reach 0) or
            ``collapsed`` (all texts get the same terms).
        message: a sentence for the user.
        texts, dimensions: how many were looked at; V.
        active, least, most: active terms a text: mean, smallest, largest.
        similarity: mean cosine of two different texts' vectors.
    """

    verdict: str
    message: str
    texts: int
    dimensions: int
    active: float
    least: int
    most: int
    similarity: float

    @property
    def usable(self) -> bool:
        """Whether training can start from here."""
        return self.verdict == "ok"


def preflight(loaded: LoadedModel, texts: Sequence[str]) -> Diagnosis:
    """Looks at up to SAMPLE of `texts`, documents of the corpus in any order.

    Raises:
        ModelError: no text, a model without a vocabulary, or logits that are not finite.
    """
    sample = [text for text in texts if text.strip()][:SAMPLE]
    if not sample:
        raise ModelError("there is no text to try the model on", "add documents that are not empty")
    largest = largest_logits(loaded, sample)
    if not bool(largest.isfinite().all()):
        raise ModelError(f"{loaded.model.name} gave a logit that is not finite", "train in fp32")
    return diagnose(largest, activation=loaded.splade.activation, capped=not loaded.splade.fused)


def diagnose(largest: Tensor, *, activation: str = "relu", capped: bool = False) -> Diagnosis:
    """The diagnosis of the largest logits a term, [texts, V].

    Args:
        capped: something comes after the decoder; where no logit is 0 or less, that is the cause.
    """
    texts, dimensions = largest.shape
    counts = (largest > 0).sum(1)
    active = float(counts.float().mean())
    alike = _similarity(activate(largest, activation))
    empty = float((counts == 0).float().mean())
    shown = f"{active:.0f} of {dimensions} terms are active in a mean text"
    if capped and float(largest.min()) > 0:
        verdict = "bounded"
        bounds = f"between 0 and {float(largest.max()):.3g}"
        message = f"the head squashes its logits to {bounds}: no term can be inactive"
    elif active > TOO_MANY * dimensions:
        verdict = "all-active"
        message = f"{shown}: a penalty would take most of the training to thin that out"
    elif active < TOO_FEW or empty > TOO_OFTEN_EMPTY:
        verdict = "all-zero"
        message = f"{shown}, and {empty:.0%} of the texts have none: what is 0 gets no gradient and stays 0"
    elif texts > 1 and alike > TOO_ALIKE:
        verdict = "collapsed"
        message = f"unrelated texts have a similarity of {alike:.2f}: all get the same terms"
    else:
        verdict = "ok"
        message = f"{shown}; unrelated texts have a similarity of {alike:.2f}"
    return Diagnosis(
        verdict=verdict,
        message=message,
        texts=texts,
        dimensions=dimensions,
        active=active,
        least=int(counts.min()),
        most=int(counts.max()),
        similarity=alike,
    )


def uncap(loaded: LoadedModel, encoder: Any = None) -> None:
    """Trains on a bounded head's raw logits from now on; see `SpladeModel.uncap`.

    Args:
        encoder: a FusedSparseEncoder that holds the same masked LM; its head follows.

    Raises:
        ModelError: what comes after the decoder is no monotone function of its logits.
    """
    model = loaded.splade
    if not model.uncap():
        raise ModelError(
            f"{model.name} has a head whose logits cannot be had without what comes after its decoder",
            "start from a model that ends in a plain linear decoder: BERT, RoBERTa, DistilBERT, ModernBERT",
        )
    if encoder is not None:
        encoder.insert_head(model.head)


def calibrate(loaded: LoadedModel, texts: Sequence[str], active: float) -> Diagnosis:
    """Shifts the decoder's bias, in place, so that texts have `active` terms in the mean; the new diagnosis.

    Each term is shifted against its background in the corpus, see `calibration.background_shift`.

    Args:
        texts: as of `preflight`; some dozens at least.
        active: mean active terms a text; about twice what training is to end with.

    Raises:
        ModelError: see `calibration.shift_bias` and `calibration.background_shift`.
    """
    sample = [text for text in texts if text.strip()][:SAMPLE]
    if not sample:
        raise ModelError("there is no text to calibrate the model on", "add documents that are not empty")
    largest = largest_logits(loaded, sample)
    shift = background_shift(largest, active)
    shift_bias(loaded.splade, shift)
    return diagnose(largest + shift, activation=loaded.splade.activation)


def make_usable(
    loaded: LoadedModel, texts: Sequence[str], active: float, encoder: Any = None
) -> list[tuple[str, Diagnosis]]:
    """`preflight`, and then whatever its verdict calls for.

    Args:
        active: see `calibrate`.
        encoder: see `uncap`.

    Returns:
        What was done (``""``, ``uncapped``, ``calibrated``) and the diagnosis after it, in order; the last
        one is ok.

    Raises:
        ModelError: the head cannot be made usable; the message says why.
    """
    steps = [("", preflight(loaded, texts))]
    if steps[-1][1].verdict == "bounded":
        uncap(loaded, encoder)
        steps.append(("uncapped", preflight(loaded, texts)))
    if not steps[-1][1].usable:
        steps.append(("calibrated", calibrate(loaded, texts, active)))
    last = steps[-1][1]
    if not last.usable:
        raise ModelError(
            f"{loaded.model.name} is no use as a sparse encoder even after calibration: {last.message}",
            "start from another base model, or give more texts to calibrate on",
        )
    return steps


def _similarity(weights: Tensor) -> float:
    """Mean cosine of two different rows; 0 where there are no two rows with a weight."""
    rows = weights[weights.any(1)]
    if len(rows) < 2:
        return 0.0
    unit = rows / rows.norm(dim=1, keepdim=True)
    total = unit.sum(0).square().sum() - len(unit)
    return float(total / (len(unit) * (len(unit) - 1)))
