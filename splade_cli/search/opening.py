"""Parts of a searcher of an index folder or of an index in memory: its engine, query encoder and models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import RLock

from splade_cli.engines.base import Engine
from splade_cli.engines.local import LocalEngine
from splade_cli.engines.two_step import TwoStepEngine
from splade_cli.index.index import SpladeIndex
from splade_cli.indexing.dense import DenseEncoder
from splade_cli.indexing.models import check_identity, check_model, dense_of, model_of
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.model.query_encoders.base import QueryEncoder
from splade_cli.model.query_encoders.carried import open_query_encoder
from splade_cli.model.query_encoders.stock_folder import open_stock_folder
from splade_cli.model.query_encoders.tokenizer import read_tokenizer
from splade_cli.search.explain.literal_terms import TermMatcher
from splade_cli.search.options import AUTO, SearchOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.ranking.rerank import Reranker

_OPENING = RLock()
"""Held while a folder or a model is opened: libraries of models are not made for several threads at once."""


@dataclass(frozen=True)
class SearcherParts:
    """What a `Searcher` is made of; see there."""

    engine: Engine
    encoder: QueryEncoder
    vocabulary: Sequence[str]
    open_dense: Callable[[], DenseEncoder]
    open_reranker: Callable[[str], Reranker]
    open_matcher: Callable[[], TermMatcher]


def open_folder(
    folder: str | Path,
    model: str | None,
    options: SearchOptions,
    backend: str | None,
    opening: ModelOptions,
    few_queries: bool = False,
    load: bool = True,
) -> SearcherParts:
    """See `Searcher.open`."""
    with _OPENING:
        index = SpladeIndex.open(folder)
        engine = engine_over(index, backend)
        mode = options.mode
        if mode == AUTO:
            mode = index.info.mode or AUTO
        is_encoded = mode not in ("bm25", "dense")
        encoder: QueryEncoder | None = None
        if model is None:
            encoder = carried_encoder(index)
        if encoder is None and few_queries and is_encoded:
            encoder = _stock_encoder(index, model, opening)
        if encoder is None:
            encoder = _model_encoder(index, model, opening)
            if is_encoded and load:
                encoder.load()
    return _parts(index, engine, encoder, opening, few_queries)


def carried_encoder(index: SpladeIndex) -> QueryEncoder | None:
    """The query encoder that an index folder carries, None where it carries none.

    Raises:
        InputError: a library that it needs is not installed.
        IndexFolderError: it is damaged.
    """
    if index.info.query is None or index.encoder_files is None:
        return None
    return open_query_encoder(index.encoder_files.intact_folder(), index.info.query, index.dimensions)


def over_index(
    index: SpladeIndex, embedder: SpladeEmbedder, encoder: QueryEncoder | None, backend: str | None
) -> SearcherParts:
    """See `Searcher.over`."""
    chosen = encoder or ModelEncoder(embedder, lambda: check_model(index, embedder))
    return _parts(index, engine_over(index, backend), chosen, embedder.options)


def _parts(
    index: SpladeIndex,
    engine: LocalEngine,
    encoder: QueryEncoder,
    opening: ModelOptions,
    few_queries: bool = False,
) -> SearcherParts:
    return SearcherParts(
        engine,
        encoder,
        vocabulary=index.vocabulary,
        open_dense=_dense_opener(index, opening, few_queries),
        open_reranker=reranker_opener(opening),
        open_matcher=lambda: open_matcher(index, encoder),
    )


def engine_over(index: SpladeIndex, backend: str | None) -> LocalEngine:
    """The exact engine, or the one that `backend` names. Raises InputError for a name that is none."""
    if backend is None:
        return LocalEngine(index)
    return TwoStepEngine.open(index, backend)


def _stock_encoder(index: SpladeIndex, model: str | None, opening: ModelOptions) -> QueryEncoder | None:
    """The queries of the model without its libraries, None where they are needed.

    Raises:
        IndexFolderError: it is not the model that made the index.
    """
    limit = index.info.encoder.max_seq_length
    if index.tokenizer_path is None or limit is None:
        return None
    name = model_of(index, model)
    stock = open_stock_folder(name, opening, index.tokenizer_path, limit)
    if stock is None:
        return None
    check_identity(index, name, stock.identity, stock.dimensions)
    return stock.encoder


def _model_encoder(index: SpladeIndex, model: str | None, opening: ModelOptions) -> ModelEncoder:
    made_by = index.info.encoder
    precision = opening.precision
    if precision == "auto" and opening.device == "cpu":
        precision = made_by.precision
    if precision.endswith("int8"):
        precision = "fp32"  # which queries are in any case: an int8 decoder would be made for nothing
    as_indexed = replace(opening, precision=precision, max_seq_length=made_by.max_seq_length)
    embedder = SpladeEmbedder(model_of(index, model), as_indexed)
    return ModelEncoder(embedder, lambda: check_model(index, embedder))


def open_matcher(index: SpladeIndex, encoder: QueryEncoder | None = None) -> TermMatcher:
    """Finds terms by the tokenizer that an index keeps, else by that of its query encoder."""
    with _OPENING:
        tokenizer = None
        if index.tokenizer_path is not None:
            tokenizer = read_tokenizer(index.tokenizer_path)
        elif isinstance(encoder, ModelEncoder):
            tokenizer = encoder.tokenizer()
    if not index.vocabulary:
        # latent dimensions have no names that could stand in a text
        tokenizer = None
    if index.info.bm25 is None:
        return TermMatcher(tokenizer)
    return TermMatcher(tokenizer, index.info.bm25.language)


def _dense_opener(index: SpladeIndex, opening: ModelOptions, few_queries: bool) -> Callable[[], DenseEncoder]:
    def open_dense() -> DenseEncoder:
        with _OPENING:
            return dense_of(index, _like(opening), few_queries)

    return open_dense


def reranker_opener(opening: ModelOptions) -> Callable[[str], Reranker]:
    """Opens cross-encoders where and as `opening` says."""
    return lambda name: Reranker(name, options=_like(opening))


def _like(opening: ModelOptions) -> ModelOptions:
    """Where, and how trustingly, further models are opened; precision and limits are those of one model."""
    return ModelOptions(
        device=opening.device,
        trust_remote_code=opening.trust_remote_code,
        allow_pickle=opening.allow_pickle,
    )
