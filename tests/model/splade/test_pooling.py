"""The fused head against the dense formula written out: values, gradients, masks, ties, precision."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from splade_cli.model.splade import max_pooling
from splade_cli.model.splade.pooling import sparse_pool, sparse_rows

CASES = [(kind, activation) for kind in ("max", "sum") for activation in ("relu", "log1p_relu")]


def reference(
    hidden: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, kind: str, activation: str
) -> Tensor:
    """[B, L, V] in full; pads give zero, which no non-negative weight is below."""
    weights = torch.log1p(torch.relu(hidden @ weight.T + (0 if bias is None else bias)))
    if activation == "log1p_relu":
        weights = torch.log1p(weights)
    weights = weights * mask[..., None]
    return weights.amax(1) if kind == "max" else weights.sum(1)


def make(
    texts: int, tokens: int, width: int, terms: int, dtype: torch.dtype = torch.float64, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).to(dtype)

    lengths = torch.randint(1, tokens + 1, (texts,), generator=generator)
    mask = (torch.arange(tokens)[None] < lengths[:, None]).long()
    return normal(texts, tokens, width), mask, normal(terms, width), normal(terms)


def both(
    hidden: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None, kind: str, activation: str
) -> tuple[list[Tensor], list[Tensor]]:
    """(ours, reference): weights, and gradients of a random linear form of them in hidden, weight, bias."""
    found = []
    for function in (sparse_pool, reference):
        leaves = [tensor.clone().requires_grad_() for tensor in (hidden, weight, bias) if tensor is not None]
        out = function(leaves[0], mask, leaves[1], leaves[2] if bias is not None else None, kind, activation)
        probe = torch.randn(out.shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64).to(
            out.dtype
        )
        found.append([out.detach(), *torch.autograd.grad((out * probe).sum(), leaves)])
    return found[0], found[1]


def check(ours: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    for name, left, right in zip(("weights", "hidden", "weight", "bias"), ours, expected, strict=False):
        assert (left.shape, left.dtype) == (right.shape, right.dtype), name
        scale = float(right.abs().max()) or 1.0
        assert float((left - right).abs().max()) <= tolerance * scale, name


@pytest.mark.parametrize(("kind", "activation"), CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5)])
@pytest.mark.parametrize("with_bias", [True, False])
def test_values_and_gradients(
    kind: str, activation: str, dtype: torch.dtype, tolerance: float, with_bias: bool
) -> None:
    hidden, mask, weight, bias = make(7, 13, 8, 33, dtype)
    check(*both(hidden, mask, weight, bias if with_bias else None, kind, activation), tolerance)


@pytest.mark.parametrize(("kind", "activation"), CASES)
def test_vocabulary_of_several_tiles(kind: str, activation: str) -> None:
    hidden, mask, weight, bias = make(5, 6, 4, 2048 * 2 + 7)
    check(*both(hidden, mask, weight, bias, kind, activation), 1e-12)


def test_many_groups_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(max_pooling.TILE_ELEMENTS, "cpu", 64)
    hidden, mask, weight, bias = make(23, 11, 4, 16)
    groups = list(max_pooling.groups_of_like_length(mask, 4))
    everyone = torch.arange(23)
    assert sorted(int(text) for members, _, _ in groups for text in everyone[members]) == list(range(23))
    assert any(
        isinstance(members, slice) for members, _, _ in max_pooling.groups_of_like_length(torch.ones(4, 3), 6)
    )
    assert len(groups) > 10
    check(*both(hidden, mask, weight, bias, "max", "relu"), 1e-12)


@pytest.mark.parametrize("kind", ["max", "sum"])
def test_left_padding_and_holes(kind: str) -> None:
    hidden, mask, weight, bias = make(6, 9, 4, 12)
    check(*both(hidden, mask.flip(1), weight, bias, kind, "relu"), 1e-12)
    holes = torch.tensor([[1, 0, 1, 0, 1, 0, 1, 0, 1]]).repeat(6, 1)
    check(*both(hidden, holes, weight, bias, kind, "relu"), 1e-12)


@pytest.mark.parametrize("kind", ["max", "sum"])
def test_what_stands_at_pads_does_not_matter(kind: str) -> None:
    hidden, mask, weight, bias = make(6, 9, 4, 12)
    loud = torch.where(mask[..., None].bool(), hidden, torch.full_like(hidden, 1e6))
    ours = [sparse_pool(one, mask, weight, bias, kind) for one in (hidden, loud)]
    assert torch.equal(ours[0], ours[1])


@pytest.mark.parametrize("kind", ["max", "sum"])
def test_a_text_without_a_real_token_is_zero_with_zero_gradient(kind: str) -> None:
    hidden, mask, weight, bias = make(4, 5, 3, 9)
    mask[1] = 0
    ours, expected = both(hidden, mask, weight, bias.abs() + 1, kind, "relu")
    assert ours[0][1].eq(0).all()
    assert ours[1][1].eq(0).all()
    check(ours, expected, 1e-12)
    mask[:] = 0
    ours, expected = both(hidden, mask, weight, bias.abs() + 1, kind, "relu")
    assert ours[0].eq(0).all()
    check(ours, expected, 1e-12)


@pytest.mark.parametrize(("kind", "activation"), CASES)
@pytest.mark.parametrize("shift", [-100.0, 100.0])
def test_all_zero_and_all_active_rows(kind: str, activation: str, shift: float) -> None:
    hidden, mask, weight, bias = make(4, 5, 3, 9)
    ours, expected = both(hidden, mask, weight, bias + shift, kind, activation)
    assert bool(ours[0].gt(0).all()) is (shift > 0)
    assert bool(ours[0].eq(0).all()) is (shift < 0)
    check(ours, expected, 1e-12)


@pytest.mark.parametrize(("kind", "activation"), CASES)
def test_one_token_one_text_one_term(kind: str, activation: str) -> None:
    hidden, mask, weight, bias = make(1, 1, 1, 1, seed=3)
    check(*both(hidden, mask, weight, bias.abs() + 5, kind, activation), 1e-12)
    hidden, mask, weight, bias = make(3, 1, 4, 6)
    check(*both(hidden, mask, weight, bias, kind, activation), 1e-12)


def test_ties_give_the_same_value_and_one_subgradient() -> None:
    """Two equal tokens: the value, the gradient in weight and bias, and hidden's sum are unambiguous."""
    hidden, _, weight, bias = make(2, 3, 4, 10)
    hidden = hidden[:, :1].repeat(1, 3, 1)
    mask = torch.ones(2, 3, dtype=torch.long)
    ours, expected = both(hidden, mask, weight, bias, "max", "relu")
    check([ours[0], ours[1].sum(1), *ours[2:]], [expected[0], expected[1].sum(1), *expected[2:]], 1e-12)


