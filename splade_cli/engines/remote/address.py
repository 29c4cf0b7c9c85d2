"""The address of a remote engine: a URL that names the kind of engine, the server, and what to call it there.

    postgresql://user@host:5432/database?table=docs      milvus+http://host:19530/docs
    seekdb://user@host:2881/database?table=docs          milvus:///folder/file.db?collection=docs
    qdrant+https://host:6333/docs                        opensearch+https://host:9200/docs

The scheme is the engine, then ``+http`` or ``+https`` where it speaks HTTP. A password may stand in the URL
or in the environment; what is shown of an address never holds one.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, unquote, urlencode, urlsplit

from splade_cli.errors import OptionError, did_you_mean

DEFAULT_NAME = "splade"
PASSWORD = "SPLADE_ENGINE_PASSWORD"
TOKEN = "SPLADE_ENGINE_TOKEN"
HIDDEN = "***"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}\Z")
_SECRET = re.compile(r"pass|token|secret|key", re.IGNORECASE)


@dataclass(frozen=True)
class EngineAddress:
    """A parsed URL.

    Attributes:
        scheme: the engine, such as ``postgresql``.
        transport: ``http`` or ``https`` where the scheme says so, else empty.
        host, port: of the server; empty and None where it is not said.
        path: below the host, unquoted, without the first slash.
        user, password: of the URL's userinfo; the password is the environment's where the URL has none.
        token: an API key, of the environment only.
        parameters: of the query string.
    """

    scheme: str
    transport: str = ""
    host: str = ""
    port: int | None = None
    path: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    parameters: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, url: str) -> EngineAddress:
        """An address from its text. Raises OptionError for what is no URL, without showing a password."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            raise OptionError(f"'{redacted(url)}' is no URL of an engine", _example()) from None
        scheme, _, transport = parts.scheme.partition("+")
        if not scheme or transport not in ("", "http", "https") or not url.startswith(f"{parts.scheme}:"):
            raise OptionError(f"'{redacted(url)}' is no URL of an engine", _example())
        path = unquote(parts.path).removeprefix("/")
        if transport and "/" in path.removesuffix("/"):
            raise OptionError(
                f"'{redacted(url)}' has more than one name behind its host",
                f"the name alone, {scheme}+{transport}://host/docs; behind a proxy a host of its own",
            )
        return cls(
            scheme,
            transport,
            _host_of(parts),
            port,
            path.removesuffix("/") if transport else path,
            unquote(parts.username or ""),
            unquote(parts.password or "") or os.environ.get(PASSWORD, ""),
            os.environ.get(TOKEN, ""),
            tuple(parse_qsl(parts.query, keep_blank_values=True)),
        )

    def parameter(self, name: str, default: str = "") -> str:
        """The value of a parameter, `default` where there is none."""
        return dict(self.parameters).get(name, default)

    def number(self, name: str, default: int) -> int:
        """A parameter that counts. Raises OptionError for one that does not."""
        text = self.parameter(name, str(default))
        if not text.isdecimal() or int(text) == 0:
            raise OptionError(
                f"{name}={text} in the address of the engine", f"a whole number, e.g. {default}"
            )
        return int(text)

    def name(self, parameter: str) -> str:
        """What the table, collection or index is called: by a parameter, else by the last part of an HTTP
        address. Raises OptionError for a name that no engine takes."""
        name = self.parameter(parameter)
        if not name and self.transport:
            name = self.path.rpartition("/")[2]
        name = name or DEFAULT_NAME
        if not _NAME.match(name):
            raise OptionError(
                f"'{name}' is no name of a {parameter}", "letters, digits and _, a letter first, at most 63"
            )
        return name

    def require_parameters(self, *known: str) -> None:
        """Raises OptionError for a parameter that is not `known`."""
        for name, _ in self.parameters:
            if name not in known:
                hint = did_you_mean(name, known) or f"parameters: {', '.join(known)}"
                raise OptionError(f"the address of the engine has an unknown parameter '{name}'", hint)

    @property
    def base_url(self) -> str:
        """``https://host:port``, without the path and what is secret; of an address with a transport."""
        host = self.host or "localhost"
        where = f"[{host}]" if ":" in host else host
        if self.port is not None:
            where += f":{self.port}"
        return f"{self.transport}://{where}"

    def __str__(self) -> str:
        scheme = f"{self.scheme}+{self.transport}" if self.transport else self.scheme
        host = f"[{self.host}]" if ":" in self.host else self.host
        user = f"{self.user}@" if self.user else ""
        port = "" if self.port is None else f":{self.port}"
        shown = [(name, HIDDEN if _SECRET.search(name) else value) for name, value in self.parameters]
        query = f"?{urlencode(shown, safe='/*')}" if shown else ""
        return f"{scheme}://{user}{host}{port}/{self.path}{query}"


def redacted(url: str) -> str:
    """A URL as it may be shown: whatever stands where a password does is hidden, however odd the rest is."""
    hidden = re.sub(r"(//[^/@:]*):.*@", rf"\1:{HIDDEN}@", url)
    return re.sub(r"([?&][^=&]*(?:pass|token|secret|key)[^=&]*=)[^&]*", rf"\1{HIDDEN}", hidden, flags=re.I)


def _host_of(parts: SplitResult) -> str:
    """The host as it was written; `hostname` would lower its case."""
    host = parts.netloc.rpartition("@")[2]
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return unquote(host.partition(":")[0])


def _example() -> str:
    return "e.g. postgresql://user@localhost/database?table=docs"
