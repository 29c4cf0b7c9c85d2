"""Dense vectors of a corpus in, a trainer of the sparse autoencoder over them out; knows no text and no configuration.

The dense model stays as it is, so its vectors are computed once (`cached_vectors`) and training reads nothing else.
The loss is CSR's [Wen et al. 2025, arXiv 2503.01776]: what k latents leave of a vector, what 4k leave, what the dead
ones could give, and a contrast of pairs. Ours on top, since search asks for it: for a text, the codes' similarities to
its nearest neighbours and to others are those of the dense vectors, as KL of two softmaxes; at several k, so that the
largest latents of a code are a good code. k shrinks from large to its target [CSRv2, arXiv 2602.05735].
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers.sparse_encoder.losses.csr import CSRReconstructionLoss
from torch import Tensor, nn
from transformers import Trainer, TrainingArguments

from splade_cli.errors import InputError
from splade_cli.model.linear import _Linear
from splade_cli.records import Progress, replacing, silent
from splade_cli.training.failures import check_loss

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
    temperature: float = 0.05
    shares: tuple[float, ...] = (1.0, 0.25, 0.125)
    anneal_from: float = 1.0
    anneal: float = 0.5
    neighbours: int = 7
    noise: float = 0.0


def cached_vectors(
    encode: Callable[[Sequence[str]], NDArray[np.float32]],
    texts: Sequence[str],
    folder: Path,
    identity: str,
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """``encode(texts)`` [n, d], window by window; a window that `folder` holds already is not computed again.

    Args:
        identity: of the model: its vectors are not taken for another's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    parts: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), WINDOW):
        window = list(texts[start : start + WINDOW])
        digest = hashlib.sha256(identity.encode())
        for text in window:
            digest.update(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
        path = folder / f"dense-{digest.hexdigest()[:24]}.npy"
        if not path.is_file():
            with replacing(path) as temporary, open(temporary, "wb") as out:
                np.save(out, encode(window))
        parts.append(np.load(path))
        progress("dense vectors", start + len(window), len(texts))
    if not parts:
        raise InputError("no texts to train on", "name documents or rows")
    return np.concatenate(parts)


def nearest(vectors: Tensor, count: int) -> Tensor:
    """Row numbers [n, count] of each row's largest products with the others, in that order."""
    count = min(count, len(vectors) - 1)
    found = torch.empty(len(vectors), count, dtype=torch.long)
    for start in range(0, len(vectors), WINDOW):
        products = vectors[start : start + WINDOW] @ vectors.T
        rows = torch.arange(len(products))
        products[rows, start + rows] = -torch.inf
        found[start : start + WINDOW] = products.topk(count, dim=1).indices
    return found


@torch.no_grad()
def start_from(autoencoder: Any, vectors: Tensor, seed: int) -> None:
    """Sets an untrained autoencoder's parameters from the vectors [n, d] it will code.

    A latent's row is a random mixture of three centred vectors: directions in which texts differ. All rows have one
    length, that which makes decoding the first codes come closest to the vectors.
    """
    generator = torch.Generator().manual_seed(seed)
    mean, latents = vectors.mean(0), autoencoder.hidden_dim
    picked = torch.randint(len(vectors), (latents, 3), generator=generator)
    shares = torch.randn(latents, 3, generator=generator)
    rows = nn.functional.normalize(torch.einsum("lm,lmd->ld", shares, vectors[picked] - mean), dim=1)
    some = vectors[torch.randperm(len(vectors), generator=generator)[:WINDOW]] - mean
    kept = (some @ rows.T).topk(autoencoder.k, dim=1)
    codes = torch.zeros(len(some), latents).scatter_(1, kept.indices, kept.values.relu())
    decoded = codes @ rows
    length = ((decoded * some).sum() / decoded.square().sum().clamp(min=1e-12)).clamp(min=1e-12).sqrt()
    autoencoder.encoder.weight.copy_(rows * length)
    autoencoder.pre_bias.copy_(mean)
    autoencoder.latent_bias.zero_()


class CsrObjective(nn.Module):
    """The loss of an autoencoder over vectors; holds the autoencoder's own parameters under other names.

    Random draws come from torch's global generator, which the trainer's checkpoints keep.

    Args:
        autoencoder: sentence-transformers' SparseAutoEncoder, trained in place.
        vectors: float32 [n, d].
        pairs: int64 [m, 2], rows of `vectors` that belong together; may be empty.
    """

    def __init__(self, autoencoder: Any, vectors: Tensor, pairs: Tensor, weights: CsrWeights) -> None:
        super().__init__()
        self.weights, self.k, self.k_aux = weights, int(autoencoder.k), int(autoencoder.k_aux)
        self.progress = 0.0
        self.parts: dict[str, Tensor] = {}
        self._autoencoder = [autoencoder]  # in a list: its tied decoder would be a shared tensor in a checkpoint
        self.weight, self.pre_bias = autoencoder.encoder.weight, autoencoder.pre_bias
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
        queries = self._moved(texts) if weights.noise else texts
        both = torch.cat([queries, texts]) if weights.noise else texts
        before = self._before(both)
        kept = before.topk(min(4 * self.k, before.shape[1]), dim=1)
        self._note_use(kept.indices[:, : self.k], kept.values[:, : self.k])
        wanted = _without_diagonal(queries @ texts.T / weights.temperature).log_softmax(1)
        total = both.new_zeros(())
        similarity = both.new_zeros(())
        steps = self._sizes(kept.indices.shape[1])
        for k in steps:
            codes = _codes(before, kept, k)
            found = _linear(codes[: len(queries)], codes[-len(texts) :]) * (self.scale.exp() / weights.temperature)
            similarity = similarity + nn.functional.kl_div(
                _without_diagonal(found).log_softmax(1), wanted, log_target=True, reduction="batchmean"
            ) / len(steps)
        parts = {"similarity": weights.similarity * similarity, **self._reconstruct(both, before, kept, steps[0])}
        if len(self.pairs) and weights.contrastive:
            parts["contrastive"] = weights.contrastive * self._contrast(len(rows))
        for value in parts.values():
            total = total + value
        self.parts = {name: value.detach() for name, value in parts.items()}
        return {"loss": total}

    @property
    def dead(self) -> int:
        """Latents that no text has used for DEAD_AFTER steps."""
        return int((self.idle > DEAD_AFTER).sum())

    def _before(self, vectors: Tensor) -> Tensor:
        return _linear(self._autoencoder[0].prepare(vectors)[0] - self.pre_bias, self.weight) + self.latent_bias

    def _sizes(self, most: int) -> list[int]:
        """The k's of this step, the main one first."""
        left = max(0.0, 1.0 - self.progress / self.weights.anneal) if self.weights.anneal else 0.0
        grown = self.weights.anneal_from**left
        return [max(1, min(most, round(self.k * share * grown))) for share in self.weights.shares]

    def _with_neighbours(self, rows: Tensor) -> Tensor:
        """Numbers of the texts and of neighbours drawn for each, from its nearest and from those further off."""
        found = [rows]
        for number in range(self.weights.neighbours if self.near.shape[1] else 0):
            reach = min(self.near.shape[1], NEIGHBOURS if number % 2 else CLOSEST)
            drawn = torch.randint(reach, (len(rows),)).to(rows.device)
            found.append(self.near[rows, drawn])
        return torch.cat(found).unique()

    def _moved(self, texts: Tensor) -> Tensor:
        picked = torch.randint(len(self.vectors), (2, len(texts))).to(texts.device)
        by = self.weights.noise * torch.rand(len(texts), 1).to(texts.device)
        return nn.functional.normalize(texts + by * (self.vectors[picked[0]] - self.vectors[picked[1]]), dim=1)

    @torch.no_grad()
    def _note_use(self, indices: Tensor, values: Tensor) -> None:
        self.idle += 1
        self.idle[indices[values > 1e-5]] = 0

    def _reconstruct(self, vectors: Tensor, before: Tensor, kept: Any, k: int) -> dict[str, Tensor]:
        decode = self.weight.T
        decoded = _linear(_codes(before, kept, k), decode)
        features: dict[str, Tensor | None] = {
            "sentence_embedding_backbone": vectors,
            "decoded_embedding_k": decoded + self.pre_bias,
            "decoded_embedding_4k": _linear(_codes(before, kept, kept.indices.shape[1]), decode) + self.pre_bias,
            "decoded_embedding_aux": None,
            "decoded_embedding_k_pre_bias": decoded,
        }
        dead = self.idle > DEAD_AFTER
        if self.k_aux and self.weights.auxiliary and bool(dead.any()):
            revived = (before * dead).topk(min(self.k_aux, before.shape[1]), dim=1)
            features["decoded_embedding_aux"] = _linear(_codes(before, revived, self.k_aux), decode) + self.pre_bias
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
            before = self._before(self.vectors[rows])
            sides.append(_codes(before, before.topk(self.k, dim=1), self.k))
        scores = _linear(sides[0], sides[1]) * (self.scale.exp() / self.weights.temperature)
        same = self.pairs[drawn, 1][:, None] == self.pairs[drawn, 1][None]
        scores = scores.masked_fill(same & ~torch.eye(len(drawn), dtype=torch.bool, device=same.device), -1e4)
        return nn.functional.cross_entropy(scores, torch.arange(len(drawn), device=scores.device))


class CsrTrainer(Trainer):
    """A transformers.Trainer over row numbers, whose validation is whatever `measure` says."""

    def __init__(self, *args: Any, measure: Callable[[], dict[str, float]] | None, output: Path, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.measure, self.output = measure, output

    @property
    def objective(self) -> CsrObjective:
        """The loss, past what several processes wrap around it."""
        found = self.accelerator.unwrap_model(self.model)
        assert isinstance(found, CsrObjective)
        return found

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """The loss of one batch. Raises ModelError where it is not finite."""
        self.objective.progress = self.state.global_step / max(1, self.state.max_steps)
        found = super().compute_loss(model, inputs, *args, **kwargs)
        value = found[0] if isinstance(found, tuple) else found
        batch = {"rows": [str(row) for row in inputs["rows"].tolist()]}
        check_loss({**self.objective.parts, "loss": value}, batch, self.state.global_step + 1, self.output)
        return found

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Adds the parts of the last step's loss and the dead latents."""
        if "loss" in logs:
            logs |= {f"{name}_loss": round(float(part), 5) for name, part in self.objective.parts.items()}
            logs["dead_latents"] = self.objective.dead
        super().log(logs, *args, **kwargs)

    def evaluate(self, *args: Any, metric_key_prefix: str = "eval", **kwargs: Any) -> dict[str, float]:
        """What `measure` gives, as a trainer's metrics."""
        found = self.measure() if self.measure else {}
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in found.items()}
        self.log(dict(metrics))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics


@dataclass(frozen=True)
class _Rows(torch.utils.data.Dataset):  # type: ignore[type-arg]
    count: int
    column_names: list[str] = field(default_factory=lambda: ["rows"])

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> int:
        return row


def _batch(rows: Sequence[int]) -> dict[str, Tensor]:
    return {"rows": torch.tensor(rows)}


def prepare_csr(
    encoder: Any,
    vectors: NDArray[np.float32],
    pairs: NDArray[np.int64] | None,
    arguments: TrainingArguments,
    *,
    output: Path,
    weights: CsrWeights | None = None,
    measure: Callable[[], dict[str, float]] | None = None,
    callbacks: Sequence[Any] = (),
    fresh: bool = True,
) -> CsrTrainer:
    """A trainer of the autoencoder that `encoder` ends in, ready to run.

    Args:
        encoder: a SparseEncoder, see `autoencoder.make_csr`; its autoencoder is trained in place.
        vectors: [n, d] of the unique texts, from the modules before the autoencoder.
        pairs: [m, 2], the rows of a query and its positive; None for a corpus alone.
        arguments: steps, rate, batch (texts, whose neighbours come on top), evaluation, checkpoints.
        output: the run folder, for the rows of a batch whose loss is not finite.
        measure: validation figures of the current weights.
        fresh: start the autoencoder's parameters from the vectors; False to go on with those that it has.

    Raises:
        InputError: fewer than two vectors, or pairs of rows that are not there.
    """
    if len(vectors) < 2:
        raise InputError(f"{len(vectors)} texts are too few to train on", "add documents")
    links = torch.from_numpy(np.asarray(pairs if pairs is not None else np.empty((0, 2)), dtype=np.int64))
    if links.numel() and not 0 <= int(links.min()) <= int(links.max()) < len(vectors):
        raise InputError(f"a pair names row {int(links.max())} of {len(vectors)} vectors", "")
    autoencoder, rows = encoder[-1], torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))
    if fresh:
        start_from(autoencoder.cpu(), rows, arguments.seed)
    objective = CsrObjective(autoencoder, rows, links, weights or CsrWeights())
    dataset = _Rows(len(rows))
    trainer = CsrTrainer(
        model=objective,
        args=arguments,
        train_dataset=dataset,
        eval_dataset=dataset if measure else None,
        data_collator=_batch,
        callbacks=list(callbacks),
        measure=measure,
        output=output,
    )
    return trainer


def _codes(before: Tensor, kept: Any, k: int) -> Tensor:
    """The k largest of `before` [B, D] as codes; `kept` holds at least so many, the largest first."""
    return torch.zeros_like(before).scatter(1, kept.indices[:, :k], kept.values[:, :k].relu())


def _without_diagonal(scores: Tensor) -> Tensor:
    """Scores of texts with one another; that of a text with itself says nothing about search."""
    return scores.masked_fill(torch.eye(len(scores), dtype=torch.bool, device=scores.device), -1e4)


def _linear(rows: Tensor, weight: Tensor) -> Tensor:
    """``rows @ weight.T`` by the fastest kernel, with gradients."""
    if rows.device.type != "cpu" or torch.is_autocast_enabled("cpu"):
        return rows @ weight.T
    out: Tensor = _Linear.apply(rows, weight, None)
    return out
