"""Tables of a store in PostgreSQL: one of rows for each, and one of records for all."""

from __future__ import annotations

import psycopg
from psycopg import errors, sql

from splade_cli.engines.remote.facts import StoreFacts
from splade_cli.errors import InputError, ServiceError

FACTS = "splade_stores"
"""The table of records: the name of a table of rows, and what it says of itself."""
REPLACE_FACTS = f"insert into {FACTS} values (%s, %s) on conflict (name) do update set facts = excluded.facts"
_INSERT_FACTS = f"insert into {FACTS} values (%s, %s) on conflict (name) do nothing"
_CREATE_FACTS = f"create table if not exists {FACTS} (name text primary key, facts text not null)"
_CREATE = """create table {table} (id text collate "C" primary key, document_id text collate "C" not null,
position bigint not null, digest text not null, chunk json not null, fields jsonb not null,
v sparsevec({dimensions}) not null)"""
_BY_DOCUMENT = "create index on {table} (document_id, position)"

LOCKING = (
    "set lock_timeout = '2s'",
    "set tcp_keepalives_idle = 30",
    "set tcp_keepalives_interval = 10",
    "set tcp_keepalives_count = 3",
)
"""Settings of a session that holds a lock: one that ends is given a moment, and a machine that has vanished
is told from one that is busy."""
_LOCK = "select pg_advisory_lock(hashtextextended(%s || coalesce(current_schema(), ''), 0))"


def try_lock(connection: psycopg.Connection, name: str) -> bool:
    """Takes the advisory lock of a table for this session; False where another one keeps it."""
    try:
        connection.execute(_LOCK, [f"{FACTS} {name}"])
    except errors.LockNotAvailable:
        return False
    return True


def unlock(connection: psycopg.Connection) -> None:
    """Gives back all advisory locks of this session."""
    connection.execute("select pg_advisory_unlock_all()")


def exists(connection: psycopg.Connection, name: str) -> bool:
    """Whether there is a table of this name where the connection looks for tables."""
    found = connection.execute(
        "select to_regclass(%s)", [sql.Identifier(name).as_string(connection)]
    ).fetchone()
    return found is not None and found[0] is not None


def read_facts(connection: psycopg.Connection, name: str, address: str) -> StoreFacts | None:
    """The record of a table of rows, None where there is neither.

    Raises:
        InputError: a table without a record, which is somebody else's.
    """
    if exists(connection, FACTS):
        row = connection.execute(f"select facts from {FACTS} where name = %s", [name]).fetchone()
        if row is not None:
            return StoreFacts.from_json(row[0])
    if exists(connection, name):
        raise InputError(
            f"{address}: the table '{name}' was not made by splade", "name another one: ?table=NAME"
        )
    return None


def make(connection: psycopg.Connection, name: str, facts: StoreFacts, address: str) -> None:
    """Makes a table of rows and its record in one step, where they are not there yet.

    Raises:
        ServiceError: the server has no pgvector, or the role may not make use of it.
    """
    try:
        connection.execute("create extension if not exists vector")
    except (errors.FeatureNotSupported, errors.UndefinedFile, errors.InsufficientPrivilege) as error:
        raise ServiceError(
            f"{address} has no pgvector: {error.diag.message_primary}",
            "install it on the server, and have its owner run: create extension vector",
        ) from None
    table = sql.Identifier(name)
    with connection.transaction():
        connection.execute(_CREATE_FACTS)
        if exists(connection, name):
            return
        made = sql.SQL(_CREATE).format(table=table, dimensions=sql.Literal(facts.dimensions))
        connection.execute(made)
        connection.execute(sql.SQL(_BY_DOCUMENT).format(table=table))
        connection.execute(_INSERT_FACTS, [name, facts.to_json()])
