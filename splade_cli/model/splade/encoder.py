"""A masked language model and a pooling become one sparse encoder; knows no folder, no hub, no file of text.

The decoder of a masked LM is stepped over, so that the model hands out what the decoder would have read, and
`pooling.sparse_pool` does the rest. Where a model does not end in a plain linear decoder, the reference is used.
"""

from __future__ import annotations

from functools import update_wrapper
from typing import Any

import torch
from torch import Tensor, nn

from splade_cli.model.kernels.linear import Int8Weight, quicken
from splade_cli.model.sparse_model import SparseModel, SparseRows
from splade_cli.model.splade.pooling import activate, rows_of, sparse_pool, sparse_rows

UNCAPPED = "splade_uncapped"
"""Key in a masked LM's config.json: its cap on the logits is to be left out. sentence-transformers does not know it."""


def _pass_through(hidden: Tensor) -> Tensor:
    return hidden


def _decoder_of(masked_lm: Any) -> nn.Linear | None:
    """The linear layer that ends in the vocabulary: what the model names, or the one whose weight it names."""
    named = masked_lm.get_output_embeddings()
    if isinstance(named, nn.Linear):
        return named
    linears = [part for part in masked_lm.modules() if isinstance(part, nn.Linear)]
    wide = [part for part in linears if part.out_features == masked_lm.config.vocab_size]
    meant = [part for part in linears if part.weight is named] or wide
    return meant[-1] if meant else None


class _DecoderInput:
    """Stands in for the forward of a model with capped logits, and gives what its decoder read as its logits."""

    def __init__(self, masked_lm: Any) -> None:
        self.masked_lm, self.read = masked_lm, list[Tensor]()
        update_wrapper(self, type(masked_lm).forward)

    def keep(self, hidden: Tensor) -> Tensor:
        """The decoder's forward meanwhile."""
        self.read[:] = [hidden]
        return hidden

    def __call__(self, *given: Any, **named: Any) -> Any:
        output = type(self.masked_lm).forward(self.masked_lm, *given, **named)
        output.logits = self.read.pop()
        return output


def _rises_with(logits: Tensor, capped: Tensor) -> bool:
    """Whether `capped` is a monotone function of `logits`, one for all terms."""
    ordered = capped.flatten()[logits.flatten().argsort()].double()
    spread = float(ordered[-1] - ordered[0])
    return spread > 0 and float(ordered.diff().min()) >= -1e-5 * spread


def step_over_decoder(masked_lm: Any, past_cap: bool = False) -> nn.Linear | None:
    """Makes ``masked_lm(...).logits`` the decoder's input, and returns the decoder; parameters and names stay.

    Tried on four tokens: None, and the model as it was, where decoder times that input is not what the model
    computes (a decoder that is no linear layer, a cap or scale after it).

    Args:
        past_cap: leave out a monotone function that comes after the decoder, such as 30 * sigmoid(z / 7.5): the order
            of all logits stays, and they can be 0 or less again.
    """
    decoder = _decoder_of(masked_lm)
    if decoder is None:
        return None
    vocabulary = masked_lm.config.vocab_size
    probe = torch.arange(4, device=decoder.weight.device)[None] % vocabulary
    was_training, was_forward = masked_lm.training, decoder.__dict__.get("forward")
    masked_lm.eval()
    with torch.inference_mode():
        expected = masked_lm(input_ids=probe).logits
        decoder.forward = _pass_through  # type: ignore[method-assign, assignment]
        hidden = _logits_of(masked_lm, probe)
        steps_over = hidden is not None and _computes(decoder, hidden, expected)
        if not steps_over and past_cap:
            masked_lm.forward = _DecoderInput(masked_lm)
            decoder.forward = masked_lm.forward.keep  # type: ignore[method-assign]
            hidden = _logits_of(masked_lm, probe)
            steps_over = hidden is not None and _rises_with(
                nn.functional.linear(hidden, decoder.weight, decoder.bias), expected
            )
    masked_lm.train(was_training)
    if steps_over:
        return decoder
    if past_cap:
        del masked_lm.forward
    del decoder.forward
    if was_forward is not None:
        decoder.forward = was_forward  # type: ignore[method-assign]
    return None


def _logits_of(masked_lm: Any, ids: Tensor) -> Tensor | None:
    """The model's logits, None where what comes after the decoder takes nothing narrower than the vocabulary."""
    try:
        found: Tensor = masked_lm(input_ids=ids).logits
        return found
    except RuntimeError:
        return None


