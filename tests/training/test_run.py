"""Each architecture, trained for a few steps: what is saved opens elsewhere with the same vectors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from splade_cli.config.schema import ModelSection
from splade_cli.errors import InputError, ModelError
from splade_cli.model.encode import encode
from splade_cli.model.options import ModelOptions
from splade_cli.model.query_encoders.frequencies import TokenFrequencies
from splade_cli.storage.cache import Cache
from splade_cli.training.trainable import open_trainable
from splade_cli.training.trainer import SpladeTrainer

WORDS = ("reset", "saw", "login", "blade", "night", "backups", "lathe", "code")
TEXTS = ["the saw needs a blade", "about reset and code", "a"]


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rows") / "train.json"
    found: list[dict[str, Any]] = []
    for number, word in enumerate(WORDS):
        negatives = [f"about the {WORDS[(number + step) % 8]}" for step in range(1, 1 + number % 3)]
        found.append(
            {"query": f"the {word}", "positive": f"about {word} and every {word}", "negatives": negatives}
        )
    path.write_text(json.dumps(found))
    return path


def train(base: Path, rows: Path, output: Path, val: bool = True, **settings: Any) -> Any:
    fixed = {
        "training.max_steps": 3, "training.learning_rate": 1e-3, "training.per_device_train_batch_size": 4,
        "hardware.device": "cpu", "evaluation.preflight": False, "training.tuned_share": 1.0,
    }  # fmt: skip
    given = {key.replace("__", "."): value for key, value in settings.items()}
    result = SpladeTrainer(
        str(base), output, rows, rows if val else None, settings={**fixed, **given}
    ).train()
    names_no_folder(result.model_dir)
    has_one_length_limit(result.model_dir)
    return result


def has_one_length_limit(model_dir: Path) -> None:
    """What opens the tokenizer alone reads as many tokens as what opens the model."""
    configs = list(model_dir.rglob("tokenizer_config.json"))
    assert configs
    for path in configs:
        limit = json.loads(path.read_text())["model_max_length"]
        assert json.loads((path.parent / "tokenizer.json").read_text())["truncation"]["max_length"] == limit
        sentence = path.parent / "sentence_bert_config.json"
        if sentence.is_file():
            assert json.loads(sentence.read_text())["max_seq_length"] == limit


def names_no_folder(model_dir: Path) -> None:
    """A model folder is made to be published: it tells nothing of where its base and its rows lie."""
    for path in model_dir.rglob("*"):
        if path.is_file():
            assert b"/pytest-of-" not in path.read_bytes(), path


def same_vectors(folder: Path, load: Any, stock: Any) -> None:
    """Ours and sentence-transformers' vectors of a saved model, both kinds."""
    loaded, theirs = load(str(folder)), stock(folder)
    for kind, method in (("query", theirs.encode_query), ("document", theirs.encode_document)):
        expected = method(TEXTS, convert_to_sparse_tensor=False).numpy()
        np.testing.assert_allclose(encode(loaded, TEXTS, kind).toarray(), expected, rtol=1e-5, atol=1e-5)
        assert expected.any()


@pytest.mark.parametrize("frozen", [False, True])
def test_inference_free(
    frozen: bool, bert_folder: Path, rows: Path, load: Any, stock: Any, tmp_path: Path
) -> None:
    result = train(
        bert_folder,
        rows,
        tmp_path,
        False,
        model__architecture="inference-free",
        model__freeze_static_embedding=frozen,
    )
    same_vectors(result.model_dir, load, stock)
    after = load(str(result.model_dir))
    documents = {
        text for row in json.loads(rows.read_text()) for text in (row["positive"], *row["negatives"])
    }
    ids = after.tokenizer(list(documents), add_special_tokens=False)["input_ids"]
    before = TokenFrequencies.of(ids, len(after.tokenizer.get_vocab())).idf()
    moved = np.abs(after.model.query_table - before)
    assert after.model.architecture == "inference-free-splade"
    assert (moved.max() == 0) == frozen
    if not frozen:
        assert moved.max() > 5e-4  # three steps of 1e-3, with warm-up: not the body's rate of 1e-3 * 1e-3
    again = train(result.model_dir, rows, tmp_path / "again", model__architecture="inference-free-splade")
    same_vectors(again.model_dir, load, stock)


