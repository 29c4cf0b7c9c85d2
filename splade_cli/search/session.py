"""The brain of the interactive session: a line in, a Reply out. Knows no terminal, no colours, no keys."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from splade_cli.errors import InputError, SpladeError, did_you_mean
from splade_cli.records import Hit, Term
from splade_cli.search.searcher import Searcher

COMMANDS = {
    "/help": "what can be typed",
    "/top N": "show N hits from now on",
    "/explain [RANK]": "the terms behind a hit, or behind each hit from now on (again: off)",
    "/terms [TEXT]": "the terms that the model gives TEXT, or gave the last query",
    "/why ID": "why a document did not come up, or came up where it did",
    "/open RANK|ID": "the whole text; a bare rank number does the same",
    "/history": "what was asked so far",
    "/stats": "what is being searched",
    "/quit": "leave; so do q, quit, exit and Ctrl-D",
}
LEAVE = frozenset({"q", "quit", "exit", "/quit", "/q", "/exit"})
MOST_HITS = 1000
Kind = Literal[
    "hits", "text", "terms", "explain", "why", "help", "history", "stats", "note", "error", "quit", "nothing"
]


@dataclass(frozen=True)
class Reply:
    """What to show: `kind` says which of the fields count."""

    kind: Kind
    query: str = ""
    hits: tuple[Hit, ...] = ()
    terms: tuple[tuple[str, float], ...] = ()
    explained: tuple[Term, ...] = ()
    rank: int | None = None
    message: str = ""
    hint: str = ""
    facts: dict[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready, without the fields that are empty."""
        return {key: value for key, value in asdict(self).items() if value not in ("", (), None, [])}


class Session:
    """Keeps the last hits, the history and the settings of one sitting.

    Args:
        searcher: what is searched.
        top: hits shown a query.
        explain: show the terms behind each hit.
    """

    def __init__(self, searcher: Searcher, top: int = 5, explain: bool = False) -> None:
        self.searcher, self.top, self.explain = searcher, top, explain
        self.history: list[str] = []
        self.query = ""
        self.hits: list[Hit] = []

    def handle(self, line: str) -> Reply:
        """Answers one line; a mistake of the user's becomes a Reply of kind ``error``."""
        text = line.strip()
        try:
            if not text:
                return Reply("nothing")
            if text.lower() in LEAVE:
                return Reply("quit")
            if text.isdecimal() and self.hits:
                return self._open(text)
            if text.startswith("/"):
                return self._command(text)
            return self._search(text)
        except SpladeError as error:
            return Reply("error", message=error.message, hint=error.hint)

    def _search(self, text: str) -> Reply:
        self.history.append(text)
        self.query, self.hits = text, self.searcher.search(text, self.top)
        if not self.hits:
            return Reply(
                "note", query=text, message="no document shares a term with this query", hint="try other words"
            )
        return Reply("hits", query=text, hits=tuple(self.hits))

    def _command(self, text: str) -> Reply:
        name, _, rest = text.partition(" ")
        rest = rest.strip()
        actions = {
            "/help": lambda: Reply("help", facts=dict(COMMANDS)),
            "/top": lambda: self._top(rest),
            "/explain": lambda: self._explain(rest),
            "/terms": lambda: self._terms(rest),
            "/why": lambda: self._why(rest),
            "/open": lambda: self._open(rest),
            "/history": lambda: Reply("history", facts={str(n): asked for n, asked in enumerate(self.history, 1)}),
            "/stats": lambda: Reply("stats", facts=self.stats()),
        }
        action = actions.get(name.lower())
        if action is None:
            raise InputError(f"unknown command '{name}'", did_you_mean(name, actions) or "/help lists them")
        return action()

    def _top(self, rest: str) -> Reply:
        if not rest.isdecimal() or not 1 <= int(rest) <= MOST_HITS:
            raise InputError(f"/top takes a number from 1 to {MOST_HITS}, got '{rest}'", "e.g. /top 10")
        self.top = int(rest)
        return self._search(self.query) if self.query else Reply("note", message=f"{self.top} hits from now on")

    def _explain(self, rest: str) -> Reply:
        if rest:
            hit = self._hit(rest)
            return Reply("explain", query=self.query, hits=(hit,), explained=hit.terms, rank=hit.rank)
        self.explain = not self.explain
        if self.explain and self.hits:
            return Reply("hits", query=self.query, hits=tuple(self.hits))
        return Reply("note", message=f"explanations {'on' if self.explain else 'off'}")

    def _terms(self, rest: str) -> Reply:
        text = rest or self.query
        if not text:
            raise InputError("/terms needs a text, nothing was asked yet", "e.g. /terms how to reset a password")
        return Reply("terms", query=text, terms=tuple(self.searcher.terms(text)))

    def _why(self, rest: str) -> Reply:
        if not self.query:
            raise InputError("/why looks at the last query, and nothing was asked yet", "ask something first")
        if not rest:
            raise InputError("/why needs a document's id", "ids stand behind each hit; also ids that did not come up")
        absence = self.searcher.why(self.query, rest)
        return Reply(
            "why",
            query=self.query,
            hits=(absence.hit,),
            terms=tuple(absence.lacking),
            explained=absence.hit.terms,
            rank=absence.rank,
        )

    def _open(self, rest: str) -> Reply:
        hit = self._hit(rest)
        return Reply("text", query=self.query, hits=(hit,), rank=hit.rank)

    def _hit(self, rest: str) -> Hit:
        if not self.hits:
            raise InputError("there are no hits yet", "ask something first")
        if rest.isdecimal():
            if not 1 <= int(rest) <= len(self.hits):
                raise InputError(f"no hit {rest}, the last query has {len(self.hits)}", "/top N shows more")
            return self.hits[int(rest) - 1]
        for hit in self.hits:
            if rest in (hit.id, hit.document_id):
                return hit
        return self.searcher.why(self.query, rest).hit if rest else self.hits[0]

    def stats(self) -> dict[str, Any]:
        """What is being searched: counts, model, folder."""
        index = self.searcher.index
        rows, nonzeros = len(index), int(index.vectors.nnz)
        return {
            "chunks": rows,
            "documents": len({row.get("document_id") or row["id"] for row in index.rows}),
            "dimensions": int(index.vectors.shape[1]),
            "active terms a chunk": round(nonzeros / max(1, rows), 1),
            "model": (index.model or {}).get("name", "unknown"),
            "index": str(index.folder) if index.folder else "in memory",
            "hits shown": self.top,
        }
