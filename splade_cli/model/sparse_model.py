"""The interface of all sparse encoders: tokenised texts to rows of a CSR matrix."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn


class SparseRows(NamedTuple):
    """CSR arrays of n texts: `bounds` int64 [n + 1], `terms` int32 and `values` float32 [nonzeros]."""

    bounds: NDArray[np.int64]
    terms: NDArray[np.int32]
    values: NDArray[np.float32]


def nonzero_rows(weights: Tensor, activation: Callable[[Tensor], Tensor] | None = None) -> SparseRows:
    """CSR arrays of the positive entries of `weights` [B, V], after an activation function if one is given.

    Raises:
        FloatingPointError: an entry that is NaN or infinite; -inf stands for nothing and is none.
    """
    if weights.numel() and not bool(weights.amax() < float("inf")):
        raise FloatingPointError("a weight is not finite")
    columns = weights.shape[1]
    if weights.device.type == "cpu":
        dense = weights.float().numpy().reshape(-1)
        flat = np.flatnonzero(dense > 0)
        values = torch.from_numpy(dense[flat])
    else:
        positions = torch.nonzero(weights.reshape(-1) > 0)[:, 0]
        values = weights.reshape(-1)[positions].float()
        flat = positions.cpu().numpy()
    if activation is not None:
        values = activation(values)
    bounds = np.searchsorted(flat, np.arange(len(weights) + 1) * columns)
    texts = np.repeat(np.arange(len(weights)), np.diff(bounds))
    return SparseRows(bounds, (flat - texts * columns).astype(np.int32), values.cpu().numpy())


class SparseModel(nn.Module):
    """A sparse encoder.

    Attributes:
        architecture: ``splade``, ``inference-free-splade``, ``csr`` or ``laspar``.
        name: what the user called it; `identity` is the hash of its files.
        max_seq_length: tokens read of a text, special ones included.
        prompts: text put before each ``query`` and ``document``.
        max_active: keep only so many largest weights of a text, where set.
        query_table: [V] weights of query tokens of an inference-free model, whose queries do not come here.
    """

    architecture = "splade"

    def __init__(
        self,
        *,
        name: str,
        identity: str = "",
        max_seq_length: int = 512,
        prompts: dict[str, str] | None = None,
        max_active: int | None = None,
        query_table: NDArray[np.float32] | None = None,
        query_length: int | None = None,
    ) -> None:
        super().__init__()
        self.name = name
        self.identity = identity
        self.max_seq_length = max_seq_length
        self.prompts = prompts or {}
        self.max_active = max_active
        self.query_table = query_table
        self._query_length = query_length

    @property
    def fused(self) -> bool:
        """False where a token of a batch costs as many floats as there are dimensions."""
        return True

    @property
    def query_length(self) -> int:
        """Tokens read of a query: an inference-free model's queries have a limit of their own."""
        return self._query_length or self.max_seq_length

    @property
    def dimensions(self) -> int:
        """V, the number of columns."""
        raise NotImplementedError

    def sparse_rows(self, *, kind: str = "document", low: bool = True, **features: Tensor) -> SparseRows:
        """CSR arrays of the non-zero weights of tokenised texts; no gradient.

        Args:
            kind: ``document`` or ``query``.
            low: use low precision where `use_int8` made it.
            features: the tokenizer's, `attention_mask` among them, each [B, L].

        Raises:
            FloatingPointError: a weight that is not finite.
        """
        raise NotImplementedError

    def use_int8(self, wanted: bool = True) -> None:
        """Encodes documents in int8 from now on, where the model can."""
