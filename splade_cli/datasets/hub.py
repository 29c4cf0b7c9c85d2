"""The id of a dataset on the hub comes in, the dataset goes out, or soon why not; knows no columns."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from splade_cli.errors import InputError


def fetch(source: str, config: str | None = None, *, converted: bool = False) -> Any:
    """The `datasets.DatasetDict` of a hub id, from the cache where it lies there.

    Args:
        converted: the repository holds a loading script, and the hub's own parquet copy is read.

    Raises:
        InputError: no such dataset or configuration, no access, or no connection.
    """
    from datasets import load_dataset

    options: dict[str, Any] = {"name": config}
    if converted:
        # the copy that the hub makes of every dataset: <config>/<split>/0000.parquet
        folders = {"train": "train", "validation": "val*", "test": "test"}
        files = {split: f"{config or 'default'}/{folder}/*.parquet" for split, folder in folders.items()}
        options = {"revision": "refs/convert/parquet", "data_files": files}
    try:
        with _offline_if_unreachable():
            return load_dataset(source, **options)
    except Exception as error:
        raise _hub_error(source, config, error) from None


@contextmanager
def _offline_if_unreachable() -> Iterator[None]:
    """Tells `datasets` that it is offline where the hub does not answer: it would try for half a minute.

    What lies in its cache still serves. Behind a proxy only the client itself can tell.
    """
    import datasets
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    if not any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")):
        address = urlsplit(constants.ENDPOINT)
        try:
            socket.create_connection((address.hostname or "", address.port or 443), timeout=10).close()
        except OSError:
            constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def _hub_error(source: str, config: str | None, error: Exception) -> InputError:
    text = next(iter(str(error).splitlines()), type(error).__name__)[:200]
    lower = f"{type(error).__name__} {error}".lower()
    if "config name is missing" in lower or "builderconfig" in lower:
        return InputError(
            f"{source} has no configuration '{config}': {text}", "name one of them with config: NAME"
        )
    if "gated" in lower or "401" in lower or "403" in lower:
        return InputError(
            f"{source} is gated or private", "accept its terms on the hub and run `hf auth login`"
        )
    if "offline" in lower or "couldn't reach" in lower or "connect" in lower or "resolve" in lower:
        return InputError(
            f"the hub cannot be reached for the dataset {source}",
            "download it elsewhere and name the file or folder: source: PATH; behind a mirror set HF_ENDPOINT",
        )
    return InputError(
        f"the dataset {source} cannot be read: {text}", "check the id; or name a local copy: source: PATH"
    )
