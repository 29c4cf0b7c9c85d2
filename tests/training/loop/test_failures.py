"""Losses that are not finite and memory that runs out: what is kept, and what is said."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from splade_cli.errors import ModelError
from splade_cli.training.loop.failures import BAD_BATCH, MemorySettings, check_loss, memory_error, texts_of


class Words:
    """Ids to words, 0 is special."""

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        assert skip_special_tokens
        return " ".join(f"w{number}" for number in ids if number)


def test_the_step_and_the_batch_of_a_bad_loss(tmp_path: Path) -> None:
    inputs = {
        "dataset_name": "kilns", "return_loss": True, "label": torch.ones(2, 2),
        "query_input_ids": torch.tensor([[0, 5, 7], [0, 6, 9]]),
        "query_attention_mask": torch.tensor([[1, 1, 0], [1, 1, 1]]),
        "negative_1_input_ids": torch.tensor([[3], [4]]), "note": ["as", "is"],
    }  # fmt: skip
    check_loss(torch.tensor(1.0), inputs, 3, tmp_path)
    check_loss({"base": torch.tensor([1.0, 2.0]), "regulariser": torch.tensor(0.0)}, inputs, 3, tmp_path)
    assert not (tmp_path / BAD_BATCH).exists()
    parts = {
        "base": torch.tensor(1.0, requires_grad=True),
        "regulariser": torch.tensor(float("inf"), dtype=torch.bfloat16),
    }
    with pytest.raises(
        ModelError, match=r"regulariser is inf at step 7, in a batch of dataset 'kilns'"
    ) as caught:
        check_loss(parts, inputs, 7, tmp_path, tokenizer=Words())
    assert str(tmp_path / BAD_BATCH) in caught.value.hint
    written = json.loads((tmp_path / BAD_BATCH).read_text())
    assert written == {
        "step": 7, "dataset": "kilns", "loss": {"base": "1.0", "regulariser": "inf"},
        "texts": {"query": ["w5", "w6 w9"], "negative_1": ["w3", "w4"], "note": ["as", "is"]},
    }  # fmt: skip
    with pytest.raises(ModelError, match=r"loss is nan at step 1$"):
        check_loss(torch.tensor([0.0, float("nan")]), {"query": ["a"]}, 1, tmp_path)
    assert texts_of({"query_input_ids": torch.tensor([[1, 2]])}) == {"query": ["1 2"]}


SETTINGS = MemorySettings(per_device_train_batch_size=16, gradient_accumulation_steps=2)


def advice(**changes: Any) -> str:
    error = memory_error(MemoryError(), replace(SETTINGS, **changes))
    assert error is not None
    return error.hint


def test_no_memory_says_what_to_lower() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 56)  # what the CPU's allocator says
    error = memory_error(caught.value, SETTINGS)
    assert error is not None
    assert "not enough memory in RAM" in error.message
    assert "per_device_train_batch_size 16" in error.message
    assert "truncate_to" not in error.message, "what is not set is not spoken of"
    assert "set mini_batch_size to 4: the same loss" in error.hint
    assert "per_device_train_batch_size 16 -> 8 with gradient_accumulation_steps 2 -> 4" in error.hint
    assert "truncate_to 128" in error.hint
    assert "gradient_checkpointing true" in error.hint
    cuda = memory_error(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"), SETTINGS)
    assert cuda is not None and "on the GPU" in cuda.message
    assert memory_error(RuntimeError("shapes cannot be multiplied"), SETTINGS) is None
    assert memory_error(ValueError("out of memory"), SETTINGS) is None


def test_nothing_is_advised_that_is_done_already() -> None:
    tight = {"per_device_train_batch_size": 1, "gradient_checkpointing": True}
    assert advice(**tight, truncate_to=64) == "truncate_to 32: the model still reads all"
    assert advice(**tight, truncate_to=32) == "use a smaller model"
    cached = advice(mini_batch_size=8)
    assert cached.startswith("mini_batch_size 8 -> 4: the same loss")
    assert "per_device_train_batch_size" not in cached
