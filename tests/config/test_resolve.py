"""The training YAML: text that means numbers, unknown keys, which source wins, presets and origins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_cli.config.keys import flatten
from splade_cli.config.resolve import PRESET_OF, resolve
from splade_cli.config.schema import (
    Config,
)
from splade_cli.config.yaml_files import load_preset, presets
from splade_cli.errors import InputError


def test_yaml_numbers_that_pyyaml_reads_as_text_become_floats(tmp_path: Path, yaml: Any) -> None:
    import yaml as pyyaml

    text = "training:\n  learning_rate: 2e-5\n  weight_decay: 3e-3\nloss:\n  query_regularizer_weight: 1e-4\n"
    assert pyyaml.safe_load(text)["training"]["learning_rate"] == "2e-5"
    config = resolve(yaml_file=yaml(tmp_path, text)).config
    assert config.training.learning_rate == 2e-5
    assert config.training.weight_decay == 3e-3
    assert config.loss.query_regularizer_weight == 1e-4
    assert type(config.training.learning_rate) is float


def test_every_source_wins_over_the_one_before_and_is_named(tmp_path: Path, yaml: Any) -> None:
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
def test_unknown_keys_are_named_with_a_suggestion(
    text: str, key: str, suggestion: str, tmp_path: Path, yaml: Any
) -> None:
    file = yaml(tmp_path, text)
    with pytest.raises(InputError) as caught:
        resolve(yaml_file=file)
    assert f"'{key}'" in caught.value.message
    assert str(file) in caught.value.message
    assert suggestion in caught.value.hint


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


@pytest.mark.parametrize("preset", presets())
def test_the_written_configuration_reads_back(preset: str, tmp_path: Path, yaml: Any) -> None:
    from splade_cli.training.run_folder import as_yaml

    source = {"query": "question", "negatives": "wrong"}
    flags = {
        "training.learning_rate": 3e-6, "training.output_dir": "x", "datasets.mine.source": "rows.jsonl",
        "datasets.mine.columns": source, "datasets.mine.split_ratio": [0.8, 0.1, 0.1],
        "datasets.mine.languages": ["no"],
        "datasets.scandi_qa.use_paws": False, "mlflow.tags": {"run": 7}, "model_card.language": ["no", "en"],
    }  # fmt: skip
    first = resolve(preset=preset, flags=flags).config
    assert first.datasets.named["mine"].columns is not None
    assert first.datasets.named["mine"].columns.anchor == "question"
    assert resolve(yaml_file=yaml(tmp_path, as_yaml(first))).config == first


@pytest.mark.parametrize("preset", presets())
def test_lines_of_every_preset_name_every_key_once(preset: str) -> None:
    lines = resolve(preset=preset, flags={"datasets.mine.source": "a.json"}).lines()
    names = [line.split(" = ")[0] for line in lines]
    assert names == sorted({*flatten(Config().model_dump()), "datasets.mine.source"})
    assert all(line.endswith(")") for line in lines)
    assert "datasets.mine.source = 'a.json'  (flag)" in lines


@pytest.mark.parametrize("architecture", ["splade", "inference-free", "csr", "laspar"])
def test_a_yaml_stands_on_the_defaults_of_its_architecture_alone(
    architecture: str, tmp_path: Path, yaml: Any
) -> None:
    text = f"model:\n  architecture: {architecture}\n  base_model: x\ntraining:\n  max_seq_length: 256\n"
    found = resolve(yaml_file=yaml(tmp_path, text))
    assert set(found.origins) == {"model.architecture", "model.base_model", "training.max_seq_length"}
    training = found.config.training
    assert (training.truncate_to, training.tuned_share, training.load_best_model_at_end) == (None, 1.0, True)
    assert training.learning_rate == {"csr": 1e-4, "laspar": 1e-4}.get(architecture, 2e-5)
    preset = {"inference-free": "inference-free"}.get(architecture, "splade")
    assert resolve(yaml_file=yaml(tmp_path, text), preset=preset).config.training.tuned_share == "auto"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"training.tuned_share": 0.5},
            "tuned_share 0.5 would change the weights that load_best_model_at_end",
        ),
        ({"training.tuned_share": "validation"}, "tuned_share validation would change"),
        ({"router.learning_rate_patterns": {"(": 1e-3}}, "'\\(' is no regular expression"),
        ({"router.learning_rate_patterns": {".*\\.query\\..*": 1e-3}}, "a route of inference-free-splade"),
        (
            {
                "model.architecture": "inference-free",
                "loss.query_regularizer_weight": 0,
                "router.learning_rate_patterns": {".*\\.query\\..*": 1e-3},
                "training.query_learning_rate": 2e-3,
            },
            "0.002 and router.learning_rate_patterns 0.001 are rates of the same weights",
        ),
    ],
)
def test_settings_that_contradict_one_another(settings: dict[str, Any], message: str) -> None:
    kept = {"training.load_best_model_at_end": True}
    with pytest.raises(InputError, match=message):
        resolve(flags={**kept, **settings})


def test_a_preset_is_chosen_by_the_architecture() -> None:
    for architecture, preset in PRESET_OF.items():
        for sources in (
            {"environment": {"SPLADE_MODEL__ARCHITECTURE": architecture}},
            {"flags": {"model.architecture": architecture}},
            {"settings": [f"model.architecture={architecture}"]},
        ):
            found = resolve(**sources)
            assert found.config == resolve(preset=preset).config
            assert found.config != resolve().config
    assert resolve().origins["training.learning_rate"] == "preset splade"
    with pytest.raises(InputError, match=r"^model\.architecture: "):
        resolve(settings=["model.architecture=[csr]"])
