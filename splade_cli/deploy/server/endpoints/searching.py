"""Search endpoints: hits of queries, why a document is one or is not, and the text of one."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import cast

from starlette.requests import Request
from starlette.responses import Response

from splade_cli.deploy.server.endpoints import reading as read
from splade_cli.deploy.server.endpoints.parameters import (
    DocumentParameters,
    Ranking,
    SearchParameters,
    WhyParameters,
    require_few,
    require_short,
)
from splade_cli.deploy.server.endpoints.service import Service, service_of
from splade_cli.deploy.server.options import Limits
from splade_cli.deploy.server.refusals import Refusal, json_response
from splade_cli.deploy.server.served_index import Served
from splade_cli.engines.base import Catalog
from splade_cli.errors import InputError
from splade_cli.index.metadata.matching import require_fields
from splade_cli.records import Hit, JsonValue
from splade_cli.search.batch import as_filter
from splade_cli.search.explain.hits import HIGHLIGHTED_TERMS
from splade_cli.search.explain.terms import closest_id
from splade_cli.search.interleaving.ab_test import AbTest, options_for
from splade_cli.search.interleaving.preferences import Act
from splade_cli.search.interleaving.team_draft import Team
from splade_cli.search.options import SearchOptions
from splade_cli.search.ranking.fusion import DEPTH
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.replies import TextReply, WhyReply

log = logging.getLogger("splade_cli.server")
COMPARED_IDS = 20_000
"""Of an index, that are looked through for one like an id that is not there."""


async def search(request: Request) -> Response:
    """GET or POST /search."""
    service = service_of(request)
    given = await read.parameters(request, SearchParameters, service.options.limits)
    started = time.perf_counter()
    answer = await service.run(lambda: _found(service, given))
    answer["took_ms"] = round((time.perf_counter() - started) * 1000, 3)
    return json_response(answer)


def _found(service: Service, given: SearchParameters) -> dict[str, JsonValue]:
    limits = service.options.limits
    served = service.side(given.system)
    searcher = served.searcher
    queries = _queries(given, limits)
    _require_hits(given.k, limits)
    options = given.search_options(searcher.options, limits)
    options = replace(
        options, explain=given.explain and given.texts, texts=given.texts, details=given.details
    )
    require_answerable(searcher, options)
    mode = searcher.ranker.mode_of(options)
    service.metrics.count("splade_queries_total", len(queries))
    head: dict[str, JsonValue] = {"mode": mode, "generation": served.generation}
    if given.q is not None:
        test = service.ab if given.system is None else None
        hits = _hits(test, searcher, given.q, given.k, options)
        return {"query": given.q, "hits": _plain(hits), **head}
    lists = searcher.search(queries, given.k, options)
    results: list[JsonValue] = [
        {"query": query, "hits": _plain(hits)} for query, hits in zip(queries, lists, strict=True)
    ]
    return {"results": results, **head}


def _hits(test: AbTest | None, searcher: Searcher, query: str, k: int, options: SearchOptions) -> list[Hit]:
    """The hits of one query, of both sides where there is an A/B test."""
    if test is None:
        return searcher.search(query, k, options)
    return test.search(searcher, query, k, options)


def _queries(given: SearchParameters, limits: Limits) -> list[str]:
    """The queries that are asked. Raises Refusal for none, too many, or too long ones."""
    if (given.q is None) == (given.queries is None):
        raise Refusal(400, "one of q and queries is needed", "such as q=how to reset a password")
    queries = given.queries or []
    if given.q is not None:
        queries = [given.q]
    if not queries:
        raise Refusal(400, "queries is empty", "name one at least")
    require_few("queries", len(queries), limits.queries)
    for query in queries:
        require_short(limits.query_characters, q=query)
        if not query.strip():
            raise Refusal(400, "the query is empty", "type some words, such as: how to reset a password")
    return queries


def _require_hits(k: int, limits: Limits) -> None:
    if k > limits.hits:
        raise Refusal(400, f"k is {k}, this server gives at most {limits.hits} hits", "ask for fewer")


def _plain(hits: list[Hit]) -> list[JsonValue]:
    return [hit.as_dict() for hit in hits]


async def why(request: Request) -> Response:
    """GET or POST /why, and /explain."""
    service = service_of(request)
    given = await read.parameters(request, WhyParameters, service.options.limits)
    return json_response(await service.run(lambda: _reasons(service, given)))


def _reasons(service: Service, given: WhyParameters) -> dict[str, JsonValue]:
    limits = service.options.limits
    served = holding(service, given.id, given.system)
    searcher = served.searcher
    require_short(limits.query_characters, q=given.q, id=given.id)
    _require_hits(given.k, limits)
    options = asked_for(service, given, served)
    # the same as the reply of the session's /why, which the page and other programs may know
    shown = searcher.search(given.q, given.k, options)
    require_id(served, given.id)
    absence = searcher.why(given.q, given.id, options)
    return WhyReply.of(given.q, absence, shown).to_json()


async def document(request: Request) -> Response:
    """GET or POST /document."""
    service = service_of(request)
    given = await read.parameters(request, DocumentParameters, service.options.limits)
    return json_response(await service.run(lambda: _text(service, given)))


def _text(service: Service, given: DocumentParameters) -> dict[str, JsonValue]:
    limits = service.options.limits
    served = holding(service, given.id, given.system)
    searcher = served.searcher
    require_short(limits.query_characters, q=given.q or "", id=given.id)
    options = asked_for(service, given, served)
    chunks = require_id(served, given.id)
    if given.q and given.q.strip():
        if given.system is None:
            note_act(service, given.q, given.id, "open", given.search_options(searcher.options, limits))
        hit = searcher.why(given.q, given.id, options).hit
        return TextReply(hit, given.q, hit.rank, _highlights(searcher, hit)).to_json()
    chunk = searcher.engine.fetch(chunks[:1])[0]
    hit = Hit(
        id=chunk.id,
        rank=0,
        score=0.0,
        text=chunk.text,
        title=chunk.title,
        document_id=chunk.document_id,
        metadata=chunk.metadata,
        headings=chunk.headings,
    )
    return TextReply(hit).to_json()


def holding(service: Service, name: str, system: Team | None = None) -> Served:
    """The system that is named, else the side of an A/B test that has a document or chunk: the first, unless
    only the other one has it."""
    first = service.side(system)
    if service.other is None or system is not None:
        return first
    second = service.other.now
    for served in (first, second):
        try:
            served.searcher.chunks_of(name)
        except InputError:
            continue
        return served
    return first


def asked_for(service: Service, given: Ranking, served: Served) -> SearchOptions:
    """What a request asks of the side that has its document.

    Raises:
        Refusal, InputError: what the index, the first unless another is named, cannot be asked.
    """
    asked = service.side(given.system).searcher
    options = given.search_options(asked.options, service.options.limits)
    require_answerable(asked, options)
    return options_for(served.searcher, options)


def require_answerable(searcher: Searcher, options: SearchOptions) -> None:
    """Raises InputError for a mode or a field that there is not, and weights that no part is left with."""
    searcher.ranker.require(options.mode)
    if options.filter is not None:
        require_fields(as_filter(options.filter), searcher.fields())
    weights = options.weights
    if isinstance(weights, Mapping) and not any(weights.get(part) for part in searcher.ranker.parts):
        raise InputError(
            "weights give nothing to any part of this index", f"it has {', '.join(searcher.ranker.parts)}"
        )


def note_act(service: Service, query: str, name: str, act: Act, options: SearchOptions) -> None:
    """Keeps what somebody did with a hit, where there is an A/B test."""
    test = service.ab
    if test is None:
        return
    # a list that is fused of more texts is another one
    depth = min(service.options.limits.hits, DEPTH)
    try:
        test.act(service.index.now.searcher, query, name, act, depth, options)
    except InputError as error:
        log.error("an act is not counted: %s", error)


def _highlights(searcher: Searcher, hit: Hit) -> tuple[tuple[int, int], ...]:
    names = [term.term for term in hit.terms[:HIGHLIGHTED_TERMS]]
    return tuple((word.start, word.end) for word in searcher.matcher().words(hit.text, names))


def require_id(served: Served, name: str) -> list[str]:
    """The chunks of a document's or chunk's id. Raises Refusal with the one that was perhaps meant."""
    try:
        return served.searcher.chunks_of(name)
    except InputError as error:
        hint = closest_id(name, islice(_ids(served), COMPARED_IDS)) or error.hint
        raise Refusal(404, error.message, hint) from None


def _ids(served: Served) -> Iterator[str]:
    engine = served.searcher.engine
    if "catalog" in engine.capabilities:
        yield from cast(Catalog, engine).document_ids()
        yield from cast(Catalog, engine).ids()
