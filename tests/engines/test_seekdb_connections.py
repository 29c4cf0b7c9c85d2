"""Connections of seekdb: a server that takes a statement and says nothing is not waited for without end."""

from __future__ import annotations

from typing import Any

import pytest

from splade_cli.engines.remote.address import EngineAddress
from splade_cli.errors import ServiceError

pymysql = pytest.importorskip("pymysql", reason="pymysql is not installed")


def test_answers_are_waited_for_so_long_and_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    from splade_cli.engines.remote.patience import LOADING
    from splade_cli.engines.seekdb.connections import Connections

    asked: list[dict[str, Any]] = []

    def connect(**settings: Any) -> Any:
        asked.append(settings)
        raise pymysql.err.OperationalError(1045, "refused")

    monkeypatch.setattr(pymysql, "connect", connect)
    with pytest.raises(ServiceError):
        Connections(EngineAddress.parse("seekdb://me@h/db")).rows("select 1")
    assert [(each["read_timeout"], each["write_timeout"]) for each in asked] == [
        (LOADING.answer, LOADING.answer)
    ]
