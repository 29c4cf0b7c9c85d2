"""Names of settings, ``section.key`` and ``datasets.NAME.key``: flat, nested, known or not."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from splade_cli.config.origins import error_of
from splade_cli.config.schema import Config, DatasetSpec, DatasetsSection

ALL_KEYS = "splade train --print-config shows all keys"


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a": {"b": 1}}`` to ``{"a.b": 1}``, with one level more for named datasets.

    An empty section gives nothing.
    """
    flat: dict[str, Any] = {}
    for section, keys in nested.items():
        if not isinstance(keys, Mapping):
            if keys is not None or section not in Config.model_fields:
                flat[str(section)] = keys
            continue
        for key, value in keys.items():
            if section == "datasets" and _is_dataset(key, value):
                # a dataset's name with nothing below it takes the dataset as it is
                for setting, inner in (value or {"enabled": True}).items():
                    flat[f"{section}.{key}.{setting}"] = inner
            else:
                flat[f"{section}.{key}"] = value
    return flat


def _is_dataset(key: str, value: Any) -> bool:
    if isinstance(value, Mapping):
        return True
    return value is None and key not in DatasetsSection.model_fields


def nested(flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The inverse of `flatten`."""
    sections: dict[str, dict[str, Any]] = {}
    for name, value in flat.items():
        section, _, key = name.partition(".")
        settings = sections.setdefault(section, {})
        if section == "datasets" and "." in key:
            dataset, _, key = key.partition(".")
            settings = settings.setdefault(dataset, {})
        settings[key] = value
    return sections


def check_known(key: str, origin: str, other_names: tuple[str, ...]) -> None:
    """Raises the error of its origin for a key that neither the schema nor `other_names` has."""
    section, _, rest = key.partition(".")
    dataset, dot, setting = rest.partition(".")
    in_dataset = section == "datasets" and bool(dot)
    known = _known_keys(other_names)
    name = f"datasets.NAME.{setting}" if in_dataset else key
    if name in known:
        return
    if in_dataset:
        hint = _suggestion(setting, {name: f"datasets.{dataset}.{name}" for name in DatasetSpec.model_fields})
    else:
        hint = _suggestion(key.rpartition(".")[2], _by_last_part(known))
        if section == "datasets" and rest:
            hint += f"; a dataset of that name is a section: datasets.{rest}.source"
    raise error_of(origin)(f"unknown config key '{key}' ({origin})", hint)


@cache
def _known_keys(other_names: tuple[str, ...]) -> list[str]:
    defaults = Config.model_construct(datasets=DatasetsSection())
    of_datasets = [f"datasets.NAME.{key}" for key in DatasetSpec.model_fields]
    return [*flatten(defaults.model_dump()), *other_names, *of_datasets]


def _by_last_part(known: Iterable[str]) -> dict[str, str]:
    """Known keys by their last part; of two with the same the first."""
    keys: dict[str, str] = {}
    for name in known:
        if ".NAME." not in name:
            keys.setdefault(name.rpartition(".")[2], name)
    return keys


def _suggestion(word: str, keys: Mapping[str, str]) -> str:
    for near in difflib.get_close_matches(word, keys, n=1, cutoff=0.6):
        return f"did you mean '{keys[near]}'?"
    return ALL_KEYS
