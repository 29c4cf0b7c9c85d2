"""The training YAML: text that means numbers, unknown keys, which source wins, and the YAML that people have."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from splade_cli.config.keys import flatten
from splade_cli.config.other_trainers import IGNORED
from splade_cli.config.resolve import PRESET_OF, resolve
from splade_cli.config.schema import (
    DOCUMENT_WEIGHTS,
    QUERY_WEIGHTS,
    Config,
    DatasetSpec,
    DatasetsSection,
)
from splade_cli.config.yaml_files import load_preset, presets
from splade_cli.errors import InputError


def yaml(folder: Path, text: str, name: str = "run.yaml") -> Path:
    path = folder / name
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
def test_unknown_keys_are_named_with_a_suggestion(
    text: str, key: str, suggestion: str, tmp_path: Path
) -> None:
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


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"training.push_to_hub": True}, "push_to_hub needs hub_model_id, e.g. your-name/your-model"),
        ({"training.dataloader_prefetch_factor": 4}, "dataloader_prefetch_factor 4 needs dataloader_num_workers above"),
        ({"training.grow_batch_from": 64, "training.per_device_train_batch_size": 8},
         "grow_batch_from 64 is larger than per_device_train_batch_size 8"),
        ({"loss.false_negatives": "drop"}, "false_negatives 'drop' needs a teacher that tells them: name teachers"),
        ({"loss.raw_scores": True, "loss.teachers": ["bm25"]}, "margin_mse with one teacher, not for auto with 1"),
        ({"loss.raw_scores": True, "loss.teachers": ["a", "b"], "loss.type": "margin_mse"}, "margin_mse with 2"),
        ({"loss.inner_loss": "cosine"}, "unknown inner_loss 'cosine', one of sparse_multiple_negatives_ranking_loss"),
        ({"loss.query_regularizer_weight": 0}, "loss.query_regularizer_weight must be above 0 for splade"),
        ({"model.architecture": "inference-free", "loss.query_regularizer_weight": 1e-4},
         "loss.query_regularizer_weight must be 0 for inference-free-splade"),
        ({"model.architecture": "inference-free", "loss.target_query_terms": 30}, "must be 0 for inference-free"),
        ({"loss.target_document_terms": 90, "model.architecture": "csr"}, "terms 90 is not for csr.*: set model.csr_k"),
        ({"router.mapping": {"anchor": "query"}}, "router.mapping is for inference-free-splade, not for splade"),
        ({"router.mapping": {"anchor": "left"}, "model.architecture": "inference-free"}, "'query' or 'document'"),
        ({"model.use_router": True}, "use_router true: architecture splade has no place for a router; leave"),
        ({"model.use_router": False, "model.architecture": "inference-free"}, "use_router false: .* needs a router"),
        ({"model.latent_query_k": 99, "model.latent_dimensions": 64}, "latent_query_k 99 is more than .* 64: lower"),
        ({"datasets.nli.split_ratio": [0.5, 0.1, 0.1]}, "datasets.nli.split_ratio: train, validation and test shares"),
        ({"datasets.nli.use_paws": True}, "'use_paws' belongs to the dataset scandi_qa, not to nli"),
        ({"datasets.nli.parts": ["paws"]}, "'parts' belongs to the dataset scandi_qa, not to nli"),
        ({"datasets.scandi_qa.use_paws": False, "datasets.scandi_qa.parts": ["paws"]}, "'use_paws' and 'parts' name"),
        ({"datasets.scandi_qa.use_paws": "perhaps"}, "use_paws: true or false expected, got 'perhaps'"),
    ],
)  # fmt: skip
def test_rules_between_values_say_what_to_change(flags: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        resolve(flags=flags)
    assert caught.value.hint


@pytest.mark.parametrize("architecture", QUERY_WEIGHTS)
def test_regularisers_follow_the_architecture(architecture: str) -> None:
    loss = Config.model_validate({"model": {"architecture": architecture}}).loss
    assert (loss.query_regularizer_weight, loss.document_regularizer_weight) == (
        QUERY_WEIGHTS[architecture], DOCUMENT_WEIGHTS[architecture],
    )  # fmt: skip
    assert loss.query_regularizer == ("l1" if architecture == "laspar" else "flops")
    if architecture == "splade":  # the controller takes the weight's place
        held = {"query_regularizer_weight": 0, "target_query_terms": 30}
        assert Config.model_validate({"loss": held}).loss.query_regularizer_weight == 0


@pytest.mark.parametrize("name", ["flops", "l1", "df_flops", "df-flops", "equipartition"])
def test_every_regulariser_that_may_be_named_is_there(name: str) -> None:
    from splade_cli.training.losses.objective import regularizer

    wanted = resolve(flags={"loss.document_regularizer": name, "loss.query_regularizer": name}).config.loss
    assert type(regularizer(wanted.document_regularizer, wanted)).__name__.lower() == name.replace(
        "_", ""
    ).replace("-", "")
    assert wanted.query_regularizer == wanted.document_regularizer


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


@pytest.mark.parametrize("preset", presets())
def test_the_written_configuration_reads_back(preset: str, tmp_path: Path) -> None:
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


def test_a_preset_is_chosen_by_the_architecture(tmp_path: Path) -> None:
    for architecture, preset in PRESET_OF.items():
        for sources in (
            {"yaml_file": yaml(tmp_path, f"model:\n  architecture: {architecture}\n")},
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


def test_extends_a_preset(tmp_path: Path) -> None:
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


def test_extends_files_in_a_chain(tmp_path: Path) -> None:
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
    assert resolve(yaml_file=over).origins["model.csr_k"] == "preset csr", (
        "a chain without a preset gets its own"
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
def test_extends_that_lead_nowhere(texts: list[str], message: str, hint: str, tmp_path: Path) -> None:
    files = [yaml(tmp_path, text, name) for text, name in zip(texts, ("a.yaml", "b.yaml"), strict=False)]
    with pytest.raises(InputError, match=message) as caught:
        resolve(yaml_file=files[0])
    assert hint in caught.value.hint


def test_set_wins_over_all_and_takes_yaml(tmp_path: Path) -> None:
    file = yaml(tmp_path, "training:\n  seed: 1\ndatasets:\n  nli:\n    max_rows: 5\n")
    found = resolve(
        yaml_file=file, environment={"SPLADE_TRAINING__SEED": "2", "SPLADE_DATASETS__NLI__MAX_ROWS": "6"},
        flags={"training.seed": 3},
        settings=["training.seed=4", "training.seed = 5", "training.bf16=true", "loss.teachers=[bm25, tiny]",
                  "datasets.nli.languages=no", "training.eval_strategy=no", "router.mapping={}", "training.eval_steps=",
                  "evaluation.mteb_tasks=NorQuadRetrieval", "training.output_dir=a=b"],
    )  # fmt: skip
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


def test_epochs_are_not_held_to_the_steps_of_a_weaker_source(tmp_path: Path) -> None:
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


def test_keys_with_nothing_behind_them_keep_their_default(tmp_path: Path) -> None:
    text = "training:\n  report_to:\n  seed:\n  early_stopping_patience:\nmodel_card:\n  tags:\nmlflow:\n  tags:\n"
    config = resolve(yaml_file=yaml(tmp_path, text)).config
    assert config.training == resolve().config.training
    assert (config.model_card.tags, config.mlflow.tags) == ([], {})


# The files that users of the trainer before this one have, for each of its kinds of model.
TRAINING = """
training:
  output_dir: models/out
  num_train_epochs: 1
  max_steps: -1
  per_device_train_batch_size: 16
  per_device_eval_batch_size: 16
  gradient_accumulation_steps: 2
  learning_rate: 2e-5
  query_learning_rate: 1e-3
  warmup_ratio: 0.1
  weight_decay: 0.01
  max_grad_norm: 1.0
  fp16: false
  bf16: true
  max_seq_length: 256
  batch_sampler: no_duplicates
  eval_strategy: steps
  eval_steps: 1000
  logging_steps: 100
  save_strategy: steps
  save_steps: 1000
  save_total_limit: 1
  load_best_model_at_end: true
  metric_for_best_model: eval_NanoBEIR_mean_dot_ndcg@10
  greater_is_better: true
  logging_dir: runs
  push_to_hub: false
  hub_model_id: me/model
  hub_strategy: checkpoint
  hub_private_repo: false
  early_stopping_patience: 3
  early_stopping_threshold: 1e-3
  run_name: first
  report_to: [tensorboard, mlflow]
  dataloader_num_workers: 2
  dataloader_pin_memory: false
  dataloader_prefetch_factor: 2
  torch_compile: false
  resume_from_checkpoint: null
