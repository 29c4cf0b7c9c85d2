"""BERT's masked language model in NumPy: one query at a time through its transformer, without torch.

For token ids of a text of L tokens [Devlin et al. 2018, arXiv 1810.04805; Vaswani et al. 2017, arXiv
1706.03762]:

    H[L, d] = LayerNorm(word + position + type embeddings)
    H = LayerNorm(H + concat_h(softmax(Q_h K_h^T / sqrt(d / heads)) V_h) W_o + b_o)
    H = LayerNorm(H + gelu(H W_1 + b_1) W_2 + b_2)                              each layer
    Z[L, V] = LayerNorm(gelu(H W_t + b_t)) E^T + b                             the decoder

and SPLADE's weights are pooled from Z, see `splade.pooling`. Importing torch and transformers takes 4 s, and
this a twentieth of that, so that a search of one query need not wait; weights differ from theirs by the
rounding of float32 only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import ModelError
from splade_cli.model.query_encoders.base import active_columns

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Array = NDArray[np.float32]
COLUMNS = 4096
"""Terms whose logits [L, COLUMNS] are held at a time."""
BODY, HEAD = "bert.encoder.layer", "cls.predictions"
_OTHER_NAMES = {
    "LayerNorm.gamma": "LayerNorm.weight",
    "LayerNorm.beta": "LayerNorm.bias",
    "distilbert.embeddings": "bert.embeddings",
    "distilbert.transformer.layer": BODY,
    "attention.q_lin": "attention.self.query",
    "attention.k_lin": "attention.self.key",
    "attention.v_lin": "attention.self.value",
    "attention.out_lin": "attention.output.dense",
    "sa_layer_norm": "attention.output.LayerNorm",
    "ffn.lin1": "intermediate.dense",
    "ffn.lin2": "output.dense",
    "output_layer_norm": "output.LayerNorm",
    "vocab_transform": f"{HEAD}.transform.dense",
    "vocab_layer_norm": f"{HEAD}.transform.LayerNorm",
    "vocab_projector.bias": f"{HEAD}.bias",
    "vocab_projector": f"{HEAD}.decoder",
}
"""Parts of names as BERT has them: of files from its first years, and of DistilBERT [Sanh et al. 2019, arXiv
1910.01108], a BERT without types."""


def bert_name(name: str) -> str:
    """The name of a tensor of BERT or DistilBERT as BERT has it today."""
    for theirs, ours in _OTHER_NAMES.items():
        name = name.replace(theirs, ours)
    return name


@dataclass(frozen=True)
class BertShape:
    """Sizes of a model.

    Attributes:
        vocabulary, hidden, inner: V, d, and the width between the two layers of a feed-forward network.
        layers, heads, positions: how many.
        types: of tokens; 0 where the model knows none.
        epsilon: added to a variance.
    """

    vocabulary: int
    hidden: int
    inner: int
    layers: int
    heads: int
    positions: int
    types: int
    epsilon: float

    def tensors(self) -> dict[str, tuple[int, ...]]:
        """Shapes of all tensors by BERT's names; the decoder's weight is that of the word embeddings."""
        wide, inner = self.hidden, self.inner
        shapes: dict[str, tuple[int, ...]] = {
            "bert.embeddings.word_embeddings.weight": (self.vocabulary, wide),
            "bert.embeddings.position_embeddings.weight": (self.positions, wide),
            f"{HEAD}.bias": (self.vocabulary,),
        }
        if self.types:
            shapes["bert.embeddings.token_type_embeddings.weight"] = (self.types, wide)
        dense = {f"{HEAD}.transform.dense": (wide, wide)}
        norms = ["bert.embeddings.LayerNorm", f"{HEAD}.transform.LayerNorm"]
        for number in range(self.layers):
            layer = f"{BODY}.{number}"
            for part in ("self.query", "self.key", "self.value", "output.dense"):
                dense[f"{layer}.attention.{part}"] = (wide, wide)
            dense[f"{layer}.intermediate.dense"] = (inner, wide)
            dense[f"{layer}.output.dense"] = (wide, inner)
            norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name, shape in dense.items():
            shapes[f"{name}.weight"] = shape
            shapes[f"{name}.bias"] = shape[:1]
        for name in norms:
            shapes[f"{name}.weight"] = shapes[f"{name}.bias"] = (wide,)
        return shapes


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
        self._tensors = tensors
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
        hidden = self._embedded(encoding)
        for number in range(self.shape.layers):
            hidden = self._layer(f"{BODY}.{number}", hidden)
        hidden = _gelu(self._dense(f"{HEAD}.transform.dense", hidden))
        hidden = self._norm(f"{HEAD}.transform.LayerNorm", hidden)
        pooled = np.empty(self.shape.vocabulary, dtype=np.float32)
        embeddings = self._tensors["bert.embeddings.word_embeddings.weight"]
        bias = self._tensors[f"{HEAD}.bias"]
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

    def _embedded(self, encoding: Any) -> Array:
        words = self._tensors["bert.embeddings.word_embeddings.weight"][encoding.ids]
        if self.shape.types:
            words = words + self._tensors["bert.embeddings.token_type_embeddings.weight"][encoding.type_ids]
        positions = self._tensors["bert.embeddings.position_embeddings.weight"][: len(words)]
        return self._norm("bert.embeddings.LayerNorm", words + positions)

    def _layer(self, name: str, hidden: Array) -> Array:
        """One transformer layer, [L, d] to [L, d]."""
        attended = self._dense(f"{name}.attention.output.dense", self._attended(name, hidden))
        hidden = self._norm(f"{name}.attention.output.LayerNorm", attended + hidden)
        inner = _gelu(self._dense(f"{name}.intermediate.dense", hidden))
        outer = self._dense(f"{name}.output.dense", inner)
        return self._norm(f"{name}.output.LayerNorm", outer + hidden)

    def _attended(self, name: str, hidden: Array) -> Array:
        """Attention of all heads, one beside the other [L, d]."""
        length, wide = hidden.shape
        query, key, value = (
            self._dense(f"{name}.attention.self.{part}", hidden)
            .reshape(length, self.shape.heads, -1)
            .swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) * np.float32((wide // self.shape.heads) ** -0.5)
        scores = np.exp(scores - scores.max(axis=2, keepdims=True))
        scores /= scores.sum(axis=2, keepdims=True)
        attended: Array = (scores @ value).swapaxes(0, 1).reshape(length, wide)
        return attended

    def _dense(self, name: str, hidden: Array) -> Array:
        return hidden @ self._tensors[f"{name}.weight"].T + self._tensors[f"{name}.bias"]

    def _norm(self, name: str, hidden: Array) -> Array:
        centred = hidden - hidden.mean(axis=1, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt(variance + np.float32(self.shape.epsilon))
        normed: Array = scaled * self._tensors[f"{name}.weight"] + self._tensors[f"{name}.bias"]
        return normed


def _gelu(inputs: Array) -> Array:
    """x times the share of a normal distribution below x [Hendrycks & Gimpel 2016, arXiv 1606.08415]."""
    from scipy.special import erf

    outputs: Array = inputs * np.float32(0.5) * (1 + erf(inputs * np.float32(0.5**0.5)))
    return outputs
