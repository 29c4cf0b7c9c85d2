"""The CSR encoder (contrastive sparse representation): a dense encoder under a sparse autoencoder.

CSR [Wen et al. 2025, arXiv 2503.01776]: for a text's dense vector x[d], weights W[D, d], biases b[d], c[D],

    z[D] = relu(top_k(W (x - b) + c))          x is about W^T z + b

The modules are sentence-transformers' own, so that a folder opens in its SparseEncoder as well. k is nested:
the largest weights of a code are the code of a smaller k.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from splade_cli.errors import ModelError
from splade_cli.model.device import choose_device, fit_threads
from splade_cli.model.folder.opening import opening
from splade_cli.model.folder.sizes import require_own_tokens
from splade_cli.model.hub import quiet, require_hub
from splade_cli.model.identity import identity_of
from splade_cli.model.kernels.linear import use_fast_linear
from splade_cli.model.layout import last_module, resolve_dense
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelOptions
from splade_cli.model.sparse_model import SparseModel, SparseRows, nonzero_rows

AUTOENCODER = "SparseAutoEncoder"
EXPANSION = 4
"""D over d where nobody says."""
SAMPLE = 1024
"""Vectors that decide the length of an untrained autoencoder's rows."""


class CsrModel(SparseModel):
    """A dense encoder and a sparse autoencoder: token ids [B, L] to non-negative latents [B, D].

    Attributes:
        encoder: sentence-transformers' SparseEncoder of [Transformer, Pooling, .., SparseAutoEncoder];
            shared, not copied, so that what trains it changes this.
        max_active: k of a text; fewer than the autoencoder's k gives its largest latents.
    """

    architecture = "csr"

    def __init__(self, encoder: Any, **settings: Any) -> None:
        super().__init__(**settings)
        self.encoder = encoder
        use_fast_linear(encoder)

    @property
    def dimensions(self) -> int:
        """D, the number of latents."""
        return int(self.encoder[-1].hidden_dim)

    def dense(self, **features: Tensor) -> Tensor:
        """The dense vectors [B, d] of tokenised texts."""
        for part in list(self.encoder)[:-1]:
            features = part(features)
        return features["sentence_embedding"]

    def forward(self, **features: Tensor) -> Tensor:
        """Latents [B, D] of tokenised texts, no more than k of a row above zero."""
        autoencoder = self.encoder[-1]
        k = min(self.max_active or autoencoder.k, self.dimensions)
        prepared, _ = autoencoder.prepare(self.dense(**features))
        latents: Tensor = autoencoder.top_k(autoencoder.encode_pre_act(prepared), k, compute_aux=False)[0]
        return latents

    def sparse_rows(self, *, kind: str = "document", low: bool = True, **features: Tensor) -> SparseRows:
        """What `forward` gives, as CSR arrays of its non-zeros; both kinds alike."""
        return nonzero_rows(self(**features))


def open_csr(source: Path | str, name: str, options: ModelOptions | None = None) -> LoadedModel:
    """A saved CSR model for encoding.

    Args:
        source: a folder or hub id that sentence-transformers' SparseEncoder opens.
        name: what the user called it.
        options: how to open it.

    Raises:
        ModelError: not found, damaged, or not a dense encoder under an autoencoder.
    """
    from sentence_transformers import SparseEncoder

    options = options or ModelOptions()
    device = choose_device(options.device, options.precision)
    source = str(source)
    quiet()
    require_hub(source, options.revision)
    identity = identity_of(source, options.revision)
    with opening(name, source, options, kind="CSR model"):
        encoder = SparseEncoder(source, device=device.name, **_settings(options))
    require_own_tokens(encoder, name)
    model = _csr_model(encoder, name, identity, options.max_seq_length)
    return LoadedModel(encoder.tokenizer, model, device)


