"""SPLADE's head: a masked LM's decoder and the pooling over tokens, as one module of a model's module list.

`FusedHead` takes the decoder's input and never holds the logits [B, L, V] of a batch; `ReferenceHead` pools
logits, for models that do not end in a plain linear decoder. In a sentence-transformers model either stands
where SpladePooling stood, see `sparse_encoder`, and is what sentence-transformers asks of a module without
importing it, which takes 8 s.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from splade_cli.model.kernels.linear import QuantizedMatrix
from splade_cli.model.sparse_model import SparseRows, nonzero_rows
from splade_cli.model.splade.decoder import SkippedDecoder
from splade_cli.model.splade.max_pooling import max_logits
from splade_cli.model.splade.pooling import activate, sparse_pool, sparse_rows


class SpladeHead(nn.Module):
    """What the masked LM gives [B, L, d or V] to vocabulary weights [B, V].

    Args:
        dimensions: V.
        pooling, activation: see `pooling.sparse_pool`.

    Attributes:
        decoder: the masked LM's linear decoder, None where there is no such thing.
    """

    forward_kwargs: frozenset[str] = frozenset()

    def __init__(self, dimensions: int, pooling: str = "max", activation: str = "relu") -> None:
        super().__init__()
        self.dimensions = dimensions
        self.pooling = pooling
        self.activation = activation

    @property
    def decoder(self) -> nn.Linear | None:
        """The masked LM's decoder, whose parameters are the masked LM's and not this module's."""
        return None

    def input_of(self, logits: Tensor) -> Tensor:
        """What this head reads, given what the masked LM calls its logits."""
        return logits

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Weights [B, V], differentiable, of what `input_of` gives and the mask of real tokens [B, L]."""
        raise NotImplementedError

    def max_logits(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Each text's largest logit a term [B, V], before any activation; no gradient."""
        raise NotImplementedError

    def sparse_rows(self, hidden: Tensor, mask: Tensor, low: bool = True) -> SparseRows:
        """The same weights as CSR arrays, without gradients; `low` takes int8 where `use_int8` made it.

        Raises:
            FloatingPointError: a weight that is not finite.
        """
        return nonzero_rows(self.pool(hidden, mask))

    def use_int8(self, wanted: bool = True) -> None:
        """Multiplies in int8 in `sparse_rows` from now on, where this head can."""

    def forward(self, features: dict[str, Any]) -> dict[str, Any]:
        """Sets ``sentence_embedding`` [B, V] from ``token_embeddings`` and ``attention_mask``."""
        hidden = self.input_of(features["token_embeddings"])
        features["sentence_embedding"] = self.pool(hidden, features["attention_mask"])
        return features

    def get_embedding_dimension(self) -> int:
        """V, under the name that sentence-transformers asks for."""
        return self.dimensions

    def on_model_ready(self, model: Any) -> None:
        """Nothing: sentence-transformers tells its modules when all are there."""


class FusedHead(SpladeHead):
    """Decoder and pooling in one: hidden states [B, L, d] to weights [B, V], with memory for [B, V] alone.

    Args:
        decoder: of the masked LM whose hidden states are read.
        pooling, activation: see `pooling.sparse_pool`.
    """

    def __init__(self, decoder: SkippedDecoder, pooling: str = "max", activation: str = "relu") -> None:
        super().__init__(decoder.out_features, pooling, activation)
        self._decoder = [
            decoder
        ]  # in a list: no submodule, so that no parameter has two names in a saved state
        self._int8: QuantizedMatrix | None = None

    @property
    def decoder(self) -> SkippedDecoder:
        """The masked LM's decoder."""
        return self._decoder[0]

    def input_of(self, logits: Tensor) -> Tensor:
        """The hidden states that the decoder was given."""
        return self.decoder.input_of(logits)

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Weights [B, V], differentiable in hidden states, weight and bias."""
        decoder = self.decoder
        return sparse_pool(hidden, mask, decoder.weight, decoder.bias, self.pooling, self.activation)

    def max_logits(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Largest logits [B, V] over real tokens."""
        return max_logits(hidden, mask, self.decoder.weight, self.decoder.bias)

    def sparse_rows(self, hidden: Tensor, mask: Tensor, low: bool = True) -> SparseRows:
        """CSR arrays of the weights, without ever holding more than a tile of logits."""
        weight: Tensor | QuantizedMatrix = self.decoder.weight
        if low and self._int8 is not None:
            weight = self._int8
        return sparse_rows(hidden, mask, weight, self.decoder.bias, self.pooling, self.activation)

    def use_int8(self, wanted: bool = True) -> None:
        """Multiplies in int8 in `sparse_rows` from now on; changes nothing where the pooling is a sum."""
        self._int8 = None
        if wanted and self.pooling == "max":
            self._int8 = QuantizedMatrix.of(self.decoder.weight)


class ReferenceHead(SpladeHead):
    """Pooling of the masked LM's own logits [B, L, V], which are held in full."""

    def pool(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Weights [B, V] of logits."""
        weights = activate(hidden * mask[..., None].to(hidden.dtype), self.activation)
        return weights.amax(1) if self.pooling == "max" else weights.sum(1)

    def max_logits(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Largest logits [B, V] over real tokens."""
        return hidden.masked_fill(~mask.bool()[..., None], float("-inf")).amax(1)
