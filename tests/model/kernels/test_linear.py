"""Products of every kernel against `F.linear`: values, gradients, copies; int8; and which layer is the decoder."""

from __future__ import annotations

import copy
import io
import logging
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
from splade_cli.model.kernels import linear as module
from splade_cli.model.kernels.linear import Int8Weight, onednn_is_faster, product, quantize, quicken
from splade_cli.model.splade.encoder import SpladeModel, _decoder_of, step_over_decoder

Make = Callable[..., Any]
SHAPES = [(5, 7), (2, 3, 7), (1, 7), (2, 1, 1, 7), (7,), (0, 7), (2, 0, 7)]


@pytest.fixture(params=["torch", "oneDNN"])
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways through the module, whatever this CPU would choose; counts are kept in `calls`."""
    if request.param == "oneDNN" and not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(module, "onednn_is_faster", lambda: request.param == "oneDNN")
    return str(request.param)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the quickened layers computed by our own product."""
    seen: list[str] = []

    def counted(rows: Tensor, weight: Tensor) -> Tensor:
        seen.append(str(rows.dtype))
        return product(rows, weight)

    monkeypatch.setattr(module, "product", counted)
    return seen


def random(*shape: int, dtype: torch.dtype = torch.float32, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64).to(dtype)


def quickened(bias: bool = True, dtype: torch.dtype = torch.float32) -> nn.Linear:
    """A layer of 7 to 4, quickened; `F.linear` with its parameters is what it must equal."""
    layer = nn.Linear(7, 4, bias=bias, dtype=dtype)
    layer.weight.data = random(4, 7, dtype=dtype, seed=1)
    quicken(layer)
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
def test_a_quickened_layer_and_its_gradients(
    shape: tuple[int, ...], bias: bool, kernel: str, calls: list[str]
) -> None:
    layer = quickened(bias)
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
    layer = quickened()
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
    layer = quickened(dtype=torch.float64)
    rows = random(5, 7, dtype=torch.float64).requires_grad_()
    assert torch.equal(layer(rows), linear(rows, layer.weight, layer.bias))
    assert torch.autograd.gradcheck(layer, (rows,))
    assert not calls


def test_frozen_parameters_get_no_gradient(kernel: str, calls: list[str]) -> None:
    layer = quickened()
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
    layer = quickened()
    rows, before = random(3, 7), [parameter.clone() for parameter in layer.parameters()]
    first, second = layer(rows), layer(rows)
    assert torch.equal(first, second)
    assert torch.equal(rows, random(3, 7))
    assert all(torch.equal(*pair) for pair in zip(before, layer.parameters(), strict=True))


def test_autocast_is_left_to_torch(kernel: str, calls: list[str]) -> None:
    layer, rows = quickened(), random(5, 7)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = layer(rows)
        expected = linear(rows, layer.weight, layer.bias)
    assert found.dtype == torch.bfloat16
    assert torch.equal(found, expected)
    assert not calls
    assert layer(rows).dtype == torch.float32


@pytest.mark.parametrize("how", ["deepcopy", "pickle", "torch.save"])
def test_copies_compute_with_their_own_weights(how: str, kernel: str) -> None:
    layer = nn.Sequential(quickened(), nn.ReLU(), nn.Linear(4, 2))
    quicken(layer)
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


def test_only_plain_linear_layers_are_quickened_and_only_once() -> None:
    class Own(nn.Linear):
        """A subclass, whose forward may be anything."""

    layers = nn.ModuleList([nn.Linear(7, 4), Own(7, 4), nn.Conv1d(7, 4, 1), nn.Linear(7, 4)])
    layers[3].forward = step = lambda rows: rows  # type: ignore[assignment]
    quicken(layers)
    first = layers[0].forward
    quicken(layers)
    assert layers[0].forward is first
    assert first.__func__ is module._linear if hasattr(first, "__func__") else first.func is module._linear
    assert "forward" not in layers[1].__dict__ and "forward" not in layers[2].__dict__
    assert layers[3].forward is step


def test_a_model_computes_the_same_by_either_kernel(
    bert_folder: Path, load: Make, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(module, "onednn_is_faster", lambda: False)
    expected = encode(load(str(bert_folder)), texts)
    monkeypatch.setattr(module, "onednn_is_faster", lambda: True)
    found = encode(load(str(bert_folder)), texts)
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("capability", "built", "wanted"),
    [("AVX512", True, True), ("AVX2", True, False), ("AVX512", False, False)],
)
def test_the_kernel_is_chosen_by_what_the_cpu_has(
    capability: str, built: bool, wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: built)
    assert onednn_is_faster.__wrapped__() == (wanted and hasattr(torch.ops.mkldnn, "_linear_pointwise"))


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
    weight = Int8Weight.of(torch.zeros(4, 8))
    assert not weight.values.any() and torch.isfinite(weight.scale).all()


