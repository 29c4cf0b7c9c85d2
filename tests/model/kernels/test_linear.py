"""Products and linear layers of every kernel against `F.linear`: values, gradients, copies; and int8."""

from __future__ import annotations

import copy
import io
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.functional import linear

from splade_cli.model.encode import encode
from splade_cli.model.kernels import dispatch
from splade_cli.model.kernels import linear as module
from splade_cli.model.kernels.linear import FastLinear, QuantizedMatrix, product, quantize, use_fast_linear

Make = Callable[..., Any]
SHAPES = [(5, 7), (2, 3, 7), (1, 7), (2, 1, 1, 7), (7,), (0, 7), (2, 0, 7)]


@pytest.fixture(params=["torch", "oneDNN"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways through the module, whatever this CPU would choose; counts are kept in `calls`."""
    if request.param == "oneDNN" and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this torch has no oneDNN")
    choose(monkeypatch, request.param)
    return str(request.param)


def choose(monkeypatch: pytest.MonkeyPatch, kernel: str) -> None:
    chosen = dispatch.onednn_product if kernel == "oneDNN" else dispatch.plain_product
    monkeypatch.setattr(dispatch, "float32_product", lambda: chosen)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What fast layers computed by our own product."""
    seen: list[str] = []

    def counted(rows: Tensor, weight: Tensor) -> Tensor:
        seen.append(str(rows.dtype))
        return product(rows, weight)

    monkeypatch.setattr(module, "product", counted)
    return seen


def random(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def fast_layer(bias: bool = True, dtype: torch.dtype = torch.float32) -> nn.Linear:
    """A fast layer of 7 to 4; `F.linear` with its parameters is what it must equal."""
    layer = nn.Linear(7, 4, bias=bias, dtype=dtype)
    layer.weight.data = random(4, 7, dtype=dtype, seed=1)
    use_fast_linear(layer)
    return layer


@pytest.mark.parametrize("shape", SHAPES)
def test_product_is_a_product(shape: tuple[int, ...], kernel: str) -> None:
    rows, weight = random(*shape), random(4, 7, seed=1)
    found = product(rows, weight)
    assert (found.shape, found.dtype) == ((*shape[:-1], 4), torch.float32)
    torch.testing.assert_close(found, linear(rows, weight), rtol=1e-5, atol=1e-5)


def test_product_of_strided_and_shared_weights(kernel: str) -> None:
    rows, big = random(5, 14)[:, ::2], random(9, 7, seed=1)
    for weight in (
        big[2:6],
        big[::2],
        random(7, 4, seed=2).T,
        random(4, 14, seed=3)[:, ::2],
        big[:1].expand(4, 7),
    ):
        torch.testing.assert_close(product(rows, weight), linear(rows, weight), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(
        product(random(7, 5).T, big), linear(random(7, 5).T, big), rtol=1e-5, atol=1e-5
    )
    assert product(rows, big[:0]).shape == (5, 0)


def test_product_of_other_precisions(kernel: str) -> None:
    rows, weight = random(5, 7, dtype=torch.float64), random(4, 7, dtype=torch.float64, seed=1)
    assert torch.equal(product(rows, weight), rows @ weight.T), "float64 is not rounded"
    low = product(rows.bfloat16(), weight.bfloat16())
    assert low.dtype == torch.bfloat16
    torch.testing.assert_close(low.double(), rows @ weight.T, rtol=0.1, atol=0.1)


@given(st.integers(17, 40), st.integers(1, 12), st.integers(1, 12), st.integers(0, 1000))
def test_product_of_int8_is_exact(rows: int, inner: int, outer: int, seed: int) -> None:
    made = torch.Generator().manual_seed(seed)
    left = torch.randint(-127, 128, (rows, 8 * inner), generator=made, dtype=torch.int8)
    right = torch.randint(-127, 128, (8 * outer, 8 * inner), generator=made, dtype=torch.int8)
    found = product(left, right)
    assert found.dtype == torch.int32
    assert torch.equal(found.long(), left.long() @ right.long().T)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_fast_layer_and_its_gradients(
    shape: tuple[int, ...], bias: bool, kernel: str, calls: list[str]
) -> None:
    layer = fast_layer(bias)
    ours, theirs = random(*shape).requires_grad_(), random(*shape).requires_grad_()
    found = layer(ours)
    assert bool(calls) == (kernel == "oneDNN")
    slope = random(*found.shape, seed=5)
    (found * slope).sum().backward()
    weight, offset = (
        None if p is None else p.detach().clone().requires_grad_() for p in (layer.weight, layer.bias)
    )
    expected = linear(theirs, weight, offset)
    (expected * slope).sum().backward()
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert ours.grad is not None
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(layer.weight.grad, weight.grad, rtol=1e-5, atol=1e-5)
    if offset is not None:
        torch.testing.assert_close(layer.bias.grad, offset.grad, rtol=1e-5, atol=1e-5)


def test_a_gradient_that_is_an_expanded_or_strided_view(kernel: str) -> None:
    layer = fast_layer()
    for shape in ((5, 7), (2, 3, 7)):
        rows = random(*shape).requires_grad_()
        expected = torch.autograd.grad(
            linear(rows, layer.weight, layer.bias).sum(), [rows, *layer.parameters()]
        )
        found = torch.autograd.grad(layer(rows).sum(), [rows, *layer.parameters()])
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        swapped = random(*shape, seed=3).transpose(0, -2).contiguous().transpose(0, -2).requires_grad_()
        slope = random(4, *shape[:-1], seed=4).movedim(0, -1)
        wanted = torch.autograd.grad(linear(swapped, layer.weight, layer.bias), swapped, slope)
        torch.testing.assert_close(
            torch.autograd.grad(layer(swapped), swapped, slope), wanted, rtol=1e-5, atol=1e-5
        )


def test_float64_is_left_to_torch(kernel: str, calls: list[str]) -> None:
    layer = fast_layer(dtype=torch.float64)
    rows = random(5, 7, dtype=torch.float64).requires_grad_()
    assert torch.equal(layer(rows), linear(rows, layer.weight, layer.bias))
    assert torch.autograd.gradcheck(layer, (rows,))
    assert not calls


def test_frozen_parameters_get_no_gradient(kernel: str, calls: list[str]) -> None:
    layer = fast_layer()
    layer.weight.requires_grad_(False)
    rows = random(3, 7)
    layer(rows).sum().backward()
    assert len(calls) == (kernel == "oneDNN"), "no product for a gradient that nobody wants"
    assert layer.weight.grad is None
    assert rows.grad is None
    torch.testing.assert_close(layer.bias.grad, torch.full((4,), 3.0))
    layer.bias.requires_grad_(False)
    layer.bias.grad = None
    wanted = random(3, 7).requires_grad_()
    layer(wanted).sum().backward()
    torch.testing.assert_close(wanted.grad, layer.weight.sum(0).expand(3, 7), rtol=1e-5, atol=1e-5)
    assert (layer.weight.grad, layer.bias.grad) == (None, None)
    assert not layer(rows).requires_grad
    with torch.no_grad():
        assert not layer(wanted).requires_grad
    with torch.inference_mode():
        assert layer(rows).is_inference()


def test_what_is_read_is_not_written_over(kernel: str) -> None:
    """The bias is added in place: to the product, not to what came in or to the weight."""
    layer = fast_layer()
    rows, before = random(3, 7), [parameter.clone() for parameter in layer.parameters()]
    first, second = layer(rows), layer(rows)
    assert torch.equal(first, second)
    assert torch.equal(rows, random(3, 7))
    assert all(torch.equal(*pair) for pair in zip(before, layer.parameters(), strict=True))


def test_autocast_is_left_to_torch(kernel: str, calls: list[str]) -> None:
    layer, rows = fast_layer(), random(5, 7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = layer(rows)
        expected = linear(rows, layer.weight, layer.bias)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, expected)
    assert not calls
    assert layer(rows).dtype == torch.float32


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch.save"])
def test_copies_compute_with_their_own_weights(how: str, kernel: str) -> None:
    layer = nn.Sequential(fast_layer(), nn.ReLU(), nn.Linear(4, 2))
    use_fast_linear(layer)
    if how == "deepcopy":
        twin = copy.deepcopy(layer)
    elif how == "pickle":
        twin = pickle.loads(pickle.dumps(layer))
    else:
        buffer = io.BytesIO()
        torch.save(layer, buffer)
        buffer.seek(0)
        twin = torch.load(buffer, weights_only=False)
    rows = random(5, 7)
    before = layer(rows)
    torch.testing.assert_close(twin(rows), before)
    with torch.no_grad():
        for parameter in twin.parameters():
            parameter.zero_()
    assert not twin(rows).any(), "a copy that computes with the original's weights"
    assert torch.equal(layer(rows), before)
    assert set(twin.state_dict()) == {"0.weight", "0.bias", "2.weight", "2.bias"}


def test_only_plain_linear_layers_become_fast() -> None:
    class Own(nn.Linear):
        """A subclass, whose forward may be anything."""

    layers = nn.ModuleList([nn.Linear(7, 4), Own(7, 4), nn.Conv1d(7, 4, 1)])
    before = [*layers], list(layers.state_dict())
    use_fast_linear(layers)
    use_fast_linear(layers)
    assert [type(layer) for layer in layers] == [FastLinear, Own, nn.Conv1d]
    assert ([*layers], list(layers.state_dict())) == before, "the same objects, the same names"
    assert not any("forward" in layer.__dict__ for layer in layers)


def test_a_model_computes_the_same_by_either_kernel(
    bert_folder: Path, load: Make, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this torch has no oneDNN")
    choose(monkeypatch, "torch")
    expected = encode(load(str(bert_folder)), texts)
    choose(monkeypatch, "oneDNN")
    found = encode(load(str(bert_folder)), texts)
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-4, atol=1e-5)


@given(st.integers(1, 6), st.integers(1, 4), st.integers(1, 9), st.floats(1e-30, 1e30), st.integers(0, 1000))
def test_int8_is_within_half_a_step(count: int, length: int, width: int, size: float, seed: int) -> None:
    rows = (random(count, length, width, seed=seed) * size).float()
    values, scale = quantize(rows)
    assert (values.dtype, scale.dtype, scale.shape) == (torch.int8, torch.float32, (count, 1))
    assert int(values.abs().max()) <= 127
    error = (values.double() * scale.double()[..., None] - rows.double()).abs()
    assert (error <= scale.double()[..., None] * 0.5 * (1 + 1e-5)).all()
    assert torch.equal(values.abs().amax((1, 2)), torch.full((count,), 127, dtype=torch.int8)), (
        "the scale is tight"
    )


def test_int8_of_zeros_is_zeros() -> None:
    rows = random(3, 2, 5)
    rows[1] = 0
    values, scale = quantize(rows)
    assert not values[1].any()
    assert torch.isfinite(scale).all() and (scale > 0).all()
    assert (values * scale[..., None])[1].abs().max() == 0
    weight = QuantizedMatrix.of(torch.zeros(4, 8))
    assert not weight.values.any() and torch.isfinite(weight.scale).all()


def test_int8_of_a_weight() -> None:
    weight = nn.Parameter(random(6, 16) * torch.logspace(-6, 6, 6)[:, None])
    before = weight.detach().clone()
    made = QuantizedMatrix.of(weight)
    assert (made.values.shape, made.scale.shape, made.values.dtype) == ((6, 16), (6,), torch.int8)
    assert not made.scale.requires_grad
    error = (made.values * made.scale[:, None] - before).abs()
    assert (error <= before.abs().amax(1, keepdim=True) / 254 * (1 + 1e-5)).all(), (
        "each row has its own scale"
    )
    assert torch.equal(weight, before)
