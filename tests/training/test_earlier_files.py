"""The files of an earlier trainer, end to end on small copies; what refuses them, and that it leaves nothing."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from splade_cli.config.resolve import resolve
from splade_cli.errors import InputError, ModelError, ServiceError, SpladeError
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.storage.cache import Cache
from splade_cli.training.run_folder import CACHE, nothing_left
from splade_cli.training.trainer import SpladeTrainer
from tests.evaluation.benchmarks.stand_in import install
from tests.training.earlier_files import CSR, FILES, local_copies, overrides, text_of
from tests.training.test_run import dense_folder as dense_folder

QUICK = "splade_regular"
Trainer = Callable[..., SpladeTrainer]


@pytest.fixture(scope="module")
def copies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return local_copies(tmp_path_factory.mktemp("copies"))


@pytest.fixture
def trainer(
    copies: Path, bert_folder: Path, dense_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Trainer:
    """``trainer(name, **settings)`` of one of the files, its output in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def make(name: str, **settings: Any) -> SpladeTrainer:
        file = tmp_path / f"{name}.yaml"
        file.write_text(text_of(name), encoding="utf-8")
        base = dense_folder if FILES[name][0] is CSR else bert_folder
        flags = overrides(name, copies, base, tmp_path / "here" / "models" / "out")
        flags |= {key.replace("__", "."): value for key, value in settings.items()}
        return SpladeTrainer(resolved=resolve(yaml_file=file, flags=flags))

    return make


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name", [name if name == QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FILES]
)
def test_a_file_runs_as_it_is(
    name: str, trainer: Trainer, monkeypatch: pytest.MonkeyPatch, bert_folder: Path
) -> None:
    import mlflow

    install(monkeypatch)
    settings = {}
    if "eti" in name:  # it goes on with a model that is sparse already
        settings["model__base_model"] = str(trainer(QUICK, training__max_steps=1).train().model_dir)
        settings["training__output_dir"] = "second"
    made = trainer(name, **settings)
    estimate = made.estimate()
    result = made.train()
    assert result.steps == estimate.steps > 0
    assert result.after["NanoBEIR_mean_dot_ndcg@10"] >= 0
    assert SpladeEmbedder(result.model_dir, device="cpu").encode(["en hest"]).nnz > 0
    metrics = [
        json.loads(line) for line in (result.model_dir.parent / "metrics.jsonl").read_text().splitlines()
    ]
    if made.config.evaluation.mteb_tasks:
        (scores,) = [row for row in metrics if "MTEB SNLRetrieval" in row]
        assert 0 <= scores["MTEB NorQuadRetrieval"] <= 1
    curves, ui = (shlex.split(viewer) for viewer in result.viewers)
    assert curves[:2] == ["tensorboard", "--logdir"] and any(Path(curves[2]).glob("events.*"))
    assert ui[:3] == ["mlflow", "ui", "--backend-store-uri"]
    client = mlflow.MlflowClient(tracking_uri=ui[3])
    experiment = client.get_experiment_by_name(made.config.mlflow.experiment_name)
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.info.run_name) == ("FINISHED", made.config.training.run_name)
    assert run.data.tags["framework"] == "sentence-transformers"
    parameters = run.data.params
    assert parameters["model.base_model"] == made.config.model.base_model
    assert parameters["run.model"] == str(result.model_dir)
    assert float(parameters["training.learning_rate"]) == made.config.training.learning_rate
    shares = {
        key: float(value)
        for key, value in parameters.items()
        if key.endswith(".share") and "datasets." in key
    }
    assert shares.keys() == {f"datasets.{name}.share" for name in estimate.rows}
    assert sum(shares.values()) == pytest.approx(1, abs=1e-3)
    rows = {key: int(parameters[f"datasets.{key}.rows"]) for key in estimate.rows}
    assert rows == estimate.rows and sum(rows.values()) == result.rows
    files = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert files == {"config.yaml", "metrics.jsonl", "README.md", "report.html"}
    assert "eval/NanoBEIR_mean_dot_ndcg_at_10" in run.data.metrics