mlflow:
  tracking_uri: mlruns
  experiment_name: sparse-encoder-training
  tags:
    model: norbert
    run: 7
datasets:
  sampling_strategy: round_robin
  nli:
    enabled: true
    source: Fremtind/all-nli-norwegian
    languages: [no]
    split_ratio: [0.98, 0.01, 0.01]
  scandi_qa:
    enabled: true
    use_norquad: true
    use_openbookqa: true
    use_scandiqa: true
    use_supervised_da: true
    use_paws: false
    scandiqa_languages: [no, da, sv]
    paws_data_dir: data/paws
  ddsc:
    enabled: true
    languages: no
    tasks: null
    split_ratio: [0.98, 0.01, 0.01]
  eti:
    enabled: false
    source: thivy/eti-embedding-training-data
    split_ratio: [0.98, 0.01, 0.01]
evaluation:
  evaluator: sparse_nanobeir
  nanobeir_datasets: [msmarco, nfcorpus]
  mteb_tasks: [NorQuadRetrieval, SNLRetrieval]
  track_sparsity: true
  log_decoded_samples: true
model_card:
  language: no
  license: mit
  model_name: A model
  tags: [sparse]
  library_name: sentence-transformers
  datasets_used: [Fremtind/all-nli-norwegian]
hardware:
  device: auto
  gradient_checkpointing: false
  tf32: true
  distributed: false
  world_size: 1
