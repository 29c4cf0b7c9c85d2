"""Regularised losses by dataset: their regularisers and lambdas by kind of text, and their active terms.

A loss here is sentence-transformers' SpladeLoss, or has its attributes ``document_regularizer(_weight)`` and
``query_regularizer(_weight)``; a weight that is None means no penalty for that kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from splade_cli.model.encode import encode
from splade_cli.model.loaded import LoadedModel
from splade_cli.training.sparsity.regularizers import Regularizer

KINDS = ("document", "query")
Losses = Mapping[str, Any] | Sequence[Any]
"""Losses by dataset, or one after the other."""


def as_list(losses: Losses) -> list[Any]:
    """The losses alone, in order."""
    return list(losses.values()) if isinstance(losses, Mapping) else list(losses)


def regularizer_of(loss: Any, kind: str) -> Regularizer:
    """The regulariser of a loss for documents or queries."""
    regularizer: Regularizer = getattr(loss, f"{kind}_regularizer")
    return regularizer


def lambda_of(loss: Any, kind: str) -> float | None:
    """The weight of a loss's regulariser, None where that kind has no penalty."""
    weight: float | None = getattr(loss, f"{kind}_regularizer_weight", None)
    return weight


def set_lambda(loss: Any, kind: str, weight: float) -> None:
    """Sets the weight of a loss's regulariser; a kind without a penalty stays without."""
    if lambda_of(loss, kind) is not None:
        setattr(loss, f"{kind}_regularizer_weight", weight)


def active_terms(
    loaded: LoadedModel, documents: Sequence[str], queries: Sequence[str] = (), batch_size: int = 32
) -> dict[str, float]:
    """Mean active terms of whole texts by kind, encoded as for a search; the training mode is restored."""
    was_training = loaded.model.training
    loaded.model.eval()
    terms: dict[str, float] = {}
    try:
        for kind, texts in zip(KINDS, (documents, queries), strict=True):
            if texts:
                terms[kind] = encode(loaded, texts, kind, batch_size=batch_size).nnz / len(texts)
    finally:
        loaded.model.train(was_training)
    return terms
