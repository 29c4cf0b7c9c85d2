"""Failures that end a training run: a loss that is not finite, and no memory left for a step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from splade_cli.errors import ModelError
from splade_cli.storage.files import write_json

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BAD_BATCH = "bad_batch.json"
_IDS = "_input_ids"
_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed", "std::bad_alloc")
SHORTEST_TRUNCATION = 32
USUAL_TRUNCATION = 128


@dataclass(frozen=True)
class MemorySettings:
    """The settings that decide how much memory a step takes, by their names in the configuration."""

    per_device_train_batch_size: int = 1
    gradient_accumulation_steps: int = 1
    mini_batch_size: int | None = None
    truncate_to: int | None = None
    gradient_checkpointing: bool = False

    def __str__(self) -> str:
        values = {name: value for name, value in vars(self).items() if value is not None}
        return ", ".join(f"{name} {value}" for name, value in values.items())


def check_loss(
    loss: torch.Tensor | Mapping[str, torch.Tensor],
    inputs: Mapping[str, Any],
    step: int,
    output: Path,
    *,
    tokenizer: PreTrainedTokenizerBase | None = None,
    dataset: str | None = None,
) -> None:
    """Stops at the very step whose loss is not finite, and keeps its batch; reads one number from the device.

    Args:
        loss: of one batch, any shape, or its parts by name.
        inputs: the batch: columns of texts, or the trainer's features ``<column>_input_ids`` [B, L] with
            masks.
        step: the optimiser step that the batch is part of, from 1.
        output: run folder; ``bad_batch.json`` goes there: step, dataset, loss by part, texts by column.
        tokenizer: turns ids back to text.
        dataset: where the batch is from; ``inputs["dataset_name"]`` by default.

    Raises:
        ModelError: the loss is not finite.
    """
    parts = {"loss": loss} if isinstance(loss, torch.Tensor) else dict(loss)
    finite = [torch.isfinite(part.detach()).all() for part in parts.values()]
    if bool(torch.stack(finite).all()):
        return
    name = dataset or inputs.get("dataset_name")
    values = {part: float(value.detach().float().sum()) for part, value in parts.items()}
    record = {
        "step": step,
        "dataset": name,
        "loss": {part: str(value) for part, value in values.items()},
        "texts": texts_of(inputs, tokenizer),
    }
    output.mkdir(parents=True, exist_ok=True)
    write_json(output / BAD_BATCH, record)
    part, value = next((part, value) for part, value in values.items() if not math.isfinite(value))
    origin = f", in a batch of dataset '{name}'" if name else ""
    raise ModelError(
        f"{part} is {value} at step {step}{origin}",
        f"its texts are in {output / BAD_BATCH}; look at them, lower the learning rate, or train in fp32; "
        "a resumed run goes on from the last checkpoint",
    )


def texts_of(
    inputs: Mapping[str, Any], tokenizer: PreTrainedTokenizerBase | None = None
) -> dict[str, list[str]]:
    """The texts of a batch by column: strings as they are, ids through `tokenizer`; other columns are left.

    Without a tokenizer, ids are written as numbers.
    """
    texts: dict[str, list[str]] = {}
    for column, values in inputs.items():
        if isinstance(values, torch.Tensor) and column.endswith(_IDS) and values.ndim == 2:
            name = column.removesuffix(_IDS)
            mask = inputs.get(f"{name}_attention_mask")
            if not isinstance(mask, torch.Tensor) or mask.shape != values.shape:
                mask = torch.ones_like(values)
            texts[name] = [
                _decoded(ids[real.bool()], tokenizer) for ids, real in zip(values, mask, strict=True)
            ]
        elif isinstance(values, list | tuple) and values and all(isinstance(value, str) for value in values):
            texts[column] = list(values)
    return texts


def _decoded(ids: torch.Tensor, tokenizer: PreTrainedTokenizerBase) -> str:
    if tokenizer is None:
        return " ".join(map(str, ids.tolist()))
    return str(tokenizer.decode(ids.tolist(), skip_special_tokens=True))


def memory_error(error: BaseException, settings: MemorySettings) -> ModelError | None:
    """What to lower where `error` says that memory ran out; None for any other error."""
    text = str(error).lower()
    no_memory = isinstance(error, torch.OutOfMemoryError | MemoryError)
    if isinstance(error, RuntimeError):
        no_memory = no_memory or any(phrase in text for phrase in _NO_MEMORY)
    if not no_memory:
        return None
    memory = "in RAM"
    if "cuda" in text or "cublas" in text:
        memory = "on the GPU"
    elif "mps" in text:
        memory = "on the GPU (mps)"
    return ModelError(
        f"not enough memory {memory} for a training step with {settings}",
        "; or ".join(_advice(settings)) or "use a smaller model",
    )


def _advice(settings: MemorySettings) -> list[str]:
    """What would take less memory, the least harmful first."""
    advice = []
    batch = settings.per_device_train_batch_size
    accumulated = settings.gradient_accumulation_steps
    part = settings.mini_batch_size
    if part and part > 1:
        advice.append(f"mini_batch_size {part} -> {part // 2}: the same loss, less at a time")
    elif batch > 1:
        advice.append(f"set mini_batch_size to {max(1, batch // 4)}: the same loss, less at a time")
        advice.append(
            f"per_device_train_batch_size {batch} -> {batch // 2} with "
            f"gradient_accumulation_steps {accumulated} -> {accumulated * 2}"
        )
    length = settings.truncate_to
    if not length:
        advice.append(f"truncate_to {USUAL_TRUNCATION}: the model still reads all")
    elif length > SHORTEST_TRUNCATION:
        advice.append(f"truncate_to {length // 2}: the model still reads all")
    if not settings.gradient_checkpointing:
        advice.append("gradient_checkpointing true: slower, same result")
    return advice
