"""The kinds of remote engines by the scheme of their addresses; the file of one is imported when it is
asked for."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.util import find_spec

from splade_cli.engines.remote.address import EngineAddress
from splade_cli.engines.remote.engine import RemoteEngine
from splade_cli.engines.remote.store import Store
from splade_cli.errors import InputError, OptionError, did_you_mean


@dataclass(frozen=True)
class Kind:
    """An engine.

    Attributes:
        module: below `splade_cli.engines`, with a function ``connect(address) -> Store``.
        packages: what it imports, by module name.
        extra: that installs them.
        http: its server speaks HTTP, so the address must say ``+http`` or ``+https``.
        files: a path without a host is a file, opened in this process.
        secret: each request holds a key, which goes to another machine by ``+https`` only.
    """

    module: str
    packages: tuple[str, ...] = ()
    extra: str = ""
    http: bool = False
    files: bool = False
    secret: bool = False


POSTGRES = Kind("postgres.store", ("psycopg",), "postgres")
LUCENE = Kind("web.lucene.connecting", http=True)
KINDS = {
    "postgresql": POSTGRES,
    "postgres": POSTGRES,
    "qdrant": Kind("web.qdrant.store", http=True),
    "vespa": Kind("web.vespa.store", http=True),
    "pinecone": Kind("web.pinecone.store", http=True, secret=True),
    "elasticsearch": LUCENE,
    "opensearch": LUCENE,
    "milvus": Kind("milvus.store", ("pymilvus",), "milvus", http=True, files=True),
    "seekdb": Kind("seekdb.store", ("pymysql",), "seekdb"),
}


def open_store(url: str) -> tuple[Store, EngineAddress]:
    """A store by its URL, connected, and the address that it came to.

    Raises:
        InputError: no URL, an engine that is not known, or whose packages are not installed; an address that
            does not say how its server is spoken to.
        ServiceError: the server cannot be reached.
    """
    address = EngineAddress.parse(url)
    kind = KINDS.get(address.scheme)
    if kind is None:
        known = ", ".join(KINDS)
        hint = did_you_mean(address.scheme, KINDS) or f"engines: {known}"
        if address.scheme in ("http", "https"):
            hint = f"name the engine before it, as in opensearch+{address.scheme}://HOST:9200; {hint}"
        raise OptionError(f"no engine '{address.scheme}'", hint)
    _require_transport(address, kind)
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


def _require_transport(address: EngineAddress, kind: Kind) -> None:
    """Raises InputError where an engine's server speaks HTTP, and the address does not say in which way.

    Without it, the path would name nothing, and a file of this machine could be taken for a server's.
    """
    is_file = kind.files and not address.host and address.path
    if not kind.http or (is_file and not address.transport):
        return
    allowed = ["https", "http"]
    if kind.secret and not _is_loopback(address.host):
        allowed = ["https"]
    if address.transport in allowed:
        return
    hint = " or ".join(str(replace(address, transport=each)) for each in allowed)
    if address.transport:
        raise InputError(f"{address} would send the key where others can read it", f"type {hint}")
    raise InputError(f"{address} does not say whether its server speaks HTTP or HTTPS", f"type {hint}")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost")
