"""YAML files: the user's, and the presets of this package."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from splade_cli.config.yaml_text import MAX_CHARS, BadYaml, parse_yaml
from splade_cli.errors import InputError, OptionError, did_you_mean
from splade_cli.storage.files import open_text


def presets() -> list[str]:
    """Names of the presets in this package."""
    return sorted(path.stem for path in _preset_folder().glob("*.yaml"))


def load_preset(name: str) -> dict[str, Any]:
    """A preset's values. Raises OptionError for an unknown name."""
    names = presets()
    if name not in names:
        raise OptionError(
            f"unknown preset '{name}'", did_you_mean(name, names) or f"one of {', '.join(names)}"
        )
    return read_yaml(_preset_folder() / f"{name}.yaml")


def _preset_folder() -> Path:
    return Path(str(files("splade_cli") / "config" / "presets"))


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file as nested dicts. Raises InputError where it is none."""
    with open_text(path) as file:
        text = file.read(MAX_CHARS + 1)
    try:
        value = parse_yaml(text)
    except BadYaml as error:
        raise InputError(
            f"{path} is not YAML for settings: {error}", "check indentation and quotes"
        ) from None
    if value is None:
        raise InputError(
            f"{path} is empty", "it needs sections like `training:`; all keys: splade train --print-config"
        )
    if not isinstance(value, dict):
        raise InputError(
            f"{path} holds a {type(value).__name__}, sections were expected",
            "e.g. `training:` with keys under it",
        )
    return value
