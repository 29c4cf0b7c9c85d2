"""Evaluation of a model, an index or any retriever on a test collection, with baselines beside it.

Whatever is measured answers through `Retriever.search`, so that a figure is that of the search of a user.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Unpack

from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.errors import InputError, OptionError
from splade_cli.evaluation.options import EvaluationKeywords, EvaluationOptions
from splade_cli.evaluation.report import Report
from splade_cli.evaluation.systems.earlier import require_comparable
from splade_cli.evaluation.systems.lineup import NOTHING_TO_FUSE, Lineup
from splade_cli.evaluation.systems.subject import by_part, of_model, of_retriever, of_searcher
from splade_cli.evaluation.systems.system import System, units_of
from splade_cli.indexing.dense import DenseEncoder
from splade_cli.indexing.kept_windows import dense_file, kept_dense, kept_windows, windows_file
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk
from splade_cli.search.batch import as_filter
from splade_cli.search.options import DEFAULT
from splade_cli.search.retriever import Retriever
from splade_cli.search.searcher import Searcher
from splade_cli.storage.cache import Cache, remove_cache
from splade_cli.storage.files import temporary_folder


def evaluate(
    model: str | SpladeEmbedder | Retriever,
    data: str | Path | Collection,
    split: str | None = None,
    options: EvaluationOptions | None = None,
    *,
    name: str | None = None,
    progress: Progress = silent,
    **keywords: Unpack[EvaluationKeywords],
) -> Report:
    """Ranks every document of a collection for every judged query, and measures.

    Args:
        model: ``tiny``, a folder, a hub id or an embedder, over an index in memory of the collection; or a
            searcher or other retriever, as it stands.
        data: what `datasets.collections.load_collection` reads, or a loaded collection.
        split: which qrels/<split>.tsv; None for ``test``, or where there is none that of validation.
        options: what to measure beside it; `keywords` are fields of it.
        name: what the report calls a retriever.

    Raises:
        InputError, ModelError: the collection or a model cannot be used.
    """
    wanted = replace(options or EvaluationOptions(), **keywords)
    if wanted.search is not None and wanted.search.filter is not None:
        as_filter(wanted.search.filter)  # before anything is encoded
    collection = data if isinstance(data, Collection) else load_collection(data, split)
    for baseline in wanted.baselines:
        if isinstance(baseline, Report):
            require_comparable(baseline, collection, wanted.compare_on)
    fit_on = _fit_collection(data, wanted.fit_split)
    if isinstance(model, str | SpladeEmbedder):
        opened = _of_model(model, collection, wanted, progress)
    else:
        opened = _of_retriever(model, collection, wanted, name or "search", progress)
    with opened as evaluation:
        return evaluation.report(fit_on)


@contextmanager
def _of_model(
    model: str | SpladeEmbedder, collection: Collection, wanted: EvaluationOptions, progress: Progress
) -> Iterator[Lineup]:
    """A model over an index in memory; what was encoded is forgotten when all went well."""
    mode = (wanted.search or DEFAULT).mode
    if (wanted.fit_split is not None or mode == "hybrid") and not wanted.bm25 and wanted.dense is None:
        raise OptionError(*NOTHING_TO_FUSE)
    if mode == "dense" and wanted.dense is None:
        raise OptionError("no dense model to search by", "name one, e.g. all-MiniLM-L6-v2", option="dense")
    embedder = _embedder(model)
    units = units_of(collection, embedder)
    is_warm = wanted.cache is not None and windows_file(wanted.cache, embedder).is_file()
    with (
        _window_cache(wanted, embedder) as cache,
        _dense_cache(wanted) as dense,
        temporary_folder() as folder,
    ):
        subject = of_model(
            embedder,
            units,
            wanted,
            dense=dense,
            cache=cache,
            progress=progress,
        )
        if is_warm:
            subject = replace(subject, index_seconds=None)  # of encoding it says nothing
        beside: list[System | Report] = []
        if wanted.query is not None:
            beside.append(subject.encoding_by(wanted.query, units, folder))
        with _baselines(wanted, collection, progress, units) as baselines:
            yield Lineup(subject, collection, wanted, [*beside, *baselines], progress)


@contextmanager
def _of_retriever(
    retriever: Retriever, collection: Collection, wanted: EvaluationOptions, name: str, progress: Progress
) -> Iterator[Lineup]:
    """What is ready, as it stands. Raises InputError for options that go with a model."""
    if wanted.dense is not None or wanted.query is not None:
        raise InputError(
            "a dense model and a query encoder are parts of an index: what is ready is measured as it stands",
            "index the documents with them",
        )
    if wanted.backend is not None:
        raise InputError("what is ready has its engine", "open it with the backend that is to be measured")
    if isinstance(retriever, Searcher):
        subject = of_searcher(name, retriever, collection, wanted.search)
    else:
        subject = of_retriever(name, retriever, wanted.search)
    with _baselines(wanted, collection, progress) as baselines:
        yield Lineup(subject, collection, wanted, baselines, progress)


@contextmanager
def _baselines(
    wanted: EvaluationOptions,
    collection: Collection,
    progress: Progress,
    units: Sequence[Chunk] | None = None,
) -> Iterator[list[System | Report]]:
    """Other models and earlier results; a model over `units`, or what it reads itself of the collection."""
    search = by_part(wanted.search or DEFAULT, "sparse")
    alone = replace(wanted, bm25=False, reranker=None, search=search)
    beside: list[System | Report] = []
    with ExitStack() as caches:
        for baseline in wanted.baselines:
            if isinstance(baseline, Report):
                beside.append(baseline)
                continue
            embedder = _embedder(baseline)
            cache = caches.enter_context(_window_cache(wanted, embedder))
            own = units or units_of(collection, embedder)
            subject = of_model(embedder, own, alone, cache=cache, progress=progress)
            beside.append(subject.system(subject.name, subject.options))
        yield beside


@contextmanager
def _window_cache(wanted: EvaluationOptions, embedder: SpladeEmbedder) -> Iterator[Cache | None]:
    """A cache of encoded windows, which is kept until all went well, or for good."""
    if wanted.cache is None:
        yield None
        return
    with kept_windows(wanted.cache, embedder) as cache:
        yield cache
    if not wanted.keep_cache:
        remove_cache(windows_file(wanted.cache, embedder))


@contextmanager
def _dense_cache(wanted: EvaluationOptions) -> Iterator[DenseEncoder | None]:
    """The dense model, whose vectors are kept likewise."""
    dense = _dense(wanted.dense)
    if dense is None or wanted.cache is None:
        yield dense
        return
    with kept_dense(wanted.cache, dense) as kept:
        yield kept
    if not wanted.keep_cache:
        remove_cache(dense_file(wanted.cache, dense))


def _fit_collection(data: str | Path | Collection, wanted: str | Collection | None) -> Collection | None:
    """The judged queries that fusion weights are fitted to."""
    if wanted is None or isinstance(wanted, Collection):
        return wanted
    if isinstance(data, Collection):
        raise InputError(
            f"the split '{wanted}' of a loaded collection is not known", "load it: load_collection(path)"
        )
    return load_collection(data, wanted)


def _embedder(model: str | SpladeEmbedder) -> SpladeEmbedder:
    return SpladeEmbedder(model) if isinstance(model, str) else model


def _dense(model: str | DenseEncoder | None) -> DenseEncoder | None:
    if not isinstance(model, str):
        return model
    from splade_cli.model.dense import DenseModel

    return DenseModel(model)
