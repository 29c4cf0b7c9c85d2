"""LASPAR's names for settings: turned into ours, warned of, and left alone in other trainers' files."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from splade_cli.config.laspar_names import DOES_NOTHING
from splade_cli.config.resolve import resolve
from splade_cli.errors import InputError

ORIGINAL = """
hf_model_name: microsoft/MiniLM-L12-H384-uncased
d: 384
D: 131072
sparse: true
doc_regularizer: flops
use_distillation: false
query_lambda: 5e-3
doc_lambda: 1e-3
seq_length: 256
num_epochs: 4
acc_steps: 8
query_topk: 64
doc_topk: 256
freeze_bert: true
negative_cache_size: 0
"""


def test_a_flat_file_of_the_original(tmp_path: Path, yaml: Any, caplog: pytest.LogCaptureFixture) -> None:
    file = yaml(tmp_path, ORIGINAL)
    with caplog.at_level(logging.WARNING):
        found = resolve(yaml_file=file)
    model, training, loss = found.config.model, found.config.training, found.config.loss
    assert (model.architecture, model.base_model) == ("laspar", "microsoft/MiniLM-L12-H384-uncased")
    assert (model.latent_dimensions, model.latent_query_k, model.latent_document_k) == (131072, 64, 256)
    assert (model.latent_freeze_body, model.latent_sparse) == (True, True)
    assert (training.max_seq_length, training.num_train_epochs) == (256, 4)
    assert training.gradient_accumulation_steps == 8
    assert (loss.document_regularizer, loss.teachers) == ("flops", [])
    assert (loss.query_regularizer_weight, loss.document_regularizer_weight) == (5e-3, 1e-3)
    assert found.origins["model.latent_dimensions"] == str(file)
    warned = {record.getMessage() for record in caplog.records}
    assert warned == {
        f"{key} ({file}) does nothing: {DOES_NOTHING[key]}" for key in ("d", "negative_cache_size")
    }


def test_names_in_sections_and_settings_over_the_preset() -> None:
    found = resolve(
        preset="laspar", settings=["model.D=2048", "loss.use_distillation=true", "model.sparse=false"]
    )
    assert found.config.model.latent_dimensions == 2048
    assert found.config.loss.teachers == ["auto"]
    assert found.config.model.latent_sparse is False
    assert resolve(settings=["loss.doc_lambda=1e-3"]).config.model.architecture == "laspar"


def test_what_cannot_be_is_named(tmp_path: Path, yaml: Any) -> None:
    with pytest.raises(InputError, match=r"'D' and another key of .* both set model\.latent_dimensions"):
        resolve(yaml_file=yaml(tmp_path, "model:\n  latent_dimensions: 64\nD: 32\n"))
    with pytest.raises(InputError, match="use_distillation: true or false expected, got 'maybe'"):
        resolve(preset="laspar", settings=["loss.use_distillation=maybe"])


def test_other_trainers_keep_their_names(tmp_path: Path, yaml: Any) -> None:
    with pytest.raises(InputError, match=r"unknown config key 'training\.warmup_steps'"):
        resolve(yaml_file=yaml(tmp_path, "training:\n  warmup_steps: 100\n"))
    with pytest.raises(InputError, match=r"unknown config key 'model\.D'"):
        resolve(yaml_file=yaml(tmp_path, "model:\n  architecture: csr\n  D: 32\n"))
    rows = "datasets:\n  mine:\n    source: a.json\n    D: 3\n"
    with pytest.raises(InputError, match=r"unknown config key 'datasets\.mine\.D'"):
        resolve(yaml_file=yaml(tmp_path, rows))
