"""The server as an ASGI application: routes, the page, and looks for a new generation of the index."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from importlib.resources import files
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from splade_cli.deploy.server.endpoints import encoding, faceting, marking, searching, state
from splade_cli.deploy.server.endpoints.service import Service
from splade_cli.deploy.server.gate import Gate
from splade_cli.deploy.server.guards import Guards
from splade_cli.deploy.server.metrics import Metrics
from splade_cli.deploy.server.options import ServerOptions
from splade_cli.deploy.server.refusals import Refusal, on_failure, on_fault, on_http, on_refusal
from splade_cli.deploy.server.served_index import IndexSource, ServedIndex
from splade_cli.errors import SpladeError
from splade_cli.search.interleaving.preferences import PREFERENCES, PreferenceLog
from splade_cli.search.session.marks import Marks

Endpoint = Callable[[Request], Awaitable[Response]]
JAVASCRIPT = "text/javascript; charset=utf-8"
PAGE = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", JAVASCRIPT),
    "/requests.js": ("requests.js", JAVASCRIPT),
    "/pieces.js": ("pieces.js", JAVASCRIPT),
    "/hits.js": ("hits.js", JAVASCRIPT),
    "/sides.js": ("sides.js", JAVASCRIPT),
    "/facets.js": ("facets.js", JAVASCRIPT),
    "/address.js": ("address.js", JAVASCRIPT),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/favicon.ico": ("icon.svg", "image/svg+xml"),
}
"""The files of the search page; it holds nothing of the index, so it is given to all."""
READING: dict[str, Endpoint] = {
    "/health": state.health,
    "/ready": state.ready,
    "/info": state.info,
    "/metrics": state.metrics,
    "/openapi.json": state.openapi,
    "/ab": state.ab,
}
ASKING: dict[str, Endpoint] = {
    "/search": searching.search,
    "/why": searching.why,
    "/explain": searching.why,
    "/document": searching.document,
    "/facets": faceting.facets,
    "/mark": marking.mark,
}
SENDING: dict[str, Endpoint] = {"/encode": encoding.encode, "/embed_sparse": encoding.embed_sparse}
FREE = (*PAGE, "/health", "/ready")
"""Paths that need no token."""


def application(source: IndexSource, options: ServerOptions, other: IndexSource | None = None) -> ASGIApp:
    """The server over an index that is opened now.

    Args:
        other: the second index of an A/B test.

    Raises:
        IndexFolderError, ModelError, InputError: as `Searcher.open`, and for a marks file that is none.
    """
    marks: Marks | None = None
    if options.marks is not None:
        marks = Marks(options.marks)
    metrics = Metrics()
    second: ServedIndex | None = None
    log: PreferenceLog | None = None
    if other is not None:
        log = PreferenceLog(options.preferences or Path(PREFERENCES), source.name, other.name)
        second = ServedIndex(other)
    service = Service(options, ServedIndex(source), Gate(options.limits), metrics, marks, second, log)
    routes = [Route(path, _file(*page), methods=["GET"]) for path, page in PAGE.items()]
    routes += [Route(path, endpoint, methods=["GET"]) for path, endpoint in READING.items()]
    routes += [Route(path, endpoint, methods=["GET", "POST"]) for path, endpoint in ASKING.items()]
    routes += [Route(path, endpoint, methods=["POST"]) for path, endpoint in SENDING.items()]
    app = Starlette(
        routes=routes,
        lifespan=partial(_lifespan, service),
        exception_handlers={
            Refusal: on_refusal,
            SpladeError: on_failure,
            HTTPException: on_http,
            Exception: on_fault,
        },
    )
    app.router.redirect_slashes = False
    app.state.service = service
    return Guards(app, options, metrics, FREE, {**READING, **ASKING, **SENDING, **PAGE})


@dataclass(frozen=True)
class Application:
    """Makes the application in whichever process it is called in."""

    source: IndexSource
    options: ServerOptions
    other: IndexSource | None = None

    def __call__(self) -> ASGIApp:
        return application(self.source, self.options, self.other)


def _file(name: str, kind: str) -> Endpoint:
    content = files(__package__).joinpath("page", name).read_bytes()

    async def send(request: Request) -> Response:
        return Response(content, headers={"Content-Type": kind, "Cache-Control": "no-cache"})

    return send


@asynccontextmanager
async def _lifespan(service: Service, app: Starlette) -> AsyncIterator[None]:
    looking = asyncio.create_task(_look(service))
    try:
        yield
    finally:
        looking.cancel()
        service.gate.close()


async def _look(service: Service) -> None:
    """Looks for a new generation now and then, as long as the server runs."""
    seconds = service.options.look_seconds
    opened = partial(service.metrics.count, "splade_reloads_total")
    failed = partial(service.metrics.count, "splade_reload_failures_total")
    while seconds:
        await asyncio.sleep(seconds)
        await asyncio.to_thread(service.index.refresh, opened, failed)
        if service.other is not None:
            await asyncio.to_thread(service.other.refresh, opened, failed)
