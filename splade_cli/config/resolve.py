"""Configuration of a training run: layers in the order preset < YAML < ``SPLADE_SECTION__KEY`` < flags.

YAML reads ``2e-5`` as text, so every value passes through pydantic.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from splade_cli.config.keys import ALL_KEYS, check_known, flatten, nested
from splade_cli.config.laspar_names import in_our_names
from splade_cli.config.layers import (
    Layer,
    layer_of_setting,
    layers_of_environment,
    layers_of_file,
    layers_of_preset,
)
from splade_cli.config.origins import FLAG, error_of
from splade_cli.config.other_trainers import READ_AS_WELL, is_ignored, join_parts
from splade_cli.config.schema import Config
from splade_cli.errors import InputError, in_plain_words

DEFAULT_PRESET = "splade"
PRESET_OF = {
    "inference-free-splade": "inference-free",
    "inference-free": "inference-free",
    "csr": "csr",
    "laspar": "laspar",
}
"""The preset of an architecture, where nobody names one and there is no YAML."""


@dataclass(frozen=True)
class Resolved:
    """A checked configuration, and for each ``section.key`` that was given the source that it came from."""

    config: Config
    origins: dict[str, str]

    def entries(self) -> dict[str, tuple[Any, str]]:
        """Value and origin by ``section.key``, sorted; of named datasets only what was given."""
        entries = {}
        for key, value in sorted(flatten(self.config.model_dump()).items()):
            if key in self.origins or key.count(".") == 1:
                entries[key] = (value, self.origins.get(key, "default"))
        return entries

    def lines(self) -> list[str]:
        """``section.key = value  (origin)``, sorted, for a user to read."""
        return [f"{key} = {value!r}  ({origin})" for key, (value, origin) in self.entries().items()]


def resolve(
    *,
    yaml_file: Path | None = None,
    preset: str | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    settings: Sequence[str] = (),
) -> Resolved:
    """Merges all sources and checks the result.

    A YAML that extends nothing stands on the schema's defaults of its architecture, and on no recipe of ours.

    Args:
        yaml_file: the user's YAML; `extends: NAME or FILE` in it names what it starts from.
        preset: a name among `presets`, in place of one that the YAML extends; by default that one, and
            without a YAML the one of the architecture.
        environment: e.g. os.environ; only ``SPLADE_SECTION__KEY`` is looked at.
        flags: ``section.key`` to value; None values were not given.
        settings: ``section.key=value`` texts, the value as YAML.

    Raises:
        InputError: an unknown preset, key or value, naming it and where it came from; an OptionError
            where that is the command line.
    """
    layers: list[Layer] = []
    if yaml_file is not None:
        layers += layers_of_file(yaml_file)
    layers += layers_of_environment(environment or {})
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    layers.append(Layer(given, FLAG))
    layers += [layer_of_setting(text) for text in settings]
    layers = in_our_names(layers, preset)
    values, origins = _merged(_with_preset(layers, preset, has_file=yaml_file is not None))
    for key, origin in origins.items():
        check_known(key, origin, READ_AS_WELL)
    join_parts(values, origins)
    try:
        return Resolved(Config.model_validate(nested(values)), origins)
    except ValidationError as error:
        raise _input_error(error, origins) from None


def _with_preset(layers: list[Layer], preset: str | None, *, has_file: bool) -> list[Layer]:
    """The layers above the preset that is named or extended, or, without a YAML, the architecture's."""
    if preset is not None:
        layers = [layer for layer in layers if not layer.is_preset]
    elif has_file:
        return layers
    else:
        architecture = ""
        for layer in layers:
            architecture = str(layer.values.get("model.architecture", architecture))
        preset = PRESET_OF.get(architecture, DEFAULT_PRESET)
    return [*layers_of_preset(preset), *layers]


def _merged(layers: list[Layer]) -> tuple[dict[str, Any], dict[str, str]]:
    """Each key's value in the strongest layer that has it, and the name of that layer."""
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer, origin in layers:
        if layer.get("training.num_train_epochs") is not None:
            # who asks for epochs does not get the number of steps of a weaker source
            layer = {"training.max_steps": -1, **layer}
        for key, value in layer.items():
            if not is_ignored(key, origin):
                values[key] = value
                origins[key] = origin
    return values, origins


def _input_error(error: ValidationError, origins: Mapping[str, str]) -> InputError:
    """The first value that pydantic refuses, under its key and origin."""
    first = error.errors()[0]
    key = _key_of(first["loc"], origins)
    # a value that may be of several types is refused once for each of them
    said = [each["msg"] for each in error.errors() if _key_of(each["loc"], origins) == key]
    message = ", or ".join(dict.fromkeys(map(in_plain_words, said)))
    refusal = error_of(*_concerned(key, origins))
    if not key:
        return refusal(message, ALL_KEYS)
    value = first["input"]
    if not isinstance(value, dict | BaseModel):
        message += f", got {value!r}"
    if key in origins:
        message += f" ({origins[key]})"
    return refusal(f"{key}: {message}", ALL_KEYS)


def _key_of(place: Sequence[int | str], origins: Mapping[str, str]) -> str:
    """The key that was given, without the type or the number of an item that pydantic puts behind it."""
    parts = [str(part) for part in place]
    for end in range(len(parts), 0, -1):
        if ".".join(parts[:end]) in origins:
            return ".".join(parts[:end])
    return ".".join(parts)


def _concerned(key: str, origins: Mapping[str, str]) -> list[str]:
    """Origins of a setting, of those of a section, or of all where no key is named."""
    if not key:
        return list(origins.values())
    return [origin for name, origin in origins.items() if f"{name}.".startswith(f"{key}.")]
