"""Parts of a searcher of a remote engine: texts and vectors are on the server, queries are encoded here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from splade_cli.engines.remote.engine import RemoteEngine
from splade_cli.engines.remote.opening import open_engine
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.indexing.dense import DenseEncoder
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.search.explain.literal_terms import TermMatcher
from splade_cli.search.opening import SearcherParts, open_folder, reranker_opener
from splade_cli.search.options import SearchOptions
from splade_cli.search.query_encoder import ModelEncoder


def open_remote(
    url: str,
    folder: str | Path | None,
    model: str | None,
    options: SearchOptions,
    opening: ModelOptions,
    few_queries: bool = False,
    load: bool = True,
) -> SearcherParts:
    """See `Searcher.open`.

    Args:
        url: of the engine.
        folder: the index that was pushed there, whose query encoder is taken; None for the model alone.
        model: by default the one that the store names.
    """
    engine = open_engine(url)
    if folder is None:
        return _by_model(engine, model, opening, load)
    engine.facts.require_index(SpladeIndex.open(folder), engine.address)
    parts = open_folder(folder, model, options, None, opening, few_queries, load)
    return replace(parts, engine=engine, open_dense=_no_dense(engine))


def _by_model(engine: RemoteEngine, model: str | None, opening: ModelOptions, load: bool) -> SearcherParts:
    made_by = engine.facts.encoder
    name = model or made_by.name
    if not name:
        raise InputError(
            f"{engine.address} does not say which model made its vectors", "name the index or the model"
        )
    embedder = SpladeEmbedder(name, replace(opening, max_seq_length=made_by.max_seq_length))

    def check() -> None:
        loaded = embedder.loaded.model
        engine.facts.require_model(loaded.name, loaded.identity, loaded.dimensions, engine.address)

    encoder = ModelEncoder(embedder, check)
    if load:
        encoder.load()
    vocabulary = embedder.vocabulary
    return SearcherParts(
        engine,
        encoder,
        vocabulary=vocabulary,
        open_dense=_no_dense(engine),
        open_reranker=reranker_opener(opening),
        open_matcher=lambda: TermMatcher(encoder.tokenizer() if vocabulary else None),
    )


def _no_dense(engine: RemoteEngine) -> Callable[[], DenseEncoder]:
    def open_dense() -> DenseEncoder:
        raise InputError(f"{engine.address} holds no dense vectors", "search the index folder for those")

    return open_dense
