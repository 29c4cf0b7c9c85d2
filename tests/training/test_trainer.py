"""Rows to datasets, averaging, validation, and a few real steps: resumed equals uninterrupted."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from splade_cli.errors import InputError, ModelError
from splade_cli.evaluation.metrics import means, per_query
from splade_cli.model.encode import encode
from splade_cli.records import Example
from splade_cli.training.averaging import average_by_validation, lead_of_the_best
from splade_cli.training.figures import Figures
from splade_cli.training.loop.checkpoints import newest_checkpoint
from splade_cli.training.losses.objective import as_datasets
from splade_cli.training.trainer import SpladeTrainer
from splade_cli.training.validation import MEASURES, Validation

ROWS = [
    Example("q1", "p1"),
    Example("q2", "p2", ("a", "b"), (3.0, 2.0, 1.0)),
    Example("q3", "p3", ("a",), (3.0, 2.0)),
    Example("q4", "p4", ("a", "b", "c")),
    Example("q5", "p5", (), (1.0,)),
    Example("q6", "p6", ("x", "y"), (1.0, 0.5, 0.0)),
]


def test_rows_of_like_shape_go_together_and_none_is_lost() -> None:
    datasets, kinds = as_datasets({"a": ROWS}, 4, "auto")
    assert kinds == {
        "a-contrastive-0": "contrastive",
        "a-contrastive-3": "contrastive",
        "a-kl-1": "kl",
        "a-kl-2": "kl",
    }
    assert sum(map(len, datasets.values())) == len(ROWS)
    assert datasets["a-kl-2"].to_dict() == {
        "query": ["q2", "q6"], "positive": ["p2", "p6"], "negative_1": ["a", "x"], "negative_2": ["b", "y"],
        "label": [[3.0, 2.0, 1.0], [1.0, 0.5, 0.0]],
    }  # fmt: skip
    assert datasets["a-contrastive-0"]["query"][:] == ["q1", "q5"]
    assert datasets["a-contrastive-3"].column_names == [
        "query",
        "positive",
        "negative_1",
        "negative_2",
        "negative_3",
    ]


def test_negatives_are_cut_with_their_scores() -> None:
    datasets, _ = as_datasets({"a": ROWS}, 1, "auto")
    assert datasets["a-kl-1"]["label"][:] == [[3.0, 2.0], [3.0, 2.0], [1.0, 0.5]]
    assert set(as_datasets({"a": ROWS}, 0, "auto")[0]) == {"a-contrastive-0"}


def test_a_loss_that_was_asked_for() -> None:
    assert set(as_datasets({"a": ROWS}, 4, "contrastive")[1].values()) == {"contrastive"}
    kinds = as_datasets({"a": ROWS}, 4, "margin_mse")[1]
    assert kinds["a-margin_mse-2"] == "margin_mse"
    assert kinds["a-contrastive-3"] == "contrastive"
    with pytest.raises(InputError, match="'kl' needs rows with 'scores'"):
        as_datasets({"a": [ROWS[0], ROWS[3]]}, 4, "kl")


def mixture(values: Callable[[float], list[float]]) -> tuple[float, dict[float, float], torch.nn.Module]:
    """Averages a layer between all 0 (base) and all 1 (tuned); `values` a query by the share that is set."""
    model = torch.nn.BatchNorm1d(3)
    base = {name: torch.zeros_like(value) for name, value in model.state_dict().items()}
    with torch.no_grad():
        model.weight.fill_(1.0)
        model.num_batches_tracked.fill_(7)

    def measured() -> dict[str, float]:
        return {str(number): value for number, value in enumerate(values(model.weight[0].item()))}

    return *average_by_validation(model, base, (1.0, 0.25, 0.5), measured), model


def test_averaging_takes_the_best_share_and_ties_go_to_the_base() -> None:
    share, tried, model = mixture(lambda weight: [-abs(weight - 0.5)] * 4)
    assert (share, tried) == (0.5, {0.25: -0.25, 0.5: 0.0, 1.0: -0.5})
    assert model.weight.tolist() == [0.5] * 3
    assert model.running_var.tolist() == [0.5] * 3
    assert int(model.num_batches_tracked) == 7, "counters are not averaged"
    assert mixture(lambda weight: [1.0] * 4)[0] == 0.25
    assert mixture(lambda weight: [weight] * 4)[0] == 1.0


@pytest.mark.parametrize(("gain", "share"), [(0.9, 0.25), (1.1, 1.0)])
def test_a_gain_within_a_standard_error_does_not_count(gain: float, share: float) -> None:
    """16 paired differences of 0 +- 0.4 + gain * 0.1: their standard error is 0.1."""

    def values(weight: float) -> list[float]:
        return [gain * 0.1 + 0.4 * (-1) ** number for number in range(16)] if weight == 1 else [0.0] * 16

    taken, tried, _ = mixture(values)
    assert taken == share
    assert tried[1.0] == pytest.approx(gain * 0.1)


@pytest.mark.parametrize(
    ("loss", "wanted", "share", "tried"),
    [(0.01, "auto", 0.5, 1), (0.03, "auto", 0.25, 3), (9.0, "auto", 0.125, 4), (9.0, 0.75, 0.75, 0)],
)
def test_the_largest_share_that_spares_the_guard(loss: float, wanted: Any, share: float, tried: int) -> None:
    """The guard's nDCG@10 falls by `loss` a unit of tuned share, from 0.8: 1% of it is 0.008."""
    model, written = torch.nn.Linear(1, 1, bias=False), []
    torch.nn.init.constant_(model.weight, 1.0)
    figures: Any = SimpleNamespace(
        config=SimpleNamespace(training=SimpleNamespace(tuned_share=wanted)),
        trainable=SimpleNamespace(encoder=model),
        guard=lambda: {"guard_nDCG@10": 0.8 - loss * model.weight.item()},
        validation=None,
        write=written.append,
        step=lambda: 3,
        _values={},
    )
    base = {"weight": torch.zeros(1, 1)}
    assert Figures.average(figures, base, 0.8) == share == model.weight.item()
    assert len(written[0].get("guarded", {})) == tried
    torch.nn.init.constant_(model.weight, 1.0)
    assert Figures.average(figures, base) == (0.5 if wanted == "auto" else wanted) == model.weight.item()


