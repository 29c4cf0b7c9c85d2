"""The YAML that people have from other trainers: read, turned into our keys, or warned of."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from splade_cli.config.keys import flatten
from splade_cli.config.other_trainers import IGNORED
from splade_cli.config.resolve import resolve
from splade_cli.config.schema import (
    Config,
)

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
        (
            NORBERT4,
            "splade",
            {"model.base_model": "ltg/norbert4-base"},
            [*HARDWARE, "model.patch_sigmoid_for_sparsity"],
        ),
        (
            INFERENCE_FREE,
            "inference-free-splade",
            {
                "loss.query_regularizer_weight": 0.0,
                "model.use_router": True,
                "router.mapping": {"anchor": "query", "positive": "document", "negative": "document"},
                "router.learning_rate_patterns": {r".*\.query\..*": 1e-3},
            },
            HARDWARE,
        ),
        (
            CSR,
            "csr",
            {"model.csr_hidden_dim": 4096, "loss.aux_loss_weight": 0.1, "loss.query_regularizer_weight": 0.0},
            HARDWARE,
        ),
        (LOADED, "csr", {"model.load_pretrained_sparse_encoder": True, "model.csr_k": 256}, HARDWARE),
    ],
    ids=["regular", "norbert4", "inference-free", "csr", "csr-loaded"],
)
def test_the_yaml_that_people_have(
    head: str,
    architecture: str,
    expected: dict[str, Any],
    ignored: list[str],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    yaml: Any,
) -> None:
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
        "model.architecture": architecture,
        "loss.type": "contrastive",
        "training.learning_rate": 2e-5,
        "training.query_learning_rate": 1e-3,
        "training.early_stopping_threshold": 1e-3,
        "training.bf16": True,
        "training.report_to": ["tensorboard", "mlflow"],
        "training.hub_strategy": "checkpoint",
        "training.metric_for_best_model": "eval_NanoBEIR_mean_dot_ndcg@10",
        "training.dataloader_prefetch_factor": 2,
        "training.resume_from_checkpoint": None,
        "mlflow.tags": {"model": "norbert", "run": "7"},
        "datasets.sampling_strategy": "round_robin",
        "datasets.nli.languages": ["no"],
        "datasets.ddsc.languages": ["no"],
        "datasets.scandi_qa.parts": [
            "norquad",
            "openbookqa",
            "scandiqa-no",
            "scandiqa-da",
            "scandiqa-sv",
            "supervised-da",
        ],
        "datasets.ddsc.tasks": None,
        "datasets.eti.enabled": False,
        "evaluation.evaluator": "sparse_nanobeir",
        "evaluation.log_decoded_samples": 3,
        "model_card.language": ["no"],
        "model_card.license": "mit",
        "hardware.tf32": True,
    }
    for key, value in {**common, **expected}.items():
        assert values[key] == value, key
        assert found.origins.get(key, str(file)).startswith(str(file))
    assert [float(part) for part in values["datasets.nli.split_ratio"]] == [0.98, 0.01, 0.01]


@pytest.mark.parametrize(
    ("keys", "parts"),
    [
        (
            {"use_scandiqa": True},
            ["norquad", "openbookqa", "scandiqa-no", "scandiqa-da", "scandiqa-sv", "supervised-da", "paws"],
        ),
        (
            {"scandiqa_languages": ["sv", False]},
            ["norquad", "openbookqa", "scandiqa-sv", "scandiqa-no", "supervised-da", "paws"],
        ),
        ({"use_norquad": False, "use_scandiqa": False, "use_paws": "no"}, ["openbookqa", "supervised-da"]),
        (
            {
                "paws_data_dir": "not/there",
                "use_scandiqa": False,
                "use_norquad": False,
                "use_supervised_da": False,
            },
            ["openbookqa", "paws"],
        ),
        (
            {
                "use_norquad": False,
                "use_openbookqa": False,
                "use_scandiqa": False,
                "use_supervised_da": False,
                "use_paws": False,
                "enabled": False,
            },
            [],
        ),
        ({"use_norquad": None, "enabled": True}, None),
    ],
)
def test_switches_of_scandi_qa_become_one_list(
    keys: dict[str, Any], parts: list[str] | None, tmp_path: Path, yaml: Any
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


def test_a_switch_of_the_environment_wins_over_that_of_a_file(tmp_path: Path, yaml: Any) -> None:
    file = yaml(tmp_path, "datasets:\n  scandi_qa:\n    use_paws: true\n    use_scandiqa: false\n")
    found = resolve(yaml_file=file, environment={"SPLADE_DATASETS__SCANDI_QA__USE_PAWS": "false"})
    assert found.config.datasets.named["scandi_qa"].parts == ["norquad", "openbookqa", "supervised-da"]
    assert found.origins["datasets.scandi_qa.parts"] == (
        f"{file}, SPLADE_DATASETS__SCANDI_QA__USE_PAWS: use_scandiqa, use_paws"
    )


@pytest.mark.parametrize("language", ["no", "[no, da]", "['no']", "da"])
def test_norwegian_is_a_language(language: str, tmp_path: Path, yaml: Any) -> None:
    import yaml as pyyaml

    file = yaml(tmp_path, f"model_card:\n  language: {language}\n")
    expected = {"no": ["no"], "[no, da]": ["no", "da"], "['no']": ["no"], "da": ["da"]}[language]
    assert resolve(yaml_file=file).config.model_card.language == expected
    assert pyyaml.safe_load("a: no") == {"a": False}


def test_no_strategy_may_be_written_bare(tmp_path: Path, yaml: Any) -> None:
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
    values: dict[str, str], kind: str, tmp_path: Path, yaml: Any
) -> None:
    text = "loss:\n" + "".join(f"  {key}: {value}\n" for key, value in values.items())
    assert Config.model_validate({"loss": values}).loss.type == kind
    assert resolve(yaml_file=yaml(tmp_path, text), preset="csr").config.loss.type == kind
