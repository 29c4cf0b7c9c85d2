"""The decoder of a masked language model: finding it, and skipping it so that its input comes out."""

from __future__ import annotations

import threading
from typing import Any, cast

import torch
from torch import Tensor, nn

UNCAPPED = "splade_uncapped"
"""Key in a masked LM's config.json: its cap on the logits is left out. Only splade knows it."""


class SkippedDecoder(nn.Linear):
    """A decoder that hands on what it reads, so that the logits of the masked LM are hidden states [B, L, d].

    `head.FusedHead` multiplies with its weight. A decoder becomes one by its class alone, as in
    `torch.nn.utils.parametrize`: its parameters, their names and all references to it stay.
    """

    def forward(self, hidden: Tensor) -> Tensor:
        """What was read."""
        return hidden

    def input_of(self, logits: Tensor) -> Tensor:
        """The decoder's input, given what the masked LM gave as its logits."""
        return logits


class CappedDecoder(SkippedDecoder):
    """A skipped decoder of a model that caps its logits, and would cap the hidden states instead.

    Its input is kept, for each thread, until `input_of` asks for it.
    """

    _inputs: dict[int, Tensor]

    def forward(self, hidden: Tensor) -> Tensor:
        """What was read."""
        self._inputs[threading.get_ident()] = hidden
        return hidden

    def input_of(self, logits: Tensor) -> Tensor:
        """What this thread's last forward pass read."""
        return self._inputs.pop(threading.get_ident())


def skip_decoder(masked_lm: Any, past_cap: bool = False) -> SkippedDecoder | None:
    """Makes the decoder of a masked LM a `SkippedDecoder`, and returns it.

    Tried on four tokens: None, and the model as it was, where decoder times its input is not what the model
    computes (a decoder that is no linear layer, a cap or scale after it).

    Args:
        past_cap: leave out a monotone function that comes after the decoder, such as 30 * sigmoid(z / 7.5):
            the order of all logits stays, and they can be 0 or less again.
    """
    decoder = find_decoder(masked_lm)
    if decoder is None or isinstance(decoder, SkippedDecoder):
        return decoder
    probe = torch.arange(4, device=decoder.weight.device)[None] % masked_lm.config.vocab_size
    was_training = masked_lm.training
    masked_lm.eval()
    with torch.inference_mode():
        expected = masked_lm(input_ids=probe).logits
        skipped = _skip(masked_lm, decoder, probe, expected)
        if skipped is None and past_cap:
            skipped = _skip_past_cap(masked_lm, decoder, probe, expected)
    masked_lm.train(was_training)
    return skipped


def find_decoder(masked_lm: Any) -> nn.Linear | None:
    """The linear layer that ends in the vocabulary: what the model names by itself or its weight."""
    named = masked_lm.get_output_embeddings()
    if isinstance(named, nn.Linear):
        return named
    linears = [part for part in masked_lm.modules() if isinstance(part, nn.Linear)]
    by_weight = [part for part in linears if part.weight is named]
    by_width = [part for part in linears if part.out_features == masked_lm.config.vocab_size]
    candidates = by_weight or by_width
    return candidates[-1] if candidates else None


def _skip(masked_lm: Any, decoder: nn.Linear, probe: Tensor, expected: Tensor) -> SkippedDecoder | None:
    original = type(decoder)
    decoder.__class__ = SkippedDecoder
    hidden = _logits_of(masked_lm, probe)
    if hidden is not None and hidden.shape[-1] == decoder.in_features:
        computed = nn.functional.linear(hidden, decoder.weight, decoder.bias)
        if torch.allclose(computed, expected, rtol=1e-4, atol=1e-4):
            return cast(SkippedDecoder, decoder)
    decoder.__class__ = original
    return None


def _skip_past_cap(
    masked_lm: Any, decoder: nn.Linear, probe: Tensor, expected: Tensor
) -> CappedDecoder | None:
    original = type(decoder)
    decoder.__class__ = CappedDecoder
    capped = cast(CappedDecoder, decoder)
    capped._inputs = {}
    logits = _logits_of(masked_lm, probe)
    if logits is not None:
        hidden = capped.input_of(logits)
        if _rises_with(nn.functional.linear(hidden, decoder.weight, decoder.bias), expected):
            return capped
    del capped._inputs
    decoder.__class__ = original
    return None


def _logits_of(masked_lm: Any, ids: Tensor) -> Tensor | None:
    """The model's logits, None where what follows the decoder takes nothing narrower than the vocabulary."""
    try:
        logits: Tensor = masked_lm(input_ids=ids).logits
    except RuntimeError:
        return None
    return logits


def _rises_with(logits: Tensor, capped: Tensor) -> bool:
    """Whether `capped` is a monotone function of `logits`, one for all terms."""
    ordered = capped.flatten()[logits.flatten().argsort()].double()
    spread = float(ordered[-1] - ordered[0])
    return spread > 0 and float(ordered.diff().min()) >= -1e-5 * spread