@pytest.mark.parametrize(
    "rate",
    [
        {"training.query_learning_rate": 0.25},
        {"router.learning_rate_patterns": {r".*\.query\..*": 0.25}},
        {"router.learning_rate_patterns": {"query": 0.25}, "training.query_learning_rate": 0.25},
    ],
)
def test_the_query_table_has_a_rate_of_its_own(
    rate: dict[str, Any], bert_folder: Path, rows: Path, tmp_path: Path
) -> None:
    """A transformer's own ``attention.self.query`` learns as the rest of it does."""
    from splade_cli.training.run import TrainingRun

    trainer = SpladeTrainer(
        str(bert_folder), tmp_path, rows, learning_rate=1e-5,
        settings={"model.architecture": "inference-free", "hardware.device": "cpu",
                  "evaluation.preflight": False, **rate},
    )  # fmt: skip
    loop = TrainingRun(trainer.resolved, tmp_path, trainer.datasets()).prepared()
    rates = {
        id(parameter): group["lr"]
        for group in loop.create_optimizer().param_groups
        for parameter in group["params"]
    }
    by_name = {name: rates[id(parameter)] for name, parameter in loop.model.named_parameters()}
    table = [name for name in by_name if "query" in name and name.endswith("weight") and ".query." in name]
    assert {rate for name, rate in by_name.items() if rate == 0.25} == {0.25}
    assert [name for name, rate in by_name.items() if rate == 0.25] == [
        name for name in table if "sub_modules.query" in name
    ]
    assert {rate for rate in by_name.values() if rate != 0.25} == {1e-5}
    assert any("attention.self.query" in name for name in by_name)


def test_a_rate_that_no_parameter_takes_is_an_error(bert_folder: Path, rows: Path, tmp_path: Path) -> None:
    from splade_cli.training.run import TrainingRun

    for patterns, message in (
        ({"sparse_head": 0.1}, "0.1 is for no parameter"),
        ({".": 0.1}, "0.25 is for no"),
    ):
        trainer = SpladeTrainer(
            str(bert_folder), tmp_path / "run", rows, settings={
                "model.architecture": "inference-free", "router.learning_rate_patterns": patterns,
                "training.query_learning_rate": 0.25, "hardware.device": "cpu",
            },
        )  # fmt: skip
        with pytest.raises(InputError, match=message):
            TrainingRun(trainer.resolved, tmp_path / "run", trainer.datasets()).prepared()


def test_a_run_says_what_it_is_going_to_do(bert_folder: Path, rows: Path, tmp_path: Path) -> None:
    """A plain language model is not averaged with, and a sparse encoder is, by the preset."""
    told: dict[str, str] = {}

    def listen(row: Any) -> None:
        if "outline" in row:
            told[row["outline"]] = row["is"]

    settings = {
        "training.max_steps": 2, "training.truncate_to": 8, "hardware.device": "cpu", "evaluation.preflight": False,
    }  # fmt: skip
    first = SpladeTrainer(
        str(bert_folder), tmp_path / "one", rows, settings=settings, listener=listen
    ).train()
    assert first.share == 1
    assert told["texts"].startswith("a step reads the first 8 tokens")
    assert told["weights"] == "those of the last step, as they are"
    assert "rows with" in told["negatives"]
    second = SpladeTrainer(
        str(first.model_dir), tmp_path / "two", rows, settings=settings, listener=listen
    ).train()
    assert second.share == 0.5
    assert told["weights"].startswith("an average")
    kept = {**settings, "training.load_best_model_at_end": True}
    third = SpladeTrainer(
        str(first.model_dir), tmp_path / "three", rows, settings=kept, listener=listen
    ).train()
    assert third.share == 1
    assert told["weights"] == "those of the best validation, as they are"
    facts = SpladeTrainer(str(first.model_dir), tmp_path / "four", rows, settings=kept).estimate().facts()
    assert facts["weights"] == told["weights"]


def test_a_frozen_table_has_no_rate(bert_folder: Path) -> None:
    section = ModelSection(
        base_model=str(bert_folder), architecture="inference-free-splade", freeze_static_embedding=True
    )
    opened = open_trainable(section, ModelOptions(device="cpu"), documents=["the saw"])
    assert not opened.static.weight.requires_grad
    assert opened.routed
    assert opened.loaded.model.query_table is not None


@pytest.mark.parametrize(("activation", "pooling"), [("log1p_relu", "max"), ("relu", "sum")])
def test_activation_and_pooling_are_saved(
    activation: str, pooling: str, bert_folder: Path, rows: Path, load: Any, stock: Any, tmp_path: Path
) -> None:
    result = train(
        bert_folder, rows, tmp_path, val=False, model__activation=activation, model__pooling_strategy=pooling
    )
    found = load(str(result.model_dir)).model
    assert (found.activation, found.pooling) == (activation, pooling)
    same_vectors(result.model_dir, load, stock)
    assert (result.before, result.after) == ({}, {})


