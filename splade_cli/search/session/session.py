"""The brain of the interactive session: a line in, a Reply out. Knows no terminal, no colours, no keys."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from splade_cli.engines.base import Catalog
from splade_cli.errors import InputError, SpladeError, did_you_mean
from splade_cli.records import Chunk, Hit, Progress, silent
from splade_cli.search.explain.absence import Absence
from splade_cli.search.explain.terms import closest_id
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.commands import COMMANDS, LEAVE
from splade_cli.search.session.compare import Others
from splade_cli.search.session.marks import Marks
from splade_cli.search.session.replies import Reply

MARKS = "marks.jsonl"


class Session:
    """Keeps the last hits, the history and the settings of one sitting.

    Args:
        searcher: what is searched.
        top: hits shown a query.
        explain: show the terms behind each hit.
        filter: an expression that documents must pass.
        marks: the file of marks; ``marks.jsonl`` in the working folder by default.
        others: opens what `/compare` names.

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
    ) -> None:
        self.searcher, self.top, self.explain = searcher, top, explain
        self.marks = Marks(marks or Path(MARKS))
        self.others = others or Others()
        self.progress: Progress = silent
        self.history: list[str] = []
        self.seconds: list[float] = []
        self.query = ""
        self.hits: list[Hit] = []
        self.opened = ""
        self.mode = searcher.mode
        self.filter = self.known_filter(filter) if filter else ""

    def handle(self, line: str) -> Reply:
        """Answers one line; a mistake of the user's becomes a Reply of kind ``error``."""
        text = line.strip()
        try:
            if not text:
                return Reply("nothing")
            if text.lower() in LEAVE:
                return Reply("quit")
            if text.isdecimal() and self.hits:
                return COMMANDS["/open"].run(self, text)
            if text.startswith("/"):
                name, _, rest = text.partition(" ")
                command = COMMANDS.get(name.lower())
                if command is None:
                    raise InputError(
                        f"unknown command '{name}'",
                        did_you_mean(name.lower(), COMMANDS) or "/help lists them",
                    )
                return command.run(self, rest.strip())
            return self.ask(text)
        except SpladeError as error:
            return Reply("error", message=error.message, hint=error.hint)

    def ask(self, text: str) -> Reply:
        """Searches, and remembers what was asked and found once it has been."""
        started = time.perf_counter()
        hits = self.find(self.searcher, text, self.top)
        self.seconds.append(time.perf_counter() - started)
        if not self.history or self.history[-1] != text:
            self.history.append(text)
        self.query, self.hits, self.opened = text, hits, ""
        return self.again()

    def find(self, searcher: Searcher, text: str, k: int) -> list[Hit]:
        """The hits of any searcher in this session's mode, where it has that, and with its filter."""
        return searcher.search(text, k, self.options(searcher))

    def options(self, searcher: Searcher) -> SearchOptions:
        """A searcher's options with this session's mode, where it has that, and its filter."""
        mode = self.mode if self.mode in searcher.modes else searcher.mode
        return replace(searcher.options, mode=mode, filter=self.filter or None)

    def again(self) -> Reply:
        """The last hits once more."""
        if not self.hits:
            hint = "without the filter: /filter off" if self.filter else "try other words"
            what = (
                "no document passes the filter and shares a term"
                if self.filter
                else "no document shares a term"
            )
            return Reply("note", query=self.query, message=f"{what} with this query", hint=hint)
        return Reply("hits", query=self.query, hits=tuple(self.hits), marks=self.marks.of(self.query))

    def known_mode(self, name: str) -> str:
        """`name` as the searcher writes it. Raises InputError for a mode that the index cannot do."""
        wanted = name.lower()
        self.searcher.ranker.require(wanted)
        return wanted

    def known_filter(self, text: str) -> str:
        """`text`. Raises InputError for an expression that cannot be read, or names a field that no document has."""
        try:
            self.searcher.passing(text)
        except InputError as error:
            hint = error.hint or "e.g. /filter year >= 2020 and lang = no"
            raise InputError(error.message.removeprefix("filter: "), hint) from None
        return text

    def hit(self, rest: str) -> Hit:
        """A hit by its rank, or any document by its id; the first hit where nothing is named."""
        if not self.hits:
            raise InputError("there are no hits yet", "ask something first")
        if not rest:
            return next((hit for hit in self.hits if hit.id == self.opened), self.hits[0])
        if rest.isdecimal() and 1 <= int(rest) <= len(self.hits):
            return self.hits[int(rest) - 1]
        for hit in self.hits:
            if rest in (hit.id, hit.document_id):
                return hit
        if rest.isdecimal():
            raise InputError(
                f"no hit {rest}, the last query has {len(self.hits)}", f"/top {int(rest)} shows more"
            )
        return self.why(rest).hit

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

    def chunk(self, name: str) -> Chunk:
        """The stored text of a chunk's id. Raises InputError where there is none."""
        return self.searcher.engine.fetch([name])[0]

    def _ids(self) -> Iterator[str]:
        """Ids of documents, then of chunks, where the engine lists them."""
        engine = self.searcher.engine
        if "catalog" in engine.capabilities:
            yield from cast(Catalog, engine).document_ids()
            yield from cast(Catalog, engine).ids()

    def stats(self) -> dict[str, Any]:
        """What is being searched, how, and how long the queries took."""
        engine = self.searcher.engine
        marked = self.marks.counts()
        facts: dict[str, Any] = {"chunks": len(engine), "dimensions": engine.dimensions}
        if "catalog" in engine.capabilities:
            facts = cast(Catalog, engine).describe()
        facts |= {
            "mode": f"{self.mode} (of {', '.join(self.searcher.modes)})",
            "filter": self.filter or "none",
            "hits shown": self.top,
            "marks": f"{marked['good']} good, {marked['bad']} bad in {self.marks.path}",
            "queries": len(self.seconds),
        }
        if self.seconds:
            middle, slow = np.percentile(np.array(self.seconds) * 1000, [50, 95])
            facts |= {"query p50, ms": round(float(middle), 2), "query p95, ms": round(float(slow), 2)}
        return facts
