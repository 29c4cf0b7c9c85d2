"""Model Context Protocol: an index as tools of an agent, over standard input and output."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from pydantic import BaseModel

from splade_cli import __version__
from splade_cli.errors import InputError, SpladeError
from splade_cli.index.metadata.filters import And, Filter, Test, Value
from splade_cli.search.batch import as_filter
from splade_cli.search.searcher import Searcher

try:
    from mcp.server.mcpserver import MCPServer
    from mcp.server.mcpserver.exceptions import ToolError
except ImportError as error:
    raise ImportError('MCP is missing: pip install "splade-cli[mcp]"') from error

MOST_HITS = 50
"""Hits of one search: what an agent reads costs it tokens."""
TERMS = 10


class Found(BaseModel):
    """A hit: `id` is what `fetch` and `why` take."""

    id: str
    title: str
    headings: list[str]
    score: float
    snippet: str


class Text(BaseModel):
    """A text of the index, whole."""

    id: str
    title: str
    headings: list[str]
    text: str
    metadata: dict[str, str]


class Reasons(BaseModel):
    """How a text stands to a query: `rank` is null beyond the first thousand; weights by term."""

    id: str
    rank: int | None
    score: float
    matched: dict[str, float]
    lacking: dict[str, float]


def mcp_server(searcher: Searcher, name: str = "splade") -> MCPServer:
    """A server with the tools ``search``, ``fetch`` and ``why`` over a searcher; `run()` serves it.

    A filter of the searcher's own options limits all three: an agent's filter comes to it, and other texts
    are as if they were not there.
    """
    fields = ", ".join(f"{field} ({kind})" for field, kind in searcher.fields().items()) or "none"
    server = MCPServer(
        name,
        instructions=f"Search over a folder of documents. Fields of filters: {fields}.",
        version=__version__,
        log_level="WARNING",
    )

    def search(query: str, k: int = 5, filter: str | None = None) -> list[Found]:
        """The best passages for a query, with snippets. A filter is like: year >= 2020 and lang = no."""
        with _told():
            options = replace(searcher.options, filter=_both(searcher.options.filter, filter))
            hits = searcher.search(query, min(k, MOST_HITS), options)
        return [
            Found(
                id=hit.id,
                title=hit.title,
                headings=list(hit.headings),
                score=hit.score,
                snippet=hit.snippet,
            )
            for hit in hits
        ]

    def fetch(id: str) -> list[Text]:
        """The whole text of a passage, or of all passages of a document in their order, by id."""
        with _told():
            chunks = searcher.engine.fetch(_allowed(searcher, id))
        return [
            Text(
                id=chunk.id,
                title=chunk.title,
                headings=list(chunk.headings),
                text=chunk.text,
                metadata={key: str(value) for key, value in chunk.metadata.items()},
            )
            for chunk in chunks
        ]

    def why(query: str, id: str) -> Reasons:
        """Why a passage or document came up for a query, or did not: the terms that matched and that lack."""
        with _told():
            _allowed(searcher, id)
            absence = searcher.why(query, id)
        matched = {term.term: term.contribution for term in absence.hit.terms[:TERMS]}
        return Reasons(
            id=absence.hit.id,
            rank=absence.rank,
            score=absence.hit.score,
            matched=matched,
            lacking=dict(absence.lacking[:TERMS]),
        )

    for tool in (search, fetch, why):
        server.add_tool(tool)
    return server


def _both(first: Filter | str | None, second: str | None) -> Filter | str | None:
    """What passes both filters."""
    if not first or not second:
        return first or second or None
    return And((as_filter(first), as_filter(second)))


def _allowed(searcher: Searcher, name: str) -> list[str]:
    """The chunks of a document's or chunk's id that pass the searcher's own filter. Raises InputError where
    there are none."""
    chunks = searcher.chunks_of(name)
    given = searcher.options.filter
    if not given:
        return chunks
    own = as_filter(given)
    passing = [each for each in chunks if searcher.engine.count(And((_is(each), own)))]
    if not passing:
        raise InputError(f"no document '{name}' here", "ids stand behind each hit")
    return passing


def _is(chunk: str) -> Test:
    return Test("id", "=", (Value(chunk, bare=False),))


@contextmanager
def _told() -> Iterator[None]:
    """An expected failure as the result of a tool, with what to do."""
    try:
        yield
    except SpladeError as error:
        raise ToolError(". ".join(filter(None, (error.message, error.hint)))) from None
