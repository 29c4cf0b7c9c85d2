"""Where a language model is served and how it is to be asked: settings come in, checked ones go out; asks nobody.

The API key is no part of the settings: it is read from the environment when it is needed, so that nothing that prints
or keeps an `Endpoint` can give it away.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from splade_cli.errors import InputError, ServiceError, require_positive


@dataclass(frozen=True)
class Endpoint:
    """A model at the server of `base_url`.

    `rate_limit` is in calls a minute, `timeout` in seconds for a whole call; `retries` come on top of the first try.
    """

    base_url: str
    model: str
    temperature: float
    concurrency: int
    rate_limit: float | None
    timeout: float
    max_tokens: int
    seed: int | None
    retries: int

    def __post_init__(self) -> None:
        """Raises InputError for what cannot be."""
        require_positive(concurrency=self.concurrency, timeout=self.timeout, max_tokens=self.max_tokens)
        if self.rate_limit is not None:
            require_positive(rate_limit=self.rate_limit)
        if self.temperature < 0 or self.retries < 0:
            raise InputError(
                "--temperature and --retries cannot be below 0", "leave them out for the default"
            )
        if not _is_address(self.base_url):
            raise InputError(f"not a base URL: {self.shown}", "it looks like http://127.0.0.1:8080/v1")

    @property
    def shown(self) -> str:
        """The address without a user name and password."""
        return re.sub(r"//[^/@]*@", "//", self.base_url)

    @property
    def is_here(self) -> bool:
        """Whether the server runs on this machine."""
        host = urlsplit(self.base_url).hostname or ""
        try:
            address = ipaddress.ip_address(host)
        except ValueError:
            return host == "localhost" or host.endswith(".localhost")
        return address.is_loopback or address.is_unspecified

    def api_key(self) -> str:
        """SPLADE_API_KEY, or else OPENAI_API_KEY, which only a server on this machine can do without."""
        key = (os.environ.get("SPLADE_API_KEY") or os.environ.get("OPENAI_API_KEY") or "").strip()
        if not key and not self.is_here:
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
