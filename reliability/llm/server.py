"""An OpenAI-compatible server on loopback that can be told to fail: `python -m reliability.llm.server`.

A healthy answer is made of the passage's own words, so that its queries find the passage again. Which fault
it has, and at which call, is given; the server keeps what it was asked and what it answered well.
"""

from __future__ import annotations

import argparse
import json
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from socketserver import TCPServer
from typing import Any

from reliability.llm.call import Call, Reply, healthy, passage_of
from reliability.llm.replies import REPLIES

POSITIONS: dict[str, Callable[[int], bool]] = {
    "first": lambda number: number == 1,
    "third": lambda number: number == 3,
    "always": lambda number: True,
}


@dataclass
class Asked:
    """What a server was asked: passages by the number of their calls, and of their usable answers."""

    calls: Counter[str] = field(default_factory=Counter)
    usable: Counter[str] = field(default_factory=Counter)
    most_at_once: int = 0


class LlmServer(HTTPServer):
    """Answers calls on a port of loopback, in a thread each, until `close`.

    Args:
        fault: what happens to the calls that `at` names; None for a server without fault.
        at: of POSITIONS, which calls.
        port: 0 for a free one.
        delay: seconds that each answer takes.
    """

    allow_reuse_address = True

    def __init__(
        self, fault: Reply | None = None, at: str = "always", port: int = 0, delay: float = 0
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.asked = Asked()
        self.stopped = threading.Event()
        self.port = int(self.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self.calls = 0
        self.fault = fault
        self.has_fault = POSITIONS[at]
        self.delay = delay
        self.lock = threading.Lock()
        self._under_way = 0
        self._loop = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._loop.start()

    def server_bind(self) -> None:
        """Without a look-up of the machine's name, which takes long where there is no name server."""
        TCPServer.server_bind(self)
        self.server_name = "127.0.0.1"
        self.server_port = int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Each connection in a thread of its own, which ends with the server."""
        threading.Thread(target=self._serve, args=(request, client_address), daemon=True).start()

    def _serve(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        except OSError:
            pass  # the caller has gone
        finally:
            with suppress(OSError):
                self.shutdown_request(request)

    def answer(self, handler: BaseHTTPRequestHandler, request: dict[str, Any]) -> None:
        """Answers one call, with the fault where it is due."""
        passage = passage_of(request)
        with self.lock:
            self.calls += 1
            call = Call(handler, request, self.calls, self.stopped)
            self.asked.calls[passage] += 1
            self._under_way += 1
            self.asked.most_at_once = max(self.asked.most_at_once, self._under_way)
        try:
            call.wait(self.delay)
            reply = self.fault if self.fault and self.has_fault(call.number) else healthy
            if reply(call):
                with self.lock:
                    self.asked.usable[passage] += 1
        finally:
            with self.lock:
                self._under_way -= 1

    def stop_listening(self) -> None:
        """Refuses connections from now on."""
        self.shutdown()
        # a forked process may hold the same socket, which a close here alone would leave open
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()

    def close(self) -> None:
        """Ends it; calls that wait go on at once."""
        self.stopped.set()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    disable_nagle_algorithm = True  # a body behind its head is not held back for 40 ms
    protocol_version = "HTTP/1.1"
    server: LlmServer

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length", 0))
        self.server.answer(self, json.loads(self.rfile.read(size)))

    def do_GET(self) -> None:
        self.send_error(404)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m reliability.llm.server", description=__doc__)
    parser.add_argument("--fault", choices=sorted(REPLIES), help="without it all answers are healthy")
    parser.add_argument("--at", choices=POSITIONS, default="always", help="the calls that have the fault")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds that each answer takes")
    arguments = parser.parse_args()
    fault = REPLIES[arguments.fault] if arguments.fault else None
    server = LlmServer(fault, arguments.at, arguments.port, arguments.delay)
    print(server.url, flush=True)
    try:
        while True:
            time.sleep(60)
    except KeyboardInterrupt:
        server.close()


if __name__ == "__main__":
    main()