QUERIES = [str(number) for number in range(30)]


def measured(value: float) -> dict[str, float]:
    """Of 30 queries, each a little better or worse than `value`."""
    return {query: value + 0.001 * (number % 5) for number, query in enumerate(QUERIES)}


@pytest.mark.parametrize(
    ("values", "step"),
    [
        ({0: 0.1, 10: 0.4, 20: 0.6, 30: 0.5}, 20),
        ({0: 0.9, 10: 0.4, 20: 0.5, 30: 0.5}, None),
        ({0: 0.9, 10: 0.4, 20: 0.4999, 30: 0.5}, None),
        ({0: 0.1, 30: 0.5}, None),
    ],
    ids=["beaten", "as good", "worse on the way", "nothing on the way"],
)
def test_an_average_that_weights_on_the_way_beat_is_a_doubt(
    values: dict[int, float], step: int | None
) -> None:
    tuned = {number: measured(value) for number, value in values.items() if 0 < number < 30}
    found = lead_of_the_best(tuned, measured(values[30]))
    assert (None if found is None else found[0]) == step
    figures: Any = SimpleNamespace(
        _on_the_way=tuned, _values={30: measured(values[30])}, step=lambda: 30, _chosen_by="MRR@10"
    )
    figures._are_written = False
    told = Figures.doubts(figures)
    assert len(told) == (step is not None)
    if told:
        assert (
            told[0].startswith("the weights of step 20 were better") and "MRR@10 +0.1000, p = 0.0" in told[0]
        )
        figures._are_written = True
        assert "flatter tuned weights" in Figures.doubts(figures)[0]
        assert "flatter" not in told[0]


def test_a_lead_on_some_queries_may_be_chance() -> None:
    lucky = measured(0.5) | {"3": 1.0, "7": 1.0}
    assert lead_of_the_best({10: lucky}, measured(0.5)) is None
    assert lead_of_the_best({}, measured(0.5)) is None
    assert lead_of_the_best({10: lucky}, {}) is None


