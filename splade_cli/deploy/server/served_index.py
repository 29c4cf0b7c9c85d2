"""The index that is served: opened once, and anew beside the old one when its folder has a new generation.

A request takes the searcher that is there when it begins and keeps it to its end: generations are never
changed in place, and what is open of an old one stays readable, so a swap loses nothing.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

from splade_cli.engines.local import LocalEngine
from splade_cli.errors import SpladeError
from splade_cli.index.engine.running.queries import load_loops
from splade_cli.index.index import SpladeIndex
from splade_cli.index.store.manifest import NAME
from splade_cli.indexing.models import check_model, embedder_of
from splade_cli.model.device import trim_heap
from splade_cli.model.options import ModelOptions
from splade_cli.search.options import DEFAULT, SearchOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.searcher import Searcher

log = logging.getLogger("splade_cli.server")
Stamp = tuple[int, int, int]
WARM_UP = "first"
WARM_CHARACTERS = 200


@dataclass(frozen=True)
class IndexSource:
    """An index folder and how it is opened, as `Searcher.open` has it; can be sent to other processes.

    With an engine the texts are found there, and the folder says what the index is and encodes queries.
    """

    folder: Path
    model: str | None = None
    options: SearchOptions = DEFAULT
    backend: str | None = None
    opening: ModelOptions = field(default_factory=ModelOptions)
    engine: str | None = None

    @property
    def name(self) -> str:
        """The last two parts of its path, as an A/B test calls it."""
        return "/".join(self.folder.resolve().parts[-2:])

    def open(self) -> Served:
        """The present generation, ready to answer.

        Raises:
            IndexFolderError, ModelError, InputError: as `Searcher.open`.
        """
        searcher = self._searcher()
        index = self._index_of(searcher)
        return _warm(Served(searcher, index, self._document_encoder(searcher, index)))

    def next(self, before: Served) -> Served:
        """The generation after `before`, with its models where it was made by the same ones."""
        index = SpladeIndex.open(self.folder)
        if index.info.encoder != before.index.info.encoder:
            return self.open()
        encoder = before.searcher.encoder
        if self.engine is None and index.info.query is None and isinstance(encoder, ModelEncoder):
            searcher = Searcher.over(
                index, encoder.embedder, encoder=encoder, options=self.options, backend=self.backend
            )
        else:
            searcher = self._searcher()
        return _warm(Served(searcher, self._index_of(searcher), before.documents))

    def _searcher(self) -> Searcher:
        return Searcher.open(
            self.folder,
            model=self.model,
            options=self.options,
            backend=self.backend,
            model_options=self.opening,
            few_queries=True,
            engine=self.engine,
        )

    def _index_of(self, searcher: Searcher) -> SpladeIndex:
        """What a searcher of the folder searches, or its engine was filled with."""
        if isinstance(searcher.engine, LocalEngine):
            return searcher.engine.index
        return SpladeIndex.open(self.folder)

    def _document_encoder(self, searcher: Searcher, index: SpladeIndex) -> ModelEncoder | None:
        """What encodes texts as documents: the model of the queries, or one that is loaded when needed."""
        if isinstance(searcher.encoder, ModelEncoder):
            return searcher.encoder
        try:
            embedder = embedder_of(index, self.model, self.opening)
        except SpladeError:
            return None
        return ModelEncoder(embedder, lambda: check_model(index, embedder))


@dataclass(frozen=True)
class Served:
    """One generation that is open."""

    searcher: Searcher
    index: SpladeIndex
    documents: ModelEncoder | None

    @property
    def generation(self) -> int:
        """Of the folder."""
        return self.index.generation


def _warm(served: Served) -> Served:
    """Searches for words that are there, so that what first queries read, load and compile is before them.

    With the compiled loops, which queries would else do without until those are worth the seconds that they
    take to load, or to compile; every request that is there would then be held up.
    """
    load_loops()
    searcher = served.searcher
    searcher.matcher()
    rows = served.index.live_rows()
    if len(rows):
        words = served.index.chunks[int(rows[0])].text[:WARM_CHARACTERS].strip() or WARM_UP
        searcher.search([words, WARM_UP], 1)
        searcher.search(words, 1)
    return served


class ServedIndex:
    """The generation that is served now, see the top of this file."""

    def __init__(self, source: IndexSource) -> None:
        self._source = source
        self.name = source.name
        self._lock = Lock()
        self._stamp = self._manifest_stamp()
        self._failure = ""
        self.now = source.open()

    def refresh(self, opened: Callable[[], None], failed: Callable[[], None]) -> None:
        """Opens a new generation where there is one; where that fails, the old one stays and is tried again.

        Args:
            opened, failed: called once for each generation that is opened, and each new reason why not.
        """
        with self._lock:
            stamp = self._manifest_stamp()
            if stamp is None or stamp == self._stamp:
                return
            try:
                self.now = self._source.next(self.now)
            except Exception as error:
                if str(error) != self._failure:
                    self._failure = str(error)
                    failed()
                    log.error("a new generation of %s cannot be opened: %s", self._source.folder, error)
                return
            self._stamp = stamp
            self._failure = ""
            # a searcher and its parts name each other, so that an old one goes only when it is looked for;
            # the process makes too little garbage to look by itself before dozens of generations are held
            gc.collect()
            trim_heap()
            opened()
            log.info("serving generation %d of %s", self.now.generation, self._source.folder)

    def _manifest_stamp(self) -> Stamp | None:
        """By which a manifest that was replaced is told; None while there is none."""
        try:
            status = (self._source.folder / NAME).stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino
