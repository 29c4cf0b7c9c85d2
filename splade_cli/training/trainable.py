"""What a run trains: a sentence-transformers SparseEncoder, and our view of the same parameters.

The trainer changes and saves the one, validation encodes with the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from splade_cli.config.schema import ModelSection
from splade_cli.errors import ModelError
from splade_cli.model.csr.encoder import make_csr
from splade_cli.model.encode import tokenize
from splade_cli.model.hub import find_file
from splade_cli.model.layout import DEFAULT_MODEL, resolve
from splade_cli.model.load import load_splade_model
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelOptions
from splade_cli.model.query_encoders.frequencies import TokenFrequencies
from splade_cli.model.splade.encoder import SpladeModel
from splade_cli.training.laspar.trainable import trainable_control, trainable_latent


@dataclass(frozen=True)
class Trainable:
    """What a run trains.

    Attributes:
        encoder: a sentence-transformers SparseEncoder.
        transformer: its part that reads documents.
        view: the same parameters as a LoadedModel; `loaded` brings it up to date.
        static: the query table's module of an inference-free model.
        is_dense: whether it is LASPAR's dense control.
        was_sparse: whether the base was a sparse encoder already, and no plain language model.
    """

    encoder: Any
    transformer: Any
    view: LoadedModel
    static: Any = None
    was_sparse: bool = False
    is_dense: bool = False

    @property
    def saved(self) -> Any:
        """What is saved: the encoder, or a dense sentence-transformers model of its modules."""
        if not self.is_dense:
            return self.encoder
        from sentence_transformers import SentenceTransformer

        return SentenceTransformer(modules=list(self.encoder), similarity_fn_name="cosine")

    @property
    def routed(self) -> bool:
        """Whether queries and documents take routes of their own through the encoder."""
        return hasattr(self.encoder[0], "sub_modules")

    @property
    def loaded(self) -> LoadedModel:
        """The view, with the query weights as they are now."""
        if self.static is not None:
            self.view.model.query_table = self.static.weight.detach().float().cpu().numpy()
        return self.view

    def read_at_most(self, tokens: int) -> None:
        """Lets the encoder read no more than so many tokens of a document."""
        self.transformer.max_seq_length = min(tokens, self.view.model.max_seq_length)


def open_trainable(
    section: ModelSection,
    options: ModelOptions | None = None,
    *,
    documents: Sequence[str] = (),
    seed: int = 0,
) -> Trainable:
    """What `section` asks for, from its base model.

    Args:
        section: base model, architecture and their options, whom to trust among them.
        options: device, precision (float32 where it is automatic) and tokens read of a text from now on.
        documents: the training corpus, whose IDF an inference-free model's queries start from, and by which
            a fresh latent head is calibrated.
        seed: of a fresh latent head.

    Raises:
        ModelError: the base cannot be used, or not for this architecture.
    """
    if section.load_pretrained_sparse_encoder and not _is_sparse_encoder(section.base_model):
        raise ModelError(
            f"{section.base_model} is no sparse encoder, and load_pretrained_sparse_encoder asks for one",
            "name a folder that `splade train` wrote, or leave that key out",
        )
    options = replace(
        options or ModelOptions(),
        trust_remote_code=section.trust_remote_code,
        allow_pickle=section.allow_pickle,
    )
    if options.precision == "auto":
        options = replace(options, precision="fp32")
    trainable = _opened(section, options, documents, seed)
    # sentence-transformers settles it when it is first asked for: a run that goes on from its last step never
    # asks, and would save a model without it
    trainable.encoder.similarity_fn_name = trainable.encoder.similarity_fn_name
    return trainable


def _opened(section: ModelSection, options: ModelOptions, documents: Sequence[str], seed: int) -> Trainable:
    if section.architecture == "csr":
        encoder, view = make_csr(
            section.base_model,
            k=section.csr_k,
            k_aux=section.csr_k_aux,
            hidden=section.csr_hidden_dim,
            options=options,
        )
        return Trainable(encoder, encoder[0], view)
    if section.architecture == "laspar" and not section.latent_sparse:
        encoder, view = trainable_control(section, options)
        return Trainable(encoder, encoder[0], view, is_dense=True)
    if section.architecture == "laspar":
        encoder, view = trainable_latent(section, options, documents, seed)
        return Trainable(encoder, encoder[0], view)
    return _trainable_splade(section, options, documents)


def _trainable_splade(section: ModelSection, options: ModelOptions, documents: Sequence[str]) -> Trainable:
    from sentence_transformers.base.modules import Router
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    from splade_cli.model.splade.sparse_encoder import FusedSparseEncoder

    inference_free = section.architecture == "inference-free-splade"
    loaded = load_splade_model(section.base_model, options)
    base = _checked_base(loaded, section.base_model, section.architecture)
    encoder = FusedSparseEncoder(
        resolve(section.base_model),
        device=loaded.device.name,
        trust_remote_code=section.trust_remote_code,
        model_kwargs={"dtype": torch.float32},
    )
    router = None
    parts = encoder
    if isinstance(encoder[0], Router):
        router = encoder[0]
        parts = router.sub_modules["document"]
    transformer = parts[0]
    pooling = parts[1]
    if not isinstance(pooling, SpladePooling):
        raise ModelError(
            f"{section.base_model} does not end in SpladePooling",
            f"use '{DEFAULT_MODEL}' or another SPLADE model",
        )
    transformer.max_seq_length = base.max_seq_length
    pooling.pooling_strategy = section.pooling_strategy or base.pooling
    pooling.activation_function = section.activation or base.activation
    static = None
    table = base.query_table
    if inference_free and table is None:
        table = _query_table(loaded, documents)
        static = _static_embedding(loaded, table, section.freeze_static_embedding)
        router = Router.for_query_document(query_modules=[static], document_modules=[transformer, pooling])
        encoder = FusedSparseEncoder(modules=[router], similarity_fn_name="dot", prompts=base.prompts or None)
        encoder.to(loaded.device.name)
    elif inference_free and router is not None:
        static = router.sub_modules["query"][0]
        static.weight.requires_grad_(not section.freeze_static_embedding)
    model = SpladeModel(
        transformer.model,
        name=section.base_model,
        identity="in training",
        pooling=pooling.pooling_strategy,
        activation=pooling.activation_function,
        max_seq_length=base.max_seq_length,
        prompts=base.prompts,
        max_active=base.max_active,
        query_table=table,
        query_length=base.query_length,
    )
    encoder.insert_head(model.head)
    view = LoadedModel(loaded.tokenizer, model, loaded.device)
    return Trainable(encoder, transformer, view, static, _is_sparse_encoder(section.base_model))


def _is_sparse_encoder(name: str) -> bool:
    """Whether a base is more than a plain language model: sentence-transformers' modules say what it does."""
    return name == DEFAULT_MODEL or find_file(resolve(name), "modules.json") is not None


def _checked_base(loaded: LoadedModel, name: str, architecture: str) -> SpladeModel:
    """The base as a SPLADE model of that architecture. Raises ModelError."""
    model = loaded.model
    if not isinstance(model, SpladeModel):
        raise ModelError(
            f"{name} is a {model.architecture} model, not {architecture}",
            f"set architecture {model.architecture}",
        )
    if model.query_table is not None and architecture != "inference-free-splade":
        raise ModelError(f"{name} is inference-free already", "set architecture inference-free-splade")
    return model


def _query_table(loaded: LoadedModel, documents: Sequence[str]) -> NDArray[np.float32]:
    """Weights that queries start from: the IDF of each token in the corpus, or 1 without one."""
    size = len(loaded.tokenizer.get_vocab())
    if not documents:
        return np.ones(size, dtype=np.float32)
    rows = tokenize(loaded, documents, "document", special=False)["input_ids"]
    return TokenFrequencies.of(rows, size).idf()


def _static_embedding(loaded: LoadedModel, table: NDArray[np.float32], frozen: bool) -> Any:
    from sentence_transformers.sparse_encoder.modules import SparseStaticEmbedding

    return SparseStaticEmbedding(loaded.tokenizer, torch.from_numpy(table), frozen=frozen)
