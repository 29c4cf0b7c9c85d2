"""A Milvus server that takes a call and says nothing is not waited for without end."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import Any

import pytest

from splade_cli.engines.remote import patience
from splade_cli.engines.remote.opening import open_store
from splade_cli.engines.remote.pushing.push import push
from splade_cli.errors import ServiceError
from tests.engines.servers import milvus


@pytest.mark.slow
def test_a_server_that_stands_still(make_index: Any, queries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        started = milvus()
        server = started.__enter__()
    except LookupError as error:
        pytest.skip(str(error))
    try:
        store, address = open_store(f"{server.url}still")
        push(make_index(), store, str(address))
        short = replace(patience.SEARCHING, answer=1.0)
        ask = type(store._server).call  # type: ignore[attr-defined]
        monkeypatch.setattr(store, "_call", lambda call, patience=short: ask(store._server, call, patience))  # type: ignore[attr-defined]
        assert store.search(queries[:1], 3).ids[0]
        os.kill(server.process, signal.SIGSTOP)
        try:
            with pytest.raises(ServiceError, match="milvus"):
                store.search(queries[:1], 3)
        finally:
            os.kill(server.process, signal.SIGCONT)
        assert store.search(queries[:1], 3).ids[0]
    finally:
        started.__exit__(None, None, None)
