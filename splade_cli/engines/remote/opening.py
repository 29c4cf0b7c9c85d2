"""The kinds of remote engines by the scheme of their addresses; the file of one is imported when it is
asked for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.remote.engine import RemoteEngine
from splade_cli.engines.remote.store import Store
from splade_cli.errors import InputError, did_you_mean


@dataclass(frozen=True)
class Kind:
    """An engine.

    Attributes:
        module: below `splade_cli.engines`, with a function ``connect(address) -> Store``.
        packages: what it imports, by module name.
        extra: that installs them.
    """

    module: str
    packages: tuple[str, ...] = ()
    extra: str = ""


POSTGRES = Kind("postgres.store", ("psycopg",), "postgres")
LUCENE = Kind("web.lucene.connecting")
KINDS = {
    "postgresql": POSTGRES,
    "postgres": POSTGRES,
    "qdrant": Kind("web.qdrant.store"),
    "vespa": Kind("web.vespa.store"),
    "pinecone": Kind("web.pinecone.store"),
    "elasticsearch": LUCENE,
    "opensearch": LUCENE,
    "milvus": Kind("milvus.store", ("pymilvus",), "milvus"),
    "seekdb": Kind("seekdb.store", ("pymysql",), "seekdb"),
}


def open_store(url: str) -> tuple[Store, EngineAddress]:
    """A store by its URL, connected, and the address that it came to.

    Raises:
        InputError: no URL, an engine that is not known, or whose packages are not installed.
        ServiceError: the server cannot be reached.
    """
    address = EngineAddress.parse(url)
    kind = KINDS.get(address.scheme)
    if kind is None:
        known = ", ".join(KINDS)
        hint = did_you_mean(address.scheme, KINDS) or f"engines: {known}"
        raise InputError(f"no engine '{address.scheme}'", hint)
    missing = [name for name in kind.packages if find_spec(name) is None]
    if missing:
        raise InputError(
            f"{address.scheme} needs {' and '.join(missing)}, not installed",
            f'pip install "splade-cli[{kind.extra}]"',
        )
    store: Store = import_module(f"splade_cli.engines.{kind.module}").connect(address)
    return store, address


def open_engine(url: str) -> RemoteEngine:
    """A store by its URL as an engine to search.

    Raises:
        InputError, ServiceError: as `open_store`, and where nothing was pushed there.
    """
    store, address = open_store(url)
    return RemoteEngine.open(store, str(address))