class Loaded(Exception):
    """A model was opened."""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"evaluation__mteb_tasks": ["NorQuAD"]}, "need the package mteb"),
        ({"evaluation__nanobeir_datasets": ["msmarco"]}, "NanoBEIR: the hub cannot be reached"),
        ({"evaluation__nanobeir_datasets": ["nowhere"]}, "NanoBEIR has no collection 'nowhere'"),
        ({"evaluation__guard": "nowhere"}, "no such file or folder: nowhere"),
        ({"datasets__nli__source": "nowhere.jsonl"}, "no such file or folder: nowhere.jsonl"),
        ({"training__metric_for_best_model": "nope"}, "unknown measure 'nope'"),
        ({"training__push_to_hub": True}, "no token for the model hub"),
        ({"mlflow__tracking_uri": "http://127.0.0.1:9"}, "MLflow at http://127.0.0.1:9 does not answer"),
        (
            {"mlflow__tracking_uri": "../splade_regular.yaml"},
            "cannot be written|a folder was expected|is a file",
        ),
    ],
)
def test_what_cannot_run_is_told_before_a_model_is_loaded(
    settings: dict[str, Any],
    message: str,
    trainer: Trainer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def opened(*args: Any, **options: Any) -> None:
        raise Loaded

    monkeypatch.setattr("splade_cli.training.run.open_trainable", opened)
    monkeypatch.setattr("splade_cli.evaluation.benchmarks.tasks.find_spec", lambda name: None)
    monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "no-token"))
    made = trainer(QUICK, **{"evaluation__mteb_tasks": [], **settings})
    for call in (made.estimate, made.train):
        with pytest.raises((InputError, ServiceError), match=message):
            call()
    assert list((tmp_path / "here").iterdir()) == []
    with pytest.raises(Loaded):
        trainer(QUICK, evaluation__mteb_tasks=[]).estimate()


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"loss__type": "kl"}, "loss 'kl' needs rows with 'scores'"),
        ({"model__base_model": "org/none"}, "hub cannot be reached"),
        ({"model__load_pretrained_sparse_encoder": True}, "is no sparse encoder"),
    ],
)
def test_a_run_that_is_refused_leaves_nothing(
    existing: bool, settings: dict[str, Any], message: str, trainer: Trainer, tmp_path: Path
) -> None:
    output = tmp_path / "here" / "models" / "out"
    if existing:
        output.mkdir(parents=True)
    with pytest.raises((InputError, ModelError), match=message):
        trainer(QUICK, evaluation__mteb_tasks=[], **settings).train()
    assert [path for path in (tmp_path / "here").rglob("*") if path.is_file()] == []
    assert output.is_dir() == existing
    assert (tmp_path / "here" / "models").is_dir() == existing


def test_what_was_there_and_what_has_begun_stays(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "here" / "models" / "out"
    output.mkdir(parents=True)
    (output / "notes.txt").write_text("mine")
    made = trainer(QUICK, evaluation__mteb_tasks=[], loss__type="kl")
    made.force = True
    with pytest.raises(InputError):
        made.train()
    assert (output / "notes.txt").read_text() == "mine"

    def fail(*args: Any, **options: Any) -> None:
        raise ModelError("the loss is no number", "lower the rate")

    monkeypatch.setattr("splade_cli.training.figures.Figures.mteb", fail)
    made = trainer(QUICK, evaluation__mteb_tasks=[], training__output_dir="begun", training__report_to=[])
    with pytest.raises(SpladeError, match="the loss is no number"):
        made.train()
    assert Path("begun", "metrics.jsonl").is_file() and Path("begun", "final", "config.json").is_file()


@pytest.mark.parametrize("scores", [0, 1])
def test_what_a_teacher_scored_stays_and_a_cache_without_scores_does_not(tmp_path: Path, scores: int) -> None:
    folder = tmp_path / "run"

    def refused() -> None:
        folder.mkdir()
        with Cache(folder / CACHE) as kept:
            kept.put("teacher", {b"row": b"score"} if scores else {})
        raise ModelError("no model folder there", "name another")

    with pytest.raises(ModelError), nothing_left(folder):
        refused()
    assert (folder / CACHE).exists() == (scores > 0)
    assert folder.exists() == (scores > 0)
