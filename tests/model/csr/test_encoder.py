"""CSR models: our vectors are sentence-transformers', k is nested, and what cannot be used is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from splade_cli.errors import ModelError
from splade_cli.model.csr.encoder import AUTOENCODER, make_csr, open_csr
from splade_cli.model.encode import encode
from splade_cli.model.layout import last_module
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelOptions


@pytest.fixture(scope="session")
def dense_folder(make_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random dense model of 32 dimensions."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    transformer = Transformer(str(make_folder("bert")))
    model = SentenceTransformer(modules=[transformer, Pooling(32, "mean"), Normalize()], device="cpu")
    folder = tmp_path_factory.mktemp("dense")
    model.save(str(folder), create_model_card=False)
    return folder


@pytest.fixture(scope="session")
def csr_folder(dense_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CSR model over it, 16 of 96 latents, with random parameters."""
    encoder, _ = make_csr(str(dense_folder), k=16, k_aux=8, hidden=96, options=ModelOptions(device="cpu"))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        for parameter in (encoder[-1].encoder.weight, encoder[-1].pre_bias, encoder[-1].latent_bias):
            torch.nn.init.normal_(parameter, std=0.2)
    folder = tmp_path_factory.mktemp("csr")
    encoder.save_pretrained(str(folder), create_model_card=False)
    return folder


def _loaded(folder: Path, **options: Any) -> LoadedModel:
    return open_csr(folder, str(folder), ModelOptions(device="cpu", precision="fp32", **options))


def _of_stock(encoder: Any, texts: list[str], **options: Any) -> np.ndarray:
    return np.asarray(encoder.encode(texts, convert_to_sparse_tensor=False, **options).cpu())


def test_vectors_are_those_of_sentence_transformers(
    csr_folder: Path, stock: Callable[..., Any], texts: list[str]
) -> None:
    loaded = _loaded(csr_folder)
    ours = encode(loaded, texts)
    theirs = _of_stock(stock(csr_folder), texts)
    np.testing.assert_allclose(ours.toarray(), theirs, rtol=1e-4, atol=1e-5)
    assert ours.shape == (len(texts), 96) and loaded.model.dimensions == 96
    assert 0 < ours.getnnz(1).max() <= 16
    assert (encode(loaded, texts, "query") != ours).nnz == 0


def test_fewer_latents_are_the_largest(csr_folder: Path, stock: Callable[..., Any], texts: list[str]) -> None:
    loaded = _loaded(csr_folder)
    whole = encode(loaded, texts).toarray()
    loaded.model.max_active = 5
    few = encode(loaded, texts).toarray()
    for row, part in zip(whole, few, strict=True):
        kept = np.sort(row)[-5:]
        np.testing.assert_allclose(part, np.where(row >= kept[0], row, 0), rtol=1e-4)
    np.testing.assert_allclose(
        few, _of_stock(stock(csr_folder), texts, max_active_dims=5), rtol=1e-4, atol=1e-5
    )


def test_a_saved_k_and_prompts_are_kept(
    csr_folder: Path, tmp_path: Path, stock: Callable[..., Any], texts: list[str]
) -> None:
    encoder = stock(csr_folder, prompts={"query": "reset ", "document": ""}, max_active_dims=7)
    encoder.save_pretrained(str(tmp_path), create_model_card=False)
    loaded = _loaded(tmp_path)
    assert loaded.model.max_active == 7 and loaded.model.prompts == {"query": "reset "}
    theirs = np.asarray(stock(tmp_path).encode_query(texts, convert_to_sparse_tensor=False))
    np.testing.assert_allclose(encode(loaded, texts, "query").toarray(), theirs, rtol=1e-4, atol=1e-5)


def test_made_of_a_dense_model(dense_folder: Path, csr_folder: Path) -> None:
    encoder, loaded = make_csr(str(dense_folder), k=16, options=ModelOptions(device="cpu"))
    assert [type(part).__name__ for part in encoder] == [
        "Transformer",
        "Pooling",
        "Normalize",
        "SparseAutoEncoder",
    ]
    assert loaded.model.dimensions == 128 and loaded.model.max_active == 16
    again, view = make_csr(str(csr_folder), k=4, options=ModelOptions(device="cpu"))
    assert again[-1].k == 4 and view.model.dimensions == 96
    assert last_module(str(csr_folder)) == AUTOENCODER != last_module(str(dense_folder))


def test_the_view_encodes_with_the_current_weights(dense_folder: Path, texts: list[str]) -> None:
    encoder, loaded = make_csr(str(dense_folder), k=8, hidden=64, options=ModelOptions(device="cpu"))
    before = encode(loaded, texts).toarray()
    with torch.no_grad():
        encoder[-1].encoder.weight.mul_(2)
    assert np.allclose(encode(loaded, texts).toarray(), 2 * before, atol=1e-5)


def test_what_is_no_csr_model(dense_folder: Path, bert_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="Transformer \\+ SpladePooling"):
        open_csr(bert_folder, "bert", ModelOptions(device="cpu"))
    with pytest.raises(ModelError, match="k 65 is more than the 64 latents"):
        make_csr(str(dense_folder), k=65, hidden=64, options=ModelOptions(device="cpu"))
    with pytest.raises(ModelError, match="no model folder"):
        make_csr(str(tmp_path / "nowhere"), options=ModelOptions(device="cpu"))