def test_validation_holds_every_document_and_merges_equal_queries() -> None:
    held_out = [Example("q", "p1", ("n",)), Example("q", "p2"), Example("r", "n")]
    found = Validation.from_examples(held_out, [Example("t", "p9", ("n9", "n"))])
    assert found.queries == ["q", "r"]
    assert sorted(found.documents) == ["n", "n9", "p1", "p2", "p9"]
    relevant = {
        found.queries[int(q)]: sorted(found.documents[int(d)] for d in g) for q, g in found.qrels.items()
    }
    assert relevant == {"q": ["p1", "p2"], "r": ["n"]}
    assert found == Validation.from_examples(held_out, [Example("t", "p9", ("n9", "n"))])


def test_validation_measures_what_a_dense_product_gives(
    bert_folder: Path, load: Any, texts: list[str]
) -> None:
    loaded = load(str(bert_folder))
    held_out = [Example(text.split()[0] + " every", text) for text in texts if text.strip()]
    validation = Validation.from_examples(held_out)
    found = validation.measure(loaded, 4)
    queries, documents = (encode(loaded, rows, kind) for rows, kind in
                          ((validation.queries, "query"), (validation.documents, "document")))  # fmt: skip
    product = (queries @ documents.T).toarray()
    run = {str(q): {str(d): float(score) for d, score in enumerate(row)} for q, row in enumerate(product)}
    expected = means(per_query(run, validation.qrels, MEASURES))
    assert {name: found[name] for name in MEASURES} == pytest.approx(expected, abs=1e-6)
    assert found["query_terms"] == pytest.approx(np.diff(queries.indptr).mean())
    assert found["document_terms"] == pytest.approx(np.diff(documents.indptr).mean())


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    words = ("reset", "saw", "login", "blade", "night", "backups", "lathe", "code")
    rows: list[dict[str, Any]] = []
    for number, word in enumerate(words):
        negatives = [f"about the {words[(number + step) % 8]}" for step in (1, 2)]
        rows.append(
            {
                "query": f"the {word}",
                "positive": f"about {word} and every {word}",
                "negatives": negatives,
                "scores": [1.0, 0.4, 0.1],
            }
        )
    (folder / "train.json").write_text(json.dumps(rows))
    (folder / "val.json").write_text(json.dumps(rows[:3]))
    return folder


def settings(**more: Any) -> dict[str, Any]:
    return {
        "training.max_steps": 4,
        "training.eval_steps": 2,
        "training.logging_steps": 1,
        "hardware.device": "cpu",
        "training.tuned_share": 1.0,
        "evaluation.preflight": False,
        **more,
    }


def trainer(bert_folder: Path, data: Path, output: Path, **options: Any) -> SpladeTrainer:
    options.setdefault("settings", settings())
    return SpladeTrainer(
        str(bert_folder),
        output,
        data / "train.json",
        data / "val.json",
        learning_rate=1e-3,
        batch_size=4,
        **options,
    )


def weights(folder: Path) -> dict[str, torch.Tensor]:
    """By today's names: a LayerNorm's may be saved as of old, gamma and beta."""
    from safetensors.torch import load_file

    return {
        name.replace(".gamma", ".weight").replace(".beta", ".bias"): value
        for name, value in load_file(folder / "model.safetensors").items()
    }