@pytest.mark.parametrize(("kind", "activation"), CASES)
def test_gradcheck(kind: str, activation: str) -> None:
    hidden, mask, weight, bias = (tensor for tensor in make(3, 4, 3, 6, seed=8))
    for tensor in (hidden, weight, bias):
        tensor.requires_grad_()
    assert torch.autograd.gradcheck(
        lambda h, w, b: sparse_pool(h, mask, w, b, kind, activation),
        (hidden, weight, bias),
        eps=1e-6,
        atol=1e-6,
    )


@pytest.mark.parametrize("kind", ["max", "sum"])
def test_frozen_parameters_get_no_gradient(kind: str) -> None:
    hidden, mask, weight, bias = make(3, 4, 3, 6)
    sparse_pool(hidden.requires_grad_(), mask, weight, bias, kind).sum().backward()
    assert hidden.grad is not None
    assert weight.grad is None
    assert bias.grad is None


@pytest.mark.parametrize(("kind", "activation"), CASES)
def test_autocast_is_close_and_keeps_gradients(kind: str, activation: str) -> None:
    hidden, mask, weight, bias = make(5, 7, 16, 40, torch.float32)
    exact, _ = both(hidden, mask, weight, bias, kind, activation)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        low, _ = both(hidden, mask, weight, bias, kind, activation)
    assert low[0].dtype == torch.float32
    assert not torch.equal(low[0], exact[0])
    for left, right in zip(low, exact, strict=True):
        assert float((left - right).abs().max()) <= 0.1 * float(right.abs().max())


def test_low_precision_hidden_states_with_float32_weights() -> None:
    hidden, mask, weight, bias = make(5, 7, 16, 40, torch.float32)
    low = hidden.bfloat16().requires_grad_()
    out = sparse_pool(low, mask, weight, bias)
    expected = reference(low.detach().float(), mask, weight, bias, "max", "relu")
    torch.testing.assert_close(out, expected, rtol=1e-5, atol=1e-5)
    out.sum().backward()
    assert low.grad is not None
    assert low.grad.dtype == torch.bfloat16


@given(
    st.integers(1, 9), st.integers(1, 12), st.integers(1, 7), st.integers(1, 40), st.sampled_from(CASES),
    st.booleans(), st.integers(0, 10_000),
)  # fmt: skip
def test_any_shape_and_any_mask(
    texts: int, tokens: int, width: int, terms: int, case: tuple[str, str], with_bias: bool, seed: int
) -> None:
    hidden, _, weight, bias = make(texts, tokens, width, terms, seed=seed)
    mask = torch.randint(0, 2, (texts, tokens), generator=torch.Generator().manual_seed(seed))
    check(*both(hidden, mask, weight, bias if with_bias else None, *case), 1e-11)


def test_no_more_logits_are_held_than_a_tile_and_each_is_computed_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sizes: list[int] = []
    original = max_pooling.product

    def counted(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        logits = original(rows, weight)
        sizes.append(logits.numel())
        return logits

    monkeypatch.setattr(max_pooling, "product", counted)
    batch, length, vocabulary = 6, 200, 4000
    mask = torch.ones(batch, length, dtype=torch.long)
    mask[0, 50:] = 0
    sparse_rows(torch.randn(batch, length, 8), mask, torch.randn(vocabulary, 8), None)
    assert max(sizes) <= max_pooling.TILE_ELEMENTS["cpu"]
    assert sum(sizes) == int(mask.sum()) * vocabulary, "padding costs nothing"
