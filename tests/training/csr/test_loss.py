"""Training the autoencoder: what is learned, by which loss, resumed, cached, and refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sentence_transformers.sparse_encoder.losses.csr import CSRReconstructionLoss
from sentence_transformers.sparse_encoder.modules import SparseAutoEncoder
from transformers import TrainerCallback, TrainingArguments

from splade_cli.errors import InputError, ModelError
from splade_cli.model.csr.encoder import initialize
from splade_cli.storage.cache import Cache
from splade_cli.training.csr.loss import CsrObjective, CsrWeights, nearest
from splade_cli.training.csr.trainer import CsrTexts, prepare_csr
from splade_cli.training.csr.vectors import cached_vectors

WIDTH, LATENTS, K = 16, 64, 8
NO_PAIRS = torch.empty((0, 2), dtype=torch.long)


@pytest.fixture
def vectors() -> torch.Tensor:
    """300 unit vectors in clusters."""
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(30, WIDTH, generator=generator)
    noise = torch.randn(300, WIDTH, generator=generator)
    return torch.nn.functional.normalize(centres.repeat(10, 1) + 0.5 * noise, dim=1)


def _autoencoder() -> SparseAutoEncoder:
    torch.manual_seed(0)
    return SparseAutoEncoder(WIDTH, hidden_dim=LATENTS, k=K, k_aux=16)


def _arguments(folder: Path, **options: Any) -> TrainingArguments:
    settings: dict[str, Any] = {
        "output_dir": str(folder / "checkpoints"),
        "max_steps": 30,
        "per_device_train_batch_size": 16,
        "learning_rate": 1e-2,
        "use_cpu": True,
        "report_to": "none",
        "disable_tqdm": True,
        "save_strategy": "no",
        "seed": 3,
        "data_seed": 3,
        "dataloader_pin_memory": False,
    }
    return TrainingArguments(**(settings | options))


def _trainer(
    folder: Path, vectors: torch.Tensor, *, pairs: Any = None, weights: Any = None, **options: Any
) -> Any:
    known = {name: options.pop(name) for name in ("measure", "callbacks", "fresh") if name in options}
    encoder = [SimpleNamespace(), _autoencoder()]
    arguments = _arguments(folder, **options)
    trainer = prepare_csr(
        encoder, CsrTexts(vectors.numpy(), pairs), arguments, output=folder, weights=weights, **known
    )
    return trainer, encoder[1]


def _codes(autoencoder: Any, vectors: torch.Tensor, k: int) -> torch.Tensor:
    with torch.no_grad():
        codes: torch.Tensor = autoencoder.top_k(autoencoder.encode_pre_act(vectors), k, compute_aux=False)[0]
    return codes


def _overlap(autoencoder: Any, vectors: torch.Tensor, k: int) -> float:
    """Share of the five nearest by the dense vectors that the codes find too."""
    codes = _codes(autoencoder, vectors, k)
    pairs = zip(nearest(vectors, 5), nearest(codes, 5), strict=True)
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / 5 for a, b in pairs]))


def test_training_keeps_neighbours_at_several_k(tmp_path: Path, vectors: torch.Tensor) -> None:
    weights = CsrWeights(shares=(1.0, 0.5))
    trainer, autoencoder = _trainer(tmp_path, vectors, weights=weights, max_steps=120)
    before = {k: _overlap(autoencoder, vectors, k) for k in (K, K // 2)}
    trainer.train()
    after = {k: _overlap(autoencoder, vectors, k) for k in (K, K // 2)}
    assert after[K] > before[K] + 0.1 and after[K] > 0.7
    assert after[K // 2] > before[K // 2] + 0.1


def test_reconstruction_is_that_of_the_stock_module_and_loss(vectors: torch.Tensor) -> None:
    autoencoder = _autoencoder()
    initialize(autoencoder, vectors, 0)
    autoencoder.stats_last_nonzero[:] = 100
    weights = CsrWeights(
        similarity=0.0, neighbours=0, shares=(1.0,), auxiliary=0.3, reconstruction=2.0, noise=0
    )
    objective = CsrObjective(autoencoder, vectors, NO_PAIRS, weights)
    rows = torch.arange(50, 52)
    objective(rows)
    autoencoder.stats_last_nonzero[:] = 100
    features = autoencoder({"sentence_embedding": vectors[rows]})
    expected = CSRReconstructionLoss(None, beta=0.3).compute_loss_from_embeddings([features])
    variance = vectors.var(0, correction=0).mean()
    whole = 2 * (expected["reconstruction_loss_k"] + expected["reconstruction_loss_4k"]) / variance
    assert float(objective.parts["reconstruction"]) == pytest.approx(whole.item(), rel=1e-4)
    assert float(objective.parts["auxiliary"]) == pytest.approx(
        expected["reconstruction_loss_aux"].item(), rel=1e-4
    )
    assert float(objective.parts["auxiliary"]) > 0


def test_similarity_is_a_kl_over_the_other_texts(vectors: torch.Tensor) -> None:
    autoencoder = _autoencoder()
    initialize(autoencoder, vectors, 0)
    objective = CsrObjective(
        autoencoder, vectors, NO_PAIRS, CsrWeights(neighbours=0, shares=(1.0,), temperature=0.2, noise=0)
    )
    rows = torch.arange(12)
    objective(rows)
    codes, expected = _codes(autoencoder, vectors[rows], K), 0.0
    for row in range(12):
        others = [other for other in range(12) if other != row]
        wanted = torch.softmax(vectors[others] @ vectors[row] / 0.2, 0)
        found = torch.softmax(codes[others] @ codes[row] / 0.2, 0)
        expected += float((wanted * (wanted / found).log()).sum()) / 12
    assert float(objective.parts["similarity"]) == pytest.approx(expected, rel=1e-4)


def test_the_auxiliary_loss_teaches_dead_latents_alone(vectors: torch.Tensor) -> None:
    autoencoder = _autoencoder()
    initialize(autoencoder, vectors, 0)
    autoencoder.stats_last_nonzero[:32] = 100
    weights = CsrWeights(similarity=0.0, reconstruction=0.0, auxiliary=1.0, neighbours=0, noise=0)
    objective = CsrObjective(autoencoder, vectors, NO_PAIRS, weights)
    objective(torch.arange(2))["loss"].backward()
    taught = autoencoder.encoder.weight.grad.abs().sum(1) > 0
    dead = autoencoder.stats_last_nonzero > 30
    assert int(dead.sum()) == objective.dead and 16 <= objective.dead <= 32
    assert not taught[~dead].any() and int(taught[dead].sum()) >= 8
    used = (_codes(autoencoder, vectors[:2], K) > 0).any(0)
    assert torch.equal(autoencoder.stats_last_nonzero[used], torch.zeros(int(used.sum()), dtype=torch.long))
    assert (autoencoder.stats_last_nonzero[~used] > 0).all()


def test_k_shrinks_to_its_target(vectors: torch.Tensor) -> None:
    weights = CsrWeights(anneal_from=4.0, anneal=0.5, shares=(1.0, 0.25))
    objective = CsrObjective(_autoencoder(), vectors, NO_PAIRS, weights)
    sizes = []
    for objective.progress in (0.0, 0.25, 0.5, 1.0):
        sizes.append(objective._sizes(4 * K))
    assert sizes == [[32, 8], [16, 4], [8, 2], [8, 2]]


def test_pairs_are_drawn_together(tmp_path: Path, vectors: torch.Tensor) -> None:
    strangers = np.array([[row, (row + 7) % 300] for row in range(0, 300, 2)])
    products = {}
    for gamma in (0.0, 5.0):
        weights = CsrWeights(contrastive=gamma, similarity=0.1)
        trainer, autoencoder = _trainer(tmp_path, vectors, pairs=strangers, weights=weights, max_steps=60)
        trainer.train()
        codes = torch.nn.functional.normalize(_codes(autoencoder, vectors, K), dim=1)
        products[gamma] = float((codes[strangers[:, 0]] * codes[strangers[:, 1]]).sum(1).mean())
    assert products[5.0] > products[0.0] + 0.1


def test_resumed_run_ends_in_the_same_weights(tmp_path: Path, vectors: torch.Tensor) -> None:
    options: dict[str, Any] = {"save_strategy": "steps", "save_steps": 10, "weights": CsrWeights()}
    whole, ours = _trainer(tmp_path / "whole", vectors, **options)
    whole.train()

    class Killed(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step == 24:
                raise KeyboardInterrupt

    killed, _ = _trainer(tmp_path / "killed", vectors, callbacks=[Killed()], **options)
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    again, theirs = _trainer(tmp_path / "killed", vectors, **options)
    again.train(resume_from_checkpoint=str(tmp_path / "killed" / "checkpoints" / "checkpoint-20"))
    assert again.state.global_step == 30
    for name, value in ours.state_dict().items():
        assert torch.equal(value, theirs.state_dict()[name]), name


def test_best_weights_by_what_is_measured_and_what_is_logged(tmp_path: Path, vectors: torch.Tensor) -> None:
    found = iter([0.2, 0.9, 0.5])
    trainer, autoencoder = _trainer(
        tmp_path,
        vectors,
        measure=lambda: {"nDCG@10": next(found)},
        eval_strategy="steps",
        eval_steps=10,
        save_strategy="steps",
        save_steps=10,
        load_best_model_at_end=True,
        metric_for_best_model="eval_nDCG@10",
        greater_is_better=True,
        logging_steps=10,
    )
    trainer.train()
    assert trainer.state.best_metric == 0.9 and trainer.state.best_global_step == 20
    from safetensors.torch import load_file

    kept = load_file(tmp_path / "checkpoints" / "checkpoint-20" / "model.safetensors")
    assert torch.equal(kept["weight"], autoencoder.encoder.weight)
    logged = [row for row in trainer.state.log_history if "similarity_loss" in row]
    assert len(logged) == 3 and {"reconstruction_loss", "dead_latents", "loss"} <= set(logged[0])


def test_a_loss_that_is_no_number_stops_the_run(tmp_path: Path, vectors: torch.Tensor) -> None:
    trainer, autoencoder = _trainer(tmp_path, vectors)
    with torch.no_grad():
        autoencoder.pre_bias[0] = float("nan")
    with pytest.raises(ModelError, match="at step 1"):
        trainer.train()
    assert (tmp_path / "bad_batch.json").is_file()


def test_vectors_are_computed_once_and_a_cut_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splade_cli.training.cached.WINDOW", 4)
    asked: list[str] = []

    def encode(texts: Sequence[str]) -> np.ndarray:
        if len(asked) == 4 and not tmp_path.joinpath("second").exists():
            raise KeyboardInterrupt
        asked.extend(texts)
        return np.array([[len(text), hash(text) % 7] for text in texts], dtype=np.float32)

    texts = [f"text {number}" for number in range(10)]
    with Cache(tmp_path / "cache.sqlite3") as cache:
        with pytest.raises(KeyboardInterrupt):
            cached_vectors(encode, texts, cache, "model")
        (tmp_path / "second").touch()
        made = cached_vectors(encode, texts, cache, "model")
        assert sorted(asked) == texts, "each was computed once"
        np.testing.assert_array_equal(made, encode(texts))
        asked.clear()
        cached_vectors(encode, texts, cache, "model")
        assert not asked
        cached_vectors(encode, texts, cache, "another")
        assert sorted(asked) == texts


def test_nearest_is_the_sorted_product(vectors: torch.Tensor) -> None:
    found = nearest(vectors[:40], 6)
    products = (vectors[:40] @ vectors[:40].T).numpy()
    for row in range(40):
        order = [other for other in np.argsort(-products[row], kind="stable") if other != row]
        assert found[row].tolist() == order[:6]


@pytest.mark.parametrize(("count", "pairs"), [(1, None), (20, [[0, 20]]), (20, [[-1, 2]])])
def test_what_cannot_be_trained_on(tmp_path: Path, vectors: torch.Tensor, count: int, pairs: Any) -> None:
    with pytest.raises(InputError):
        _trainer(tmp_path, vectors[:count], pairs=None if pairs is None else np.array(pairs))


def test_an_autoencoder_goes_on_with_what_it_has(tmp_path: Path, vectors: torch.Tensor) -> None:
    _, autoencoder = _trainer(tmp_path, vectors, fresh=False)
    assert torch.equal(autoencoder.encoder.weight, _autoencoder().encoder.weight)
    make: Callable[[], Any] = _autoencoder
    other = make()
    initialize(other, vectors, 0)
    assert not torch.equal(other.encoder.weight, autoencoder.encoder.weight)
