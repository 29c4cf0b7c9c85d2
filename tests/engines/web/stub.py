"""A stub of an HTTP server: answers come from a function, faults are put before them, requests are kept."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    several: dict[str, list[str]]
    content: bytes
    headers: dict[str, str]

    def json(self) -> Any:
        return json.loads(self.content) if self.content else None

    def lines(self) -> list[Any]:
        assert self.content.endswith(b"\n"), "the last line ends with a line feed"
        return [json.loads(line) for line in self.content.decode("utf-8").split("\n")[:-1]]


class Refused(Exception):
    """A status of 400 or above, and a reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass
class Stub:
    """A server on loopback.

    Attributes:
        answer: gives the body of an answer, or raises Refused.
        faults: of the next requests, in turn: a status, a status with headers, or ``drop``; None is none.
        seen: all requests.
    """

    answer: Callable[[Request], Any]
    faults: list[Any] = field(default_factory=list)
    seen: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        stub = self

        class Handler(BaseHTTPRequestHandler):
            disable_nagle_algorithm = True  # a body behind its head is not held back for 40 ms
            protocol_version = "HTTP/1.1"

            def log_message(self, *words: object) -> None:
                pass

            def handle_one(self) -> None:
                stub._handle(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_one

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(
            target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        ).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def _handle(self, handler: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(handler.path)
        content = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        several = parse_qs(parts.query, keep_blank_values=True)
        query = {name: values[0] for name, values in several.items()}
        headers = {name.lower(): value for name, value in handler.headers.items()}
        request = Request(handler.command, unquote(parts.path), query, several, content, headers)
        with self.lock:
            self.seen.append(request)
            fault = self.faults.pop(0) if self.faults else None
            if fault == "drop":
                handler.connection.close()
                handler.close_connection = True
                return
            extra: dict[str, str] = {}
            if fault is not None:
                status, extra = fault if isinstance(fault, tuple) else (fault, {})
                body: Any = {"error": "made up"}
            else:
                try:
                    status, body = 200, self.answer(request)
                except Refused as refused:
                    status, body = (
                        refused.status,
                        {"error": {"reason": refused.reason}, "status": refused.status},
                    )
        encoded = b"" if handler.command == "HEAD" else json.dumps(body).encode()
        handler.send_response(status)
        for name, value in {"Content-Type": "application/json", **extra}.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(encoded)))
        handler.end_headers()
        handler.wfile.write(encoded)


def only(body: dict[str, Any], *known: str, needs: tuple[str, ...] = ()) -> None:
    """Raises Refused for a key that is not documented, or one that is missing."""
    for name in body:
        if name not in known:
            raise Refused(400, f"unknown key [{name}]")
    for name in needs:
        if name not in body:
            raise Refused(400, f"no [{name}]")
