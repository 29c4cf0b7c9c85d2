"""Marks of people about hits, in the file and form of the session's `/mark`."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from splade_cli.deploy.server.endpoints import reading as read
from splade_cli.deploy.server.endpoints.parameters import (
    MarkParameters,
    MarksParameters,
    require_few,
    require_short,
)
from splade_cli.deploy.server.endpoints.searching import asked_for, holding, note_act, require_id
from splade_cli.deploy.server.endpoints.service import Service, service_of
from splade_cli.deploy.server.refusals import Refusal, json_response
from splade_cli.errors import InputError
from splade_cli.records import JsonValue
from splade_cli.search.batch import require_text, require_words
from splade_cli.search.session.marks import Mark, Marks
from splade_cli.search.session.replies import MarksReply


async def mark(request: Request) -> Response:
    """POST /mark keeps a verdict, GET shows those of a query."""
    service = service_of(request)
    marks = service.marks
    if marks is None:
        raise Refusal(404, "this server keeps no marks", "start it with a file for them (marks)")
    if request.method == "POST":
        # a form of another site's page cannot be of this type, so no stranger's page marks for its reader
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise Refusal(415, "a mark is sent as JSON", "Content-Type: application/json")
        given = await read.of_body(request, MarkParameters, service.options.limits)
        return json_response(await service.run(lambda: _kept(service, marks, given)))
    asked = read.of_query(request, MarksParameters)
    require_short(service.options.limits.query_characters, q=asked.q)
    return json_response(await service.run(lambda: _shown(marks, asked.q)))


def _kept(service: Service, marks: Marks, given: MarkParameters) -> dict[str, JsonValue]:
    limits = service.options.limits
    require_short(limits.query_characters, q=given.q)
    require_words(given.q)
    require_text(given.q)
    names = [given.id] if isinstance(given.id, str) else given.id
    require_few("ids", len(names), limits.hits)
    options = given.search_options(service.index.now.searcher.options, limits)
    asked_for(service, given, service.side(given.system))
    new = []
    for name in names:
        served = holding(service, name, given.system)
        chunk = served.searcher.engine.fetch(require_id(served, name)[:1])[0]
        if given.verdict != "none" and not chunk.content.strip():
            raise InputError("a document without a text cannot be learnt from", "mark another one")
        new.append(Mark(given.q, chunk.id, given.verdict, chunk.content))
    marks.put(new)
    if given.system is None:
        for each in new:
            note_act(service, given.q, each.id, each.verdict, options)
    service.metrics.count("splade_marks_total", len(new))
    return _shown(marks, given.q)


def _shown(marks: Marks, query: str) -> dict[str, JsonValue]:
    counts: dict[str, int | str] = {**marks.counts()}
    return {"marks": {}, **MarksReply(query, marks.of(query), counts).to_json()}
