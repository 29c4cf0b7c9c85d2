"""Calibration of a masked LM's head: the shift of its decoder's bias that makes it sparse.

The head was trained to rank the words for one gap, not to be 0 for words that a text has nothing to do with:
its logits may all be positive, or none. Both are put right by what the corpus itself says of each term's
usual logit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from splade_cli.errors import ModelError
from splade_cli.model.encode import tokenize
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.splade.encoder import SpladeModel

BATCH = 8


def largest_logits(loaded: LoadedModel, texts: Sequence[str], kind: str = "document") -> Tensor:
    """Each text's largest logit a term over its tokens, float32 [len(texts), V] on the CPU; no gradient.

    A term is active where this is above 0, whatever the pooling and activation. The model's training mode is
    kept.

    Raises:
        ModelError: a model without a vocabulary.
    """
    model = loaded.splade
    tokens = tokenize(loaded, texts, kind)
    order = np.argsort([-len(ids) for ids in tokens["input_ids"]], kind="stable").tolist()
    largest = torch.empty(len(texts), model.dimensions)
    was_training = model.training
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            batch = order[start : start + BATCH]
            padded = loaded.tokenizer.pad(
                {key: [tokens[key][i] for i in batch] for key in tokens}, return_tensors="pt"
            )
            features = {key: value.to(loaded.device.name) for key, value in padded.items()}
            pooled = model.head.max_logits(model.head_input(**features), features["attention_mask"])
            largest[batch] = pooled.float().cpu()
    model.train(was_training)
    return largest


def background_shift(largest: Tensor, active: float, usual: float = 0.5) -> Tensor:
    """What to add to each bias so that a text has `active` terms in the mean, and no term is everywhere.

    A term's usual logit is its `usual` quantile over the texts; it goes first. What a text has above that is
    what sets it apart, and one threshold for all terms then leaves the `active` largest of it. So terms
    differ in how many texts have them, as words do, but none is in more than 1 - `usual` of them.

    Args:
        largest: [texts, V] of `largest_logits`, some dozens of texts of the corpus at least.
        active: mean active terms a text afterwards.

    Returns:
        [V], float32.

    Raises:
        ModelError: the texts cannot be told apart, or have not so many terms above the usual.
    """
    usually = largest.kthvalue(max(1, math.ceil(usual * len(largest))), dim=0).values
    above = largest - usually
    wanted = max(1, round(active * len(largest)))
    candidates = int((above > 0).sum())
    if candidates < wanted:
        raise ModelError(
            f"the head gives {candidates / len(largest):.0f} terms of a text more than their usual logit, "
            f"and {active:.0f} are wanted",
            "ask for fewer terms, or start from another base model",
        )
    return -(usually + _threshold(above, wanted))


def uniform_shift(largest: Tensor, active: float) -> Tensor:
    """One number, as [V], to add to all biases so that texts have `active` terms in the mean; order stays."""
    wanted = min(largest.numel() - 1, max(1, round(active * len(largest))))
    return torch.full((largest.shape[1],), -_threshold(largest, wanted))


def balanced_shift(largest: Mapping[str, Tensor], active: Mapping[str, float]) -> float:
    """The one number to add to all biases that brings each kind of text nearest to its terms.

    Two kinds that miss their terms then miss them by the same factor, one above and one below.

    Args:
        largest: [texts, V] of `largest_logits`, by kind.
        active: mean active terms a text wanted, for some or all of these kinds.
    """
    shifts = [float(uniform_shift(largest[kind], terms)[0]) for kind, terms in active.items()]
    low = min(shifts)
    high = max(shifts)
    for _ in range(40):
        middle = (low + high) / 2
        missed = 0.0
        for kind, terms in active.items():
            reached = float((largest[kind] + middle > 0).sum()) / len(largest[kind])
            missed += math.log(max(reached, 0.5) / terms)
        if missed > 0:
            high = middle
        else:
            low = middle
    return (low + high) / 2


def _threshold(values: Tensor, wanted: int) -> float:
    """Between the `wanted`-th largest value and the next."""
    top = values.flatten().topk(min(values.numel(), wanted + 1)).values
    return float((top[wanted - 1] + top[-1]) / 2)


def shift_bias(model: SpladeModel, shift: Tensor) -> None:
    """Adds `shift` [V] to the decoder's bias, in place: every name that a state has for it sees it.

    Raises:
        ModelError: the decoder has no bias, or the head is not one linear decoder.
    """
    decoder = model.decoder
    if decoder is None:
        raise ModelError(
            f"{model.name} does not end in a plain linear decoder, so its terms cannot be shifted",
            "start from a BERT, RoBERTa, DistilBERT or ModernBERT model",
        )
    if decoder.bias is None:
        raise ModelError(
            f"the decoder of {model.name} has no bias, so its terms cannot be shifted",
            "start from a model whose masked-LM head has a bias",
        )
    with torch.no_grad():
        decoder.bias.add_(shift.to(decoder.bias))
