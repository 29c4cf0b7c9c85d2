"""The searcher: texts of queries to hits, over one engine. Whatever ranks in this package goes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast, overload

import scipy.sparse as sp

from splade_cli.engines.base import Engine, FacetCounter
from splade_cli.errors import InputError, require_positive
from splade_cli.index.metadata.fields import Scalar
from splade_cli.index.metadata.filters import Filter
from splade_cli.indexing.dense import DenseEncoder
from splade_cli.model.query_encoders.base import QueryEncoder
from splade_cli.records import Hit, Ranking, WeightedText
from splade_cli.search.batch import QueryBatch, as_filter, require_text, require_words
from splade_cli.search.explain.absence import Absence, absence_of
from splade_cli.search.explain.hits import HitSource, RankedQuery, bare_hits, full_hits, stored_vector
from splade_cli.search.explain.literal_terms import TermMatcher
from splade_cli.search.explain.terms import active_terms
from splade_cli.search.lazy_parts import LazyParts
from splade_cli.search.options import DEFAULT, SearchOptions
from splade_cli.search.ranking import fusion
from splade_cli.search.ranking.grouping import CACHED_TEXTS, FactsCache
from splade_cli.search.ranking.ranker import Ranker
from splade_cli.search.ranking.rerank import CrossEncoder, Reranker

if TYPE_CHECKING:
    from splade_cli.index.index import SpladeIndex
    from splade_cli.model.embedder import SpladeEmbedder
    from splade_cli.model.options import ModelOptions
    from splade_cli.search.opening import SearcherParts

QUERIES_AT_ONCE = 128


class Searcher:
    """Search over an engine. Safe to be used from many threads.

    Args:
        engine: what finds the texts.
        encoder: texts of queries to vectors [q, V].
        vocabulary: names of the V columns; may be empty.
        open_dense: opens the model of the engine's dense vectors; called when first needed.
        open_reranker: opens a cross-encoder by its name; called when first needed.
        open_matcher: opens what finds terms in texts; called when first needed.
        options: how to search where a call does not say otherwise; kept with the mode that they come to.
        cached_texts: chunks of which grouping remembers what it needs.

    Raises:
        InputError: `options` ask for a mode that the engine cannot do.
    """

    def __init__(
        self,
        engine: Engine,
        encoder: QueryEncoder,
        *,
        vocabulary: Sequence[str] = (),
        open_dense: Callable[[], DenseEncoder] | None = None,
        open_reranker: Callable[[str], CrossEncoder] = Reranker,
        open_matcher: Callable[[], TermMatcher] = TermMatcher,
        options: SearchOptions = DEFAULT,
        cached_texts: int = CACHED_TEXTS,
    ) -> None:
        self.engine = engine
        self.encoder = encoder
        self.vocabulary = vocabulary
        self.ranker = Ranker(engine, encoder.encode, open_dense)
        self.options = replace(options, mode=self.ranker.mode_of(options))
        self._lazy = LazyParts(open_reranker, open_matcher)
        self.hit_source = HitSource(engine, vocabulary, self.matcher)
        self._facts = FactsCache(engine, cached_texts)

    @classmethod
    def open(
        cls,
        folder: str | Path | None = None,
        *,
        model: str | None = None,
        options: SearchOptions = DEFAULT,
        backend: str | None = None,
        engine: str | None = None,
        device: str = "auto",
        model_options: ModelOptions | None = None,
        few_queries: bool = False,
        load: bool = True,
    ) -> Searcher:
        """Opens an index folder with what it carries for queries, else with the model that it names.

        Args:
            folder: may be left out where an engine is named; queries are encoded by the model then.
            model: encode queries with this model, which must be the one that made the index, wherever it lies
                now.
            options: how to search where a call does not say otherwise.
            backend: find texts by ``two-step`` search in place of the exact engine, see `engines.two_step`.
            engine: URL of a remote engine that the index was pushed to, which finds the texts in its
                place, see `engines.remote.address`.
            device: where models run; `model_options` say more, and go before.
            few_queries: encode them in NumPy where the model is one that this can be done for, which opens
                in a tenth of the time; weights are the same up to the rounding of float32.
            load: load the model now, else when the first query needs it.

        Raises:
            IndexFolderError: missing, damaged, or made by another model.
            ModelError: the model cannot be loaded.
            InputError: neither folder nor engine, or an engine that holds something else.
            ServiceError: the engine cannot be reached.
        """
        from splade_cli.model.options import ModelOptions
        from splade_cli.search.opening import open_folder
        from splade_cli.search.opening_remote import open_remote

        opening = model_options or ModelOptions(device=device)
        if engine is not None:
            if backend is not None:
                raise InputError(f"the backend {backend} is of an index folder", "leave it or the engine out")
            return cls._of(open_remote(engine, folder, model, options, opening, few_queries, load), options)
        if folder is None:
            raise InputError("nothing to search", "name an index folder or an engine", option="index")
        parts = open_folder(folder, model, options, backend, opening, few_queries, load)
        return cls._of(parts, options)

    @classmethod
    def over(
        cls,
        index: SpladeIndex,
        embedder: SpladeEmbedder,
        *,
        encoder: QueryEncoder | None = None,
        options: SearchOptions = DEFAULT,
        backend: str | None = None,
    ) -> Searcher:
        """Over an index in memory and the model that made it; `encoder` encodes queries in its place."""
        from splade_cli.search.opening import over_index

        return cls._of(over_index(index, embedder, encoder, backend), options)

    @classmethod
    def _of(cls, parts: SearcherParts, options: SearchOptions) -> Searcher:
        return cls(
            parts.engine,
            parts.encoder,
            vocabulary=parts.vocabulary,
            open_dense=parts.open_dense,
            open_reranker=parts.open_reranker,
            open_matcher=parts.open_matcher,
            options=options,
        )

    @property
    def mode(self) -> str:
        """How it searches where a call does not say otherwise."""
        return self.options.mode

    @property
    def modes(self) -> tuple[str, ...]:
        """What the engine can do."""
        return self.ranker.modes

    def fields(self) -> Mapping[str, str]:
        """Names and kinds of the fields that filters may ask for."""
        return self.engine.fields()

    def facets(self, filter: Filter | str | None = None) -> Mapping[str, Mapping[Scalar, int]]:
        """Fields with few values, and how many of the texts that pass a filter hold each; none where the
        engine does not count them.

        Raises:
            InputError: a filter that cannot be read.
        """
        if "facets" not in self.engine.capabilities:
            return {}
        return cast(FacetCounter, self.engine).facets(as_filter(filter) if filter else None)

    def passing(self, filter: Filter | str) -> int:
        """How many texts pass a filter. Raises InputError where it cannot be read."""
        return self.engine.count(as_filter(filter))

    @overload
    def search(  # type: ignore[overload-overlap]  # a text is a sequence of texts as well
        self, queries: str, k: int = 10, options: SearchOptions | None = None
    ) -> list[Hit]: ...
    @overload
    def search(
        self, queries: Sequence[str], k: int = 10, options: SearchOptions | None = None
    ) -> list[list[Hit]]: ...
    def search(
        self, queries: str | Sequence[str], k: int = 10, options: SearchOptions | None = None
    ) -> list[Hit] | list[list[Hit]]:
        """The `k` best hits of one query, or a list for each of several, which are searched together.

        Raises:
            InputError: an empty query where there is one, k below 1, a mode that the engine cannot do, a
                filter that cannot be read.
        """
        if isinstance(queries, str):
            require_words(queries)
            return self._search([queries], k, self._definite(options))[0]
        return self._search(list(queries), k, self._definite(options))

    def rank(self, queries: Sequence[str], k: int, options: SearchOptions | None = None) -> Ranking:
        """Ids of the `k` best chunks of each query, neither grouped nor explained."""
        require_positive(k=k)
        ranking = Ranking([], [])
        for batch in self._batches(queries, k, self._definite(options)):
            part = batch.rank(range(len(batch.queries.texts)), k)
            ranking.ids.extend(ids[:k] for ids in part.ids)
            ranking.scores.extend(scores[:k] for scores in part.scores)
        return ranking

    def why(self, query: str, name: str, options: SearchOptions | None = None) -> Absence:
        """How a document, or a chunk, stands to a query, whether or not it came up.

        Raises:
            InputError: an id that is not there.
        """
        options = self._definite(options)
        chunks = self.chunks_of(name)
        return absence_of(self.ranker, self.hit_source, self.expanded(query, options), name, chunks, options)

    def chunks_of(self, name: str) -> list[str]:
        """The chunk of an id, else all chunks of the document of that id. Raises InputError for neither."""
        chunks = self.engine.chunks_of(name)
        if name in chunks or not chunks:
            self.engine.fetch([name])
            return [name]
        return chunks

    def encode(self, query: str, options: SearchOptions | None = None) -> sp.csr_matrix:
        """The query's vector [1, V], as the engine is searched with it."""
        options = options or self.options
        return self.ranker.vectors([self.expanded(query, options)], options.idf_exponent)

    def matcher(self) -> TermMatcher:
        """What finds terms in texts."""
        return self._lazy.matcher()

    def expanded(self, query: str, options: SearchOptions | None = None) -> list[WeightedText]:
        """The query, and what the expansion rules add to it."""
        path = (options or self.options).expansion
        if path is None:
            return [(query, 1.0)]
        return self._lazy.expander(path).expand(query).weighted_texts

    def terms(self, text: str, limit: int = 20) -> list[tuple[str, float]]:
        """The heaviest terms that the encoder gives `text` as a query."""
        return active_terms(self.encode(text), self.vocabulary, limit)

    def stored_terms(self, chunk_id: str, limit: int = 20) -> list[tuple[str, float]]:
        """The heaviest terms of a stored text. Raises InputError where the engine gives no vectors."""
        return active_terms(stored_vector(self.engine, chunk_id), self.vocabulary, limit)

    def _definite(self, options: SearchOptions | None) -> SearchOptions:
        """Those of a call, or the searcher's own, with the mode that they come to."""
        if options is None:
            return self.options
        mode = self.ranker.mode_of(options)
        if mode == options.mode:
            return options
        return replace(options, mode=mode)

    def _search(self, queries: Sequence[str], k: int, options: SearchOptions) -> list[list[Hit]]:
        require_positive(k=k)
        hits: list[list[Hit]] = []
        for batch in self._batches(queries, k, options):
            for number, groups in enumerate(batch.groups(k, self._facts)):
                hits.append(self._hits(batch.ranked_query(number, groups), options))
        return hits

    def _batches(self, queries: Sequence[str], k: int, options: SearchOptions) -> Iterator[QueryBatch]:
        for query in queries:
            require_text(query)
        filter: Filter | None = None
        if options.filter is not None:
            filter = as_filter(options.filter)
        reranker: CrossEncoder | None = None
        if options.reranker is not None:
            reranker = self._lazy.reranker(options.reranker)
        for start in range(0, len(queries), QUERIES_AT_ONCE):
            texts = [self.expanded(query, options) for query in queries[start : start + QUERIES_AT_ONCE]]
            encoded = self.ranker.encode(texts, options)
            yield QueryBatch(self.ranker, encoded, options, filter, reranker, max(k, fusion.DEPTH))

    def _hits(self, query: RankedQuery, options: SearchOptions) -> list[Hit]:
        if options.texts:
            words = options.mode == "bm25"
            return full_hits(
                query,
                self.hit_source,
                words=words,
                explain=options.explain,
                details=options.details,
            )
        return bare_hits(query, self._facts)
