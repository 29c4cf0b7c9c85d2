"""LASPAR's latent head: token vectors [B, L, d] to sparse weights of D latent dimensions.

    sum:        s = (sum_t m_t h_t) U                 m_t is 1 for real tokens
    attention:  s = (sum_t A_t h_t) U + b             A a learned weight for each position
    w = min(10, log(1 + relu(s))), the k largest of a text kept, L2-normalised, below 1e-5 dropped

k is 128 for a query and 512 for a document. What is ours and not LASPAR's: A is a softmax over the real
tokens of one learned number a position, so that padding has no part and a text's length does not change its
scale; weights are normalised after the k largest are chosen, since a norm over all D would need all of them;
s is divided by the length that h' usually has (`calibrate`), so that U and b have the same scale on every
body.

The head is what sentence-transformers asks of a module without importing it, which takes 8 s;
`training.laspar.trainable` makes it one of theirs.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from splade_cli.model.laspar.latent_matrix import LatentMatrix
from splade_cli.model.laspar.shape import LatentShape
from splade_cli.model.laspar.storage import load_head, save_head

LARGEST = 10.0
SMALLEST = 1e-5
DENSE_LIMIT = 1 << 18
"""Up to so many latents `forward` gives dense [B, D], beyond it torch's sparse COO."""
DENSITY = 0.25


class CompactWeights(NamedTuple):
    """Weights of n texts on the latents that any of them keeps: `columns` int64 [m], `weights` [n, m]."""

    columns: Tensor
    weights: Tensor


