"""The SPLADE encoder: a masked language model under a pooled vocabulary head."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from splade_cli.model.kernels.linear import use_fast_linear
from splade_cli.model.sparse_model import SparseModel, SparseRows, nonzero_rows
from splade_cli.model.splade.decoder import UNCAPPED, skip_decoder
from splade_cli.model.splade.head import FusedHead, ReferenceHead, SpladeHead


class SpladeModel(SparseModel):
    """A SPLADE encoder: token ids [B, L] to non-negative vocabulary weights [B, V].

    Args:
        masked_lm: a transformers model; its decoder is skipped and its linear layers are made faster, in
            place.
        pooling, activation: see `pooling.sparse_pool`.
        settings: `SparseModel`'s.
    """

    def __init__(
        self, masked_lm: Any, *, pooling: str = "max", activation: str = "relu", **settings: Any
    ) -> None:
        super().__init__(**settings)
        self.masked_lm = masked_lm
        self.head: SpladeHead
        decoder = skip_decoder(masked_lm, past_cap=getattr(masked_lm.config, UNCAPPED, False))
        if decoder is None:
            self.head = ReferenceHead(int(masked_lm.config.vocab_size), pooling, activation)
        else:
            self.head = FusedHead(decoder, pooling, activation)
        use_fast_linear(masked_lm)
        if self.query_table is not None:
            self.architecture = "inference-free-splade"

    @property
    def pooling(self) -> str:
        """The head's ``max`` or ``sum``."""
        return self.head.pooling

    @property
    def activation(self) -> str:
        """The head's ``relu`` or ``log1p_relu``."""
        return self.head.activation

    @property
    def decoder(self) -> nn.Linear | None:
        """The linear decoder, None where the head is not one linear decoder."""
        return self.head.decoder

    @property
    def fused(self) -> bool:
        """False where the dense reference has to be used."""
        return isinstance(self.head, FusedHead)

    @property
    def dimensions(self) -> int:
        """V, the number of vocabulary columns."""
        return self.head.dimensions

    def head_input(self, **features: Tensor) -> Tensor:
        """What the head reads of tokenised texts: hidden states [B, L, d], logits where it is not fused."""
        return self.head.input_of(self.masked_lm(**features).logits)

    def forward(self, **features: Tensor) -> Tensor:
        """Weights [B, V] of tokenised texts; `features` are the tokenizer's, `attention_mask` among them."""
        weights = self.head.pool(self.head_input(**features), features["attention_mask"])
        if self.max_active is not None and self.max_active < weights.shape[1]:
            largest = weights.topk(self.max_active, dim=1)
            weights = torch.zeros_like(weights).scatter(1, largest.indices, largest.values)
        return weights

    def sparse_rows(self, *, kind: str = "document", low: bool = True, **features: Tensor) -> SparseRows:
        """What `forward` gives, as CSR arrays of its non-zeros; both kinds alike."""
        if self.max_active is not None:
            return nonzero_rows(self(**features))
        return self.head.sparse_rows(self.head_input(**features), features["attention_mask"], low)

    def use_int8(self, wanted: bool = True) -> None:
        """Encodes with an int8 decoder from now on, where the head is fused and pools by maximum."""
        self.head.use_int8(wanted)

    def uncap(self) -> bool:
        """Reads the decoder's own logits from now on, without the cap that the masked LM puts on them.

        A mark in the masked LM's configuration, which is saved with it, makes a later `SpladeModel` do the
        same.

        Returns:
            False, and nothing is changed, where what comes after the decoder is no monotone function of its
            logits.
        """
        if self.fused:
            return True
        decoder = skip_decoder(self.masked_lm, past_cap=True)
        if decoder is None:
            return False
        self.head = FusedHead(decoder, self.pooling, self.activation)
        setattr(self.masked_lm.config, UNCAPPED, True)
        return True
