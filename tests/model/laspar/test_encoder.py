"""LASPAR against a dense reference: encoding, gradients, folders of the head, any body."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from torch import Tensor

from splade_cli.errors import InputError, ModelError
from splade_cli.model.laspar.encoder import make_latent
from splade_cli.model.laspar.head import LatentHead
from splade_cli.model.laspar.shape import LatentShape
from splade_cli.training.laspar.trainable import calibrate

VARIANTS = ("attention", "sum")
D, QUERY, DOCUMENT = 3000, 6, 20


def make_head(variant: str = "attention", seed: int = 0, **options: Any) -> LatentHead:
    shape = LatentShape(32, D, variant, query_k=QUERY, document_k=DOCUMENT, positions=16, **options)
    head = LatentHead(shape, seed)
    generator = torch.Generator().manual_seed(seed)
    for part in (head.position_weights, head.rows.bias):
        if part is not None:
            part.data.normal_(generator=generator)
    head.scale.fill_(0.3)
    return head


def reference(
    head: LatentHead, tokens: Tensor, mask: Tensor, k: int, weight: Tensor, bias: Tensor | None
) -> Tensor:
    """Every text by itself, its real tokens alone, over all of D."""
    out = []
    for vectors, real in zip(tokens, mask.bool(), strict=True):
        own = vectors[real]
        if head.position_weights is None:
            summed = own.sum(0)
        else:
            places = [min(place, head.positions - 1) for place in range(len(own))]
            shares = head.position_weights[places].exp()
            summed = (shares / shares.sum()) @ own
        if head.reduce is not None:
            summed = head.reduce.weight @ summed
        scores = weight @ (summed * head.scale)
        scores = scores if bias is None else scores + bias
        values = torch.log(1 + torch.relu(scores)).clamp(max=10)
        values = values * (scores >= scores.topk(k).values[-1])
        out.append(values / values.norm())
    return torch.stack(out)


def batch(texts: int = 5, length: int = 24, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    mask = torch.arange(length)[None] < torch.randint(1, length + 1, (texts, 1), generator=generator)
    return torch.randn(texts, length, 32, generator=generator), mask.long()


@pytest.mark.parametrize("rank", [None, 8])
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("task", ["query", "document"])
def test_encoding_is_the_dense_reference(variant: str, rank: int | None, task: str) -> None:
    head, (tokens, mask) = make_head(variant, rank=rank), batch()
    tokens[0, 0] = 1e9  # the clamp
    with torch.no_grad():
        expected = reference(head, tokens, mask, head.k_of(task), head.rows.weight, head.rows.bias)
        found = head({"token_embeddings": tokens, "attention_mask": mask}, task=task)["sentence_embedding"]
    assert torch.allclose(found, expected, atol=1e-5)
    assert (found > 0).sum(1).max() <= (QUERY if task == "query" else DOCUMENT)
    assert torch.allclose(found.norm(dim=1), torch.ones(len(found)), atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_padding_on_either_side_changes_nothing(variant: str) -> None:
    head, (tokens, mask) = make_head(variant), batch()
    with torch.no_grad():
        right = head.sum_tokens(tokens, mask)
        left = head.sum_tokens(tokens.flip(1), mask.flip(1))
        again = head.sum_tokens(torch.where(mask[..., None] > 0, tokens, 1e3), mask)
    assert torch.allclose(right, again, atol=1e-4)
    if variant == "sum":
        assert torch.allclose(left, right, atol=1e-4)
    one = torch.tensor([[0, 0, 1]])
    assert torch.allclose(head.sum_tokens(tokens[:1, :3], one), tokens[:1, 2], atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_those_of_a_dense_top_k(variant: str) -> None:
    head, (tokens, mask) = make_head(variant), batch()
    kept = [QUERY, QUERY, DOCUMENT, DOCUMENT, DOCUMENT]
    tokens.requires_grad_()
    columns, weights = head.compact_weights(head.project(head.sum_tokens(tokens, mask)), kept)
    (weights[:2] @ weights[2:].T).square().sum().backward()
    other = tokens.detach().clone().requires_grad_()
    weight = head.rows.weight.detach().clone().requires_grad_()
    bias = None if head.rows.bias is None else head.rows.bias.detach().clone().requires_grad_()
    rows = [reference(head, other[[i]], mask[[i]], k, weight, bias) for i, k in enumerate(kept)]
    dense = torch.cat(rows)
    assert torch.allclose(
        torch.zeros(5, D).index_copy(1, columns, weights.detach()), dense.detach(), atol=1e-5
    )
    positions = None if head.position_weights is None else head.position_weights.grad.clone()
    if head.position_weights is not None:
        head.position_weights.grad = None
    (dense[:2] @ dense[2:].T).square().sum().backward()
    assert torch.allclose(tokens.grad, other.grad, atol=1e-5)
    (lent,) = head.rows.gathered
    assert torch.equal(lent.columns, columns)
    assert torch.allclose(lent.rows.grad, weight.grad[columns], atol=1e-5)
    untouched = torch.ones(D, dtype=torch.bool)
    untouched[columns] = False
    assert not weight.grad[untouched].any()
    if bias is not None:
        assert torch.allclose(lent.biases.grad, bias.grad[columns], atol=1e-5)
        assert torch.allclose(positions, head.position_weights.grad, atol=1e-5)


def test_forward_trains_and_is_sparse_where_d_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    head, (tokens, mask) = make_head(), batch()
    features = {"token_embeddings": tokens, "attention_mask": mask}
    dense = head(dict(features))["sentence_embedding"]
    assert dense.requires_grad and not dense.is_sparse
    monkeypatch.setattr("splade_cli.model.laspar.head.DENSE_LIMIT", D - 1)
    sparse = head(dict(features))["sentence_embedding"]
    assert sparse.is_sparse
    assert torch.allclose(sparse.to_dense(), dense, atol=1e-6)
    torch.sparse.sum(sparse).backward()
    with torch.no_grad():
        assert torch.allclose(head(dict(features))["sentence_embedding"].to_dense(), dense, atol=1e-5)


def test_calibration_gives_scores_the_density_and_scale_asked_for() -> None:
    head = LatentHead(LatentShape(32, D))
    summed = torch.randn(400, 32) @ torch.diag(torch.linspace(0.1, 30, 32))
    head.calibrate(summed, density=0.1)
    hidden = head.project(summed)
    scores = hidden @ head.rows.weight.T + head.rows.bias
    assert float((scores > 0).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert float(scores.std()) == pytest.approx(1, rel=0.1)
    narrow = LatentHead(LatentShape(32, D, rank=8))
    narrow.calibrate(summed)
    reduced = narrow.reduce(summed).detach()
    assert float(reduced.square().sum() / summed.square().sum()) > 0.5  # the principal axes, not any eight


@pytest.mark.parametrize(
    "bad",
    [{"variant": "mean"}, {"document_k": D + 1}, {"query_k": 0}],
)
def test_sizes_that_cannot_be_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        LatentShape(32, **{"dimensions": D, "query_k": 2, "document_k": 2, **bad})


def test_a_number_that_is_not_finite_is_no_weight() -> None:
    head = make_head()
    with pytest.raises(FloatingPointError):
        head.encode(torch.full((1, 32), float("nan")), 3)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("rank", [None, 8])
def test_a_head_opens_as_it_was_saved_and_can_be_saved_over(
    tmp_path: Path, precision: str, rank: int | None
) -> None:
    head = make_head(precision=precision, rank=rank)
    head.save(str(tmp_path / "head"))
    again = LatentHead.load(str(tmp_path), "head")
    assert again.get_config_dict() == head.get_config_dict()
    for name, value in head.state_dict().items():
        assert torch.equal(value, again.state_dict()[name]), name
    assert not again.rows.weight.requires_grad
    again.rows.weight.data[5] += 1  # in memory, not in the file
    assert torch.equal(LatentHead.load(str(tmp_path), "head").rows.weight, head.rows.weight)
    again.save(str(tmp_path / "head"))  # into the file that it is mapped from
    assert torch.equal(LatentHead.load(str(tmp_path), "head").rows.weight, again.rows.weight)
    (tmp_path / "head" / "model.safetensors").write_bytes(b"no")
    with pytest.raises(ModelError, match="damaged"):
        LatentHead.load(str(tmp_path), "head")


@pytest.mark.parametrize("family", ["roberta", "distilbert"])
def test_any_body_will_do(family: str, make_folder: Callable[..., Path], texts: list[str]) -> None:
    tokenizer, model = make_latent(str(make_folder(family)), D, "sum", query_k=QUERY, document_k=DOCUMENT)
    calibrate(model, tokenizer, texts)
    features = tokenizer(
        texts, padding=True, truncation=True, max_length=model.max_seq_length, return_tensors="pt"
    )
    with torch.inference_mode():
        rows = model.sparse_rows(**features)
        tokens = model.body(**features).last_hidden_state
        expected = reference(
            model.head, tokens, features["attention_mask"], DOCUMENT, model.head.rows.weight, None
        )
    found = sp.csr_matrix((rows.values, rows.terms, rows.bounds), shape=(len(texts), D))
    assert np.allclose(found.toarray(), expected.numpy(), atol=1e-4)
    assert found.has_sorted_indices
