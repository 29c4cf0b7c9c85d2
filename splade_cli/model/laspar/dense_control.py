"""LASPAR's dense control: the transformer without U, its tokens averaged, its vectors compared by cosine.

What a run trains is the mean of the tokens, which is h' of the variant ``attention`` before its weights have
learned anything. What it saves is a dense sentence-transformers model: [Transformer, Pooling, Normalize].
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from splade_cli.model.sparse_model import SparseModel, SparseRows


class DenseControl(SparseModel):
    """Token ids to dense vectors of length 1, as rows of CSR in which no entry is left out.

    Args:
        body: a transformers model with ``last_hidden_state``.
        settings: `SparseModel`'s.
    """

    architecture = "laspar"

    def __init__(self, body: Any, **settings: Any) -> None:
        super().__init__(**settings)
        self.body = body

    @property
    def dimensions(self) -> int:
        """d."""
        return int(self.body.config.hidden_size)

    def vectors(self, **features: Tensor) -> Tensor:
        """Dense vectors float32 [B, d] of tokenised texts."""
        tokens = self.body(**features).last_hidden_state.float()
        mask = features["attention_mask"][..., None].float()
        mean = (tokens * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(mean, dim=1)

    def sparse_rows(self, *, kind: str = "document", low: bool = True, **features: Tensor) -> SparseRows:
        """CSR arrays of whole vectors; `kind` and `low` change nothing."""
        vectors = self.vectors(**features)
        if not bool(torch.isfinite(vectors).all()):
            raise FloatingPointError("a weight is not finite")
        count, width = vectors.shape
        columns = np.tile(np.arange(width, dtype=np.int32), count)
        return SparseRows(np.arange(count + 1) * width, columns, vectors.cpu().numpy().reshape(-1))