def gradients(
    bert_folder: Path, rows: Path, output: Path, mini: int | None
) -> tuple[float, dict[str, torch.Tensor]]:
    from splade_cli.training.run import TrainingRun

    trainer = SpladeTrainer(
        str(bert_folder), output, rows, batch_size=8,
        settings={"training.mini_batch_size": mini, "hardware.device": "cpu", "evaluation.preflight": False,
                  "training.negatives_per_query": 0, "loss.document_regularizer_weight": 0.3},
    )  # fmt: skip
    loop = TrainingRun(trainer.resolved, output, trainer.datasets()).prepared()
    for module in loop.model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    loop.model.train()
    batch = loop._prepare_inputs(next(iter(loop.get_train_dataloader())))
    loss = loop.compute_loss(loop.model, batch)
    loss.backward()
    return float(loss), {
        name: part.grad for name, part in loop.model.named_parameters() if part.grad is not None
    }


def test_gradient_caching_gives_the_gradients_of_the_whole_batch(
    bert_folder: Path, rows: Path, tmp_path: Path
) -> None:
    whole, expected = gradients(bert_folder, rows, tmp_path / "whole", None)
    cached, found = gradients(bert_folder, rows, tmp_path / "cached", 3)
    assert cached == pytest.approx(whole, rel=1e-5)
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-4, atol=1e-5, msg=name)


def test_architectures_do_not_pass_for_one_another(
    bert_folder: Path, rows: Path, tmp_path: Path, load: Callable[..., Any]
) -> None:
    result = train(bert_folder, rows, tmp_path / "free", val=False, model__architecture="inference-free")
    with pytest.raises(ModelError, match="inference-free already") as caught:
        train(result.model_dir, rows, tmp_path / "plain")
    assert "architecture inference-free-splade" in caught.value.hint
    section = ModelSection(base_model=str(bert_folder), load_pretrained_sparse_encoder=True)
    with pytest.raises(ModelError, match="no sparse encoder"):
        open_trainable(section, ModelOptions(device="cpu"))