"""
REGULAR = """
model:
  base_model: ltg/norbert3-base
  architecture: splade
  pooling_strategy: max
  use_router: false
loss:
  type: splade_loss
  inner_loss: sparse_multiple_negatives_ranking_loss
  query_regularizer_weight: 5e-4
  document_regularizer_weight: 3e-3
"""
INFERENCE_FREE = r"""
model:
  base_model: ltg/norbert3-base
  architecture: inference-free-splade
  pooling_strategy: max
  use_router: true
  freeze_static_embedding: false
loss:
  type: splade_loss
  inner_loss: sparse_multiple_negatives_ranking_loss
  query_regularizer_weight: 0
  document_regularizer_weight: 3e-3
router:
  mapping:
    anchor: query
    positive: document
    negative: document
  learning_rate_patterns:
    ".*\\.query\\..*": 0.001
"""
CSR = """
model:
  base_model: thivy/norwegian-dense
  architecture: csr
  csr_k: 256
  csr_k_aux: 512
  csr_hidden_dim: 4096
loss:
  type: csr_loss
  inner_loss: sparse_multiple_negatives_ranking_loss
  aux_loss_weight: 0.1
"""
NORBERT4 = REGULAR.replace("norbert3-base", "norbert4-base\n  patch_sigmoid_for_sparsity: true")
LOADED = CSR.replace("architecture: csr", "architecture: csr\n  load_pretrained_sparse_encoder: true")
HARDWARE = ["hardware.distributed", "hardware.world_size"]


@pytest.mark.parametrize(
    ("head", "architecture", "expected", "ignored"),
    [
        (REGULAR, "splade", {"loss.query_regularizer_weight": 5e-4, "model.use_router": False}, HARDWARE),
        (NORBERT4, "splade", {"model.base_model": "ltg/norbert4-base"},
         [*HARDWARE, "model.patch_sigmoid_for_sparsity"]),
        (INFERENCE_FREE, "inference-free-splade",
         {"loss.query_regularizer_weight": 0.0, "model.use_router": True,
          "router.mapping": {"anchor": "query", "positive": "document", "negative": "document"},
          "router.learning_rate_patterns": {r".*\.query\..*": 1e-3}}, HARDWARE),
        (CSR, "csr", {"model.csr_hidden_dim": 4096, "loss.aux_loss_weight": 0.1, "loss.query_regularizer_weight": 0.0},
         HARDWARE),
        (LOADED, "csr", {"model.load_pretrained_sparse_encoder": True, "model.csr_k": 256}, HARDWARE),
    ],
    ids=["regular", "norbert4", "inference-free", "csr", "csr-loaded"],
)  # fmt: skip
def test_the_yaml_that_people_have(
    head: str, architecture: str, expected: dict[str, Any], ignored: list[str], tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    file = yaml(tmp_path, head + TRAINING)
    with caplog.at_level(logging.WARNING):
        found = resolve(yaml_file=file)
    assert sorted(record.getMessage().split()[0] for record in caplog.records) == ignored
    for record in caplog.records:
        message = record.getMessage()
        key = message.split()[0]
        assert message == f"{key} ({file}) does nothing: {IGNORED[key]}"
    values = flatten(found.config.model_dump())
    common = {
        "model.architecture": architecture, "loss.type": "contrastive", "training.learning_rate": 2e-5,
        "training.query_learning_rate": 1e-3, "training.early_stopping_threshold": 1e-3, "training.bf16": True,
        "training.report_to": ["tensorboard", "mlflow"], "training.hub_strategy": "checkpoint",
        "training.metric_for_best_model": "eval_NanoBEIR_mean_dot_ndcg@10", "training.dataloader_prefetch_factor": 2,
        "training.resume_from_checkpoint": None, "mlflow.tags": {"model": "norbert", "run": "7"},
        "datasets.sampling_strategy": "round_robin", "datasets.nli.languages": ["no"],
        "datasets.ddsc.languages": ["no"],
        "datasets.scandi_qa.parts": [
            "norquad", "openbookqa", "scandiqa-no", "scandiqa-da", "scandiqa-sv", "supervised-da"],
        "datasets.ddsc.tasks": None, "datasets.eti.enabled": False, "evaluation.evaluator": "sparse_nanobeir",
        "evaluation.log_decoded_samples": 3, "model_card.language": ["no"], "model_card.license": "mit",
        "hardware.tf32": True,
    }  # fmt: skip
    for key, value in {**common, **expected}.items():
        assert values[key] == value, key
        assert found.origins.get(key, str(file)).startswith(str(file))
    assert [float(part) for part in values["datasets.nli.split_ratio"]] == [0.98, 0.01, 0.01]


@pytest.mark.parametrize(
    ("keys", "parts"),
    [
        ({"use_scandiqa": True}, ["norquad", "openbookqa", "scandiqa-no", "scandiqa-da", "scandiqa-sv",
                                  "supervised-da", "paws"]),
        ({"scandiqa_languages": ["sv", False]},
         ["norquad", "openbookqa", "scandiqa-sv", "scandiqa-no", "supervised-da", "paws"]),
        ({"use_norquad": False, "use_scandiqa": False, "use_paws": "no"}, ["openbookqa", "supervised-da"]),
        ({"paws_data_dir": "not/there", "use_scandiqa": False, "use_norquad": False, "use_supervised_da": False},
         ["openbookqa", "paws"]),
        ({"use_norquad": False, "use_openbookqa": False, "use_scandiqa": False, "use_supervised_da": False,
          "use_paws": False, "enabled": False}, []),
        ({"use_norquad": None, "enabled": True}, None),
    ],
)  # fmt: skip
def test_switches_of_scandi_qa_become_one_list(
    keys: dict[str, Any], parts: list[str] | None, tmp_path: Path
) -> None:
    import yaml as pyyaml

    file = yaml(tmp_path, pyyaml.safe_dump({"datasets": {"scandi_qa": keys}}))
    found = resolve(yaml_file=file)
    assert found.config.datasets.named["scandi_qa"].parts == parts
    given = [key for key, value in keys.items() if value is not None and key != "enabled"]
    if given:
        said = found.origins["datasets.scandi_qa.parts"]
        assert said.startswith(f"{file}: ") and set(said.removeprefix(f"{file}: ").split(", ")) == set(given)
        assert any(line.startswith("datasets.scandi_qa.parts = ") for line in found.lines())


def test_a_folder_of_paws_becomes_a_part_with_its_path(tmp_path: Path) -> None:
    flags = {"datasets.scandi_qa.paws_data_dir": str(tmp_path), "datasets.scandi_qa.use_scandiqa": False}
    found = resolve(flags=flags).config.datasets.named["scandi_qa"].parts
    assert found == ["norquad", "openbookqa", "supervised-da", f"paws={tmp_path}"]


def test_a_switch_of_the_environment_wins_over_that_of_a_file(tmp_path: Path) -> None:
    file = yaml(tmp_path, "datasets:\n  scandi_qa:\n    use_paws: true\n    use_scandiqa: false\n")
    found = resolve(yaml_file=file, environment={"SPLADE_DATASETS__SCANDI_QA__USE_PAWS": "false"})
    assert found.config.datasets.named["scandi_qa"].parts == ["norquad", "openbookqa", "supervised-da"]
    assert found.origins["datasets.scandi_qa.parts"] == (
        f"{file}, SPLADE_DATASETS__SCANDI_QA__USE_PAWS: use_scandiqa, use_paws"
    )


@pytest.mark.parametrize("language", ["no", "[no, da]", "['no']", "da"])
def test_norwegian_is_a_language(language: str, tmp_path: Path) -> None:
    import yaml as pyyaml

    file = yaml(tmp_path, f"model_card:\n  language: {language}\n")
    expected = {"no": ["no"], "[no, da]": ["no", "da"], "['no']": ["no"], "da": ["da"]}[language]
    assert resolve(yaml_file=file).config.model_card.language == expected
    assert pyyaml.safe_load("a: no") == {"a": False}


def test_no_strategy_may_be_written_bare(tmp_path: Path) -> None:
    settings = resolve(
        yaml_file=yaml(tmp_path, "training:\n  eval_strategy: no\n  save_strategy: no\n")
    ).config.training
    assert (settings.eval_strategy, settings.save_strategy) == ("no", "no")


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"type": "splade_loss"}, "auto"),
        ({"type": "csr_loss"}, "auto"),
        ({"type": "splade_loss", "inner_loss": "sparse_distill_kl_div_loss"}, "kl"),
        ({"type": "csr_loss", "inner_loss": "sparse_margin_mse_loss"}, "margin_mse"),
        ({"inner_loss": "sparse_margin_mse_loss"}, "margin_mse"),
        ({"inner_loss": "sparse_margin_mse_loss", "type": "kl"}, "kl"),
    ],
)
def test_losses_by_the_names_of_sentence_transformers(
    values: dict[str, str], kind: str, tmp_path: Path
) -> None:
    text = "loss:\n" + "".join(f"  {key}: {value}\n" for key, value in values.items())
    assert Config.model_validate({"loss": values}).loss.type == kind
    assert resolve(yaml_file=yaml(tmp_path, text), preset="csr").config.loss.type == kind
