"""Our encoder against an untouched SparseEncoder over the same folder, family by family."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from splade_cli.config.schema import ModelSection
from splade_cli.model.encode import encode
from splade_cli.model.options import ModelOptions
from splade_cli.model.splade.encoder import SpladeModel
from splade_cli.model.splade.head import ReferenceHead
from splade_cli.training.trainable import open_trainable

FAMILIES = ("bert", "roberta", "distilbert", "mpnet", "modernbert", "electra", "xlm-roberta")
Make = Callable[..., Any]


def dense(encoder: Any, texts: list[str], kind: str, **options: Any) -> np.ndarray:
    method = encoder.encode_query if kind == "query" else encoder.encode_document
    return method(texts, convert_to_sparse_tensor=False, show_progress_bar=False, **options).float().numpy()


def check_same(
    loaded: Any,
    encoder: Any,
    texts: list[str],
    kinds: tuple[str, ...] = ("document", "query"),
    **options: Any,
) -> None:
    for kind in kinds:
        ours = encode(loaded, texts, kind)
        expected = dense(encoder, texts, kind, **options)
        assert ours.dtype == np.float32
        assert ours.shape == expected.shape
        assert (ours.data != 0).all()
        assert ours.has_sorted_indices
        assert ours.nnz > 0
        np.testing.assert_allclose(ours.toarray(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_plain_folder_of_each_family_is_fused_and_equal(
    family: str, make_folder: Make, load: Make, stock: Make, texts: list[str]
) -> None:
    folder = make_folder(family)
    loaded = load(str(folder))
    assert loaded.model.fused
    check_same(loaded, stock(folder), texts)


def test_a_head_that_cannot_be_fused_falls_back(make_folder: Make, load: Make, texts: list[str]) -> None:
    """A scale after the decoder: skipping it would change the result, so the reference has to be used."""
    loaded = load(str(make_folder("bert")))
    masked_lm = load(str(make_folder("bert"))).model.masked_lm
    masked_lm.get_output_embeddings().__class__ = torch.nn.Linear
    predictions = masked_lm.cls
    original = predictions.forward
    predictions.forward = lambda hidden: original(hidden) * 0.5
    before = masked_lm(input_ids=torch.tensor([[2, 9, 3]])).logits.detach()
    model = SpladeModel(masked_lm, name="scaled", max_seq_length=loaded.model.max_seq_length).eval()
    assert not model.fused
    torch.testing.assert_close(masked_lm(input_ids=torch.tensor([[2, 9, 3]])).logits, before)
    ids = torch.tensor([[2, 9, 11, 3, 0], [2, 20, 3, 0, 0]])
    mask = (ids != 0).long()
    expected = torch.log1p(
        torch.relu(masked_lm(input_ids=ids, attention_mask=mask).logits) * mask[..., None]
    ).amax(1)
    torch.testing.assert_close(model(input_ids=ids, attention_mask=mask), expected)
    assert encode(loaded._replace(model=model), texts).shape == (len(texts), model.dimensions)


@pytest.mark.parametrize("family", ["bert", "modernbert"])
def test_left_padding(family: str, make_folder: Make, load: Make, stock: Make, texts: list[str]) -> None:
    folder = make_folder(family, padding_side="left")
    loaded = load(str(folder))
    assert loaded.tokenizer.padding_side == "left"
    # a text alone: padded on the left, BERT counts the positions of its padding, and a row goes by its neighbours
    check_same(loaded, stock(folder), texts, batch_size=1)


@pytest.mark.parametrize("family", ["bert", "roberta", "mpnet"])
def test_length_limit(family: str, make_folder: Make, load: Make, stock: Make, texts: list[str]) -> None:
    encoder = stock(make_folder(family))
    encoder.max_seq_length = 9
    loaded = load(str(make_folder(family)), max_seq_length=9)
    check_same(loaded, encoder, texts)
    assert abs(encode(loaded, texts) - encode(load(str(make_folder(family))), texts)).max() > 1e-3


@pytest.mark.parametrize("family", FAMILIES)
def test_limit_beyond_the_positions_is_cut(family: str, make_folder: Make, load: Make) -> None:
    """A tokenizer that names no limit must not make the model read past its last position."""
    loaded = load(str(make_folder(family, limit=int(1e30))))
    assert loaded.model.max_seq_length <= 64
    assert encode(loaded, ["saw blade " * 500]).nnz > 0


@pytest.mark.parametrize(("pooling", "activation"), [("max", "log1p_relu"), ("sum", "relu")])
def test_saved_folder_keeps_pooling_activation_prompts_and_limit(
    pooling: str,
    activation: str,
    make_folder: Make,
    load: Make,
    stock: Make,
    texts: list[str],
    tmp_path: Path,
) -> None:
    encoder = stock(make_folder("bert"), prompts={"query": "question: ", "document": "passage: "})
    encoder[1].pooling_strategy, encoder[1].activation_function = pooling, activation
    encoder.max_seq_length = 20
    encoder.save_pretrained(str(tmp_path))
    loaded = load(str(tmp_path))
    assert (loaded.model.pooling, loaded.model.activation) == (pooling, activation)
    assert loaded.model.max_seq_length == 20
    check_same(loaded, stock(tmp_path), texts)
    assert abs(encode(loaded, texts, "query") - encode(loaded, texts, "document")).max() > 1e-3


def test_prompts_of_other_names_and_without_a_text(
    make_folder: Make, load: Make, stock: Make, texts: list[str], tmp_path: Path
) -> None:
    """sentence-transformers puts a prompt before documents only if called ``document``; null is none."""
    stock(make_folder("bert"), prompts={"passage": "passage: "}).save_pretrained(str(tmp_path))
    check_same(load(str(tmp_path)), stock(tmp_path), texts)
    settings = json.loads((tmp_path / "config_sentence_transformers.json").read_text())
    settings["prompts"] = {"query": None, "document": "passage: "}
    (tmp_path / "config_sentence_transformers.json").write_text(json.dumps(settings))
    check_same(load(str(tmp_path)), stock(tmp_path), texts)


def test_max_active_dims(
    make_folder: Make, load: Make, stock: Make, texts: list[str], tmp_path: Path
) -> None:
    stock(make_folder("bert"), max_active_dims=5).save_pretrained(str(tmp_path))
    loaded = load(str(tmp_path))
    assert loaded.model.max_active == 5
    assert np.diff(encode(loaded, texts).indptr).max() == 5
    check_same(loaded, stock(tmp_path), texts)


def test_whitespace_and_odd_texts(bert_folder: Path, load: Make, stock: Make) -> None:
    check_same(
        load(str(bert_folder)), stock(bert_folder), ["  reset \n", "\n\n", "\u200b", "a" * 300, "saw\tblade"]
    )


def test_the_fused_head_changes_neither_loss_nor_gradient(bert_folder: Path, load: Make, stock: Make) -> None:
    from sentence_transformers.sparse_encoder.losses import SparseMultipleNegativesRankingLoss, SpladeLoss

    columns = [
        ["reset a password", "saw"],
        ["How do I reset a password", "the table saw needs"],
        ["backups", "login"],
    ]
    ours = open_trainable(ModelSection(base_model=str(bert_folder)), ModelOptions(device="cpu")).encoder
    figures = []
    for encoder in (ours, stock(bert_folder)):
        encoder.train()  # in evaluation the stock pooling works in place and cannot be differentiated
        for module in encoder.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        loss = SpladeLoss(
            encoder, SparseMultipleNegativesRankingLoss(encoder), document_regularizer_weight=0.3,
            query_regularizer_weight=0.2,
        )  # fmt: skip
        values = loss([encoder.preprocess(column) for column in columns], None)
        sum(values.values()).backward()
        gradients = {name: parameter.grad for name, parameter in encoder.named_parameters()}
        figures.append(({name: value.item() for name, value in values.items()}, gradients))
    (ours_loss, ours_gradients), (stock_loss, stock_gradients) = figures
    assert ours_loss == pytest.approx(stock_loss, rel=1e-5)
    assert ours_gradients.keys() == stock_gradients.keys()
    for name, expected in stock_gradients.items():
        assert (expected is None) == (ours_gradients[name] is None), name
        if expected is not None:
            tolerance = 1e-5 * max(1.0, float(expected.abs().max()))
            assert float((ours_gradients[name] - expected).abs().max()) < tolerance, name
    assert sum(float(g.abs().sum()) for g in stock_gradients.values() if g is not None) > 0.1


@pytest.mark.parametrize("family", FAMILIES)
def test_saved_with_a_fused_head_opens_with_the_same_vectors(
    family: str, make_folder: Make, load: Make, stock: Make, texts: list[str], tmp_path: Path
) -> None:
    folder = make_folder(family)
    trained = open_trainable(ModelSection(base_model=str(folder)), ModelOptions(device="cpu"))
    encoder, view = trained.encoder, trained.view
    np.testing.assert_allclose(
        dense(encoder, texts, "document"), encode(view, texts).toarray(), rtol=1e-5, atol=1e-5
    )
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter.mul_(1.01)
    expected = encode(view, texts).toarray()
    encoder.save_pretrained(str(tmp_path))
    np.testing.assert_allclose(dense(stock(tmp_path), texts, "document"), expected, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(encode(load(str(tmp_path)), texts).toarray(), expected, rtol=1e-5, atol=1e-5)
    kinds = [
        module["type"].rpartition(".")[2] for module in json.loads((tmp_path / "modules.json").read_text())
    ]
    assert kinds[1] == "SpladePooling"


def test_a_head_of_logits_takes_no_place(bert_folder: Path, load: Make) -> None:
    from splade_cli.model.splade.sparse_encoder import FusedSparseEncoder

    encoder = FusedSparseEncoder(str(bert_folder), device="cpu")
    before = encoder[1]
    encoder.insert_head(ReferenceHead(126))
    assert encoder[1] is before
    assert type(before).__name__ == "SpladePooling"


def test_the_head_stands_in_the_module_list_and_the_stock_one_is_saved(
    bert_folder: Path, tmp_path: Path, texts: list[str]
) -> None:
    section = ModelSection(base_model=str(bert_folder), pooling_strategy="sum", activation="log1p_relu")
    trained = open_trainable(section, ModelOptions(device="cpu"))
    encoder = trained.encoder
    assert encoder[1] is trained.view.splade.head
    assert [type(part).__name__ for part in encoder] == ["Transformer", "FusedHead"]
    assert not any("forward" in part.__dict__ for part in encoder.modules())
    names = set(encoder.state_dict())
    encoder.save_pretrained(str(tmp_path))
    assert [type(part).__name__ for part in encoder] == ["Transformer", "FusedHead"], "as before"
    modules = json.loads((tmp_path / "modules.json").read_text())
    assert modules[1]["path"] == "1_SpladePooling"
    assert modules[1]["type"].startswith("sentence_transformers.")
    settings = json.loads((tmp_path / "1_SpladePooling" / "config.json").read_text())
    assert settings["pooling_strategy"] == "sum"
    assert settings["activation_function"] == "log1p_relu"
    assert settings["embedding_dimension"] == trained.view.model.dimensions
    assert "FusedHead" not in (tmp_path / "README.md").read_text()
    again = type(encoder)(str(tmp_path), device="cpu")
    assert set(again.state_dict()) == names, "a checkpoint's names"
