"""Names that LASPAR's own trainer has for settings, flat or in any section, and ours for them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from splade_cli.config.layers import Layer
from splade_cli.config.origins import error_of
from splade_cli.errors import InputError

ARCHITECTURE = "model.architecture"
OURS = {
    "hf_model_name": "model.base_model",
    "hf_model": "model.base_model",
    "D": "model.latent_dimensions",
    "sparse": "model.latent_sparse",
    "freeze_bert": "model.latent_freeze_body",
    "query_topk": "model.latent_query_k",
    "doc_topk": "model.latent_document_k",
    "seq_length": "training.max_seq_length",
    "num_epochs": "training.num_train_epochs",
    "acc_steps": "training.gradient_accumulation_steps",
    "evaluation_steps": "training.eval_steps",
    "query_lambda": "loss.query_regularizer_weight",
    "doc_lambda": "loss.document_regularizer_weight",
    "doc_regularizer": "loss.document_regularizer",
    "use_distillation": "loss.teachers",
}
LASPARS_ALONE = ("D", "hf_model_name", "hf_model", "query_lambda", "doc_lambda", "doc_regularizer")
"""Names that no other trainer's settings have."""
DOES_NOTHING = {
    "d": "the width is the base model's",
    "warmup_steps": "set training.warmup_ratio, a share of all steps",
    "sparse_scaling_steps": "set loss.regularizer_warmup_ratio, a share of all steps",
    "topk_sparse": "the largest latents alone are kept, see model.latent_query_k and latent_document_k",
    "min_weight": "weights below 1e-5 are dropped",
    "negative_cache_size": "negatives come from the rows (training.negatives_per_query) and the batch",
    "use_clustering": "batches are drawn at random; rows bring hard negatives, which gen-data mines",
}
"""Names without a setting of ours, and what does their work."""


def in_our_names(layers: Sequence[Layer], preset: str | None) -> list[Layer]:
    """Layers with LASPAR's names turned into ours, where the run is one of LASPAR's.

    It is where the architecture or the preset says so, or a name that no other trainer has; such a name says
    what the architecture is, unless something else does.

    Raises:
        InputError: the same setting under both names in one layer.
    """
    named = [str(layer.values[ARCHITECTURE]) for layer in layers if ARCHITECTURE in layer.values]
    telling = [layer for layer in layers if any(_name(key) in LASPARS_ALONE for key in layer.values)]
    if named and named[-1] != "laspar":
        return list(layers)
    if not (named or telling or preset == "laspar"):
        return list(layers)
    renamed = []
    for layer in layers:
        values = _renamed(layer)
        if not named and telling and layer is telling[0]:
            values = {ARCHITECTURE: "laspar", **values}
        renamed.append(Layer(values, layer.origin))
    return renamed


def _renamed(layer: Layer) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, value in layer.values.items():
        name = _name(key)
        if name in DOES_NOTHING:
            logging.getLogger(__name__).warning(
                "%s (%s) does nothing: %s", key, layer.origin, DOES_NOTHING[name]
            )
            continue
        ours = OURS.get(name, key)
        if ours in values:
            raise InputError(f"'{key}' and another key of {layer.origin} both set {ours}", "leave one out")
        values[ours] = _value(name, value, layer.origin)
    return values


def _name(key: str) -> str:
    """The last part of a key; that of a dataset's settings is never LASPAR's."""
    return "" if key.startswith("datasets.") else key.rpartition(".")[2]


def _value(name: str, value: Any, origin: str) -> Any:
    """What our setting is set to; a switch of distillation names the teacher at hand, or none."""
    if name != "use_distillation":
        return value
    try:
        return ["auto"] if TypeAdapter(bool).validate_python(value) else []
    except ValidationError:
        raise error_of(origin)(
            f"use_distillation: true or false expected, got {value!r} ({origin})", "or set loss.teachers"
        ) from None
