"""The training YAML: what may stand in it, presets, overrides, and where each value came from. Reads no data, no model.

Values are merged in the order preset < YAML < ``SPLADE_SECTION__KEY`` < flags. An unknown key is an error with a
suggestion. YAML reads ``2e-5`` as text, so every value passes through pydantic.
"""

from __future__ import annotations

import difflib
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from splade_cli.config.schema import IGNORED, OTHER_NAMES, Config, DatasetSpec, DatasetsSection
from splade_cli.errors import InputError, did_you_mean
from splade_cli.files import open_text

DEFAULT_PRESET = "splade"
PRESET_OF = {
    "inference-free-splade": "inference-free",
    "inference-free": "inference-free",
    "csr": "csr",
    "laspar": "laspar",
}
"""The preset of an architecture, where nobody names one."""


@dataclass(frozen=True)
class Resolved:
    """A checked configuration, and for each ``section.key`` the place that it came from."""

    config: Config
    origins: dict[str, str]

    def entries(self) -> dict[str, tuple[Any, str]]:
        """Value and origin by ``section.key``, sorted; of named datasets what was given, of all else every key."""
        values = flatten(self.config.model_dump())
        shown = [key for key in values if key in self.origins or key.count(".") == 1]
        return {key: (values[key], self.origins.get(key, "default")) for key in sorted(shown)}

    def lines(self) -> list[str]:
        """``section.key = value  (origin)``, sorted, for --print-config."""
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

    Args:
        yaml_file: the user's YAML; `extends: NAME or FILE` in it names what it starts from.
        preset: a name among `presets`, in place of one that the YAML extends; by default that one, else the one of
            the architecture.
        environment: e.g. os.environ; only ``SPLADE_SECTION__KEY`` is looked at.
        flags: ``section.key`` to value; None values were not given.
        settings: ``section.key=value`` texts, the value as YAML.

    Raises:
        InputError: an unknown preset, key or value, naming it and where it came from.
    """
    given = {key: value for key, value in (flags or {}).items() if value is not None}
    layers = [*_layers_of_file(yaml_file)] if yaml_file is not None else []
    layers += [
        ({name.removeprefix("SPLADE_").lower().replace("__", "."): _of_environment(value)}, name)
        for name, value in sorted((environment or {}).items(), reverse=True)  # epochs before steps, see below
        if name.startswith("SPLADE_") and "__" in name
    ]
    layers += [(given, "flag"), *((_setting(text), "--set") for text in settings)]
    if preset is not None:
        layers = [(layer, origin) for layer, origin in layers if not origin.startswith("preset ")]
    if not any(origin.startswith("preset ") for _, origin in layers):
        wanted = next(
            (layer["model.architecture"] for layer, _ in reversed(layers) if "model.architecture" in layer),
            "",
        )
        layers = [*_layers_of_preset(preset or PRESET_OF.get(str(wanted), DEFAULT_PRESET)), *layers]
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer, origin in layers:
        if layer.get("training.num_train_epochs") is not None:
            # who asks for epochs does not get the number of steps of a weaker source
            layer = {"training.max_steps": -1, **layer}
        for key, value in layer.items():
            if key in IGNORED:
                logging.getLogger(__name__).warning("%s (%s) does nothing: %s", key, origin, IGNORED[key])
                continue
            values[key], origins[key] = value, origin
    for key in values:
        _check_known(key, origins[key])
    try:
        return Resolved(Config.model_validate(_nested(values)), origins)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        origin = f" ({origins[key]})" if key in origins else ""
        message = first["msg"].removeprefix("Value error, ")
        shown = f", got {first['input']!r}" if not isinstance(first["input"], dict | BaseModel) else ""
        raise InputError(
            f"{key}: {message}{shown}{origin}" if key else message,
            "splade train --print-config shows all keys",
        ) from None


def _layers_of_preset(name: str) -> list[tuple[dict[str, Any], str]]:
    values = load_preset(name)
    base = values.pop("extends", None)
    return [*(_layers_of_preset(base) if base else []), (flatten(values), f"preset {name}")]


def _layers_of_file(path: Path, seen: tuple[Path, ...] = ()) -> list[tuple[dict[str, Any], str]]:
    if path.resolve() in seen:
        raise InputError(f"{path} extends itself", "remove one `extends:`")
    values = read_yaml(path)
    base = values.pop("extends", None)
    below: list[tuple[dict[str, Any], str]] = []
    if isinstance(base, str) and base in presets():
        below = _layers_of_preset(base)
    elif isinstance(base, str) and (path.parent / base).is_file():
        below = _layers_of_file(path.parent / base, (*seen, path.resolve()))
    elif base is not None:
        raise InputError(
            f"{path} extends '{base}', no such preset or file", f"presets: {', '.join(presets())}"
        )
    return [*below, (flatten(values), str(path))]


def _of_environment(text: str) -> Any:
    """A variable's value: lists, mappings and null as YAML, all else as text, which the key's type decides on."""
    import yaml

    if not text.startswith(("[", "{")) and text != "null":
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _setting(text: str) -> dict[str, Any]:
    """``section.key=value`` as one value. Raises InputError for another shape."""
    import yaml

    key, equals, value = text.partition("=")
    if not equals or "." not in key:
        raise InputError(f"--set takes section.key=value, got '{text}'", "e.g. --set training.seed=7")
    try:
        return {key.strip(): yaml.safe_load(value)}
    except yaml.YAMLError:
        raise InputError(f"--set {key}: '{value}' is no value", "quote texts that hold : or [") from None


def _known() -> list[str]:
    named = Config.model_construct(datasets=DatasetsSection())
    return [
        *flatten(named.model_dump()),
        *OTHER_NAMES,
        *(f"datasets.NAME.{key}" for key in DatasetSpec.model_fields),
    ]


def _check_known(key: str, origin: str) -> None:
    section, _, rest = key.partition(".")
    name, dot, inner = rest.partition(".")
    known = _known()
    if (f"datasets.NAME.{inner}" if section == "datasets" and dot else key) in known:
        return
    if section == "datasets" and dot:
        close = difflib.get_close_matches(inner, DatasetSpec.model_fields, n=1, cutoff=0.6)
        hint = f"did you mean 'datasets.{name}.{close[0]}'?" if close else _ALL_KEYS
        raise InputError(f"unknown config key '{key}' ({origin})", hint)
    if section == "datasets" and rest:
        hint = _suggestion(key, known) + f"; a dataset of that name is a section: datasets.{rest}.source"
        raise InputError(f"unknown config key '{key}' ({origin})", hint)
    raise InputError(f"unknown config key '{key}' ({origin})", _suggestion(key, known))


def presets() -> list[str]:
    """Names of the presets in this package."""
    return sorted(
        path.name.removesuffix(".yaml")
        for path in (files("splade_cli") / "config" / "presets").iterdir()
        if path.name.endswith(".yaml")
    )


def load_preset(name: str) -> dict[str, Any]:
    """A preset's values. Raises InputError for an unknown name."""
    if name not in presets():
        raise InputError(
            f"unknown preset '{name}'", did_you_mean(name, presets()) or f"one of {', '.join(presets())}"
        )
    return read_yaml(Path(str(files("splade_cli") / "config" / "presets" / f"{name}.yaml")))


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file as nested dicts. Raises InputError where it is none."""
    import yaml

    with open_text(path) as file:
        text = "".join(file)
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        raise InputError(
            f"{path} is not YAML{where}: {getattr(error, 'problem', error)}", "check indentation and quotes"
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


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a": {"b": 1}}`` to ``{"a.b": 1}``, and one level more for named datasets; an empty section gives nothing."""
    flat: dict[str, Any] = {}
    for section, keys in nested.items():
        if isinstance(keys, Mapping):
            for key, value in keys.items():
                bare = value is None and key not in DatasetsSection.model_fields
                if section == "datasets" and (bare or isinstance(value, Mapping)):
                    # a dataset's name with nothing below it takes the dataset as it is
                    settings = value or {"enabled": True}
                    flat.update({f"{section}.{key}.{inner}": each for inner, each in settings.items()})
                else:
                    flat[f"{section}.{key}"] = value
        elif keys is not None or section not in Config.model_fields:
            flat[str(section)] = keys
    return flat


def _nested(flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for key, value in flat.items():
        section, _, name = key.partition(".")
        place = nested.setdefault(section, {})
        if section == "datasets" and "." in name:
            dataset, _, name = name.partition(".")
            place = place.setdefault(dataset, {})
        place[name] = value
    return nested


def _suggestion(key: str, known: list[str]) -> str:
    by_name = {name.rpartition(".")[2]: name for name in reversed(known) if ".NAME." not in name}
    name = key.rpartition(".")[2]
    close = difflib.get_close_matches(name, by_name, n=1, cutoff=0.6)
    return f"did you mean '{by_name[close[0]]}'?" if close else _ALL_KEYS


_ALL_KEYS = "splade train --print-config shows all keys"
