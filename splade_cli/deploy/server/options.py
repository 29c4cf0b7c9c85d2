"""Options of the server: where it listens, who may ask, and how much at once."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from splade_cli.cores import available_threads
from splade_cli.errors import InputError, OptionError, require_positive

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]", "::1")
LEAST_TOKEN = 16
MOST_PORT = 65_535
WORKERS_A_CORE = 8
"""At most: each process opens the models for itself."""
OPTIONS = {
    "seconds": "timeout",
    "body_bytes": "max_body",
    "hits": "max_k",
    "queries": "max_queries",
    "query_characters": "max_query_length",
}
"""Limits that are options of another name."""


@dataclass(frozen=True)
class Limits:
    """What one server takes on.

    Attributes:
        concurrency: requests that are worked on at once, each in a thread.
        waiting: further ones that may wait for one of those; more are refused with 503.
        seconds: for the answer to a request, its wait included, and for a body to arrive; 504 and 408 beyond.
        body_bytes: of a request.
        hits: the largest k.
        queries: of one search.
        query_characters: of one query, and of a filter.
        texts: to encode, of one request.
        text_characters: of one of them.
    """

    concurrency: int = 4
    waiting: int = 32
    seconds: float = 10.0
    body_bytes: int = 1 << 20
    hits: int = 100
    queries: int = 32
    query_characters: int = 2000
    texts: int = 32
    text_characters: int = 100_000

    def check(self) -> None:
        """Raises InputError for one that is not above 0; `waiting` may be 0."""
        sizes = {**self.__dict__, "waiting": self.waiting + 1}
        require_positive(**{OPTIONS.get(name, name): value for name, value in sizes.items()})


@dataclass(frozen=True)
class ServerOptions:
    """How a server runs.

    Attributes:
        host: the address that it listens on.
        port: 0 takes a free one.
        token: what a request must bring as ``Authorization: Bearer TOKEN``; None asks for none.
        open: serve another address than this machine's own without a token.
        hosts: names that requests may call this server by, beside its own; only looked at where no token is
            asked for, since a page of a stranger can otherwise give its own name to a loopback address.
        marks: the JSONL file that verdicts of people are kept in; None takes none.
        preferences: the JSONL file of an A/B test, where a second index is served; see `search.interleaving`.
        look_seconds: between two looks for a new generation of the index; 0 never looks.
        workers: processes.
    """

    host: str = "127.0.0.1"
    port: int = 8080
    token: str | None = field(default=None, repr=False)
    open: bool = False
    hosts: tuple[str, ...] = ()
    marks: Path | None = None
    preferences: Path | None = None
    look_seconds: float = 1.0
    workers: int = 1
    limits: Limits = field(default_factory=Limits)

    def check(self) -> None:
        """Raises InputError for values that no server can have, and for an address that would be open to
        all."""
        require_positive(workers=self.workers)
        most = WORKERS_A_CORE * available_threads()
        if self.workers > most:
            raise InputError(
                f"{self.workers} processes on {available_threads()} cores, each with its own model",
                f"as many as there are cores, {most} at most",
                option="workers",
            )
        self.limits.check()
        if not 0 <= self.port <= MOST_PORT:
            raise OptionError(f"port {self.port} is none", f"a number from 0 to {MOST_PORT}")
        if not 0 <= self.look_seconds < float("inf"):
            raise OptionError(
                f"the index cannot be looked at every {self.look_seconds:g} seconds",
                "0 or more; 0 serves what is there now",
            )
        if self.token is not None and len(self.token) < LEAST_TOKEN:
            raise InputError(
                f"a token of {len(self.token)} characters can be guessed, the least is {LEAST_TOKEN}",
                "16 letters and digits by chance, or more",
            )
        if self.token is not None and not (self.token.isascii() and self.token.isprintable()):
            raise InputError("the token has characters that no header can hold", "letters and digits only")
        if not self.is_loopback and self.token is None and not self.open:
            raise InputError(
                f"{self.host} can be reached from other machines, and no token is set",
                "set SPLADE_SERVE_TOKEN, or serve everyone who can reach it",
                option="without_token",
            )

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host in LOOPBACK_NAMES:
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def known_hosts(self) -> frozenset[str] | None:
        """Names that a request may call this server by, in lower case without a port; None for any."""
        if self.token is not None or not self.is_loopback:
            return None
        return frozenset(name.lower() for name in (*LOOPBACK_NAMES, self.host, *self.hosts))


def require_packages() -> None:
    """Raises InputError with the pip command where a library of the server is not installed."""
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise InputError(
            f"a server needs {' and '.join(missing)}, not installed", 'pip install "splade-cli[serve]"'
        )
