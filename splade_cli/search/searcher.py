"""Query text in, explained hits out, over one index and the model that made it; knows no terminal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import InputError, require_positive
from splade_cli.index.index import SpladeIndex
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.store.records import content_of
from splade_cli.indexing.models import check_model, dense_of, model_of
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.query_encoders.encoders import QueryEncoder, open_query_encoder
from splade_cli.records import Hit, Term
from splade_cli.search.expansion import Expander
from splade_cli.search.explain.snippets import snippet
from splade_cli.search.explain.terms import active_terms, missing_terms, shared_terms
from splade_cli.search.grouping import Fold, folded
from splade_cli.search.options import How
from splade_cli.search.ranker import Pieces, Ranked, Ranker
from splade_cli.search.rerank import Reranker, rerank

if TYPE_CHECKING:
    from splade_cli.engines.backends import Backend
    from splade_cli.model.splade.encoder import SpladeModel


@dataclass(frozen=True)
class Absence:
    """Why a row is not among the first hits: its rank (None: no result at all), score, and what it lacks.

    `filtered` says whether the filter keeps it out; the rank is then the one that it would have without.
    """

    hit: Hit
    rank: int | None
    lacking: list[tuple[str, float]]
    filtered: bool = False


class Searcher:
    """Search over an index.

    Args:
        index: the vectors, texts and vocabulary.
        embedder: the model that made the index; not loaded before it is needed.
        queries: encodes queries in its place, where the index carries what that takes.
        how: how to search where a call does not say otherwise.
    """

    def __init__(
        self,
        index: SpladeIndex,
        embedder: SpladeEmbedder,
        queries: QueryEncoder | None = None,
        how: How | None = None,
    ) -> None:
        self.index, self.embedder, self.queries, self.how = index, embedder, queries, how or How()
        self.ranker = Ranker(
            index,
            self._encoded,
            alpha=self.how.alpha,
            weights=self.how.fusion_weights,
            open_dense=self._open_dense,
            backend=self._backend() if self.how.backend else None,
        )
        self.ranker.require(self.how.mode)

    @classmethod
    def open(
        cls,
        folder: str | Path,
        *,
        model: str | None = None,
        how: How | None = None,
        device: str = "auto",
        **options: Any,
    ) -> Searcher:
        """Opens an index folder with what it carries for queries, else with the model that it names.

        Args:
            model: encode queries with this model, which must be the one that made the index, wherever it lies now.

        Raises:
            IndexFolderError: missing, damaged, or made by another model.
            ModelError: the model cannot be loaded.
        """
        index = SpladeIndex.open(folder)
        made_by = index.model or {}
        precision = made_by.get("precision", "auto") if device == "cpu" else "auto"
        embedder = SpladeEmbedder(
            model_of(index, model),
            device=device,
            precision="fp32" if precision == "int8" else precision,
            max_seq_length=made_by.get("max_seq_length"),
            **options,
        )
        queries = (
            open_query_encoder(index.query_folder or Path(folder), index.query) if model is None else None
        )
        searcher = cls(index, embedder, queries, how)
        if queries is None and searcher.mode in ("sparse", "hybrid"):
            check_model(index, embedder)
        return searcher

    @property
    def mode(self) -> str:
        """How it searches where a call does not say otherwise."""
        return self.how.mode

    @property
    def modes(self) -> tuple[str, ...]:
        """What this index can do."""
        return self.ranker.modes

    def fields(self) -> dict[str, str]:
        """Names and kinds of the fields that filters may ask for."""
        kinds: dict[str, list[str]] = {}
        for segment in self.index.segments:
            for name, column in segment.columns.fields.items():
                kinds.setdefault(name, []).extend(column.kinds())
        return {name: " or ".join(dict.fromkeys(found)) for name, found in sorted(kinds.items())}

    def passing(self, expression: str) -> int:
        """How many rows pass a filter. Raises InputError where it cannot be read."""
        return int(np.count_nonzero(self.index.mask(parse_filter(expression)) & self.index.alive))

    def encode(self, query: str) -> sp.csr_matrix:
        """The query's vector [1, V], as the index is searched with it."""
        return self.ranker.vector(self.pieces(query))

    def pieces(self, query: str) -> Pieces:
        """The query, and what the expansion rules add to it."""
        return self._expander.expand(query).pieces if self._expander else [(query, 1.0)]

    def search(
        self,
        query: str,
        k: int = 10,
        *,
        mode: str | None = None,
        filter: str | None = None,
        explain: bool = True,
    ) -> list[Hit]:
        """The `k` best hits, each with a snippet and, if `explain`, the terms that met.

        Raises:
            InputError: an empty query, k below 1, a mode that the index cannot do, a filter that cannot be read.
        """
        require_positive(k=k)
        require_text(query)
        if not query.strip():
            raise InputError("the query is empty", 'type some words: splade search "how to ..." --index DIR')
        how = replace(self.how, mode=mode or self.how.mode, filter=filter or self.how.filter)
        allowed = self._mask(how.filter)
        pieces = self.pieces(query)
        found: list[Ranked] = []

        def ranking(depth: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
            if how.reranker:
                found.append(found[-1] if found else self._judged(query, pieces, how, allowed))
            else:
                found.append(self.ranker.rank(pieces, how.mode, depth, allowed))
            return found[-1].rows, found[-1].scores

        rows = self.index.rows
        folds = folded(
            ranking,
            k,
            document_of=(lambda row: rows[row].get("document_id") or rows[row]["id"]) if how.fold else None,
            text_of=(lambda row: rows[row].get("text", "")) if how.fold else None,
        )
        return [self._hit(pieces, how, fold, rank, found[-1], explain) for rank, fold in enumerate(folds, 1)]

    def why(self, query: str, row_id: str, *, mode: str | None = None, filter: str | None = None) -> Absence:
        """How the row of `row_id` stands to `query`, whether or not it came up. Raises InputError for an unknown id."""
        row = self.row_number(row_id)
        how = replace(self.how, mode=mode or self.how.mode, filter=filter or self.how.filter)
        allowed, pieces = self._mask(how.filter), self.pieces(query)
        filtered = allowed is not None and not bool(allowed[row])
        places = len(self.index.rows)
        ranked = self.ranker.rank(pieces, how.mode, places, None if filtered else allowed)
        place = np.flatnonzero(ranked.rows == row)
        score = float(ranked.scores[place[0]]) if len(place) else 0.0
        rank = int(place[0]) + 1 if len(place) else None
        hit = self._hit(pieces, how, Fold(row, score, (row,)), rank or 0, ranked, True)
        vector = ranked.vector if ranked.vector is not None else self.ranker.vector(pieces)
        return Absence(
            hit, rank, missing_terms(vector, self.index.vector(row), self.index.vocabulary), filtered
        )

    def row_number(self, row_id: str) -> int:
        """The row of a chunk id, or the first row of a document id. Raises InputError where there is none."""
        found = self.index.find(row_id, documents=False)
        if not len(found):
            found = self.index.find(row_id, chunks=False)
        if not len(found):
            raise InputError(f"no document '{row_id}' in the index", "ids stand behind each hit")
        return int(found[0])

    def terms(self, text: str, limit: int = 20, kind: str = "query") -> list[tuple[str, float]]:
        """The heaviest terms that the model gives `text`."""
        vector = self.encode(text) if kind == "query" else self.embedder.encode([text], kind)
        return active_terms(vector, self.index.vocabulary, limit)

    def _encoded(self, texts: Sequence[str]) -> sp.csr_matrix:
        if self.queries:
            return self.queries.encode(texts)
        check_model(self.index, self.embedder)
        return self.embedder.encode(texts, "query")

    @cached_property
    def _expander(self) -> Expander | None:
        return Expander.open(self.how.expansions) if self.how.expansions else None

    @cached_property
    def _reranker(self) -> Reranker:
        assert self.how.reranker is not None
        return Reranker(self.how.reranker, options=self.embedder.place)

    def _backend(self) -> Backend:
        from splade_cli.engines.backends import open_backend

        index, name = self.index, self.how.backend or ""
        return open_backend(name, index.vectors, index.folder, identity=str(index.generation))

    def _open_dense(self) -> Any:
        trust = {name: self.embedder.place[name] for name in ("device", "trust_remote_code")}
        return dense_of(self.index, **trust)

    def _mask(self, expression: str | None) -> NDArray[np.bool_] | None:
        return self.index.mask(parse_filter(expression)) if expression else None

    def _judged(self, query: str, pieces: Pieces, how: How, allowed: NDArray[np.bool_] | None) -> Ranked:
        """The best `rerank_top` rows in the order of the cross-encoder; rows that it has not read are no results."""
        ranked = self.ranker.rank(pieces, how.mode, how.rerank_top, allowed)
        if not len(ranked.rows):
            return ranked
        found = (ranked.rows[None, :], ranked.scores[None, :])
        rows = self.index.rows
        judged, scores = rerank(
            [query], found, lambda row: content_of(rows[row]), self._reranker, len(ranked.rows)
        )
        pairs = zip(ranked.rows.tolist(), ranked.scores.tolist(), strict=True)
        before = {row: (rank, score) for rank, (row, score) in enumerate(pairs, 1)}
        parts = {**ranked.parts, how.mode: before}
        return Ranked(judged[0], scores[0], ranked.vector, parts)

    def _hit(self, pieces: Pieces, how: How, fold: Fold, rank: int, ranked: Ranked, explain: bool) -> Hit:
        record = self.index.rows[fold.row]
        terms = self._terms(pieces, how, fold.row, ranked)
        text = record.get("text", "")
        return Hit(
            id=record["id"],
            rank=rank,
            score=fold.score,
            text=text,
            snippet=snippet(text, [term.term for term in terms[:8]]),
            title=record.get("title", ""),
            document_id=str(record.get("document_id", record["id"])),
            metadata=record.get("metadata", {}),
            terms=terms if explain else (),
            parts={
                part: {"rank": places[fold.row][0], "score": places[fold.row][1]}
                for part, places in ranked.parts.items()
                if fold.row in places
            },
            windows=tuple(self.index.rows[row]["id"] for row in fold.windows if row != fold.row),
            duplicates=tuple(self.index.rows[row]["id"] for row in fold.duplicates),
        )

    def _terms(self, pieces: Pieces, how: How, row: int, ranked: Ranked) -> tuple[Term, ...]:
        """What query and row share: words for bm25, terms of the model else; dense vectors share nothing to name."""
        if how.mode == "bm25":
            met = self.ranker.lexical.explain(pieces, row)
            return tuple(Term(word, left, right, left * right, True) for word, left, right in met)
        if ranked.vector is None:
            return ()
        said = " ".join(text for text, _ in pieces)  # what a rule added is not the model's doing
        return shared_terms(ranked.vector, self.index.vector(row), self.index.vocabulary, said)


def require_text(query: str) -> None:
    """Raises InputError for bytes that are no text: Python hands them on as lone surrogates."""
    try:
        query.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"the query is not UTF-8 at character {error.start + 1}", "type it again") from None


def retrieve_documents(
    query: str, documents: Sequence[str], tokenizer: Any, model: SpladeModel, device: Any, top_k: int = 3
) -> list[dict[str, Any]]:
    """Ranks `documents` for one query with a model from `load_splade_model`.

    Returns:
        ``{"rank", "score", "snippet", "document", "index"}`` a hit, best first; fewer than `top_k` where fewer match.
    """
    from splade_cli.model.loaded import LoadedModel

    embedder = SpladeEmbedder.from_loaded(LoadedModel(tokenizer, model, device))
    index = SpladeIndex.from_vectors(
        embedder.encode(documents),
        texts=documents,
        vocabulary=embedder.vocabulary,
        model=embedder.description,
    )
    return [
        {
            "rank": hit.rank,
            "score": hit.score,
            "snippet": hit.snippet,
            "document": hit.text,
            "index": int(hit.id),
        }
        for hit in Searcher(index, embedder).search(query, top_k)
    ]