class LatentHead(nn.Module):
    """LASPAR's head.

    Args:
        shape: its sizes.
        seed: of U.
    """

    forward_kwargs = frozenset({"task"})

    def __init__(self, shape: LatentShape, seed: int = 0) -> None:
        super().__init__()
        shape = shape.resolved()
        inner = shape.rank or shape.width
        self.shape = shape
        self.rank = shape.rank
        self.positions = shape.positions
        self.query_k = shape.query_k
        self.document_k = shape.document_k
        attention = shape.variant == "attention"
        self.rows = LatentMatrix(
            shape.dimensions, inner, bias=attention, dtype=getattr(torch, shape.precision)
        )
        self.position_weights = nn.Parameter(torch.zeros(shape.positions)) if attention else None
        self.reduce = nn.Linear(shape.width, shape.rank, bias=False) if shape.rank else None
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(()))
        if not self.rows.weight.is_meta:
            self.rows.randomise(seed, 1.0)

    @property
    def dimensions(self) -> int:
        """D."""
        return self.rows.dimensions

    def k_of(self, kind: str) -> int:
        """Latents kept of a ``query`` or ``document``."""
        return self.query_k if kind == "query" else self.document_k

    def sum_tokens(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """h' [B, d] of token vectors [B, L, d] and mask [B, L], before R and the scale."""
        real = mask.bool()
        shares = real.float()
        if self.position_weights is not None:
            positions = (real.long().cumsum(1) - 1).clamp(0, self.positions - 1)
            logits = self.position_weights[positions].float()
            logits = logits.masked_fill(~real, torch.finfo(torch.float32).min)
            shares = torch.softmax(logits, dim=1) * shares
        return (tokens.float() * shares[..., None]).sum(1)

    def project(self, summed: Tensor) -> Tensor:
        """What the rows of U are multiplied with, float32 [B, r], of h' [B, d]."""
        reduced = summed if self.reduce is None else self.reduce(summed)
        return reduced.float() * self.scale

    @torch.no_grad()
    def calibrate(self, summed: Tensor, density: float = DENSITY) -> None:
        """Sets the scale, R and b of a fresh head by a sample of h' [n, d].

        R becomes the sample's r principal axes. The scale gives a score a deviation of 1. One b for all
        latents lets the share `density` of the scores be positive. LASPAR's b of 3 lets nearly all of D be
        positive, and adds the same to every weight kept: after the logarithm they hardly differ, and before
        any training the order of documents is the number of latents shared. A b that leaves just the k kept
        costs as well, see RESULTS.md.
        """
        if self.reduce is not None and self.rank is not None:
            axes = torch.linalg.svd(summed.float(), full_matrices=False).Vh[: self.rank]
            self.reduce.weight[: len(axes)] = axes
        self.scale.fill_(1.0)
        self.scale.fill_(1 / float(self.project(summed).norm(dim=1).mean().clamp(min=1e-12)))
        if self.rows.bias is not None:
            some = self.rows.weight[: min(self.dimensions, 2048)].float()
            scores = self.project(summed[:512]) @ some.T
            self.rows.bias.fill_(-float(torch.quantile(scores.flatten()[: 1 << 20], 1 - density)))

    def encode(self, hidden: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Columns int64 and weights float32, each [B, k], of `project`ed texts [B, r]; no gradient.

        Raises:
            FloatingPointError: a number in `hidden` that is not finite.
        """
        if not bool(torch.isfinite(hidden).all()):
            raise FloatingPointError("a weight is not finite")
        columns, scores = self.rows.top_k(hidden, k)
        weights = nn.functional.normalize(_activate(scores), dim=1)
        return columns, weights * (weights >= SMALLEST)

    def compact_weights(self, hidden: Tensor, ks: list[int]) -> CompactWeights:
        """Weights of a batch on the union of the latents that its texts keep, differentiable.

        The k largest are found without gradients, as in `encode`; the rows in question are gathered and
        multiplied with every text, and a text's other columns are masked. So a loss sees [n, m], with m at
        most the sum of `ks`, and its gradient, which reaches `hidden` and those rows of U, is that of the
        same loss on [n, D] through a top-k.

        Args:
            hidden: [n, r], of `project`.
            ks: k of each text.
        """
        device = hidden.device
        top, _ = self.rows.top_k(hidden, max(ks))
        within_k = torch.arange(max(ks), device=device) < torch.tensor(ks, device=device)[:, None]
        columns, positions = torch.unique(top[within_k], return_inverse=True)
        rows, biases = self.rows.gather_rows(columns)
        scores = hidden @ rows.T
        if biases is not None:
            scores = scores + biases
        texts = torch.arange(len(hidden), device=device)[:, None].expand_as(within_k)[within_k]
        mask = torch.zeros_like(scores, dtype=torch.bool)
        mask[texts, positions] = True
        return CompactWeights(columns, nn.functional.normalize(_activate(scores) * mask, dim=1))

    def forward(self, features: dict[str, Any], task: str | None = None) -> dict[str, Any]:
        """Sets ``sentence_embedding``: [B, D], dense up to DENSE_LIMIT latents and torch's sparse COO beyond.

        Args:
            features: ``token_embeddings`` [B, L, d] and ``attention_mask`` [B, L].
            task: ``query`` keeps query_k latents, all else document_k.
        """
        hidden = self.project(self.sum_tokens(features["token_embeddings"], features["attention_mask"]))
        count = len(hidden)
        k = self.k_of(task or "document")
        if torch.is_grad_enabled():
            latents, weights = self.compact_weights(hidden, [k] * count)
            texts, positions = torch.nonzero(weights, as_tuple=True)
            columns = latents[positions]
        else:
            latents, weights = self.encode(hidden, k)
            texts, positions = torch.nonzero(weights, as_tuple=True)
            columns = latents[texts, positions]
        values = weights[texts, positions]
        if self.dimensions <= DENSE_LIMIT:
            embedding = values.new_zeros(count, self.dimensions).index_put((texts, columns), values)
        else:
            pairs = torch.stack([texts, columns])
            shape = (count, self.dimensions)
            embedding = torch.sparse_coo_tensor(pairs, values, shape, check_invariants=False).coalesce()
        features["sentence_embedding"] = embedding
        return features

    def get_embedding_dimension(self) -> int:
        """D, under the name that sentence-transformers asks for."""
        return self.dimensions

    def get_config_dict(self) -> dict[str, Any]:
        """The sizes of this head; with the parameters they make it again."""
        return asdict(self.shape)

    def on_model_ready(self, model: Any) -> None:
        """Nothing: sentence-transformers tells its modules when all are there."""

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **options: Any) -> None:
        """Writes the head into the folder `output_path`; the other arguments are sentence-transformers'."""
        save_head(self, Path(output_path))

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **options: Any) -> LatentHead:
        """Opens what `save` wrote; `options` are sentence-transformers', for the hub. Raises ModelError."""
        return load_head(cls, Path(model_name_or_path) / subfolder)


def _activate(scores: Tensor) -> Tensor:
    """min(LARGEST, log(1 + relu(s)))."""
    return torch.log1p(torch.relu(scores)).clamp(max=LARGEST)
