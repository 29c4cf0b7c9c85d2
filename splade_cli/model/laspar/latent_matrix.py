"""LASPAR's projection matrix U, a row a latent: streamed top-k over D scores, and row-sparse gradients.

Of up to millions of rows a text touches a few hundred, so U takes no part in autograd as a whole:
`gather_rows` copies the rows in question out as a leaf, and remembers it for the optimiser
(`training.laspar.optimizer`), which writes back those rows alone. [B, D] is never made.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from splade_cli.model.kernels.dispatch import bf16_is_faster
from splade_cli.model.kernels.linear import product

TILE_ROWS = {"cpu": 4096, "cuda": 1 << 17, "mps": 1 << 15}
"""Rows of U scored at a time, by kind of device; on a CPU their scores stay in one core's cache."""
MARGIN = 4
"""One in so many latents more are ranked in bfloat16 than are kept, so that rounding cannot lose a latent."""


class RowBatch(NamedTuple):
    """Rows of U in a step: `columns` int64 [n], ascending; leaves `rows` [n, r] and `biases` [n] or None."""

    columns: Tensor
    rows: Tensor
    biases: Tensor | None


class LatentMatrix(nn.Module):
    """U [D, r] and b [D].

    Args:
        dimensions: D.
        width: r.
        bias: have a b, all zeros at first.
        dtype: of U: float32, or bfloat16 for half the memory. b is float32.

    Attributes:
        trained: False where the optimiser need not know what is gathered.
        gathered: what `gather_rows` gave since the optimiser last looked.
    """

    def __init__(
        self, dimensions: int, width: int, *, bias: bool, dtype: torch.dtype = torch.float32
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(dimensions, width, dtype=dtype), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(dimensions), requires_grad=False) if bias else None
        self.trained = True
        self.gathered: list[RowBatch] = []

    @property
    def dimensions(self) -> int:
        """D."""
        return self.weight.shape[0]

    def _apply(self, fn: Any, recurse: bool = True) -> LatentMatrix:
        """Moves U between devices and keeps its precision.

        sentence-transformers casts all modules to the precision of the first: of four million rows in
        bfloat16 it would make twice as large a copy, and train and save that.
        """
        weight = self.weight
        device = fn(weight.new_empty(0)).device
        self.weight = nn.Parameter(weight.new_empty(0), requires_grad=False)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if weight.device != device:
            weight.data = weight.data.to(device)
        self.weight = weight
        return self

    def randomise(self, seed: int, deviation: float) -> None:
        """Fills U with uniform numbers of that standard deviation; the same for the same seed.

        Uniform and not normal: a score is a sum over r of them, normal all the same.
        """
        generator = torch.Generator(device=self.weight.device).manual_seed(seed)
        limit = deviation * 3**0.5
        self.weight.data.uniform_(-limit, limit, generator=generator)

    @torch.no_grad()
    def top_k(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The k largest of ``hidden U^T + b`` of each text, over tiles of U; nothing of size [B, D] is made.

        Where U is bfloat16 and the processor multiplies that, k + k / MARGIN are ranked in bfloat16 and
        scored again in float32: twice as fast, and a latent is lost only where rounding moves it past a
        quarter of the others.

        Args:
            hidden: [B, r].
            k: 1 to D.

        Returns:
            Columns int64 [B, k] and scores float32 [B, k], best first.
        """
        hidden = hidden.detach().float()
        with torch.autocast(hidden.device.type, enabled=False):
            if self.weight.dtype != torch.bfloat16 or not bf16_is_faster(hidden.device.type):
                return self._stream_top_k(hidden, k)
            columns = self._stream_top_k(hidden.bfloat16(), min(self.dimensions, k + max(8, k // MARGIN)))[0]
            exact = torch.stack([self.score(*pair) for pair in zip(hidden, columns, strict=True)])
            scores, best = exact.topk(k, dim=1)
            return columns.gather(1, best), scores

    def score(self, text: Tensor, columns: Tensor) -> Tensor:
        """Scores float32 [n] of one text [r] in `columns` [n]."""
        scores = self.weight[columns].float() @ text
        return scores if self.bias is None else scores + self.bias[columns]

    def _stream_top_k(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """`top_k` in the precision of `hidden`.

        A tile's scores are only compared with the k-th best so far. What passes waits until there is enough
        of it to be worth sorting in.
        """
        count = len(hidden)
        scores = hidden.new_empty(count, k)
        columns = torch.empty(count, k, dtype=torch.int64, device=hidden.device)
        step = max(TILE_ROWS.get(hidden.device.type, 1 << 15), k)
        waiting: list[tuple[Tensor, Tensor]] = []
        for start in range(0, self.dimensions, step):
            rows = self.weight[start : start + step].to(hidden.dtype)
            tile = product(rows, hidden)  # [t, B]
            if self.bias is not None:
                tile += self.bias[start : start + step, None]
            if start == 0:
                scores, columns = tile.T.topk(k, dim=1)
                continue
            positions = _positions(tile > scores[:, -1])
            waiting.append((positions + start * count, tile.reshape(-1)[positions]))
            if sum(len(positions) for positions, _ in waiting) > count * k:
                scores, columns = _merge(scores, columns, waiting)
                waiting = []
        scores, columns = _merge(scores, columns, waiting)
        return columns, scores

    def gather_rows(self, columns: Tensor) -> tuple[Tensor, Tensor | None]:
        """Float32 copies of the rows and biases of `columns` int64 [n], which are distinct and ascending.

        Where gradients are recorded, the copies are leaves, and remembered in `gathered`.
        """
        rows = self.weight.detach()[columns].float()
        biases = None if self.bias is None else self.bias.detach()[columns]
        if self.trained and torch.is_grad_enabled():
            rows.requires_grad_()
            if biases is not None:
                biases.requires_grad_()
            self.gathered.append(RowBatch(columns, rows, biases))
        return rows, biases


def _positions(mask: Tensor) -> Tensor:
    """Flat positions of what is true, int64; NumPy is several times faster at it than torch on a CPU."""
    if mask.device.type == "cpu":
        return torch.from_numpy(np.flatnonzero(mask.numpy()))
    return torch.nonzero(mask.reshape(-1))[:, 0]


def _merge(scores: Tensor, columns: Tensor, waiting: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """The best k [B, k] of what is kept and what waits; a waiting position is ``column * B + text``."""
    if not waiting:
        return scores, columns
    count, k = scores.shape
    positions = torch.cat([part for part, _ in waiting])
    values = torch.cat([part for _, part in waiting])
    texts = positions % count
    order = torch.argsort(texts, stable=True)
    texts = texts[order]
    sizes = torch.bincount(texts, minlength=count)
    starts = sizes.cumsum(0) - sizes
    slots = k + torch.arange(len(texts), device=texts.device) - starts[texts]
    width = k + int(sizes.max())
    all_scores = scores.new_full((count, width), float("-inf"))
    all_columns = columns.new_zeros((count, width))
    all_scores[:, :k] = scores
    all_columns[:, :k] = columns
    all_scores[texts, slots] = values[order]
    all_columns[texts, slots] = positions[order] // count
    scores, best = all_scores.topk(k, dim=1)
    return scores, all_columns.gather(1, best)
