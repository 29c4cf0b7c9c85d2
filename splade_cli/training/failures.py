"""What ends a training run early, told so that the next command is clear: a loss that is no number, no memory left."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from splade_cli.errors import ModelError
from splade_cli.files import replacing

BAD_BATCH = "bad_batch.json"
_IDS = "_input_ids"
_NO_MEMORY = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed", "std::bad_alloc")


def check_loss(
    loss: torch.Tensor | Mapping[str, torch.Tensor],
    inputs: Mapping[str, Any],
    step: int,
    output: Path,
    *,
    tokenizer: Any = None,
    dataset: str | None = None,
) -> None:
    """Stops at the very step whose loss is not finite, and keeps its batch; reads one number from the device.

    Args:
        loss: of one batch, any shape, or its parts by name.
        inputs: the batch: columns of texts, or the trainer's features ``<column>_input_ids`` [B, L] with masks.
        step: the optimiser step that the batch is part of, from 1.
        output: run folder; ``bad_batch.json`` goes there: step, dataset, loss by part, texts by column.
        tokenizer: turns ids back to text.
        dataset: where the batch is from; ``inputs["dataset_name"]`` by default.

    Raises:
        ModelError: the loss is not finite.
    """
    parts = {"loss": loss} if isinstance(loss, torch.Tensor) else dict(loss)
    if bool(torch.stack([torch.isfinite(value.detach()).all() for value in parts.values()]).all()):
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
    with replacing(output / BAD_BATCH) as path:
        path.write_text(json.dumps(record, ensure_ascii=False, indent=2), encoding="utf-8")
    part, value = next((part, value) for part, value in values.items() if value - value != 0)
    raise ModelError(
        f"{part} is {value} at step {step}" + (f", in a batch of dataset '{name}'" if name else ""),
        f"its texts are in {output / BAD_BATCH}; look at them, lower --learning-rate, or train in fp32; "
        "--resume goes on from the last checkpoint",
    )


def texts_of(inputs: Mapping[str, Any], tokenizer: Any = None) -> dict[str, list[str]]:
    """The texts of a batch by column: columns of strings as they are, ids through `tokenizer`; other columns are left.

    Without a tokenizer, ids are written as numbers.
    """
    texts: dict[str, list[str]] = {}
    for column, values in inputs.items():
        if isinstance(values, torch.Tensor):
            if not column.endswith(_IDS) or values.ndim != 2:
                continue
            mask = inputs.get(f"{column.removesuffix(_IDS)}_attention_mask")
            rows = values.tolist()
            if isinstance(mask, torch.Tensor) and mask.shape == values.shape:
                rows = [
                    [i for i, real in zip(*pair, strict=True) if real]
                    for pair in zip(rows, mask.tolist(), strict=True)
                ]
            texts[column.removesuffix(_IDS)] = [
                tokenizer.decode(row, skip_special_tokens=True) if tokenizer else " ".join(map(str, row))
                for row in rows
            ]
        elif isinstance(values, list | tuple) and values and all(isinstance(value, str) for value in values):
            texts[column] = list(values)
    return texts


def memory_error(error: BaseException, values: Mapping[str, Any]) -> ModelError | None:
    """What to lower where `error` says that memory ran out, None where it says anything else.

    Args:
        error: caught around training.
        values: settings by name, with or without their section: ``per_device_train_batch_size``,
            ``gradient_accumulation_steps``, ``mini_batch_size``, ``truncate_to``, ``max_seq_length``,
            ``negatives_per_query``, ``gradient_checkpointing``. Those that are not there are not spoken of.
    """
    text = str(error).lower()
    if not (
        isinstance(error, torch.OutOfMemoryError | MemoryError)
        or (isinstance(error, RuntimeError) and any(mark in text for mark in _NO_MEMORY))
    ):
        return None
    known = {key.rpartition(".")[2]: (key, value) for key, value in values.items()}
    now = ", ".join(f"{key} {value}" for key, value in known.values() if value is not None)
    where = (
        "on the GPU"
        if "cuda" in text or "cublas" in text
        else "on the GPU (mps)"
        if "mps" in text
        else "in RAM"
    )
    advice = [say for name, say in _advice(known) if name in known]
    return ModelError(
        f"not enough memory {where} for a training step" + (f" with {now}" if now else ""),
        "; or ".join(advice) or "lower the batch size",
    )


def _advice(known: Mapping[str, tuple[str, Any]]) -> list[tuple[str, str]]:
    def value(name: str, default: Any = None) -> Any:
        found = known.get(name, ("", None))[1]
        return default if found is None else found

    found: list[tuple[str, str]] = []
    batch, added = value("per_device_train_batch_size", 1), value("gradient_accumulation_steps", 1)
    small = value("mini_batch_size")
    if small and small > 1:
        found.append(
            ("mini_batch_size", f"mini_batch_size {small} -> {small // 2}: the same loss, less at a time")
        )
    elif batch > 1:
        if "mini_batch_size" in known:
            found.append(
                (
                    "mini_batch_size",
                    f"set mini_batch_size to {max(1, batch // 4)}: the same loss, less at a time",
                )
            )
        found.append(
            (
                "per_device_train_batch_size",
                f"per_device_train_batch_size {batch} -> {batch // 2} with gradient_accumulation_steps {added} -> "
                f"{added * 2} (--batch-size {batch // 2} --accumulate {added * 2})",
            )
        )
    length = value("truncate_to") or value("max_seq_length")
    if length and length > 32:
        found.append(
            (
                "truncate_to",
                f"truncate_to {length // 2} (--truncate {length // 2}): the model still reads all",
            )
        )
    elif "truncate_to" in known and not length:
        found.append(("truncate_to", "truncate_to 128 (--truncate 128): the model still reads all"))
    if not value("gradient_checkpointing", False):
        found.append(("gradient_checkpointing", "gradient_checkpointing true: slower, same result"))
    if value("negatives_per_query", 0) > 1:
        count = value("negatives_per_query")
        found.append(
            ("negatives_per_query", f"negatives_per_query {count} -> {count // 2} (--negatives {count // 2})")
        )
    return found
