"""Lambda by schedule and by controller: on a model of a model, and in real runs of the trainer."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import TrainerCallback

from splade_cli.model.encode import encode
from splade_cli.training.sparsity.controller import SparsityController
from splade_cli.training.sparsity.lambda_controller import LambdaController
from splade_cli.training.sparsity.lambda_schedule import LambdaWarmup, quadratic_warmup
from splade_cli.training.sparsity.moving_averages import MovingAverages
from splade_cli.training.sparsity.regularized_losses import active_terms
from splade_cli.training.sparsity.regularizers import DfFlops, Flops

WORDS = ("reset", "saw", "login", "blade", "night", "backups", "lathe", "code")
TEXTS = [f"about {word} and every {other}, the {word} of {number}" for number, word in enumerate(WORDS)
         for other in WORDS]  # fmt: skip


def test_lambda_grows_quadratically_and_stays() -> None:
    assert [quadratic_warmup(step, 10, 2.0) for step in (0, 5, 10, 90)] == [0, 0.5, 2, 2]
    assert quadratic_warmup(0, 0, 2.0) == 2.0


class Plant:
    """A model of a model: terms fall under the penalty and drift to where the main loss would have them."""

    def __init__(self, terms: float, rest: float, speed: float, scale: float) -> None:
        self.log, self.rest, self.speed, self.scale = math.log(terms), math.log(rest), speed, scale

    def step(self, weight: float, generator: np.random.Generator) -> float:
        push = math.tanh(
            weight * self.scale * math.exp(2 * self.log) / 50
        )  # FLOPS grow with the terms' square
        self.log += self.speed * ((self.rest - self.log) * 0.3 - 2 * push)
        return math.exp(self.log + 0.08 * generator.standard_normal())


@pytest.mark.parametrize("steps", [250, 2000])
@pytest.mark.parametrize("scale", [1e-7, 1e-3, 10.0])
@pytest.mark.parametrize("start", [3000, 240])
def test_a_controller_finds_its_terms_from_any_start_and_scale(steps: int, scale: float, start: int) -> None:
    generator = np.random.default_rng(0)
    plant = Plant(start, 1500, 0.05 * 250 / steps, scale)
    controller = LambdaController(150.0)
    first = 1 / (scale * start**2)  # the first lambda is counted in main loss over penalty
    weight = 0.0
    for step in range(1, steps + 1):
        weight = controller.update(plant.step(weight, generator), step, steps) * first
    assert math.exp(plant.log) == pytest.approx(150, rel=0.15)


def test_too_few_terms_let_lambda_down_and_ask_for_a_higher_bias() -> None:
    controller = LambdaController(150.0)
    weights = [controller.update(20, step, 300) for step in range(1, 301)]
    assert weights[0] < 0.02
    assert weights[-1] < 1e-4
    assert controller.missing > 1
    assert controller.bias_change(200, 300) > 0
    for _ in range(40):
        controller.update(160, 200, 300)
    assert controller.bias_change(200, 300) == 0
    assert controller.bias_change(299, 300) < 0


def test_whole_texts_count_not_training_batches() -> None:
    controller = LambdaController(150.0)
    controller.update(100, 1, 100)
    controller.correct(300)
    assert controller.terms == pytest.approx(300)
    assert controller.start == pytest.approx(100)


def spladed(encoder: Any, regularizer: Any = Flops, inner: Any = None, query: float | None = None) -> Any:
    from sentence_transformers.sparse_encoder import losses as stock

    inner = inner or stock.SparseMultipleNegativesRankingLoss(encoder)
    return stock.SpladeLoss(encoder, inner, 1.0, query, document_regularizer=regularizer(),
                            query_regularizer=regularizer())  # fmt: skip


def run(
    folder: Path,
    output: Path,
    callbacks: Callable[[Any, Any], list[Any]],
    *,
    loss: Callable[[Any], Any] = spladed,
    steps: int = 140,
    rate: float = 5e-3,
    shift: float = 0.0,
    texts: list[str] = TEXTS,
    resume: str | None = None,
    **options: Any,
) -> tuple[Any, Any]:
    """A real run; returns the trainer and our view of the model."""
    from datasets import Dataset
    from sentence_transformers import SparseEncoderTrainer, SparseEncoderTrainingArguments
    from transformers import PrinterCallback

    from splade_cli.model.load import load_splade_model
    from splade_cli.model.splade.encoder import SpladeModel
    from splade_cli.model.splade.sparse_encoder import FusedSparseEncoder

    torch.manual_seed(0)
    loaded = load_splade_model(str(folder), device="cpu", precision="fp32")
    encoder = FusedSparseEncoder(str(folder), device="cpu", model_kwargs={"dtype": torch.float32})
    model = SpladeModel(encoder[0].model, name="run", max_seq_length=48)
    encoder.insert_head(model.head)
    view = loaded._replace(model=model)
    with torch.no_grad():
        model.decoder.bias += shift
    rows = Dataset.from_list([{"query": " ".join(text.split()[1:2]), "positive": text} for text in texts])
    arguments = SparseEncoderTrainingArguments(
        str(output), max_steps=steps, per_device_train_batch_size=16, learning_rate=rate, warmup_steps=0.1,
        use_cpu=True, disable_tqdm=True, report_to="none", logging_steps=10, seed=3, data_seed=3,
        **{"save_strategy": "no", **options},
    )  # fmt: skip
    made = loss(encoder)
    encoder.model_card_data.set_widget_examples = lambda dataset: None
    trainer = SparseEncoderTrainer(encoder, args=arguments, train_dataset=rows, loss=made,
                                   callbacks=callbacks(made, view))  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=resume)
    return trainer, view


def controlled(
    target: float, lift: bool = True, found: list[Any] | None = None
) -> Callable[[Any, Any], list[Any]]:
    def make(loss: Any, view: Any) -> list[Any]:
        measure = lambda: active_terms(view, TEXTS[::4], [text.split()[1] for text in TEXTS[::4]])  # noqa: E731
        controller = SparsityController(
            {"all": loss}, document_terms=target, query_terms=target / 2, measure=measure,
            decoder=view.model.decoder if lift else None,
        )  # fmt: skip
        if found is not None:
            found.append(controller)
        return [controller]

    return make


@pytest.mark.parametrize(
    ("shift", "scale"),
    [
        (4.0, 1.0),
        (-3.0, 1.0),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((0.0, 1e-4), (4.0, 1e3))),
    ],
)
def test_a_run_ends_with_the_terms_that_were_asked_for(
    bert_folder: Path, tmp_path: Path, shift: float, scale: float
) -> None:
    from sentence_transformers.sparse_encoder import losses as stock

    class Scaled(stock.SparseMultipleNegativesRankingLoss):
        def compute_loss_from_embeddings(self, *given: Any) -> Any:
            return scale * super().compute_loss_from_embeddings(*given)

    steps = 140
    if scale != 1.0:
        steps = 240  # lambda has orders of magnitude to go, and roundings differ between processors
    found: list[Any] = []
    _, view = run(
        bert_folder, tmp_path, controlled(24, found=found), shift=shift, steps=steps,
        loss=lambda encoder: spladed(encoder, inner=Scaled(encoder)),
    )  # fmt: skip
    terms = active_terms(view, TEXTS, [text.split()[1] for text in TEXTS])
    assert terms["document"] == pytest.approx(24, rel=0.15)
    assert found[0].terms["document"] == pytest.approx(24, rel=0.15)


def test_terms_that_do_not_rise_let_lambda_down(bert_folder: Path, tmp_path: Path) -> None:
    found: list[Any] = []
    logged: list[dict[str, Any]] = []

    class Listener(TrainerCallback):
        def on_log(self, *given: Any, logs: Any = None, **named: Any) -> None:
            logged.append(dict(logs))

    make = controlled(100, lift=False, found=found)
    run(bert_folder, tmp_path, lambda *given: [*make(*given), Listener()], shift=-4.0, steps=40, rate=1e-6)
    assert found[0].terms["document"] < 50
    assert found[0].lambdas["document"] < math.exp(LambdaController.NEGLIGIBLE)
    logged = [row for row in logged if "loss" in row]
    assert {"document_terms", "document_regularizer_weight"} <= set(logged[-1])
    assert logged[-1]["document_regularizer_weight"] < logged[0]["document_regularizer_weight"]


def test_a_run_resumed_has_the_weights_of_one_that_was_not_stopped(bert_folder: Path, tmp_path: Path) -> None:
    saves = {"save_strategy": "steps", "save_steps": 6}

    class Saved(MovingAverages):
        """As the product's own trainer saves them."""

        def on_save(self, args: Any, state: Any, control: Any, **named: Any) -> None:
            self.save(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    def make(loss: Any, view: Any) -> list[Any]:
        return [*controlled(24)(loss, view), Saved([loss])]

    def loss(encoder: Any) -> Any:
        return spladed(encoder, DfFlops)

    whole, _ = run(bert_folder, tmp_path / "a", make, loss=loss, steps=12, **saves)
    saved = json.loads((tmp_path / "a" / "checkpoint-6" / "trainer_state.json").read_text())
    assert saved["stateful_callbacks"]["SparsityController"]["attributes"]["lambdas"]["document"] > 0
    resumed, _ = run(
        bert_folder,
        tmp_path / "a",
        make,
        loss=loss,
        steps=12,
        resume=str(tmp_path / "a" / "checkpoint-6"),
        **saves,
    )
    for (name, first), second in zip(whole.model.named_parameters(), resumed.model.parameters(), strict=True):
        torch.testing.assert_close(first, second, rtol=0, atol=0, msg=name)


def test_warmup_outlasts_the_schedule_that_the_trainer_adds(bert_folder: Path, tmp_path: Path) -> None:
    seen: list[float] = []

    class Noted(LambdaWarmup):
        def on_step_begin(self, *given: Any, **named: Any) -> None:
            super().on_step_begin(*given, **named)
            seen.append(self.losses[0].document_regularizer_weight)

    run(bert_folder, tmp_path, lambda loss, view: [Noted([loss], 0.5)], steps=8)
    assert seen == pytest.approx([0, 1 / 16, 4 / 16, 9 / 16, 1, 1, 1, 1])


def test_losses_without_a_kind_are_left_alone() -> None:
    loss = SimpleNamespace(document_regularizer_weight=1.0, query_regularizer_weight=None)
    assert set(SparsityController([loss], document_terms=100, query_terms=10).controllers) == {"document"}
    assert set(SparsityController([loss], document_terms=None, query_terms=10).controllers) == set()


def test_active_terms_are_those_of_encoding(bert_folder: Path, load: Callable[..., Any]) -> None:
    loaded = load(str(bert_folder))
    loaded.model.train()
    found = active_terms(loaded, TEXTS[:5], ["saw"])
    assert loaded.model.training
    loaded.model.eval()
    assert found == {
        "document": encode(loaded, TEXTS[:5]).nnz / 5,
        "query": encode(loaded, ["saw"], "query").nnz,
    }


@pytest.mark.slow
@pytest.mark.parametrize("shift", [2.0, -2.0])
def test_the_default_model_from_two_starts(tmp_path: Path, root: Path, shift: float) -> None:
    """3000 active terms and a handful: 150 and 30 on texts that training did not see."""
    from splade_cli.model.layout import resolve

    held_out, training = TEXTS[::4], [text for number, text in enumerate(TEXTS) if number % 4]

    def make(loss: Any, view: Any) -> list[Any]:
        measure = lambda: active_terms(view, training, [text.split()[1] for text in training])  # noqa: E731
        return [SparsityController([loss], measure=measure, decoder=view.model.decoder)]

    _, view = run(
        Path(resolve("tiny")),
        tmp_path,
        make,
        shift=shift,
        steps=200,
        rate=2e-4,
        texts=training,
        loss=lambda encoder: spladed(encoder, query=1.0),
    )
    terms = active_terms(view, held_out, [text.split()[1] for text in held_out])
    assert terms["document"] == pytest.approx(150, rel=0.15)
    assert terms["query"] == pytest.approx(30, rel=0.15)