def test_a_run_resumed_equals_one_that_was_not_stopped(
    bert_folder: Path, data: Path, load: Any, stock: Any, tmp_path: Path
) -> None:
    whole = trainer(bert_folder, data, tmp_path / "whole").train()
    assert (whole.steps, whole.rows, whole.share) == (4, 8, 1.0)
    assert set(whole.before) == {*MEASURES, "query_terms", "document_terms"} == set(whole.after)
    changed, first = weights(whole.model_dir), weights(bert_folder)
    assert any(not torch.equal(changed[name], value) for name, value in first.items())

    def stop(row: dict[str, Any]) -> None:
        if row.get("tick") and row["step"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer(bert_folder, data, tmp_path / "part", listener=stop).train()
    checkpoint = newest_checkpoint(tmp_path / "part" / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.name == "checkpoint-3"
    with pytest.raises(InputError, match="exists already"):
        trainer(bert_folder, data, tmp_path / "part").train()
    resumed = trainer(bert_folder, data, tmp_path / "part", resume=True).train()
    assert (resumed.steps, resumed.best_step) == (whole.steps, whole.best_step)
    for name, value in weights(resumed.model_dir).items():
        torch.testing.assert_close(value, changed[name], rtol=0, atol=1e-6, msg=name)
    texts = ["the saw", "about reset"]
    ours = encode(load(str(whole.model_dir)), texts).toarray()
    theirs = stock(whole.model_dir).encode_document(texts, convert_to_sparse_tensor=False).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    rows = [json.loads(line) for line in (tmp_path / "whole" / "metrics.jsonl").read_text().splitlines()]
    assert [row["stage"] for row in rows if "stage" in row] == ["before", "after"]
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4]
    assert (tmp_path / "whole" / "config.yaml").exists()


def test_a_run_that_is_resumed_from_its_last_step_takes_no_other(
    bert_folder: Path, data: Path, tmp_path: Path
) -> None:
    """Three steps end in the middle of the second epoch, and the learning rate is not zero there."""
    chosen = {**settings(), "training.max_steps": 3, "training.lr_scheduler_type": "constant"}
    first = trainer(bert_folder, data, tmp_path / "run", settings=chosen).train()
    expected = weights(first.model_dir)
    resumed = trainer(bert_folder, data, tmp_path / "run", settings=chosen, resume=True).train()
    assert (first.steps, resumed.steps) == (3, 3)
    for name, value in weights(resumed.model_dir).items():
        assert torch.equal(value, expected[name]), name


@pytest.fixture
def interruptible() -> Iterator[Any]:
    """Ctrl-C as in a terminal: what a shell starts in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_a_signal_in_the_middle_of_a_step_lets_it_end(
    bert_folder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruptible: Any
) -> None:
    whole = trainer(bert_folder, data, tmp_path / "whole").train()
    step, seen = torch.optim.AdamW.step, []

    def pressed(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(1)
        if len(seen) == 3:
            signal.raise_signal(signal.SIGINT)
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", pressed)
        with pytest.raises(KeyboardInterrupt):
            trainer(bert_folder, data, tmp_path / "part").train()
    assert signal.getsignal(signal.SIGINT) is interruptible
    assert len(seen) == 3
    assert (tmp_path / "part" / "checkpoints" / "checkpoint-3").is_dir()
    resumed = trainer(bert_folder, data, tmp_path / "part", resume=True).train()
    expected = weights(whole.model_dir)
    for name, value in weights(resumed.model_dir).items():
        torch.testing.assert_close(value, expected[name], rtol=0, atol=1e-6, msg=name)
    rows = [json.loads(line) for line in (tmp_path / "part" / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4]


def test_a_second_signal_inside_a_step_ends_at_once_and_saves_nothing(
    bert_folder: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, interruptible: Any
) -> None:
    def pressed(self: Any, *args: Any, **kwargs: Any) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(torch.optim.AdamW, "step", pressed)
    with pytest.raises(KeyboardInterrupt):
        trainer(bert_folder, data, tmp_path / "part").train()
    assert newest_checkpoint(tmp_path / "part" / "checkpoints") is None


def test_a_loss_that_is_not_finite_stops_the_run(bert_folder: Path, data: Path, tmp_path: Path) -> None:
    wild = settings(**{"loss.document_regularizer_weight": 1e38, "loss.query_regularizer_weight": 1e38,
                       "loss.regularizer_warmup_ratio": 0.01})  # fmt: skip
    with pytest.raises(ModelError, match=r"(loss|grad_norm) is (inf|nan) at step|not finite"):
        trainer(bert_folder, data, tmp_path / "out", settings=wild).train()
    assert not (tmp_path / "out" / "final").exists()


def test_what_is_missing_is_said_before_a_model_is_loaded(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no output folder"):
        SpladeTrainer("none/there", train_file=data / "train.json").train()
    with pytest.raises(InputError, match="no training"):
        SpladeTrainer("none/there", tmp_path / "out").train()
    with pytest.raises(InputError, match=r"training\.learning_rate"):
        SpladeTrainer("none/there", tmp_path / "out", learning_rate=-1)
