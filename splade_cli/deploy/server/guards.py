"""Middleware around the whole server: names and tokens that are asked for, headers, and counting."""

from __future__ import annotations

import hmac
import time
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from splade_cli.deploy.server.metrics import Metrics
from splade_cli.deploy.server.options import ServerOptions
from splade_cli.deploy.server.refusals import Refusal, response_of

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "manifest-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
METHODS = ("GET", "HEAD", "POST")
OTHER = "other"


class Guards:
    """Lets in who may ask, adds headers to every answer, and counts it.

    Args:
        free: paths that need no token.
        paths: those that are counted by name.
    """

    def __init__(
        self,
        app: ASGIApp,
        options: ServerOptions,
        metrics: Metrics,
        free: Collection[str],
        paths: Collection[str],
    ) -> None:
        self._app = app
        self._token = options.token
        self._hosts = options.known_hosts
        self._metrics = metrics
        self._free = frozenset(free)
        self._paths = frozenset(paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def counted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            refusal = self._refusal(scope["path"], Headers(scope=scope))
            app = self._app
            if refusal is not None:
                app = response_of(refusal)
            await app(scope, receive, counted)
        finally:
            path = scope["path"] if scope["path"] in self._paths else OTHER
            method = scope["method"] if scope["method"] in METHODS else OTHER
            self._metrics.request(path, method, status, time.perf_counter() - started)

    def _refusal(self, path: str, headers: Headers) -> Refusal | None:
        name = _host_name(headers.get("host", ""))
        if self._hosts is not None and name not in self._hosts:
            return Refusal(
                403,
                f"this server is not called '{name[:100]}'",
                "start it with that name (allow_host)",
            )
        if self._token is None or path in self._free:
            return None
        kind, _, given = headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode("utf-8"), self._token.encode("utf-8"))
        if kind.lower() == "bearer" and right:
            return None
        return Refusal(
            401,
            "this server asks for a token",
            "send the header Authorization: Bearer TOKEN",
            {"WWW-Authenticate": "Bearer"},
        )


def _host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    name, colon, port = host.strip().lower().rpartition(":")
    if colon and port.isdecimal() and not (":" in name and not name.endswith("]")):
        return name
    return host.strip().lower()