def _computes(decoder: nn.Linear, hidden: Tensor, expected: Tensor) -> bool:
    return hidden.shape[-1] == decoder.in_features and torch.allclose(
        nn.functional.linear(hidden, decoder.weight, decoder.bias), expected, rtol=1e-4, atol=1e-4
    )


class SpladeModel(SparseModel):
    """A SPLADE encoder: token ids [B, L] to non-negative vocabulary weights [B, V].

    Attributes:
        pooling, activation: see `pooling.sparse_pool`.
        fused: False where the dense reference has to be used.
        int8: the decoder's weight for encoding in int8, where `use_int8` was called.
    """

    def __init__(
        self, masked_lm: Any, *, pooling: str = "max", activation: str = "relu", **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.masked_lm = masked_lm
        uncapped = getattr(masked_lm.config, UNCAPPED, False)
        self.decoder: list[nn.Linear | None] = [step_over_decoder(masked_lm, past_cap=uncapped)]
        self.int8: list[Int8Weight | None] = [None]
        quicken(masked_lm)
        self.pooling, self.activation = pooling, activation
        if self.query_table is not None:
            self.architecture = "inference-free-splade"

    @property
    def fused(self) -> bool:
        return self.decoder[0] is not None

    @property
    def dimensions(self) -> int:
        """V, the number of vocabulary columns."""
        decoder = self.decoder[0]
        return decoder.out_features if decoder is not None else int(self.masked_lm.config.vocab_size)

    def forward(self, **features: Tensor) -> Tensor:
        """Weights [B, V] of tokenised texts; `features` are the tokenizer's, `attention_mask` among them."""
        output = self.masked_lm(**features).logits
        weights = pool(output, features["attention_mask"], self.decoder[0], self.pooling, self.activation)
        if self.max_active is not None and self.max_active < weights.shape[1]:
            kept = weights.topk(self.max_active, dim=1)
            weights = torch.zeros_like(weights).scatter(1, kept.indices, kept.values)
        return weights

    def sparse_rows(self, *, kind: str = "document", low: bool = True, **features: Tensor) -> SparseRows:
        """What `forward` gives, as CSR arrays of its non-zeros; both kinds alike."""
        decoder = self.decoder[0]
        if decoder is None or self.max_active is not None:
            return rows_of(self(**features))
        output, mask = self.masked_lm(**features).logits, features["attention_mask"]
        weight = (self.int8[0] if low else None) or decoder.weight
        return sparse_rows(output, mask, weight, decoder.bias, self.pooling, self.activation)

    def uncap(self) -> bool:
        """Reads the decoder's own logits from now on, without the monotone cap that the masked LM puts on them.

        A mark in the masked LM's configuration, which is saved with it, makes a later `SpladeModel` do the same.

        Returns:
            False, and nothing is changed, where what comes after the decoder is no monotone function of its logits.
        """
        if not self.fused:
            self.decoder = [step_over_decoder(self.masked_lm, past_cap=True)]
            if self.fused:
                setattr(self.masked_lm.config, UNCAPPED, True)
        return self.fused

    def use_int8(self, wanted: bool = True) -> None:
        """Encodes with an int8 decoder from now on; changes nothing where the head is not fused or pools by sum."""
        decoder = self.decoder[0]
        able = wanted and decoder is not None and self.pooling == "max"
        self.int8 = [Int8Weight.of(decoder.weight) if able and decoder is not None else None]


def pool(output: Tensor, mask: Tensor, decoder: nn.Linear | None, pooling: str, activation: str) -> Tensor:
    """Weights [B, V] from the decoder's input (`decoder` given) or from logits [B, L, V] (decoder None)."""
    if decoder is not None:
        return sparse_pool(output, mask, decoder.weight, decoder.bias, pooling, activation)
    weights = activate(output * mask[..., None].to(output.dtype), activation)
    return weights.amax(1) if pooling == "max" else weights.sum(1)


def share_pooling(pooling: Any, model: SpladeModel) -> None:
    """Gives a sentence-transformers SpladePooling the pooling of `model`, in place.

    `model` wraps the same masked LM. What the modules are, hold and save does not change, only how SpladePooling
    computes; a model that cannot be fused is left alone.
    """
    decoder = model.decoder[0]
    if decoder is None:
        return

    def forward(features: dict[str, Tensor]) -> dict[str, Tensor]:
        features["sentence_embedding"] = pool(
            features["token_embeddings"],
            features["attention_mask"],
            decoder,
            pooling.pooling_strategy,
            pooling.activation_function,
        )
        pooling.embedding_dimension = decoder.out_features
        return features

    pooling.forward = forward
