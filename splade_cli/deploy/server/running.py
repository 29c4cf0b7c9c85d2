"""The server process: binds its socket, opens the index, and serves until it is told to stop."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

from uvicorn import Config, Server
from uvicorn.supervisors import Multiprocess

from splade_cli.deploy.server.application import Application
from splade_cli.deploy.server.options import ServerOptions
from splade_cli.deploy.server.served_index import IndexSource
from splade_cli.errors import InputError
from splade_cli.index.index import SpladeIndex

CONNECTIONS = 1024
"""Open at once; further ones are answered with 503."""
HEAD_BYTES = 1 << 16
IDLE_SECONDS = 5
STOP_SECONDS = 15
"""For the requests in flight when the server is told to stop."""
BACKLOG = 512
"""Connections that wait to be accepted; none is refused from the moment that the address is told."""


def serve(
    source: IndexSource,
    options: ServerOptions,
    started: Callable[[str], None],
    other: IndexSource | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM, and lets the requests in flight come to their ends.

    Args:
        started: called with the server's address when it is about to answer.
        other: the second index of an A/B test.

    Raises:
        InputError: an address that cannot be listened at, or would be open to all.
        IndexFolderError, ModelError: the index cannot be opened.
        KeyboardInterrupt: it was told to stop.
    """
    options.check()
    with _bound(options.host, options.port) as bound:
        address = url(options.host, bound.getsockname()[1])
        make = Application(source, options, other)
        if options.workers == 1:
            app = make()
            server = Server(_config(app, options, is_factory=False))
            bound.listen(BACKLOG)
            started(address)
            server.run(sockets=[bound])
            return
        SpladeIndex.open(source.folder)  # the workers would all fail at what is wrong with it
        bound.set_inheritable(True)
        bound.listen(BACKLOG)
        started(address)
        Multiprocess(config=_config(make, options, is_factory=True), sockets=[bound]).run()


def _config(app: object, options: ServerOptions, is_factory: bool) -> Config:
    return Config(
        app,  # type: ignore[arg-type]
        factory=is_factory,
        workers=options.workers,
        http="h11",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        backlog=BACKLOG,
        timeout_keep_alive=IDLE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )


def url(host: str, port: int) -> str:
    """The address as it is typed into a browser."""
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def _bound(host: str, port: int) -> socket.socket:
    """A socket at an address, before anything slow is done. Raises InputError where it cannot be had."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError):
        raise InputError(f"no address is called '{host}'", "such as 127.0.0.1", option="host") from None
    family, kind, protocol, _, address = found[0]
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise InputError(
                f"port {port} of {host} is taken", "choose another, 0 takes a free one", option="port"
            ) from None
        raise InputError(
            f"{host} port {port} cannot be listened at: {error.strerror}",
            "such as 127.0.0.1 and a port above 1023",
            option="host",
        ) from None
    return bound
