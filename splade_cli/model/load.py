"""Opening a sparse encoder by name: ``tiny`` (the model in this package), a folder, or a hub id.

A plain masked-LM folder and the layouts of `layout` open as SPLADE; a folder that ends in a sparse
autoencoder or in a latent head opens as CSR or LASPAR. Pickled weights and a repository's own code are
refused unless allowed.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

import torch

from splade_cli.errors import ModelError
from splade_cli.model.csr.encoder import AUTOENCODER, open_csr
from splade_cli.model.device import choose_device, fit_threads
from splade_cli.model.folder.opening import opening
from splade_cli.model.folder.sizes import require_tokens
from splade_cli.model.hub import quiet, require_hub
from splade_cli.model.identity import identity_of
from splade_cli.model.laspar.encoder import open_latent
from splade_cli.model.laspar.head import LatentHead
from splade_cli.model.layout import (
    DEFAULT_LENGTH,
    DEFAULT_MODEL,
    NO_LIMIT,
    Layout,
    last_module,
    position_limit,
    read_layout,
    resolve,
)
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelKeywords, ModelOptions
from splade_cli.model.splade.encoder import SpladeModel

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def load_splade_model(
    name: str = DEFAULT_MODEL, options: ModelOptions | None = None, **keywords: Unpack[ModelKeywords]
) -> LoadedModel:
    """Loads a sparse encoder for encoding.

    Args:
        name: ``tiny``, a folder, or a hub id.
        options: how to open it; automatic device and precision, and no trust, by default.
        keywords: fields of `ModelOptions`, which go before those of `options`.

    Raises:
        InputError: an unknown device or precision, or one that this machine does not have.
        ModelError: not found, unreachable, gated, no masked language model, damaged, or needs to be trusted.
    """
    options = replace(options or ModelOptions(), **keywords)
    choose_device(options.device, options.precision)
    source = resolve(name)
    quiet()
    require_hub(source, options.revision)
    last = last_module(source, options.revision)
    if last == AUTOENCODER:
        return open_csr(source, name, options)
    if last == LatentHead.__name__:
        return open_latent(source, name, options)
    return _open_splade(source, name, options)


def _open_splade(source: str, name: str, options: ModelOptions) -> LoadedModel:
    device = choose_device(options.device, options.precision)
    identity = identity_of(source, options.revision)
    layout = read_layout(source, name, options.revision)
    tokenizer, masked_lm = _from_pretrained(source, name, layout, options)
    model = SpladeModel(
        masked_lm,
        name=name,
        identity=identity,
        pooling=layout.pooling,
        activation=layout.activation,
        max_seq_length=_length_limit(options, layout, tokenizer, masked_lm),
        prompts=layout.prompts,
        max_active=layout.max_active,
        query_table=layout.query_table(tokenizer),
        query_length=layout.query_length,
    )
    if not model.fused:
        logging.getLogger(__name__).warning(
            "%s does not end in a plain linear decoder: its logits are computed in full, at a cost",
            name,
        )
    fit_threads()
    loaded = LoadedModel(tokenizer, model.to(device.name).eval(), device)
    return loaded.with_precision(device.precision, device.reason)


def _length_limit(
    options: ModelOptions, layout: Layout, tokenizer: PreTrainedTokenizerBase, masked_lm: Any
) -> int:
    """Tokens read of a text: what was asked for, else the folder's limit, else the tokenizer's."""
    limit = options.max_seq_length or layout.max_seq_length or tokenizer.model_max_length
    if limit >= NO_LIMIT:
        limit = DEFAULT_LENGTH
    return min(int(limit), position_limit(masked_lm.config))


def _from_pretrained(source: str, name: str, layout: Layout, options: ModelOptions) -> tuple[Any, Any]:
    """Tokenizer and masked language model of a folder or hub id. Raises ModelError."""
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    if Path(source).is_dir() and not (Path(source) / layout.transformer / "config.json").is_file():
        raise ModelError(
            f"{name} is no model folder: it has no config.json", "name the folder that `splade train` wrote"
        )
    shared: dict[str, Any] = {"revision": options.revision, "trust_remote_code": options.trust_remote_code}
    if layout.transformer:
        shared["subfolder"] = layout.transformer
    with opening(name, source, options, subfolder=layout.transformer, kind="tokenizer"):
        tokenizer = AutoTokenizer.from_pretrained(source, **shared)
    with opening(name, source, options, subfolder=layout.transformer):
        masked_lm, info = AutoModelForMaskedLM.from_pretrained(
            source,
            use_safetensors=options.use_safetensors,
            dtype=torch.float32,
            output_loading_info=True,
            **shared,
        )
    if info["missing_keys"] or info.get("mismatched_keys"):
        missing = sorted(info["missing_keys"])[:2] or "weights of another shape"
        raise ModelError(
            f"{name} has no complete masked-LM head: {missing} not in its weights",
            "a sparse encoder needs a model with a trained *ForMaskedLM head",
        )
    require_tokens(tokenizer, masked_lm.get_input_embeddings().num_embeddings, name)
    return tokenizer, masked_lm
