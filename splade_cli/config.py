"""The training YAML: what may stand in it, presets, overrides, and where each value came from. Reads no data, no model.

Values are merged in the order preset < YAML < ``SPLADE_SECTION__KEY`` < flags. An unknown key is an error with a
suggestion. YAML reads ``2e-5`` as text, so every value passes through pydantic.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from splade_cli.errors import InputError, did_you_mean
from splade_cli.records import open_text


class Section(BaseModel):
    """A part of the YAML; keys that it does not name are errors."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), allow_inf_nan=False)


class ModelSection(Section):
    """Which model to start from."""

    base_model: str = "tiny"
    architecture: Literal["splade"] = "splade"
    pooling_strategy: Literal["max", "sum"] | None = None
    trust_remote_code: bool = False
    allow_pickle: bool = False


class TrainingSection(Section):
    """The loop. Lengths are tokens, ratios shares of all steps.

    `max_seq_length` is what the model reads of a text from now on; `truncate_to` what a training step reads, where that
    is less: faster, and the saved model reads as much as before.
    """

    output_dir: str | None = None
    num_train_epochs: float = Field(3.0, gt=0)
    max_steps: int = Field(-1, ge=-1)
    per_device_train_batch_size: int = Field(16, gt=0)
    per_device_eval_batch_size: int = Field(64, gt=0)
    gradient_accumulation_steps: int = Field(1, gt=0)
    learning_rate: float = Field(5e-5, gt=0)
    warmup_ratio: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    max_grad_norm: float = Field(1.0, gt=0)
    fp16: bool = False
    bf16: bool = False
    max_seq_length: int | None = Field(None, gt=2)
    truncate_to: int | None = Field(None, gt=2)
    eval_steps: int | None = Field(None, gt=0)
    logging_steps: int = Field(10, gt=0)
    save_total_limit: int = Field(2, gt=0)
    metric_for_best_model: str = "nDCG@10"
    early_stopping_patience: int | None = Field(None, gt=0)
    early_stopping_threshold: float = Field(0.0, ge=0)
    negatives_per_query: int = Field(5, ge=0)
    average_with_base: bool = True
    seed: int = 42

    @model_validator(mode="after")
    def _one_precision(self) -> TrainingSection:
        if self.fp16 and self.bf16:
            raise ValueError("fp16 and bf16 exclude each other")
        return self


class LossSection(Section):
    """What is minimised. ``auto`` distils where rows carry scores and contrasts where they do not."""

    type: Literal["auto", "contrastive", "kl", "margin_mse"] = "auto"
    query_regularizer_weight: float = Field(2e-3, gt=0)
    document_regularizer_weight: float = Field(2e-3, ge=0)
    regularizer_warmup_ratio: float = Field(1 / 3, gt=0, le=1)
    student_temperature: float = Field(4.0, gt=0)
    teacher_temperature: float = Field(0.2, gt=0)


class DatasetsSection(Section):
    """Where the rows come from."""

    train_file: str | None = None
    val_file: str | None = None


class HardwareSection(Section):
    """Where to compute."""

    device: str = "auto"
    gradient_checkpointing: bool = False


class Config(Section):
    """A whole training run."""

    model: ModelSection = ModelSection()
    training: TrainingSection = TrainingSection()
    loss: LossSection = LossSection()
    datasets: DatasetsSection = DatasetsSection()
    hardware: HardwareSection = HardwareSection()


@dataclass(frozen=True)
class Resolved:
    """A checked configuration, and for each ``section.key`` the place that it came from."""

    config: Config
    origins: dict[str, str]

    def lines(self) -> list[str]:
        """``section.key = value  (origin)``, sorted, for --print-config."""
        values = flatten(self.config.model_dump())
        return [f"{key} = {values[key]!r}  ({self.origins.get(key, 'default')})" for key in sorted(values)]


def resolve(
    *,
    yaml_file: Path | None = None,
    preset: str = "splade",
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> Resolved:
    """Merges all sources and checks the result.

    Args:
        yaml_file: the user's YAML.
        preset: a name among `presets`.
        environment: e.g. os.environ; only ``SPLADE_SECTION__KEY`` is looked at.
        flags: ``section.key`` to value; None values were not given.

    Raises:
        InputError: an unknown preset, key or value, naming it and where it came from.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}

    def take(source: Mapping[str, Any], origin: str) -> None:
        for key, value in source.items():
            values[key], origins[key] = value, origin

    take(flatten(load_preset(preset)), f"preset {preset}")
    if yaml_file is not None:
        take(flatten(read_yaml(yaml_file)), str(yaml_file))
    for name, value in (environment or {}).items():
        if name.startswith("SPLADE_") and "__" in name:
            take({name.removeprefix("SPLADE_").lower().replace("__", ".", 1): value}, name)
    take({key: value for key, value in (flags or {}).items() if value is not None}, "flag")
    known = flatten(Config().model_dump())
    for key in values:
        if key not in known:
            raise InputError(f"unknown config key '{key}' ({origins[key]})", _suggestion(key, list(known)))
    try:
        return Resolved(Config.model_validate(_nested(values)), origins)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        origin = f" ({origins[key]})" if key in origins else ""
        raise InputError(
            f"{key}: {first['msg']}, got {first['input']!r}{origin}", "splade train --print-config shows all keys"
        ) from None


def presets() -> list[str]:
    """Names of the presets in this package."""
    return sorted(
        path.name.removesuffix(".yaml")
        for path in (files("splade_cli") / "presets").iterdir()
        if path.name.endswith(".yaml")
    )


def load_preset(name: str) -> dict[str, Any]:
    """A preset's values. Raises InputError for an unknown name."""
    if name not in presets():
        raise InputError(f"unknown preset '{name}'", did_you_mean(name, presets()) or f"one of {', '.join(presets())}")
    return read_yaml(Path(str(files("splade_cli") / "presets" / f"{name}.yaml")))


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
            f"{path} holds a {type(value).__name__}, sections were expected", "e.g. `training:` with keys under it"
        )
    return value


def flatten(nested: Mapping[str, Any]) -> dict[str, Any]:
    """``{"a": {"b": 1}}`` to ``{"a.b": 1}``; an empty or missing section gives nothing."""
    flat: dict[str, Any] = {}
    for section, keys in nested.items():
        if isinstance(keys, Mapping):
            flat.update({f"{section}.{key}": value for key, value in keys.items()})
        elif keys is not None or section not in Config.model_fields:
            flat[str(section)] = keys
    return flat


def _nested(flat: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    nested: dict[str, dict[str, Any]] = {}
    for key, value in flat.items():
        section, _, name = key.partition(".")
        nested.setdefault(section, {})[name] = value
    return nested


def _suggestion(key: str, known: list[str]) -> str:
    by_name = {name.partition(".")[2]: name for name in known}
    name = key.rpartition(".")[2]
    close = difflib.get_close_matches(name, by_name, n=1, cutoff=0.6)
    return f"did you mean '{by_name[close[0]]}'?" if close else "splade train --print-config shows all keys"