@pytest.fixture(scope="module")
def dense_folder(bert_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dense sentence-transformers model on the small BERT's body."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling

    body = Transformer(str(bert_folder))
    folder = tmp_path_factory.mktemp("dense")
    SentenceTransformer(modules=[body, Pooling(32), Normalize()], device="cpu").save_pretrained(str(folder))
    return folder


def test_csr_from_documents_alone(
    dense_folder: Path, rows: Path, load: Any, stock: Any, tmp_path: Path
) -> None:
    """Documents without queries; the dense part stays, vectors are cached, and a CSR model can go on."""
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, word in enumerate(WORDS):
        (corpus / f"{number}.md").write_text(
            f"# About {word}\n\nThe {word} is kept for thirty days, every night. " * 3
        )
    settings = {
        "model.architecture": "csr", "model.csr_k": 4, "model.csr_k_aux": 8, "model.csr_hidden_dim": 64,
        "datasets.corpus": str(corpus), "datasets.val_file": str(rows), "training.max_steps": 4,
        "training.per_device_train_batch_size": 4, "hardware.device": "cpu",
    }  # fmt: skip
    result = SpladeTrainer(str(dense_folder), tmp_path / "run", settings=settings).train()
    names_no_folder(result.model_dir)
    assert set(result.before) == set(result.after) >= {"nDCG@10", "document_terms"}
    same_vectors(result.model_dir, load, stock)
    loaded = load(str(result.model_dir))
    assert (loaded.model.architecture, loaded.model.dimensions) == ("csr", 64)
    assert np.diff(encode(loaded, TEXTS).indptr).max() <= 4
    texts = ["the saw needs a blade"]
    from sentence_transformers import SentenceTransformer

    before = SentenceTransformer(str(dense_folder), device="cpu").encode(texts)
    after = SentenceTransformer(modules=list(stock(result.model_dir))[:-1], device="cpu").encode(texts)
    np.testing.assert_allclose(after, before, rtol=1e-5, atol=1e-6)
    with Cache(tmp_path / "run" / "cache.sqlite3") as cache:
        assert [cache.count(space) for space in cache.spaces()] > [len(WORDS)]
    more = SpladeTrainer(str(result.model_dir), tmp_path / "more", rows, settings=settings).train()
    same_vectors(more.model_dir, load, stock)


@pytest.mark.parametrize(("variant", "regularizer"), [("sum", "flops"), ("attention", "equipartition")])
def test_laspar(
    variant: str, regularizer: str, bert_folder: Path, rows: Path, load: Any, tmp_path: Path
) -> None:
    result = train(
        bert_folder, rows, tmp_path, model__architecture="laspar", model__latent_dimensions=512,
        model__latent_variant=variant, model__latent_query_k=6, model__latent_document_k=20,
        loss__document_regularizer=regularizer, training__save_steps=1, training__eval_steps=1,
    )  # fmt: skip
    loaded = load(str(result.model_dir))
    documents, queries = encode(loaded, TEXTS), encode(loaded, TEXTS, "query")
    assert documents.shape == (3, 512)
    assert np.diff(documents.indptr).max() <= 20
    assert np.diff(queries.indptr).max() <= 6
    np.testing.assert_allclose(np.asarray(documents.multiply(documents).sum(axis=1)).ravel(), 1, rtol=1e-4)
    assert result.after["document_terms"] <= 20
    assert load(str(result.model_dir)).model.identity == loaded.model.identity != "fresh"
    again = train(result.model_dir, rows, tmp_path / "again", model__architecture="laspar")
    assert encode(load(str(again.model_dir)), TEXTS).shape == (3, 512)


def test_a_collection_that_the_model_is_not_for_is_measured_before_and_after(
    bert_folder: Path, rows: Path, tmp_path: Path
) -> None:
    guard = tmp_path / "guard"
    (guard / "qrels").mkdir(parents=True)
    (guard / "corpus.jsonl").write_text("".join(
        json.dumps({"_id": word, "title": word, "text": f"the {word} of the night"}) + "\n" for word in WORDS
    ))  # fmt: skip
    (guard / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "the blade"}) + "\n")
    (guard / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq\tblade\t1\n")
    result = train(
        bert_folder, rows, tmp_path / "run", evaluation__guard=str(guard), training__tuned_share=0.5
    )
    assert set(result.guard_before) == set(result.guard_after)
    assert "guard_nDCG@10" in result.guard_before
    assert "not adapted" in (result.model_dir / "README.md").read_text()


def test_the_tuned_share_mixes_with_the_base(bert_folder: Path, rows: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    share = 0.25
    tuned = train(bert_folder, rows, tmp_path / "tuned", training__tuned_share=1.0)
    mixed = train(bert_folder, rows, tmp_path / "mixed", training__tuned_share=share)
    assert (tuned.share, mixed.share) == (1.0, share)

    def weights(folder: Path) -> dict[str, torch.Tensor]:
        """By today's names: a LayerNorm's may be saved as of old, gamma and beta."""
        return {
            name.replace(".gamma", ".weight").replace(".beta", ".bias"): value
            for name, value in load_file(folder / "model.safetensors").items()
        }

    base = weights(bert_folder)
    whole = weights(tuned.model_dir)
    for name, value in weights(mixed.model_dir).items():
        expected = share * whole[name] + (1 - share) * base[name]
        torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-6, msg=name)


@pytest.mark.parametrize("keep_best", [False, True])
@pytest.mark.parametrize("metric", ["nDCG@10", "eval_NanoBEIR_mean_dot_ndcg@10", "eval_loss"])
def test_early_stopping_by_any_measure(
    keep_best: bool, metric: str, bert_folder: Path, rows: Path, tmp_path: Path
) -> None:
    """Nothing gets better at such a rate, so the second validation is the last."""
    result = train(
        bert_folder,
        rows,
        tmp_path,
        training__early_stopping_patience=1,
        training__metric_for_best_model=metric,
        training__max_steps=12,
        training__eval_steps=2,
        training__learning_rate=1e-12,
        training__bf16=True,
        training__early_stopping_threshold=0.5,
        training__load_best_model_at_end=keep_best,
        loss__regularizer_warmup_ratio=0.01,
    )
    assert result.steps < 12
    assert ("loss" in result.after) == (metric == "eval_loss")


def test_a_csr_code_can_be_cut_when_it_is_used(dense_folder: Path, rows: Path, tmp_path: Path) -> None:
    from splade_cli import SpladeEmbedder

    settings = {
        "model.architecture": "csr", "model.csr_k": 8, "model.csr_k_aux": 8, "model.csr_hidden_dim": 64,
        "model.csr_anneal_from": 4.0, "training.max_steps": 2, "training.per_device_train_batch_size": 4,
        "hardware.device": "cpu",
    }  # fmt: skip
    folder = SpladeTrainer(str(dense_folder), tmp_path, rows, settings=settings).train().model_dir
    whole = SpladeEmbedder(folder, device="cpu").encode(TEXTS).toarray()
    cut = SpladeEmbedder(folder, device="cpu", max_active=3).encode(TEXTS).toarray()
    for before, after in zip(whole, cut, strict=True):
        kept = np.sort(before[before > 0])[::-1][:3]
        np.testing.assert_allclose(np.sort(after[after > 0])[::-1], kept, rtol=1e-6)


def test_tiny_is_a_sparse_encoder_already() -> None:
    """Its folder is that of a plain language model, and the recipe keeps a half of it."""
    assert open_trainable(ModelSection(base_model="tiny"), ModelOptions(device="cpu")).was_sparse
