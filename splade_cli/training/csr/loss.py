"""Loss of a sparse autoencoder over dense vectors: reconstruction, dead latents, contrast, neighbours.

It is CSR's [Wen et al. 2025, arXiv 2503.01776]: what k latents leave of a vector, what 4k leave, what the
dead ones could give, and a contrast of pairs. Ours on top, since search asks for it: for a text, the codes'
similarities to its nearest neighbours and to others are those of the dense vectors, as KL of two softmaxes;
at several k, so that the largest latents of a code are a good code. k shrinks from large to its target
[CSRv2, arXiv 2602.05735].
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from sentence_transformers.sparse_encoder.losses.csr import CSRReconstructionLoss
from torch import Tensor, nn

from splade_cli.model.kernels.linear import LinearFunction

WINDOW = 1024
NEIGHBOURS = 64
CLOSEST = 8
DEAD_AFTER = 30
"""Steps without use after which a latent counts as dead, as in sentence-transformers."""


@dataclass(frozen=True)
class CsrWeights:
    """What the parts of the loss weigh, and how it is formed.

    Attributes:
        reconstruction: of MSE_k + MSE_4k / 8, both over the variance of the vectors.
        auxiliary: beta, of what dead latents make of the rest.
        contrastive: gamma, of pairs, where there are any.
        similarity: of the neighbours' KL.
        temperature: of the softmaxes over similarities.
        shares: the k's that are trained, as shares of k.
        anneal_from: k at the first step, as a multiple of k; 1 for no annealing.
        anneal: share of the steps until k is reached.
        neighbours: texts drawn with each text, from its nearest.
        noise: how far a text may be moved along the difference of two others when it stands for a query.
    """

    reconstruction: float = 1.0
    auxiliary: float = 0.1
    contrastive: float = 1.0
    similarity: float = 1.0
    temperature: float = 0.1
    shares: tuple[float, ...] = (1.0, 0.25, 0.125)
    anneal_from: float = 1.0
    anneal: float = 0.5
    neighbours: int = 7
    noise: float = 1.0


def nearest(vectors: Tensor, count: int) -> Tensor:
    """Row numbers [n, count] of each row's largest products with the others, in that order."""
    count = min(count, len(vectors) - 1)
    neighbours = torch.empty(len(vectors), count, dtype=torch.long)
    for start in range(0, len(vectors), WINDOW):
        products = vectors[start : start + WINDOW] @ vectors.T
        rows = torch.arange(len(products))
        products[rows, start + rows] = -torch.inf
        neighbours[start : start + WINDOW] = products.topk(count, dim=1).indices
    return neighbours