def test_int8_of_a_weight() -> None:
    weight = nn.Parameter(random(6, 16) * torch.logspace(-6, 6, 6)[:, None])
    before = weight.detach().clone()
    made = Int8Weight.of(weight)
    assert (made.values.shape, made.scale.shape, made.values.dtype) == ((6, 16), (6,), torch.int8)
    assert not made.scale.requires_grad
    error = (made.values * made.scale[:, None] - before).abs()
    assert (error <= before.abs().amax(1, keepdim=True) / 254 * (1 + 1e-5)).all(), (
        "each row has its own scale"
    )
    assert torch.equal(weight, before)


class Masked(nn.Module):
    """A masked LM as far as `step_over_decoder` looks: a body, a vocabulary layer, and what it says of that."""

    def __init__(self, named: str, vocabulary: int = 11) -> None:
        super().__init__()
        self.config = type("Config", (), {"vocab_size": vocabulary})()
        self.body, self.head = nn.Embedding(vocabulary, 8), nn.Linear(8, 8)
        self.wide = nn.Linear(8, 11)
        self.output = nn.Linear(8, 11)
        self.named = named

    def get_output_embeddings(self) -> Any:
        return {
            "layer": self.output,
            "weight": self.output.weight,
            "first": self.wide.weight,
            "nothing": None,
        }[self.named]

    def forward(self, input_ids: Tensor, **others: Any) -> Any:
        hidden = self.head(self.body(input_ids))
        return type("Output", (), {"logits": (self.wide if self.named == "first" else self.output)(hidden)})()


@pytest.mark.parametrize("named", ["layer", "weight", "nothing"])
def test_the_decoder_is_found_by_layer_by_weight_or_by_width(named: str) -> None:
    masked_lm = Masked(named)
    expected = masked_lm(torch.arange(4)[None]).logits
    assert _decoder_of(masked_lm) is masked_lm.output
    decoder = step_over_decoder(masked_lm)
    assert decoder is masked_lm.output
    hidden = masked_lm(torch.arange(4)[None]).logits
    assert hidden.shape == (1, 4, 8)
    torch.testing.assert_close(linear(hidden, decoder.weight, decoder.bias), expected)


def test_a_decoder_wider_or_narrower_than_the_vocabulary_is_found_by_what_is_named() -> None:
    for named in ("layer", "weight"):
        masked_lm = Masked(named, vocabulary=13)
        assert _decoder_of(masked_lm) is masked_lm.output


def test_another_wide_layer_beside_the_named_weight_does_no_harm() -> None:
    masked_lm = Masked("first")
    expected = masked_lm(torch.arange(4)[None]).logits
    decoder = step_over_decoder(masked_lm)
    found = masked_lm(torch.arange(4)[None]).logits
    assert decoder is masked_lm.wide
    torch.testing.assert_close(linear(found, decoder.weight, decoder.bias), expected)


def test_a_model_that_names_its_weight_is_fused_and_equal(
    bert_folder: Path, load: Make, texts: list[str]
) -> None:
    """NorBERT's get_output_embeddings gives the weight of the layer in place of the layer."""
    expected = encode(load(str(bert_folder)), texts)
    loaded = load(str(bert_folder))
    masked_lm = load(str(bert_folder)).model.masked_lm
    decoder = masked_lm.get_output_embeddings()
    del decoder.forward
    masked_lm.get_output_embeddings = lambda: decoder.weight
    model = SpladeModel(masked_lm, name="named", max_seq_length=loaded.model.max_seq_length).eval()
    assert model.fused
    assert model.decoder[0] is decoder
    np.testing.assert_allclose(
        encode(loaded._replace(model=model), texts).toarray(), expected.toarray(), atol=1e-5
    )


def test_a_model_without_a_vocabulary_layer_falls_back_and_says_so_once(
    bert_folder: Path,
    load: Make,
    texts: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    from splade_cli.model.splade import encoder as architectures

    expected = encode(load(str(bert_folder)), texts)
    with caplog.at_level(logging.WARNING):
        assert load(str(bert_folder)).model.fused
        assert not caplog.records
        monkeypatch.setattr(architectures, "_decoder_of", lambda masked_lm: None)
        loaded = load(str(bert_folder))
        found = encode(loaded, texts)
    assert not loaded.model.fused
    assert loaded.model.dimensions == expected.shape[1]
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-5, atol=1e-5)
    (record,) = caplog.records
    assert f"{bert_folder} does not end in a plain linear decoder" in record.getMessage()


def test_no_layer_is_wide_enough() -> None:
    masked_lm = Masked("nothing", vocabulary=13)
    assert _decoder_of(masked_lm) is None
    before = masked_lm(torch.arange(4)[None]).logits
    assert step_over_decoder(masked_lm) is None
    assert torch.equal(masked_lm(torch.arange(4)[None]).logits, before)


def test_the_model_stays_in_the_mode_that_it_was_in() -> None:
    for training in (True, False):
        masked_lm = Masked("layer").train(training)
        step_over_decoder(masked_lm)
        assert masked_lm.training is training
