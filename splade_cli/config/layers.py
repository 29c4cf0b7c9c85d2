"""Layers of settings: what each source says, as ``section.key`` to value, with the name of the source.

Sources are presets, YAML files (either may extend others), the environment, and ``section.key=value`` texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from splade_cli.config.keys import flatten
from splade_cli.config.origins import PRESET, SETTING
from splade_cli.config.yaml_files import load_preset, presets, read_yaml
from splade_cli.config.yaml_text import BadYaml, parse_yaml
from splade_cli.errors import InputError, OptionError


class Layer(NamedTuple):
    """What one source says, and what it is called in messages."""

    values: dict[str, Any]
    origin: str

    @property
    def is_preset(self) -> bool:
        return self.origin.startswith(PRESET)


def layers_of_preset(name: str) -> list[Layer]:
    """A preset and those that it extends, the weakest first."""
    values = load_preset(name)
    base = values.pop("extends", None)
    layers = [Layer(flatten(values), f"{PRESET}{name}")]
    return layers_of_preset(base) + layers if base else layers


def layers_of_file(path: Path, seen: tuple[Path, ...] = ()) -> list[Layer]:
    """A YAML file and what it extends, the weakest first.

    Raises InputError where files extend one another.
    """
    if path.resolve() in seen:
        raise InputError(f"{path} extends itself", "remove one `extends:`")
    values = read_yaml(path)
    base = values.pop("extends", None)
    weaker: list[Layer] = []
    if isinstance(base, str) and base in presets():
        weaker = layers_of_preset(base)
    elif isinstance(base, str) and (path.parent / base).is_file():
        weaker = layers_of_file(path.parent / base, (*seen, path.resolve()))
    elif base is not None:
        raise InputError(
            f"{path} extends '{base}', no such preset or file", f"presets: {', '.join(presets())}"
        )
    return [*weaker, Layer(flatten(values), str(path))]


def layers_of_environment(environment: Mapping[str, str]) -> list[Layer]:
    """A layer for each ``SPLADE_SECTION__KEY``."""
    layers = []
    # Backwards, so that epochs come before steps: the steps that stand beside them count.
    for name in sorted(environment, reverse=True):
        if name.startswith("SPLADE_") and "__" in name:
            key = name.removeprefix("SPLADE_").lower().replace("__", ".")
            layers.append(Layer({key: _of_environment(environment[name])}, name))
    return layers


def _of_environment(text: str) -> Any:
    """A variable's value: lists, mappings and null as YAML; all else is text, and the key's type decides."""
    if not text.startswith(("[", "{")) and text != "null":
        return text
    try:
        return parse_yaml(text)
    except BadYaml:
        return text


def layer_of_setting(text: str) -> Layer:
    """``section.key=value``, the value as YAML. Raises OptionError for another shape."""
    key, equals, value = text.partition("=")
    if not equals or "." not in key:
        raise OptionError(f"a setting is section.key=value, got '{text}'", "e.g. training.seed=7")
    try:
        return Layer({key.strip(): parse_yaml(value)}, SETTING)
    except BadYaml:
        raise OptionError(
            f"setting {key}: '{value[:200]}' is no value", "quote texts that hold : or ["
        ) from None
