"""BERT's body in NumPy: one text at a time through its transformer, without torch.

For token ids of a text of L tokens [Devlin et al. 2018, arXiv 1810.04805; Vaswani et al. 2017, arXiv
1706.03762]:

    H[L, d] = LayerNorm(word + position + type embeddings)
    H = LayerNorm(H + concat_h(softmax(Q_h K_h^T / sqrt(d / heads)) V_h) W_o + b_o)
    H = LayerNorm(H + gelu(H W_1 + b_1) W_2 + b_2)                              each layer

Importing torch and transformers takes 4 s, and this a twentieth of that, so that a search of one query need
not wait; numbers differ from theirs by the rounding of float32 only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
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
    """The name of a tensor of BERT or DistilBERT, or of a body alone, as BERT with a head has it today."""
    for theirs, ours in _OTHER_NAMES.items():
        name = name.replace(theirs, ours)
    if name.startswith(("embeddings.", "encoder.")):
        return f"bert.{name}"
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

    def tensors(self, head: bool = True) -> dict[str, tuple[int, ...]]:
        """Shapes of all tensors by BERT's names, without those of the language model's head on demand.

        The decoder's weight is that of the word embeddings.
        """
        wide, inner = self.hidden, self.inner
        shapes: dict[str, tuple[int, ...]] = {
            "bert.embeddings.word_embeddings.weight": (self.vocabulary, wide),
            "bert.embeddings.position_embeddings.weight": (self.positions, wide),
        }
        if head:
            shapes[f"{HEAD}.bias"] = (self.vocabulary,)
        if self.types:
            shapes["bert.embeddings.token_type_embeddings.weight"] = (self.types, wide)
        dense: dict[str, tuple[int, int]] = {}
        norms = ["bert.embeddings.LayerNorm"]
        if head:
            dense[f"{HEAD}.transform.dense"] = (wide, wide)
            norms.append(f"{HEAD}.transform.LayerNorm")
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
class BertBody:
    """The transformer of a BERT or DistilBERT; `tensors` are those of `BertShape.tensors`."""

    shape: BertShape
    tensors: Mapping[str, Array]

    def hidden(self, encoding: Any) -> Array:
        """The last hidden states [L, d] of a text, of which `encoding` is what ``tokenizers`` gives."""
        hidden = self._embedded(encoding)
        for number in range(self.shape.layers):
            hidden = self._layer(f"{BODY}.{number}", hidden)
        return hidden

    def _embedded(self, encoding: Any) -> Array:
        words = self.tensors["bert.embeddings.word_embeddings.weight"][encoding.ids]
        if self.shape.types:
            words = words + self.tensors["bert.embeddings.token_type_embeddings.weight"][encoding.type_ids]
        positions = self.tensors["bert.embeddings.position_embeddings.weight"][: len(words)]
        return self.norm("bert.embeddings.LayerNorm", words + positions)

    def _layer(self, name: str, hidden: Array) -> Array:
        """One transformer layer, [L, d] to [L, d]."""
        attended = self.dense(f"{name}.attention.output.dense", self._attended(name, hidden))
        hidden = self.norm(f"{name}.attention.output.LayerNorm", attended + hidden)
        inner = gelu(self.dense(f"{name}.intermediate.dense", hidden))
        outer = self.dense(f"{name}.output.dense", inner)
        return self.norm(f"{name}.output.LayerNorm", outer + hidden)

    def _attended(self, name: str, hidden: Array) -> Array:
        """Attention of all heads, one beside the other [L, d]."""
        length, wide = hidden.shape
        query, key, value = (
            self.dense(f"{name}.attention.self.{part}", hidden)
            .reshape(length, self.shape.heads, -1)
            .swapaxes(0, 1)
            for part in ("query", "key", "value")
        )
        scores = query @ key.swapaxes(1, 2) * np.float32((wide // self.shape.heads) ** -0.5)
        scores = np.exp(scores - scores.max(axis=2, keepdims=True))
        scores /= scores.sum(axis=2, keepdims=True)
        attended: Array = (scores @ value).swapaxes(0, 1).reshape(length, wide)
        return attended

    def dense(self, name: str, hidden: Array) -> Array:
        """The linear layer of that name."""
        return hidden @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def norm(self, name: str, hidden: Array) -> Array:
        """The layer normalisation of that name."""
        centred = hidden - hidden.mean(axis=1, keepdims=True)
        variance = np.square(centred).mean(axis=1, keepdims=True)
        scaled = centred / np.sqrt(variance + np.float32(self.shape.epsilon))
        normed: Array = scaled * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]
        return normed


def gelu(inputs: Array) -> Array:
    """x times the share of a normal distribution below x [Hendrycks & Gimpel 2016, arXiv 1606.08415]."""
    from scipy.special import erf

    outputs: Array = inputs * np.float32(0.5) * (1 + erf(inputs * np.float32(0.5**0.5)))
    return outputs
