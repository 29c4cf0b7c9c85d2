"""Keys of other trainers' YAML: read under their names, and turned into ours or warned of."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from splade_cli.config.sections.base import language_codes
from splade_cli.config.sections.datasets import SCANDI_QA
from splade_cli.errors import InputError

IGNORED = {
    "hardware.distributed": "start with torchrun or accelerate launch",
    "hardware.world_size": "start with torchrun or accelerate launch",
    "model.patch_sigmoid_for_sparsity": "bounded heads are found and put right by evaluation.preflight",
}
"""Keys that have nothing to do here, and what does their work instead."""

OTHER_NAMES = ("loss.inner_loss",)
"""Keys that the schema turns into others, `loss.type` here, before a value is checked."""

_SWITCHES = {
    "use_norquad": "norquad",
    "use_openbookqa": "openbookqa",
    "use_scandiqa": "scandiqa",
    "use_supervised_da": "supervised-da",
    "use_paws": "paws",
}
_LANGUAGES = "scandiqa_languages"
_FOLDER_OF_PAWS = "paws_data_dir"
PART_KEYS = (*_SWITCHES, _LANGUAGES, _FOLDER_OF_PAWS)
"""Keys of the dataset scandi_qa that have become its one list `parts`."""

READ_AS_WELL = (*OTHER_NAMES, *(f"datasets.NAME.{key}" for key in PART_KEYS))
"""All keys that are no fields of the schema and yet mean something."""


def is_ignored(key: str, origin: str) -> bool:
    """Whether `key` does nothing here, which is then said in a warning."""
    if key not in IGNORED:
        return False
    logging.getLogger(__name__).warning("%s (%s) does nothing: %s", key, origin, IGNORED[key])
    return True


def join_parts(values: dict[str, Any], origins: dict[str, str]) -> None:
    """Replaces the keys of `PART_KEYS` among ``section.key`` values by `parts`; its origin names them.

    Raises:
        InputError: for a dataset that has no parts, or beside a list of parts.
    """
    for name in sorted({key.split(".")[1] for key in values if _is_part_key(key)}):
        section = f"datasets.{name}"
        given: dict[str, Any] = {}
        sources: list[str] = []
        for key in PART_KEYS:
            value = values.pop(f"{section}.{key}", None)
            origin = origins.pop(f"{section}.{key}", "")
            if value is not None:
                given[key] = value
                sources.append(origin)
        if not given:
            continue
        first = next(iter(given))
        if name != SCANDI_QA:
            raise InputError(
                f"{section}: '{first}' belongs to the dataset {SCANDI_QA}, not to {name}", "leave it out"
            )
        if values.get(f"{section}.parts") is not None:
            raise InputError(f"{section}: '{first}' and 'parts' name the same thing", f"leave {first} out")
        values[f"{section}.parts"] = _parts(given)
        origins[f"{section}.parts"] = f"{', '.join(dict.fromkeys(sources))}: {', '.join(given)}"


def _is_part_key(key: str) -> bool:
    return key.startswith("datasets.") and key.count(".") == 2 and key.rpartition(".")[2] in PART_KEYS


def _parts(given: Mapping[str, Any]) -> list[str]:
    """Names of the parts that are on; all are on unless something else is said."""
    parts: list[str] = []
    for key, part in _SWITCHES.items():
        if not _is_on(key, given.get(key, True)):
            continue
        folder = str(given.get(_FOLDER_OF_PAWS, ""))
        if part == "scandiqa":
            languages = language_codes(given.get(_LANGUAGES)) or ["no", "da", "sv"]
            parts.extend(f"{part}-{language}" for language in languages)
        elif part == "paws" and folder and Path(folder).expanduser().is_dir():
            parts.append(f"{part}={folder}")
        else:
            parts.append(part)
    return parts


def _is_on(key: str, value: Any) -> bool:
    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError:
        raise InputError(
            f"datasets.{SCANDI_QA}.{key}: true or false expected, got {value!r}", "or name its parts"
        ) from None
