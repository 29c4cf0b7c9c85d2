"""Which kernel is chosen: by what the processor has, what the environment says, and what it computes."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from splade_cli.errors import InputError
from splade_cli.model.kernels import dispatch
from splade_cli.model.kernels.linear import product

CACHED = (dispatch.fast_kernels_wanted, dispatch.float32_product, dispatch.quantized_product)


@pytest.fixture(autouse=True)
def chosen_anew() -> Iterator[None]:
    """Each test finds a process that has not yet chosen, and leaves one behind."""
    for choice in CACHED:
        choice.cache_clear()
    yield
    for choice in CACHED:
        choice.cache_clear()


@pytest.fixture
def avx512(monkeypatch: pytest.MonkeyPatch) -> None:
    """A CPU on which oneDNN is faster, whatever this one is."""
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)


@pytest.mark.parametrize(
    ("capability", "built", "wanted"),
    [("AVX512", True, True), ("AVX2", True, False), ("AVX512", False, False)],
)
def test_the_kernel_is_chosen_by_what_the_cpu_has(
    capability: str, built: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: built)
    assert dispatch.has_onednn() == (wanted and hasattr(torch.ops.mkldnn, "_linear_pointwise"))


def test_the_environment_switches_kernels_off(avx512: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert dispatch.float32_product() is dispatch.onednn_product
    for choice in CACHED:
        choice.cache_clear()
    monkeypatch.setenv(dispatch.VARIABLE, "plain")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_vnni": True, "avx512_bf16": True})
    assert dispatch.float32_product() is dispatch.plain_product
    assert dispatch.quantized_product() is dispatch.plain_int8_product
    assert not dispatch.int8_is_faster()
    assert not dispatch.bf16_is_faster("cpu")


def test_the_environment_is_read_by_a_new_process() -> None:
    code = (
        "import os; os.environ['SPLADE_KERNELS'] = 'plain'\n"
        "from splade_cli.model.kernels import dispatch\n"
        "print(dispatch.float32_product().__name__, dispatch.quantized_product().__name__)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["plain_product", "plain_int8_product"]


def test_an_unknown_choice_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(dispatch.VARIABLE, "fastest")
    with pytest.raises(InputError, match="unknown SPLADE_KERNELS 'fastest'"):
        dispatch.float32_product()


def wrong(rows: Tensor, weight: Tensor) -> Tensor:
    out = rows @ weight.T
    out[..., -1] += 0.01
    return out


def absent(rows: Tensor, weight: Tensor) -> Tensor:
    raise RuntimeError("no such operator\nin this build")


@pytest.mark.parametrize(
    ("kernel", "reason"), [(wrong, "other results than the plain product"), (absent, "no such operator")]
)
def test_a_kernel_that_is_wrong_is_not_used(
    kernel: dispatch.Product,
    reason: str,
    avx512: None,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(dispatch, "onednn_product", kernel)
    rows, weight = torch.randn(5, 7), torch.randn(4, 7)
    with caplog.at_level(logging.WARNING):
        assert torch.equal(product(rows, weight), rows @ weight.T)
        assert torch.equal(product(rows, weight), rows @ weight.T)
    (record,) = caplog.records
    assert reason in record.getMessage()
    assert "\n" not in record.getMessage()


def test_an_int8_kernel_that_is_wrong_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def off_by_one(rows: Tensor, weight: Tensor) -> Tensor:
        return dispatch.plain_int8_product(rows, weight) + 1

    monkeypatch.setattr(dispatch, "int8_product", off_by_one)
    rows = torch.randint(-127, 128, (20, 16), dtype=torch.int8)
    weight = torch.randint(-127, 128, (8, 16), dtype=torch.int8)
    assert torch.equal(product(rows, weight).long(), rows.long() @ weight.long().T)


def test_private_operators_of_torch_are_called_in_one_file() -> None:
    from pathlib import Path

    import splade_cli

    private = ("torch._int_mm", "mkldnn._linear_pointwise", "torch.ops.mkldnn")
    named = set()
    for path in Path(splade_cli.__file__).parent.rglob("*.py"):
        if any(name in path.read_text(encoding="utf-8") for name in private):
            named.add(path.name)
    assert named == {"dispatch.py"}
