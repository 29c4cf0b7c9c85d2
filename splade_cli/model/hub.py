"""The model hub: whether it answers, one small file of a repository, and what its errors mean; loads no model."""

from __future__ import annotations

import json
import logging
import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from splade_cli.errors import ModelError


def require_hub(source: str, revision: str | None) -> None:
    """Raises ModelError at once where a model has to be fetched and the hub does not answer.

    The hub's client would try again for more than a minute. Behind a proxy only the client itself can tell.
    """
    from huggingface_hub import constants, try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    if Path(source).is_dir():
        return
    try:
        if isinstance(try_to_load_from_cache(source, "config.json", revision=revision), str):
            return
    except HFValidationError as error:
        raise hub_error(source, error) from None
    if constants.HF_HUB_OFFLINE or any(
        os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")
    ):
        return
    address = urlsplit(constants.ENDPOINT)
    try:
        socket.create_connection((address.hostname, address.port or 443), timeout=10).close()
    except OSError as error:
        raise hub_error(source, ConnectionError(f"cannot connect: {error}")) from None


def fetched_commit(source: str, revision: str | None = None) -> str | None:
    """The commit of a hub repository that lies in the cache, None where none does."""
    from huggingface_hub import try_to_load_from_cache

    for name in ("config.json", "modules.json"):
        found = try_to_load_from_cache(source, name, revision=revision)
        if isinstance(found, str):
            return Path(found).parent.name
    return None


def find_file(source: str, name: str, revision: str | None = None) -> Path | None:
    """The file `name` of a folder or of a hub repository, None where it has none. Raises ModelError without the hub."""
    from transformers.utils import cached_file

    if Path(source).is_dir():
        path = Path(source) / name
        return path if path.is_file() else None
    try:
        found = cached_file(source, name, revision=revision, _raise_exceptions_for_missing_entries=False)
    except (OSError, ValueError) as error:
        raise hub_error(source, error) from None
    return None if found is None else Path(found)


def read_json(source: str, name: str, revision: str | None = None) -> Any:
    """`find_file` as JSON, None where there is none. Raises ModelError for a damaged one."""
    path = find_file(source, name, revision)
    if path is None:
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError):
        raise ModelError(f"{path} is damaged: not JSON", "copy or download the model folder again") from None


def hub_error(name: str, error: Exception) -> ModelError:
    """One sentence and a hint for what transformers and the hub say in many lines."""
    text = str(error)
    lower = text.lower()
    if "trust_remote_code" in lower or "custom code" in lower:
        return ModelError(f"{name} brings its own Python code", "read it, then add --trust-remote-code")
    if "safetensors" in lower and (
        "not found" in lower or "no file named" in lower or "does not appear" in lower
    ):
        return ModelError(
            f"{name} has no safetensors weights",
            "add --allow-pickle if you trust its author: a pickle can run any code",
        )
    if "gated" in lower or "401" in lower or "403" in lower:
        return ModelError(
            f"{name} is gated or private", "accept its terms on the hub and run `hf auth login`"
        )
    if Path(name).expanduser().is_dir():
        return ModelError(
            f"{name} could not be read as a masked language model: {text.splitlines()[0][:160]}", _ANOTHER
        )
    if (
        "connect" in lower
        or "offline" in lower
        or "resolve" in lower
        or "max retries" in lower
        or "timed out" in lower
    ):
        return ModelError(
            f"the model hub cannot be reached for {name}",
            "HF_HUB_OFFLINE is set: unset it, or name a local folder"
            if os.environ.get("HF_HUB_OFFLINE", "0").lower() not in ("", "0", "false", "no")
            else "name a local folder; behind a mirror set HF_ENDPOINT",
        )
    return ModelError(
        f"no model {name} on the hub or on this disk: {text.splitlines()[0][:160] if text else ''}", _ANOTHER
    )


_ANOTHER = "use 'tiny', a folder, or a hub id like prithivida/Splade_PP_en_v1"


def quiet() -> None:
    """Loading bars and advice of transformers do not belong between a user's results."""
    from transformers.utils import logging as transformers_logging

    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    for name in ("httpx", "httpx2", "huggingface_hub"):
        logging.getLogger(name).setLevel(logging.ERROR)
