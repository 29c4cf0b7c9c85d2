"""A LASPAR model to train: a SparseEncoder of sentence-transformers, and our view of the same parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch

from splade_cli.model.device import choose_device, fit_threads
from splade_cli.model.hub import quiet, read_json
from splade_cli.model.kernels.linear import use_fast_linear
from splade_cli.model.laspar.dense_control import DenseControl
from splade_cli.model.laspar.encoder import LatentModel, make_latent, open_body, open_latent
from splade_cli.model.laspar.head import LatentHead
from splade_cli.model.layout import last_module, resolve_dense
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

    from splade_cli.config.schema import ModelSection

SAMPLE = 256
"""Texts that a fresh head is calibrated by, at most."""


def trainable_latent(
    section: ModelSection, options: ModelOptions, documents: Sequence[str] = (), seed: int = 0
) -> tuple[Any, LoadedModel]:
    """What a run trains: a SparseEncoder, and our view of the same parameters.

    Args:
        section: a base that is a latent model already goes on, with its own sizes.
        options: how to open the base; the precision is float32 whatever they say.
        documents: the training corpus; the first SAMPLE of them calibrate a fresh head.
        seed: of a fresh head's U.

    Returns:
        The encoder and a LoadedModel.
    """
    quiet()
    options = replace(options, precision="fp32")
    device = choose_device(options.device, options.precision)
    name = section.base_model
    source = resolve_dense(name)
    if last_module(source) == LatentHead.__name__:
        opened = open_latent(source, name, options)
        tokenizer = opened.tokenizer
        model = cast(LatentModel, opened.model)
    else:
        tokenizer, model = make_latent(
            name,
            section.latent_dimensions,
            section.latent_variant,
            options,
            seed=seed,
            rank=section.latent_rank,
            query_k=section.latent_query_k,
            document_k=section.latent_document_k,
        )
        if documents:
            calibrate(model, tokenizer, documents[:SAMPLE])
    model.to(device.name)
    encoder = as_encoder(_body_folder(source), model)
    model.body.requires_grad_(not section.latent_freeze_body)
    fit_threads()
    return encoder, LoadedModel(tokenizer, model, device)


def trainable_control(section: ModelSection, options: ModelOptions) -> tuple[Any, LoadedModel]:
    """The dense control of `trainable_latent`: its encoder is [Transformer, Pooling, Normalize].

    Args:
        section: names the base.
        options: how to open it; the precision is float32 whatever they say.
    """
    from sentence_transformers import SparseEncoder
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    quiet()
    options = replace(options, precision="fp32")
    device = choose_device(options.device, options.precision)
    tokenizer, body, length = open_body(section.base_model, options)
    model = DenseControl(body, name=section.base_model, identity="fresh", max_seq_length=length)
    model.to(device.name).eval()
    transformer = _transformer(_body_folder(resolve_dense(section.base_model)), model)
    encoder = SparseEncoder(
        modules=[transformer, Pooling(model.dimensions, pooling_mode="mean"), Normalize()],
        similarity_fn_name="cosine",
        device=device.name,
    )
    fit_threads()
    return encoder, LoadedModel(tokenizer, model, device)


def as_encoder(source: str, model: LatentModel) -> Any:
    """A SparseEncoder [Transformer, LatentHead] of `model`, whose body becomes the encoder's.

    Args:
        source: the folder or hub id that the body's configuration and tokenizer are read from.
    """
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Module

    Module.register(LatentHead)  # a checkpoint of foreign classes is opened again if they are modules
    device = str(next(model.body.parameters()).device)
    transformer = _transformer(source, model)
    return SparseEncoder(
        modules=[transformer, model.head],
        similarity_fn_name="dot",
        device=device,
        prompts=model.prompts or None,
    )


def _transformer(source: str, model: LatentModel | DenseControl) -> Any:
    """A Transformer of sentence-transformers with the weights of `model`'s body, which it becomes."""
    from sentence_transformers.base.modules import Transformer

    transformer = Transformer(
        source, max_seq_length=model.max_seq_length, model_kwargs={"dtype": torch.float32}
    )
    transformer.model.load_state_dict(model.body.state_dict())
    use_fast_linear(transformer.model)
    model.body = transformer.model
    return transformer


def calibrate(model: LatentModel, tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> None:
    """`LatentHead.calibrate` by the documents `texts`."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), 16):
            prompted = [model.prompts.get("document", "") + text for text in texts[start : start + 16]]
            features = tokenizer(
                prompted, truncation=True, max_length=model.max_seq_length, padding=True, return_tensors="pt"
            )
            parts.append(model.summed(**features.to(model.head.scale.device)))
    model.head.calibrate(torch.cat(parts))


def _body_folder(source: str) -> str:
    """Where the body of a transformers or sentence-transformers folder or hub id lies."""
    modules = read_json(source, "modules.json")
    if not modules or not modules[0]["path"]:
        return source
    return str(Path(source) / modules[0]["path"])
