"""`push_index`: an index folder into a remote engine, and a look whether that finds the same."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import scipy.sparse as sp

from splade_cli.deploy.push.sample_queries import sample_queries
from splade_cli.engines.local import LocalEngine
from splade_cli.engines.remote.engine import RemoteEngine
from splade_cli.engines.remote.opening import open_store
from splade_cli.engines.remote.pushing.parity import Parity, parity
from splade_cli.engines.remote.pushing.push import Pushed, PushOptions, push
from splade_cli.engines.remote.pushing.turn import Turn
from splade_cli.engines.remote.store import EngineWriter
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex
from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher

MIN_RECALL = 0.99


@dataclass(frozen=True)
class PushRequest:
    """What is pushed, and how it is checked.

    Attributes:
        folder: the index.
        url: of the engine.
        options: how to push.
        queries: a file of queries for the parity check; None has them written from the texts.
        min_recall: of that check; where less is found, an approximate engine is told to look further.
        model: the index's model, where it has moved; queries are encoded as those of a search.
        opening: how it is opened.
    """

    folder: Path
    url: str
    options: PushOptions = field(default_factory=PushOptions)
    queries: Path | None = None
    min_recall: float = MIN_RECALL
    model: str | None = None
    opening: ModelOptions = field(default_factory=ModelOptions)


class Attempt(NamedTuple):
    """A check that found too little, and the effort that came next."""

    parity: Parity
    next: int


@dataclass(frozen=True)
class PushReport:
    """What came of it.

    Attributes:
        address: of the store, as it may be shown.
        generation: of the index.
        pushed: rows written, deleted and left.
        size_bytes: of rows and indexes on the server, None where it does not say.
        tried: the checks before that of `parity`, which found too little.
        parity: None where nothing was written because nothing should be.
        worst: the queries whose recall was lowest, where it was below 1.
    """

    address: str
    generation: int
    pushed: Pushed
    size_bytes: int | None = None
    parity: Parity | None = None
    tried: tuple[Attempt, ...] = ()
    worst: tuple[str, ...] = ()


def push_index(request: PushRequest, progress: Progress = silent) -> PushReport:
    """Pushes an index, and compares the first hits of sample queries with exact search of it.

    Raises:
        IndexFolderError: no index there.
        InputError, ServiceError: as `remote.pushing.push.push` and opening a store.
    """
    index = SpladeIndex.open(request.folder)
    queries = sample_queries(index, request.queries)
    store, address = open_store(request.url)
    shown = str(address)
    try:
        if request.options.dry_run:
            return PushReport(shown, index.generation, push(index, store, shown, request.options, progress))
        # before hours of loading
        encoded = _encoded(request, queries)
        pushed = push(index, store, shown, request.options, progress)
        remote = RemoteEngine.open(store, shown)
        progress("check", 0, len(queries))
        exact = LocalEngine(index)
        found = parity(index, exact, remote, encoded, store.tolerance)
        tried = []
        for effort in store.efforts:
            if found.recall >= request.min_recall:
                break
            tried.append(Attempt(found, effort))
            store.set_effort(effort)
            found = parity(index, exact, remote, encoded, store.tolerance)
        if tried:
            _keep_effort(store, shown, tried[-1].next)
        progress("check", len(queries), len(queries))
        size = store.size_bytes()
    finally:
        store.close()
    worst = tuple(queries[number] for number in found.worst)
    return PushReport(shown, index.generation, pushed, size, found, tuple(tried), worst)


def _keep_effort(store: EngineWriter, address: str, effort: int) -> None:
    """Writes what searches of the store need, as a turn of its own; a push that began meanwhile finds it
    out itself."""
    turn = Turn(store, address)
    try:
        facts = turn.take()
    except InputError:
        return
    try:
        if facts is not None:
            store.write_facts(replace(facts, effort=effort))
    finally:
        turn.end()


def _encoded(request: PushRequest, queries: list[str]) -> sp.csr_matrix:
    """Queries as a search of the index encodes them."""
    searcher = Searcher.open(
        request.folder,
        model=request.model,
        options=SearchOptions(mode="sparse"),
        model_options=request.opening,
        few_queries=True,
    )
    return searcher.encoder.encode(queries)
