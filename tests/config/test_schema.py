"""Values and rules of the training YAML: what is refused, and what follows from the architecture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from splade_cli.config.resolve import resolve
from splade_cli.config.schema import (
    DOCUMENT_WEIGHTS,
    QUERY_WEIGHTS,
    Config,
    DatasetSpec,
    DatasetsSection,
)
from splade_cli.errors import InputError


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
def test_values_out_of_range_are_named_with_their_origin(
    key: str, value: Any, tmp_path: Path, yaml: Any
) -> None:
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
        (
            {"training.dataloader_prefetch_factor": 4},
            "dataloader_prefetch_factor 4 needs dataloader_num_workers above",
        ),
        (
            {"training.grow_batch_from": 64, "training.per_device_train_batch_size": 8},
            "grow_batch_from 64 is larger than per_device_train_batch_size 8",
        ),
        (
            {"loss.false_negatives": "drop"},
            "false_negatives 'drop' needs a teacher that tells them: name teachers",
        ),
        (
            {"loss.raw_scores": True, "loss.teachers": ["bm25"]},
            "margin_mse with one teacher, not for auto with 1",
        ),
        (
            {"loss.raw_scores": True, "loss.teachers": ["a", "b"], "loss.type": "margin_mse"},
            "margin_mse with 2",
        ),
        (
            {"loss.inner_loss": "cosine"},
            "unknown inner_loss 'cosine', one of sparse_multiple_negatives_ranking_loss",
        ),
        ({"loss.query_regularizer_weight": 0}, "loss.query_regularizer_weight must be above 0 for splade"),
        (
            {"model.architecture": "inference-free", "loss.query_regularizer_weight": 1e-4},
            "loss.query_regularizer_weight must be 0 for inference-free-splade",
        ),
        (
            {"model.architecture": "inference-free", "loss.target_query_terms": 30},
            "must be 0 for inference-free",
        ),
        (
            {"loss.target_document_terms": 90, "model.architecture": "csr"},
            "terms 90 is not for csr.*: set model.csr_k",
        ),
        (
            {"router.mapping": {"anchor": "query"}},
            "router.mapping is for inference-free-splade, not for splade",
        ),
        (
            {"router.mapping": {"anchor": "left"}, "model.architecture": "inference-free"},
            "'query' or 'document'",
        ),
        ({"model.use_router": True}, "use_router true: architecture splade has no place for a router; leave"),
        (
            {"model.use_router": False, "model.architecture": "inference-free"},
            "use_router false: .* needs a router",
        ),
        (
            {"model.latent_query_k": 99, "model.latent_dimensions": 64},
            "latent_query_k 99 is more than .* 64: lower",
        ),
        (
            {"datasets.nli.split_ratio": [0.5, 0.1, 0.1]},
            "datasets.nli.split_ratio: train, validation and test shares",
        ),
        ({"datasets.nli.use_paws": True}, "'use_paws' belongs to the dataset scandi_qa, not to nli"),
        ({"datasets.nli.parts": ["paws"]}, "'parts' belongs to the dataset scandi_qa, not to nli"),
        (
            {"datasets.scandi_qa.use_paws": False, "datasets.scandi_qa.parts": ["paws"]},
            "'use_paws' and 'parts' name",
        ),
        ({"datasets.scandi_qa.use_paws": "perhaps"}, "use_paws: true or false expected, got 'perhaps'"),
    ],
)
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


def test_every_section_forbids_what_it_does_not_name() -> None:
    sections = [field.annotation for field in Config.model_fields.values()]
    assert len(sections) == 9
    for section in [Config, *sections, DatasetSpec]:
        assert isinstance(section, type)
        assert issubclass(section, BaseModel)
        # other names in it are datasets, whose own keys are checked
        assert section.model_config["extra"] == ("allow" if section is DatasetsSection else "forbid")
