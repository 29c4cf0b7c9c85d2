"""One sitting over a searcher: its settings, history and last hits, and asking with them."""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from splade_cli.engines.base import Catalog
from splade_cli.errors import InputError
from splade_cli.progress import Progress, silent
from splade_cli.records import Hit
from splade_cli.search.explain.absence import UNKNOWN, Absence, unknown_words
from splade_cli.search.explain.terms import closest_id
from splade_cli.search.interleaving.ab_test import AbTest
from splade_cli.search.interleaving.preferences import Act
from splade_cli.search.options import AUTO, Grouping, SearchOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.compare import Others
from splade_cli.search.session.marks import MARKS, Marks
from splade_cli.search.session.replies import HitsReply, NoteReply

UNENCODED = ("bm25", "dense")
"""Modes that need no sparse vectors of queries."""
COMPLETED_CHUNKS = 200_000
MOST_COMPLETED = 50
BY_WORDS = "answered by words (bm25), the model is still being loaded: ask again for its own answer"


class Sitting:
    """What the commands of a session work on.

    Args:
        searcher: what is searched.
        top: hits shown a query.
        explain: show the terms behind each hit.
        filter: an expression that documents must pass.
        marks: the file of marks; ``marks.jsonl`` in the working folder by default.
        others: opens what `/compare` names.
        ab: another searcher, whose hits are mixed with this one's, to learn which side people prefer.

    Raises:
        InputError: a filter that cannot be read, a marks file that is not .jsonl.
    """

    def __init__(
        self,
        searcher: Searcher,
        top: int = 5,
        explain: bool = False,
        *,
        filter: str = "",
        marks: Path | None = None,
        others: Others | None = None,
        ab: AbTest | None = None,
    ) -> None:
        self.searcher = searcher
        self.top = top
        self.explain = explain
        self.marks = Marks(marks or Path(MARKS))
        self.others = others or Others()
        self.ab = ab
        self.progress: Progress = silent
        self.history: list[str] = []
        self.seconds: list[float] = []
        self.query = ""
        self.hits: list[Hit] = []
        self.shown = 0
        self.opened = ""
        self.mode = searcher.mode
        self.idf = searcher.options.idf_exponent
        self.expand = searcher.options.expansion
        self.fold: Grouping = searcher.options.group
        self.rerank = searcher.options.reranker
        self.filter = ""
        self.details = True
        self._asked = searcher.options
        self._sorted_ids: list[tuple[str, str]] | None = None
        if filter:
            self.filter = self.known_filter(filter)

    def load_ahead(self) -> None:
        """Loads the model that encodes queries in the background, where there is one and it is needed."""
        encoder = self.searcher.encoder
        if isinstance(encoder, ModelEncoder) and self.mode not in UNENCODED:
            encoder.load_in_background()

    @property
    def is_loading(self) -> bool:
        """Whether a query of this session's mode would wait for a model that is being loaded."""
        encoder = self.searcher.encoder
        return self.mode not in UNENCODED and isinstance(encoder, ModelEncoder) and encoder.is_loading

    @property
    def has_stand_in(self) -> bool:
        """Whether queries can be answered by their words until the model is there."""
        return "bm25" in self.searcher.modes

    def ask(self, text: str) -> HitsReply | NoteReply:
        """Searches, and remembers what was asked and ranked once it has been."""
        started = time.perf_counter()
        options = self.options(self.searcher)
        remark = ""
        if self.is_loading and self.has_stand_in:
            options = replace(options, mode="bm25")
            remark = BY_WORDS
        hits = self._hits(text, self.top, options)
        asked = " ".join(part for part, _ in self.searcher.expanded(text, options))
        if hits and options.mode != "bm25" and self.unknown_words(asked):
            remark = UNKNOWN
        self.seconds.append(time.perf_counter() - started)
        if not self.history or self.history[-1] != text:
            self.history.append(text)
        self.query = text
        self.hits = hits
        self.opened = ""
        self._asked = options
        return replace(self.again(), remark=remark)

    def _hits(self, text: str, k: int, options: SearchOptions) -> list[Hit]:
        if self.ab is None:
            return self.searcher.search(text, k, options)
        return self.ab.search(self.searcher, text, k, options)

    def note_act(self, name: str, act: Act) -> None:
        """Keeps what was done with a hit of the last query, where two searchers are compared."""
        if self.ab is not None and self.query:
            depth = max(self.top, len(self.hits))
            self.ab.act(self.searcher, self.query, name, act, depth, self._asked)

    def unknown_words(self, text: str) -> list[str]:
        """The words of a text, as BM25 reads it, where none of them stands in the index; else nothing."""
        return unknown_words(self.searcher.engine, text)

    def more(self, count: int) -> list[Hit]:
        """The next `count` hits of the last query, after those that were shown."""
        start = self.shown
        if start + count > len(self.hits):
            found = self._hits(self.query, start + count, self._asked)
            self.hits += found[len(self.hits) :]
        self.shown = min(start + count, len(self.hits))
        return self.hits[start : self.shown]

    def find(self, searcher: Searcher, text: str, k: int) -> list[Hit]:
        """The hits of any searcher in this session's mode, where it has that, and with its filter."""
        return searcher.search(text, k, self.options(searcher))

    def options(self, searcher: Searcher) -> SearchOptions:
        """A searcher's options with this session's mode, where it has that, and its filter."""
        options = replace(
            searcher.options,
            filter=self.filter or None,
            idf_exponent=self.idf,
            expansion=self.expand,
            group=self.fold,
            reranker=self.rerank,
            details=self.details,
        )
        if self.mode in searcher.modes:
            options = replace(options, mode=self.mode)
        return options

    def again(self) -> HitsReply | NoteReply:
        """The last hits once more."""
        self.shown = len(self.hits)
        if self.hits:
            return HitsReply(tuple(self.hits), self.query, self.marks.of(self.query))
        if self.filter:
            message = "no document passes the filter and shares a term with this query"
            return NoteReply(message, self.query, "without the filter: /filter off")
        if self.unknown_words(self.query):
            return NoteReply("no word of this query is in the index", self.query, "try other words")
        return NoteReply("no document shares a term with this query", self.query, "try other words")

    def known_mode(self, name: str) -> str:
        """`name` as the searcher writes it. Raises InputError for a mode that the index cannot do."""
        mode = name.lower()
        self.searcher.ranker.require(mode)
        return mode

    def known_filter(self, text: str) -> str:
        """`text`. Raises InputError for an expression that cannot be read, or an unknown field."""
        try:
            self.searcher.passing(text)
        except InputError as error:
            hint = error.hint or "e.g. /filter year >= 2020 and lang = no"
            raise InputError(error.message.removeprefix("filter: "), hint) from None
        return text

    def hit(self, name: str) -> Hit:
        """A hit by its rank, any document by its id; by nothing, the one opened last or the first."""
        if not self.hits:
            raise InputError("there are no hits yet", "ask something first")
        if not name:
            return next((hit for hit in self.hits if hit.id == self.opened), self.hits[0])
        if name.isdecimal() and 1 <= int(name) <= len(self.hits):
            return self.hits[int(name) - 1]
        for hit in self.hits:
            if name in (hit.id, hit.document_id):
                return hit
        if name.isdecimal():
            hint = f"/top {int(name)} shows more" if int(name) > len(self.hits) else "hits count from 1"
            raise InputError(f"no hit {name}, the last query has {len(self.hits)}", hint)
        return self.why(name).hit

    def why(self, name: str) -> Absence:
        """How any document stands to the last query. Raises InputError with the id that was perhaps meant."""
        self.chunks_of(name)
        return self.searcher.why(self.query, name, self.options(self.searcher))

    def chunks_of(self, name: str) -> list[str]:
        """The chunks of a chunk's or document's id. Raises InputError with the id that was perhaps meant."""
        try:
            return self.searcher.chunks_of(name)
        except InputError as error:
            raise InputError(error.message, closest_id(name, self._ids()) or error.hint) from None

    def content(self, hit: Hit) -> str:
        """The text of a hit as a model reads it, which may be one of the other side of an A/B test."""
        engine = self.searcher.engine
        if self.ab is not None and hit.id not in engine.chunks_of(hit.document_id):
            engine = self.ab.other.engine
        return engine.fetch([hit.id])[0].content or hit.text

    def ids_from(self, start: str) -> list[str]:
        """Ids of documents that begin so, whatever the case, in their order; a few, of a small index."""
        if self._sorted_ids is None:
            self._sorted_ids = []
            engine = self.searcher.engine
            if "catalog" in engine.capabilities and len(engine) <= COMPLETED_CHUNKS:
                names = cast(Catalog, engine).document_ids()
                self._sorted_ids = sorted((name.lower(), name) for name in names)
        lowered = start.lower()
        first = bisect_left(self._sorted_ids, (lowered, ""))
        listed = self._sorted_ids[first : first + MOST_COMPLETED]
        return [name for low, name in listed if low.startswith(lowered)]

    def _ids(self) -> Iterator[str]:
        """Ids of documents, then of chunks, where the engine lists them."""
        engine = self.searcher.engine
        if "catalog" in engine.capabilities:
            yield from cast(Catalog, engine).document_ids()
            yield from cast(Catalog, engine).ids()

    def unusual(self) -> dict[str, str | int | float]:
        """The settings of a search that are on, but mode and filter."""
        facts: dict[str, str | int | float] = {}
        if self.idf:
            facts["idf"] = self.idf
        if self.expand is not None:
            facts["expand"] = self.expand.name
        if self.fold != AUTO:
            facts["fold"] = self.fold
        if self.rerank is not None:
            facts["rerank"] = self.rerank
        return facts

    def stats(self) -> dict[str, str | int | float]:
        """What is being searched, how, and how long the queries took."""
        engine = self.searcher.engine
        facts: dict[str, str | int | float] = {"chunks": len(engine), "dimensions": engine.dimensions}
        if "catalog" in engine.capabilities:
            facts = cast(Catalog, engine).describe()
        marked = self.marks.counts()
        facts["mode"] = f"{self.mode} (of {', '.join(self.searcher.modes)})"
        facts["filter"] = self.filter or "none"
        facts.update(self.unusual())
        facts["hits shown"] = self.top
        facts["marks"] = f"{marked['good']} good, {marked['bad']} bad in {self.marks.path}"
        facts["queries"] = len(self.seconds)
        if self.seconds:
            middle, slow = np.percentile(np.array(self.seconds) * 1000, [50, 95])
            facts["query p50, ms"] = round(float(middle), 2)
            facts["query p95, ms"] = round(float(slow), 2)
        return facts
