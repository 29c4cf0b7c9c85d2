"""bfloat16 steps: when `auto` takes them, that products are then bfloat16, and that what is saved is float32."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from splade_cli import SpladeTrainer
from splade_cli.config.resolve import resolve
from splade_cli.training import recipe
from splade_cli.training.recipe import model_options, with_precision


def config(**keys: Any) -> Any:
    named = {key.replace("__", "."): value for key, value in keys.items()}
    return resolve(flags={"hardware.device": "cpu", **named}).config


@pytest.mark.parametrize(
    ("keys", "fast", "expected"),
    [
        ({}, True, "bf16"),
        ({}, False, "fp32"),
        ({"training__bf16": "auto"}, False, "fp32"),
        ({"training__bf16": "auto"}, True, "bf16"),
        ({"training__bf16": False}, True, "fp32"),
        ({"training__bf16": True}, False, "bf16"),
        ({"training__fp16": True}, True, "fp16"),
        ({"model__architecture": "inference-free-splade", "training__bf16": "auto"}, True, "bf16"),
        ({"model__architecture": "csr", "training__bf16": "auto"}, True, "fp32"),
    ],
)
def test_auto_is_bf16_where_the_cpu_gains_by_it(
    keys: dict[str, Any], fast: bool, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "bf16_is_faster", lambda kind: fast)
    decided = with_precision(config(**keys))
    assert model_options(decided).precision == expected
    assert decided.training.bf16 is (expected == "bf16")


@pytest.mark.parametrize("fast", [True, False])
def test_products_of_a_step_are_bf16_and_weights_stay_float32(
    fast: bool, bert_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import load_file

    monkeypatch.setattr(recipe, "bf16_is_faster", lambda kind: fast)
    rows = [
        {"query": f"the {word}", "positive_document": f"about {word}", "negative_documents": []}
        for word in ("saw", "drill", "plane", "clamp")
    ]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    seen: set[torch.dtype] = set()
    linear = torch.nn.functional.linear

    def counted(*given: Any) -> torch.Tensor:
        out = linear(*given)
        if out.requires_grad:
            seen.add(out.dtype)
        return out

    monkeypatch.setattr(torch.nn.functional, "linear", counted)
    settings = {
        "training.max_steps": 1, "training.bf16": "auto", "hardware.device": "cpu", "evaluation.preflight": False,
        "training.tuned_share": 1.0,
    }  # fmt: skip
    trained = SpladeTrainer(
        str(bert_folder), tmp_path / "run", tmp_path / "rows.json", batch_size=4, settings=settings
    ).train()
    assert (torch.bfloat16 in seen) == fast
    assert {value.dtype for value in load_file(trained.model_dir / "model.safetensors").values()} == {
        torch.float32
    }
    assert f"bf16: {str(fast).lower()}" in (tmp_path / "run" / "config.yaml").read_text()
