"""BERT's masked language model in NumPy: the weights of one query at a time, without torch.

For the hidden states H[L, d] of a text of L tokens, see `bert_body`:

    Z[L, V] = LayerNorm(gelu(H W_t + b_t)) E^T + b                             the decoder

and SPLADE's weights are pooled from Z, see `splade.pooling`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import ModelError
from splade_cli.model.query_encoders.base import active_columns
from splade_cli.model.query_encoders.bert_body import HEAD, Array, BertBody, BertShape, gelu

if TYPE_CHECKING:
    from tokenizers import Tokenizer

COLUMNS = 4096
"""Terms whose logits [L, COLUMNS] are held at a time."""


@dataclass(frozen=True)
class Pooling:
    """How logits become weights: see `splade.pooling.sparse_pool`, and `SparseModel` for `max_active`."""

    kind: str = "max"
    activation: str = "relu"
    max_active: int | None = None

    def activate(self, logits: Array) -> Array:
        """f(relu(logits))."""
        weights: Array = np.log1p(np.maximum(logits, 0))
        if self.activation == "log1p_relu":
            weights = np.log1p(weights)
        return weights


class BertQueryEncoder:
    """Encodes queries by a BERT or DistilBERT with SPLADE's pooling. Safe from many threads.

    Args:
        name: what errors call the model.
        shape: of the model; `tensors` are those of `BertShape.tensors`.
        tokenizer: cuts at the tokens that the model reads.
        pooling: of logits.
        prompt: text put before a query.
    """

    def __init__(
        self,
        name: str,
        shape: BertShape,
        tensors: Mapping[str, Array],
        tokenizer: Tokenizer,
        pooling: Pooling,
        prompt: str = "",
    ) -> None:
        self.name = name
        self.shape = shape
        self.pooling = pooling
        self.prompt = prompt
        self._body = BertBody(shape, tensors)
        self._tokenizer = tokenizer

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """Vectors [len(texts), V] of queries. Raises ModelError for a weight that is not finite."""
        encodings = self._tokenizer.encode_batch([self.prompt + text for text in texts])
        bounds = [0]
        columns = []
        values = []
        for encoding in encodings:
            weights = self._weights(encoding)
            columns.append(active_columns(weights, self.pooling.max_active))
            values.append(weights[columns[-1]])
            bounds.append(bounds[-1] + len(columns[-1]))
        indices = np.concatenate([np.empty(0, dtype=np.int32), *columns])
        data = np.concatenate([np.empty(0, dtype=np.float32), *values])
        return sp.csr_matrix((data, indices, bounds), shape=(len(texts), self.shape.vocabulary))

    def _weights(self, encoding: Any) -> Array:
        """Weights [V] of one text; a text without a token has none."""
        if not encoding.ids:
            return np.zeros(self.shape.vocabulary, dtype=np.float32)
        body = self._body
        hidden = gelu(body.dense(f"{HEAD}.transform.dense", body.hidden(encoding)))
        hidden = body.norm(f"{HEAD}.transform.LayerNorm", hidden)
        pooled = np.empty(self.shape.vocabulary, dtype=np.float32)
        embeddings = body.tensors["bert.embeddings.word_embeddings.weight"]
        bias = body.tensors[f"{HEAD}.bias"]
        for start in range(0, self.shape.vocabulary, COLUMNS):
            part = slice(start, start + COLUMNS)
            logits = hidden @ embeddings[part].T
            if self.pooling.kind == "sum":
                pooled[part] = self.pooling.activate(logits + bias[part]).sum(axis=0)
            else:
                pooled[part] = self.pooling.activate(logits.max(axis=0) + bias[part])
        if not pooled.max() < np.inf:
            raise ModelError(
                f"{self.name} gave a weight that is not finite", "use precision fp32, or another model"
            )
        return pooled
