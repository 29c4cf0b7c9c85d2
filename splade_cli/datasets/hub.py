"""Datasets of the Hugging Face hub by their id."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from splade_cli.errors import InputError
from splade_cli.hub import first_line, hub_answers, hub_failure


def fetch(
    source: str, config: str | None = None, *, split: str | None = None, converted: bool = False
) -> Any:
    """The `datasets.DatasetDict` of a hub id, from the cache where it lies there.

    Args:
        split: only this one, as a `datasets.Dataset`.
        converted: the repository holds a loading script, and the hub's own parquet copy is read.

    Raises:
        InputError: no such dataset or configuration, no access, or no connection.
    """
    from datasets import load_dataset

    options: dict[str, Any] = {"name": config, "split": split}
    if converted:
        # the copy that the hub makes of every dataset: <config>/<split>/0000.parquet
        folders = {"train": "train", "validation": "val*", "test": "test"}
        files = {name: f"{config or 'default'}/{folder}/*.parquet" for name, folder in folders.items()}
        options = {"revision": "refs/convert/parquet", "data_files": files, "split": split}
    try:
        with offline_if_unreachable():
            return load_dataset(source, **options)
    except Exception as error:
        raise _dataset_error(source, config, error) from None


@contextmanager
def offline_if_unreachable() -> Iterator[None]:
    """Tells `datasets` that it is offline where the hub does not answer: it would try for half a minute.

    What lies in its cache still serves.
    """
    import datasets
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    if not hub_answers():
        constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def _dataset_error(source: str, config: str | None, error: Exception) -> InputError:
    from datasets.exceptions import DatasetNotFoundError

    failure = hub_failure(error)
    if failure is not None and failure.kind in ("offline", "unreachable"):
        return InputError(
            f"the hub cannot be reached for the dataset {source}",
            "download it elsewhere and name the file or folder: source: PATH; "
            "behind a mirror set HF_ENDPOINT",
        )
    if failure is not None and failure.kind == "forbidden":
        return InputError(
            f"{source} is gated or private", "accept its terms on the hub and run `hf auth login`"
        )
    if isinstance(error, DatasetNotFoundError):  # datasets drops what lies under it
        return InputError(
            f"{source} is not on the hub, or not for you: {first_line(error)}",
            "check the id; for a gated or private one accept its terms and run `hf auth login`; "
            "or name a local copy: source: PATH",
        )
    if failure is None and isinstance(error, ValueError):
        names = _configurations(source)
        if names and config not in names:
            return InputError(
                f"{source} has no configuration '{config}', but {', '.join(names)}",
                "name one of them with config: NAME",
            )
    return InputError(
        f"the dataset {source} cannot be read: {first_line(error)}",
        "check the id; or name a local copy: source: PATH",
    )


def _configurations(source: str) -> list[str]:
    """The names of a dataset's configurations, none where they cannot be had."""
    from datasets import get_dataset_config_names

    try:
        return list(get_dataset_config_names(source))
    except Exception:  # it fails in as many ways as loading does, and is only asked for a better message
        return []
