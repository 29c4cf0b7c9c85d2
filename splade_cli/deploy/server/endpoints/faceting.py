"""The endpoint of facets: by which values of which fields texts can be narrowed down."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from splade_cli.deploy.server.endpoints import reading as read
from splade_cli.deploy.server.endpoints.parameters import FacetParameters, require_short
from splade_cli.deploy.server.endpoints.service import Service, service_of
from splade_cli.deploy.server.refusals import json_response
from splade_cli.records import JsonValue


async def facets(request: Request) -> Response:
    """GET or POST /facets."""
    service = service_of(request)
    given = await read.parameters(request, FacetParameters, service.options.limits)
    return json_response(await service.run(lambda: _counted(service, given)))


def _counted(service: Service, given: FacetParameters) -> dict[str, JsonValue]:
    require_short(service.options.limits.query_characters, filter=given.filter or "")
    served = service.side(given.system)
    searcher = served.searcher
    filter = searcher.options.filter
    if given.filter and given.filter.strip():
        filter = given.filter
    found: list[JsonValue] = [
        {"field": name, "values": [{"value": value, "chunks": count} for value, count in counts.items()]}
        for name, counts in searcher.facets(filter).items()
    ]
    return {"facets": found, "generation": served.generation}
