"""Address of an OpenAI-compatible server, and the API key that goes with it."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from splade_cli.errors import OptionError, ServiceError

OPENAI = "https://api.openai.com/v1"
SHORTEST_SECRET = 8
"""What is shorter is a version number, or a word that answers have."""


@dataclass(frozen=True)
class Endpoint:
    """The base URL of an API, such as ``http://127.0.0.1:8080/v1``."""

    url: str

    def __post_init__(self) -> None:
        """Raises OptionError for what is no address."""
        if not _is_address(self.url):
            raise OptionError(f"not a base URL: {self.shown}", "it looks like http://127.0.0.1:8080/v1")

    @classmethod
    def resolve(cls, base_url: str | None) -> Endpoint:
        """`base_url`, or else that of OPENAI_BASE_URL, or else OpenAI's own."""
        return cls(base_url or os.environ.get("OPENAI_BASE_URL") or OPENAI)

    @property
    def shown(self) -> str:
        """The address without a user name, password, and what follows a question mark."""
        return re.sub(r"//[^/@]*@", "//", self.url).split("?")[0]

    @property
    def secrets(self) -> list[str]:
        """What the address holds that nobody is to see: a password, and values behind a question mark."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return []
        values = [value for _, value in parse_qsl(parts.query)]
        return [value for value in (parts.password, *values) if value and len(value) >= SHORTEST_SECRET]

    @property
    def is_loopback(self) -> bool:
        """Whether the server runs on this machine."""
        host = urlsplit(self.url).hostname or ""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")
        return address.is_loopback or address.is_unspecified

    def api_key(self) -> str:
        """SPLADE_API_KEY, or else OPENAI_API_KEY, which only a server on this machine can do without.

        Raises:
            ServiceError: no key, or one that cannot be one.
        """
        key = (os.environ.get("SPLADE_API_KEY") or os.environ.get("OPENAI_API_KEY") or "").strip()
        if not key and not self.is_loopback:
            raise ServiceError(
                f"{self.shown} needs an API key", "export OPENAI_API_KEY=... (or SPLADE_API_KEY)"
            )
        if not key.isascii() or not key.isprintable():
            raise ServiceError(
                "the API key has characters that no key has", "copy it again into OPENAI_API_KEY"
            )
        return key


def _is_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
