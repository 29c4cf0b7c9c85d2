"""Query text in, explained hits out, over one index and the model that made it; knows no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.index.inverted import SpladeIndex
from splade_cli.records import Hit
from splade_cli.search.encoder import SpladeEmbedder
from splade_cli.search.explain import active_terms, missing_terms, shared_terms, snippet
from splade_cli.search.queries import QueryEncoder, open_query_encoder

if TYPE_CHECKING:
    from splade_cli.model.architectures import SpladeModel


@dataclass(frozen=True)
class Absence:
    """Why a row is not among the first hits: its rank (None: it shares no term), score, and what it lacks."""

    hit: Hit
    rank: int | None
    lacking: list[tuple[str, float]]


class Searcher:
    """Search over an index.

    Args:
        index: the vectors, texts and vocabulary.
        embedder: the model that made the index; not loaded before it is needed.
        queries: encodes queries in its place, where the index carries what that takes.
    """

    def __init__(self, index: SpladeIndex, embedder: SpladeEmbedder, queries: QueryEncoder | None = None) -> None:
        self.index = index
        self.embedder = embedder
        self.queries = queries
        self._places: dict[str, int] | None = None

    @classmethod
    def open(cls, folder: str | Path, *, model: str | None = None, device: str = "auto", **options: Any) -> Searcher:
        """Opens an index folder with what it carries for queries, else with the model that it names.

        Args:
            model: encode queries with this model, which must be the one that made the index, wherever it lies now.

        Raises:
            IndexFolderError: missing, damaged, or made by another model.
            ModelError: the model cannot be loaded.
        """
        index = SpladeIndex.open(folder)
        made_by = index.model or {}
        name = model or made_by.get("name")
        if not name:
            raise IndexFolderError(f"the index {folder} does not say which model made it", "name it: --model MODEL")
        precision = made_by.get("precision", "auto") if device == "cpu" else "auto"
        embedder = SpladeEmbedder(
            name,
            device=device,
            precision="fp32" if precision == "int8" else precision,
            max_seq_length=made_by.get("max_seq_length"),
            **options,
        )
        queries = open_query_encoder(Path(folder), index.query) if model is None else None
        if queries is not None:
            return cls(index, embedder, queries)
        identity = embedder.loaded.model.identity
        if made_by.get("identity") and made_by["identity"] != identity:
            raise IndexFolderError(
                f"the index {folder} was made by another model than {name} ({made_by['name']}, "
                f"{made_by['identity'][:12]}; now {identity[:12]})",
                f"make it again: splade index DOCS -o {folder} --model {name} --force",
            )
        return cls(index, embedder)

    def encode(self, query: str) -> sp.csr_matrix:
        """The query's vector [1, V]."""
        return self.queries.encode([query]) if self.queries else self.embedder.encode([query], "query")

    def search(self, query: str, k: int = 10, *, explain: bool = True) -> list[Hit]:
        """The `k` best hits, each with a snippet and, if `explain`, the terms that met.

        Raises:
            InputError: an empty query, or k below 1.
        """
        if not query.strip():
            raise InputError("the query is empty", 'type some words: splade search "how to ..." --index DIR')
        vector = self.encode(query)
        numbers, scores = self.index.search(vector, k)
        found = [(int(row), float(score)) for row, score in zip(numbers[0], scores[0], strict=True) if row >= 0]
        return [self._hit(vector, query, row, rank, score, explain) for rank, (row, score) in enumerate(found, 1)]

    def why(self, query: str, row_id: str) -> Absence:
        """How the row of `row_id` stands to `query`, whether or not it came up. Raises InputError for an unknown id."""
        row = self.row_number(row_id)
        vector = self.encode(query)
        numbers, scores = self.index.search(vector, len(self.index))
        place = np.flatnonzero(numbers[0] == row)
        score = float(scores[0, place[0]]) if len(place) else 0.0
        rank = int(place[0]) + 1 if len(place) else None
        hit = self._hit(vector, query, row, rank or 0, score, True)
        return Absence(hit, rank, missing_terms(vector, self.index.vectors[row], self.index.vocabulary))

    def row_number(self, row_id: str) -> int:
        """The row of a chunk id, or the first row of a document id. Raises InputError where there is none."""
        if self._places is None:
            self._places = {}
            for number, row in enumerate(self.index.rows):
                self._places.setdefault(row["id"], number)
                self._places.setdefault(row.get("document_id") or row["id"], number)
        if row_id not in self._places:
            raise InputError(f"no document '{row_id}' in the index", "ids stand behind each hit")
        return self._places[row_id]

    def terms(self, text: str, limit: int = 20, kind: str = "query") -> list[tuple[str, float]]:
        """The heaviest terms that the model gives `text`."""
        vector = self.encode(text) if kind == "query" else self.embedder.encode([text], kind)
        return active_terms(vector, self.index.vocabulary, limit)

    def _hit(self, vector: sp.csr_matrix, query: str, row: int, rank: int, score: float, explain: bool) -> Hit:
        record = self.index.rows[row]
        terms = shared_terms(vector, self.index.vectors[row], self.index.vocabulary, query)
        text = record.get("text", "")
        return Hit(
            id=record["id"],
            rank=rank,
            score=score,
            text=text,
            snippet=snippet(text, [term.term for term in terms[:8]]),
            title=record.get("title", ""),
            document_id=str(record.get("document_id", record["id"])),
            metadata=record.get("metadata", {}),
            terms=terms if explain else (),
        )


def retrieve_documents(
    query: str, documents: Sequence[str], tokenizer: Any, model: SpladeModel, device: Any, top_k: int = 3
) -> list[dict[str, Any]]:
    """Ranks `documents` for one query with a model from `load_splade_model`.

    Returns:
        ``{"rank", "score", "snippet", "document", "index"}`` a hit, best first; fewer than `top_k` where fewer match.
    """
    from splade_cli.model.load import LoadedModel

    embedder = SpladeEmbedder.from_loaded(LoadedModel(tokenizer, model, device))
    index = SpladeIndex.from_vectors(
        embedder.encode(documents), texts=documents, vocabulary=embedder.vocabulary, model=embedder.description
    )
    return [
        {"rank": hit.rank, "score": hit.score, "snippet": hit.snippet, "document": hit.text, "index": int(hit.id)}
        for hit in Searcher(index, embedder).search(query, top_k)
    ]