class CsrObjective(nn.Module):
    """The loss of an autoencoder over vectors; holds the autoencoder's own parameters under other names.

    Random draws come from torch's global generator, which the trainer's checkpoints keep.

    Args:
        autoencoder: sentence-transformers' SparseAutoEncoder, trained in place.
        vectors: float32 [n, d].
        pairs: int64 [m, 2], rows of `vectors` that belong together; may be empty.
    """

    idle: Tensor
    vectors: Tensor
    pairs: Tensor
    near: Tensor

    def __init__(self, autoencoder: Any, vectors: Tensor, pairs: Tensor, weights: CsrWeights) -> None:
        super().__init__()
        self.weights = weights
        self.k = int(autoencoder.k)
        self.k_aux = int(autoencoder.k_aux)
        self.progress = 0.0
        self.parts: dict[str, Tensor] = {}
        # not the module itself: its tied decoder would be a shared tensor in a checkpoint
        self.weight = autoencoder.encoder.weight
        self.pre_bias = autoencoder.pre_bias
        self.latent_bias = autoencoder.latent_bias
        self.scale = nn.Parameter(torch.zeros(()))
        self.register_buffer("idle", autoencoder.stats_last_nonzero)
        self.register_buffer("vectors", vectors, persistent=False)
        self.register_buffer("pairs", pairs, persistent=False)
        self.register_buffer("near", nearest(vectors, NEIGHBOURS), persistent=False)
        self.variance = float(vectors.var(0, correction=0).mean())
        self.reconstruction = CSRReconstructionLoss(None, beta=weights.auxiliary)

    def forward(self, rows: Tensor) -> dict[str, Tensor]:
        """The loss of texts, given as numbers [B], and of neighbours that are drawn for them."""
        weights = self.weights
        texts = self.vectors[self._with_neighbours(rows)]
        queries = texts
        both = texts
        if weights.noise:
            queries = self._moved(texts)
            both = torch.cat([queries, texts])
        activations = self._pre_activations(both)
        largest = activations.topk(min(4 * self.k, activations.shape[1]), dim=1)
        self._note_use(largest.indices[:, : self.k], largest.values[:, : self.k])
        sizes = self._sizes(largest.indices.shape[1])
        dense = _without_diagonal(queries @ texts.T / weights.temperature).log_softmax(1)
        similarity = both.new_zeros(())
        for k in sizes:
            codes = _codes(activations, largest, k)
            scale = self.scale.exp() / weights.temperature
            products = _linear(codes[: len(queries)], codes[-len(texts) :]) * scale
            sparse = _without_diagonal(products).log_softmax(1)
            divergence = nn.functional.kl_div(sparse, dense, log_target=True, reduction="batchmean")
            similarity = similarity + divergence / len(sizes)
        parts = {
            "similarity": weights.similarity * similarity,
            **self._reconstruct(both, activations, largest, sizes[0]),
        }
        if len(self.pairs) and weights.contrastive:
            parts["contrastive"] = weights.contrastive * self._contrast(len(rows))
        total = both.new_zeros(())
        for value in parts.values():
            total = total + value
        self.parts = {name: value.detach() for name, value in parts.items()}
        return {"loss": total}

    @property
    def dead(self) -> int:
        """Latents that no text has used for DEAD_AFTER steps."""
        return int((self.idle > DEAD_AFTER).sum())

    def _pre_activations(self, vectors: Tensor) -> Tensor:
        """Latents [B, D] before top-k and ReLU."""
        activations: Tensor = _linear(vectors - self.pre_bias, self.weight) + self.latent_bias
        return activations

    def _sizes(self, most: int) -> list[int]:
        """The k's of this step, the main one first."""
        left = 0.0
        if self.weights.anneal:
            left = max(0.0, 1.0 - self.progress / self.weights.anneal)
        growth = self.weights.anneal_from**left
        return [max(1, min(most, round(self.k * share * growth))) for share in self.weights.shares]

    def _with_neighbours(self, rows: Tensor) -> Tensor:
        """Numbers of the texts and of neighbours drawn for each, from its nearest and those further off."""
        drawn = [rows]
        for number in range(self.weights.neighbours if self.near.shape[1] else 0):
            reach = min(self.near.shape[1], NEIGHBOURS if number % 2 else CLOSEST)
            ranks = torch.randint(reach, (len(rows),)).to(rows.device)
            drawn.append(self.near[rows, ranks])
        numbers: Tensor = torch.unique(torch.cat(drawn))
        return numbers

    def _moved(self, texts: Tensor) -> Tensor:
        """Texts, each moved along the difference of two others."""
        picked = torch.randint(len(self.vectors), (2, len(texts))).to(texts.device)
        by = self.weights.noise * torch.rand(len(texts), 1).to(texts.device)
        difference = self.vectors[picked[0]] - self.vectors[picked[1]]
        return nn.functional.normalize(texts + by * difference, dim=1)

    @torch.no_grad()
    def _note_use(self, indices: Tensor, values: Tensor) -> None:
        self.idle += 1
        self.idle[indices[values > 1e-5]] = 0

    def _reconstruct(self, vectors: Tensor, activations: Tensor, largest: Any, k: int) -> dict[str, Tensor]:
        """What k, 4k and dead latents leave of the vectors, by part of the loss."""
        decoder = self.weight.T
        decoded = _linear(_codes(activations, largest, k), decoder)
        decoded_4k = _linear(_codes(activations, largest, largest.indices.shape[1]), decoder)
        features: dict[str, Tensor | None] = {
            "sentence_embedding_backbone": vectors,
            "decoded_embedding_k": decoded + self.pre_bias,
            "decoded_embedding_4k": decoded_4k + self.pre_bias,
            "decoded_embedding_aux": None,
            "decoded_embedding_k_pre_bias": decoded,
        }
        dead = self.idle > DEAD_AFTER
        if self.k_aux and self.weights.auxiliary and bool(dead.any()):
            revived = (activations * dead).topk(min(self.k_aux, activations.shape[1]), dim=1)
            decoded_dead = _linear(_codes(activations, revived, self.k_aux), decoder)
            features["decoded_embedding_aux"] = decoded_dead + self.pre_bias
        losses = self.reconstruction.compute_loss_from_embeddings([features])
        share = self.weights.reconstruction / self.variance
        return {
            "reconstruction": share * (losses["reconstruction_loss_k"] + losses["reconstruction_loss_4k"]),
            "auxiliary": losses["reconstruction_loss_aux"],
        }

    def _contrast(self, count: int) -> Tensor:
        """In-batch contrast of `count` random pairs by the products of their codes."""
        drawn = torch.randperm(len(self.pairs))[:count].to(self.pairs.device)
        sides = []
        for rows in self.pairs[drawn].T:
            activations = self._pre_activations(self.vectors[rows])
            sides.append(_codes(activations, activations.topk(self.k, dim=1), self.k))
        scores = _linear(sides[0], sides[1]) * (self.scale.exp() / self.weights.temperature)
        same = self.pairs[drawn, 1][:, None] == self.pairs[drawn, 1][None]
        diagonal = torch.eye(len(drawn), dtype=torch.bool, device=same.device)
        scores = scores.masked_fill(same & ~diagonal, -1e4)
        return nn.functional.cross_entropy(scores, torch.arange(len(drawn), device=scores.device))


def _codes(activations: Tensor, largest: Any, k: int) -> Tensor:
    """The k largest of `activations` [B, D] as codes; `largest` holds at least so many, the largest first."""
    return torch.zeros_like(activations).scatter(1, largest.indices[:, :k], largest.values[:, :k].relu())


def _without_diagonal(scores: Tensor) -> Tensor:
    """Scores of texts with one another; that of a text with itself says nothing about search."""
    return scores.masked_fill(torch.eye(len(scores), dtype=torch.bool, device=scores.device), -1e4)


def _linear(rows: Tensor, weight: Tensor) -> Tensor:
    """``rows @ weight.T`` by the fastest kernel, with gradients."""
    if rows.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return rows @ weight.T
    out: Tensor = LinearFunction.apply(rows, weight, None)  # type: ignore[no-untyped-call]
    return out