def make_csr(
    base: str,
    *,
    k: int = 256,
    k_aux: int = 512,
    hidden: int | None = None,
    options: ModelOptions | None = None,
) -> tuple[Any, LoadedModel]:
    """A CSR model to train: a fresh autoencoder over the dense model `base`, or `base` where it is CSR.

    Args:
        base: a folder, a hub id, or ``all-MiniLM-L6-v2``.
        k, k_aux: latents of a text, and dead latents that the auxiliary loss looks at.
        hidden: D, four times d by default; a CSR model keeps its own.
        options: how to open the base; the precision is float32 whatever they say.

    Returns:
        The SparseEncoder, and a LoadedModel that encodes with its current weights.

    Raises:
        ModelError: no dense model of that name, or k does not fit D.
    """
    options = replace(options or ModelOptions(), precision="fp32")
    device = choose_device(options.device, options.precision)
    source = resolve_dense(base)
    quiet()
    require_hub(source, options.revision)
    model: CsrModel
    if last_module(source, options.revision) == AUTOENCODER:
        model = cast(CsrModel, open_csr(source, base, options).model)
        encoder = model.encoder
        encoder[-1].k = k
        encoder[-1].k_aux = k_aux
        encoder.max_active_dims = k
        model.max_active = k
    else:
        encoder = _with_fresh_autoencoder(source, base, device.name, hidden, k, k_aux, options)
        model = _csr_model(encoder, base, "in training", options.max_seq_length)
    if k > model.dimensions:
        raise ModelError(
            f"k {k} is more than the {model.dimensions} latents", "lower csr_k or raise csr_hidden_dim"
        )
    fit_threads()
    return encoder, LoadedModel(encoder.tokenizer, model, device)


@torch.no_grad()
def initialize(autoencoder: Any, vectors: Tensor, seed: int) -> None:
    """Sets an untrained autoencoder's parameters from the vectors [n, d] it will code.

    A latent's row is a random mixture of three centred vectors: directions in which texts differ. All rows
    have one length, that which makes decoding the first codes come closest to the vectors.
    """
    generator = torch.Generator().manual_seed(seed)
    mean = vectors.mean(0)
    latents = autoencoder.hidden_dim
    picked = torch.randint(len(vectors), (latents, 3), generator=generator)
    shares = torch.randn(latents, 3, generator=generator)
    rows = nn.functional.normalize(torch.einsum("lm,lmd->ld", shares, vectors[picked] - mean), dim=1)
    some = vectors[torch.randperm(len(vectors), generator=generator)[:SAMPLE]] - mean
    largest = (some @ rows.T).topk(autoencoder.k, dim=1)
    codes = torch.zeros(len(some), latents).scatter_(1, largest.indices, largest.values.relu())
    decoded = codes @ rows
    length = ((decoded * some).sum() / decoded.square().sum().clamp(min=1e-12)).clamp(min=1e-12).sqrt()
    autoencoder.encoder.weight.copy_(rows * length)
    autoencoder.pre_bias.copy_(mean)
    autoencoder.latent_bias.zero_()


def _with_fresh_autoencoder(
    source: str, name: str, device: str, hidden: int | None, k: int, k_aux: int, options: ModelOptions
) -> Any:
    from sentence_transformers import SentenceTransformer, SparseEncoder
    from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder

    with opening(name, source, options, kind="dense model"):
        dense = SentenceTransformer(source, device=device, **_settings(options))
    require_own_tokens(dense, name)
    width = int(dense.get_embedding_dimension() or 0)
    latents = hidden or EXPANSION * width
    autoencoder = SparseAutoEncoder(width, hidden_dim=latents, k=min(k, latents), k_aux=min(k_aux, latents))
    return SparseEncoder(modules=[*dense, autoencoder], device=device, prompts=dense.prompts)


def _settings(options: ModelOptions) -> dict[str, Any]:
    return {
        "trust_remote_code": options.trust_remote_code,
        "revision": options.revision,
        "model_kwargs": {"dtype": torch.float32, "use_safetensors": options.use_safetensors},
    }


def _csr_model(encoder: Any, name: str, identity: str, max_seq_length: int | None) -> CsrModel:
    kinds = [type(part).__name__ for part in encoder]
    if kinds[0] != "Transformer" or kinds[-1] != AUTOENCODER:
        raise ModelError(
            f"{name} is made of {' + '.join(kinds)}, a CSR model is Transformer + Pooling + {AUTOENCODER}",
            "name a folder that `splade train --preset csr` wrote",
        )
    if max_seq_length is not None:
        encoder.max_seq_length = max_seq_length
    prompts = {kind: text for kind, text in encoder.prompts.items() if text}
    if prompts and any(not getattr(part, "include_prompt", True) for part in encoder):
        raise ModelError(
            f"{name} leaves the tokens of its prompts out of its vectors", "use a model without prompts"
        )
    model = CsrModel(
        encoder,
        name=name,
        identity=identity,
        max_seq_length=int(encoder.max_seq_length or 512),
        prompts=prompts,
        max_active=encoder.max_active_dims or encoder[-1].k,
    )
    return model.eval()
