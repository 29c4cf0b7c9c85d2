"""The training YAML: text that means numbers, unknown keys, and which source wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from splade_cli.config import flatten, load_preset, presets, resolve
from splade_cli.errors import InputError
from splade_cli.schema import Config, DatasetSpec, DatasetsSection


def yaml(folder: Path, text: str) -> Path:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_yaml_numbers_that_pyyaml_reads_as_text_become_floats(tmp_path: Path) -> None:
    import yaml as pyyaml

    text = "training:\n  learning_rate: 2e-5\n  weight_decay: 3e-3\nloss:\n  query_regularizer_weight: 1e-4\n"
    assert pyyaml.safe_load(text)["training"]["learning_rate"] == "2e-5"
    config = resolve(yaml_file=yaml(tmp_path, text)).config
    assert config.training.learning_rate == 2e-5
    assert config.training.weight_decay == 3e-3
    assert config.loss.query_regularizer_weight == 1e-4
    assert type(config.training.learning_rate) is float


def test_every_source_wins_over_the_one_before_and_is_named(tmp_path: Path) -> None:
    key = "training.learning_rate"
    file = yaml(tmp_path, "training:\n  learning_rate: 2e-5\n  seed: 7\n")
    environment = {"SPLADE_TRAINING__LEARNING_RATE": "3e-5", "PATH": "/bin", "SPLADE_LLM_KEY": "x"}
    flags = {key: 4e-5, "training.seed": None}
    steps: list[tuple[dict[str, Any], float, str]] = [
        ({}, float(load_preset("splade")["training"]["learning_rate"]), "preset splade"),
        ({"yaml_file": file}, 2e-5, str(file)),
        ({"yaml_file": file, "environment": environment}, 3e-5, "SPLADE_TRAINING__LEARNING_RATE"),
        ({"yaml_file": file, "environment": environment, "flags": flags}, 4e-5, "flag"),
        ({"yaml_file": file, "flags": {key: None}}, 2e-5, str(file)),
    ]
    for sources, value, origin in steps:
        resolved = resolve(**sources)
        assert resolved.config.training.learning_rate == value
        assert resolved.origins[key] == origin
        assert f"{key} = {value!r}  ({origin})" in resolved.lines()
    last = resolve(**steps[3][0])
    assert last.config.training.seed == 7
    assert last.origins["training.seed"] == str(file)


def test_lines_name_every_key_once_and_the_default() -> None:
    lines = resolve().lines()
    assert lines == sorted(lines)
    assert [line.split(" = ")[0] for line in lines] == sorted(flatten(Config().model_dump()))
    assert "training.seed = 42  (default)" in lines


def test_every_yaml_key_can_be_given_by_the_environment() -> None:
    found = resolve(environment={"SPLADE_TRAINING__BF16": "true", "SPLADE_DATASETS__TRAIN_FILE": "/a/B.json"})
    assert found.config.training.bf16 is True
    assert found.config.datasets.train_file == "/a/B.json"
    with pytest.raises(InputError, match=r"unknown config key 'training\.bf17' \(SPLADE_TRAINING__BF17\)"):
        resolve(environment={"SPLADE_TRAINING__BF17": "1"})


@pytest.mark.parametrize(
    ("text", "key", "suggestion"),
    [
        ("training:\n  learning_rat: 1\n", "training.learning_rat", "did you mean 'training.learning_rate'?"),
        ("loss:\n  learning_rate: 1\n", "loss.learning_rate", "did you mean 'training.learning_rate'?"),
        ("learning_rate: 1\n", "learning_rate", "did you mean 'training.learning_rate'?"),
        ("trainig:\n  seed: 1\n", "trainig.seed", "did you mean 'training.seed'?"),
        ("training:\n  zzzzzz: 1\n", "training.zzzzzz", "--print-config"),
        ("training: 3\n", "training", ""),
    ],
)
def test_unknown_keys_are_named_with_a_suggestion(text: str, key: str, suggestion: str, tmp_path: Path) -> None:
    file = yaml(tmp_path, text)
    with pytest.raises(InputError) as caught:
        resolve(yaml_file=file)
    assert f"'{key}'" in caught.value.message
    assert str(file) in caught.value.message
    assert suggestion in caught.value.hint


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("training.learning_rate", -1e-5),
        ("training.learning_rate", "fast"),
        ("training.num_train_epochs", 0),
        ("training.per_device_train_batch_size", -8),
        ("training.warmup_ratio", 1.5),
        ("training.max_seq_length", 2),
        ("training.seed", "x"),
        ("loss.document_regularizer_weight", -1),
        ("loss.type", "klx"),
        ("model.architecture", "spladee"),
        ("model.pooling_strategy", "mean"),
        ("training.max_steps", -2),
    ],
)
def test_values_out_of_range_are_named_with_their_origin(key: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        resolve(flags={key: value})
    assert caught.value.message.startswith(f"{key}: ")
    assert f"got {value!r} (flag)" in caught.value.message
    section, _, name = key.partition(".")
    file = yaml(tmp_path, f"{section}:\n  {name}: {value}\n")
    with pytest.raises(InputError, match=f"^{key}: "):
        resolve(yaml_file=file)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_learning_rates_that_are_no_number(value: str) -> None:
    with pytest.raises(InputError, match=r"training\.learning_rate"):
        resolve(flags={"training.learning_rate": value})


def test_two_precisions_exclude_each_other() -> None:
    with pytest.raises(InputError, match="fp16 and bf16 exclude each other"):
        resolve(flags={"training.fp16": True, "training.bf16": True})


def test_presets() -> None:
    assert "splade" in presets()
    for name in presets():
        assert set(flatten(load_preset(name))) <= {*flatten(Config().model_dump()), "extends"}
        assert resolve(preset=name).config
    with pytest.raises(InputError, match="unknown preset 'slade'") as caught:
        resolve(preset="slade")
    assert caught.value.hint == "did you mean 'splade'?"
    with pytest.raises(InputError, match="unknown preset"):
        resolve(preset="../presets/splade")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("- a\n- b\n", "holds a list"),
        ("text", "holds a str"),
        ("training:\n\tseed: 1\n", "is not YAML at line 2"),
        ("a: [1\n", "is not YAML"),
    ],
)
def test_files_that_hold_no_sections(text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        resolve(yaml_file=yaml(tmp_path, text))
    assert caught.value.hint


def test_a_missing_file_and_an_empty_section(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        resolve(yaml_file=tmp_path / "none.yaml")
    found = resolve(yaml_file=yaml(tmp_path, "training:\nloss:\n  type: kl\n"))
    assert found.config.loss.type == "kl"
    assert found.config.training == resolve().config.training


def test_every_section_forbids_what_it_does_not_name() -> None:
    sections = [field.annotation for field in Config.model_fields.values()]
    assert len(sections) == 9
    for section in [Config, *sections, DatasetSpec]:
        assert isinstance(section, type)
        assert issubclass(section, BaseModel)
        # other names in it are datasets, whose own keys are checked
        assert section.model_config["extra"] == ("allow" if section is DatasetsSection else "forbid")


def test_the_written_configuration_reads_back(tmp_path: Path) -> None:
    import yaml as pyyaml

    first = resolve(flags={"training.learning_rate": 3e-6, "training.output_dir": "x"}).config
    file = yaml(tmp_path, pyyaml.safe_dump(first.model_dump()))
    assert resolve(yaml_file=file).config == first
