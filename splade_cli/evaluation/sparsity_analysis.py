"""Sparsity of a model on some texts: active terms, zeros, weights, and the heaviest terms of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.evaluation.costs import Sparsity, flops, sparsity
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.search.explain.terms import active_terms
from splade_cli.storage.files import open_text

SAMPLES = (
    "How do I reset a forgotten password?",
    "To reset a forgotten password, open the login page and choose a new one.",
    "Hvor lenge blir sikkerhetskopier tatt vare på?",
    "Sikkerhetskopier tas hver natt og blir tatt vare på i tretti dager.",
)
"""A question and its answer in two languages, for a look at a model without any data."""
TERMS = 10


@dataclass(frozen=True)
class TextSparsity:
    """One text as a document and as a query.

    Attributes:
        terms, query_terms: active ones.
        zeros: the share of a document's dimensions that are not.
        largest, smallest: weights of the document; 0 where no term is active.
        heaviest: the document's heaviest terms with their weights; latents go by their numbers.
    """

    text: str
    terms: int
    query_terms: int
    zeros: float
    largest: float
    smallest: float
    heaviest: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class SparsityAnalysis:
    """A model on texts, as documents and as queries.

    Attributes:
        flops: expected multiplications of one of the texts as a query with one as a document.
    """

    model: str
    dimensions: int
    documents: Sparsity
    queries: Sparsity
    flops: float
    texts: tuple[TextSparsity, ...]

    def to_json(self) -> dict[str, Any]:
        """All of it."""
        return asdict(self)


def analyze_sparsity(
    embedder: SpladeEmbedder, texts: Sequence[str] = SAMPLES, terms: int = TERMS
) -> SparsityAnalysis:
    """Encodes each text as a document and as a query, and counts.

    Args:
        terms: how many of the heaviest terms are named of each text.
    """
    documents = embedder.encode(texts, "document")
    queries = embedder.encode(texts, "query")
    vocabulary = embedder.vocabulary
    rows = []
    for number, text in enumerate(texts):
        rows.append(_of_text(text, documents[number], queries[number], vocabulary, terms))
    return SparsityAnalysis(
        model=embedder.loaded.model.name,
        dimensions=documents.shape[1],
        documents=sparsity(documents),
        queries=sparsity(queries),
        flops=flops(queries, documents),
        texts=tuple(rows),
    )


def read_texts(path: Path) -> list[str]:
    """The texts of a file, one a line, blank lines left out. Raises InputError where there is none."""
    with open_text(path) as lines:
        texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise InputError(f"{path} has no text", "one text a line")
    return texts


def _of_text(
    text: str, document: sp.csr_matrix, query: sp.csr_matrix, vocabulary: Sequence[str], terms: int
) -> TextSparsity:
    return TextSparsity(
        text=text,
        terms=int(document.nnz),
        query_terms=int(query.nnz),
        zeros=1 - document.nnz / document.shape[1],
        largest=float(np.max(document.data, initial=0.0)),
        smallest=float(np.min(document.data)) if document.nnz else 0.0,
        heaviest=tuple(active_terms(document, vocabulary, terms)),
    )
