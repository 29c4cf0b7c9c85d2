"""Sources of settings: files that extend others, the environment, single settings, and which one wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from splade_cli.config.keys import flatten
from splade_cli.config.resolve import resolve
from splade_cli.config.schema import Config
from splade_cli.errors import InputError


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("- a\n- b\n", "holds a list"),
        ("text", "holds a str"),
        ("training:\n\tseed: 1\n", "is not YAML for settings: line 2"),
        ("a: [1\n", "is not YAML"),
    ],
)
def test_files_that_hold_no_sections(text: str, message: str, tmp_path: Path, yaml: Any) -> None:
    with pytest.raises(InputError, match=message) as caught:
        resolve(yaml_file=yaml(tmp_path, text))
    assert caught.value.hint


def test_a_missing_file_and_an_empty_section(tmp_path: Path, yaml: Any) -> None:
    with pytest.raises(InputError, match="no such file"):
        resolve(yaml_file=tmp_path / "none.yaml")
    found = resolve(yaml_file=yaml(tmp_path, "training:\nloss:\n  type: kl\n"))
    assert found.config.loss.type == "kl"
    assert found.config.training == Config().training


def test_extends_a_preset(tmp_path: Path, yaml: Any) -> None:
    found = resolve(
        yaml_file=yaml(tmp_path, "extends: inference-free-large\ntraining:\n  learning_rate: 7e-5\n")
    )
    assert found.config.model.base_model == "ltg/norbert4-base"
    assert found.config.training.learning_rate == 7e-5
    assert found.config.model.architecture == "inference-free-splade"
    assert found.origins["model.architecture"] == "preset inference-free"
    assert found.origins["datasets.sampling_strategy"] == "preset inference-free-scandinavian"
    assert found.origins["model.trust_remote_code"] == "preset inference-free-large"
    assert found.config.training.gradient_accumulation_steps == 2
    other = resolve(yaml_file=yaml(tmp_path, "extends: csr\ntraining:\n  seed: 1\n"), preset="laspar")
    assert (other.config.model.architecture, other.config.training.seed) == ("laspar", 1), (
        "a preset asked for by hand"
    )


def test_extends_files_in_a_chain(tmp_path: Path, yaml: Any) -> None:
    (tmp_path / "deep").mkdir()
    low = yaml(tmp_path / "deep", "extends: splade-base\ntraining:\n  seed: 1\n  eval_steps: 5\n", "low.yaml")
    middle = yaml(tmp_path, "extends: deep/low.yaml\ntraining:\n  seed: 2\n  max_steps: 9\n", "middle.yaml")
    top = yaml(tmp_path, "extends: middle.yaml\ntraining:\n  seed: 3\n", "top.yaml")
    found = resolve(yaml_file=top)
    assert {
        key: (flatten(found.config.model_dump())[key], found.origins[key])
        for key in ("training.seed", "training.max_steps", "training.eval_steps", "training.learning_rate")
    } == {
        "training.seed": (3, str(top)),
        "training.max_steps": (9, str(middle)),
        "training.eval_steps": (5, str(low)),
        "training.learning_rate": (2e-5, "preset splade-base"),
    }
    plain = yaml(tmp_path, "training:\n  seed: 1\n", "plain.yaml")
    over = yaml(tmp_path, "extends: plain.yaml\nmodel:\n  architecture: csr\n", "over.yaml")
    assert plain.exists()
    assert set(resolve(yaml_file=over).origins) == {"training.seed", "model.architecture"}, (
        "a chain without a preset gets none"
    )


@pytest.mark.parametrize(
    ("texts", "message", "hint"),
    [
        (["extends: a.yaml\n"], "extends itself", "remove one"),
        (["extends: b.yaml\n", "extends: a.yaml\n"], "extends itself", "remove one"),
        (
            ["extends: none.yaml\n"],
            "extends 'none.yaml', no such preset or file",
            "presets: csr, inference-free",
        ),
        (["extends: spladee\n"], "extends 'spladee', no such preset", "presets: "),
        (["extends: [csr, splade]\n"], r"extends '\['csr', 'splade'\]'", "presets: "),
    ],
)
def test_extends_that_lead_nowhere(
    texts: list[str], message: str, hint: str, tmp_path: Path, yaml: Any
) -> None:
    files = [yaml(tmp_path, text, name) for text, name in zip(texts, ("a.yaml", "b.yaml"), strict=False)]
    with pytest.raises(InputError, match=message) as caught:
        resolve(yaml_file=files[0])
    assert hint in caught.value.hint


def test_set_wins_over_all_and_takes_yaml(tmp_path: Path, yaml: Any) -> None:
    file = yaml(tmp_path, "training:\n  seed: 1\ndatasets:\n  nli:\n    max_rows: 5\n")
    found = resolve(
        yaml_file=file,
        environment={"SPLADE_TRAINING__SEED": "2", "SPLADE_DATASETS__NLI__MAX_ROWS": "6"},
        flags={"training.seed": 3},
        settings=[
            "training.seed=4",
            "training.seed = 5",
            "training.bf16=true",
            "loss.teachers=[bm25, tiny]",
            "datasets.nli.languages=no",
            "training.eval_strategy=no",
            "router.mapping={}",
            "training.eval_steps=",
            "evaluation.mteb_tasks=NorQuadRetrieval",
            "training.output_dir=a=b",
        ],
    )
    config = found.config
    assert (config.training.seed, found.origins["training.seed"]) == (5, "setting")
    assert (config.training.bf16, config.training.eval_strategy, config.training.eval_steps) == (
        True,
        "no",
        None,
    )
    assert config.loss.teachers == ["bm25", "tiny"]
    assert config.evaluation.mteb_tasks == ["NorQuadRetrieval"]
    assert config.training.output_dir == "a=b"
    assert config.datasets.named["nli"].languages == ["no"]
    assert config.datasets.named["nli"].max_rows == 6
    assert found.origins["datasets.nli.max_rows"] == "SPLADE_DATASETS__NLI__MAX_ROWS"


def test_epochs_are_not_held_to_the_steps_of_a_weaker_source(tmp_path: Path, yaml: Any) -> None:
    def steps(**sources: Any) -> int:
        return resolve(**sources).config.training.max_steps

    low = yaml(tmp_path, "training:\n  max_steps: 50\n", "low.yaml")
    high = yaml(tmp_path, "extends: low.yaml\ntraining:\n  num_train_epochs: 2\n", "high.yaml")
    both = yaml(tmp_path, "training:\n  max_steps: 50\n  num_train_epochs: 2\n", "both.yaml")
    environment = {"SPLADE_TRAINING__NUM_TRAIN_EPOCHS": "2", "SPLADE_TRAINING__MAX_STEPS": "7"}
    assert [steps(yaml_file=file) for file in (low, high, both)] == [50, -1, 50]
    assert steps(yaml_file=low, flags={"training.num_train_epochs": 1.0}) == -1
    assert steps(yaml_file=low, flags={"training.num_train_epochs": None}) == 50
    assert steps(yaml_file=high, settings=["training.max_steps=9"]) == 9
    assert steps(environment=environment) == steps(environment=dict(reversed(environment.items()))) == 7
    assert steps(yaml_file=low, environment={"SPLADE_TRAINING__NUM_TRAIN_EPOCHS": "2"}) == -1
    found = resolve(yaml_file=high)
    assert found.origins["training.max_steps"] == found.origins["training.num_train_epochs"] == str(high)


@pytest.mark.parametrize(
    "text", ["training.seed", "seed=1", "=1", "training.seed=[1", "a.b.c.d=1", "extends=csr"]
)
def test_set_of_another_shape(text: str) -> None:
    with pytest.raises(InputError, match=r"setting|unknown config key"):
        resolve(settings=[text])


def test_the_environment_takes_lists_and_named_datasets() -> None:
    found = resolve(
        environment={
            "SPLADE_DATASETS__NLI__ENABLED": "false",
            "SPLADE_DATASETS__NLI__LANGUAGES": "[no, da]",
            "SPLADE_DATASETS__MY_OWN__SOURCE": "Rows/A.jsonl",
            "SPLADE_TRAINING__REPORT_TO": "tensorboard",
            "SPLADE_MODEL_CARD__TAGS": "[a, b]",
            "SPLADE_MLFLOW__TAGS": "{run: 7}",
            "SPLADE_TRAINING__HUB_MODEL_ID": "[none",
            "SPLADE_MODEL__CSR_HIDDEN_DIM": "null",
            "SPLADE_DEBUG": "1",
        }
    )
    nli, own = (found.config.datasets.named[name] for name in ("nli", "my_own"))
    assert (nli.enabled, nli.languages) == (False, ["no", "da"])
    assert own.source == "Rows/A.jsonl"
    assert found.config.training.report_to == ["tensorboard"]
    assert found.config.model_card.tags == ["a", "b"]
    assert found.config.mlflow.tags == {"run": "7"}
    assert found.config.training.hub_model_id == "[none"
    assert found.config.model.csr_hidden_dim is None
    assert found.origins["datasets.nli.enabled"] == "SPLADE_DATASETS__NLI__ENABLED"
    with pytest.raises(InputError, match=r"datasets\.nli\.enable'.*SPLADE_DATASETS__NLI__ENABLE") as caught:
        resolve(environment={"SPLADE_DATASETS__NLI__ENABLE": "false"})
    assert caught.value.hint == "did you mean 'datasets.nli.enabled'?"


def test_keys_with_nothing_behind_them_keep_their_default(tmp_path: Path, yaml: Any) -> None:
    text = "training:\n  report_to:\n  seed:\n  early_stopping_patience:\n"
    text += "model_card:\n  tags:\nmlflow:\n  tags:\n"
    config = resolve(yaml_file=yaml(tmp_path, text)).config
    assert config.training == Config().training
    assert (config.model_card.tags, config.mlflow.tags) == ([], {})
