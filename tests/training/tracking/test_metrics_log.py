"""metrics.jsonl, TensorBoard and MLflow, read back with their own readers."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from splade_cli.errors import InputError, ServiceError
from splade_cli.training.tracking.metrics_log import MetricsLog
from splade_cli.training.tracking.trackers import followed, require_tracking, tracking_callbacks

PARAMETERS = {"training.learning_rate": 0.1, "datasets.train_file": "train.json", "long": "x" * 2000}


class Line(torch.nn.Module):
    """One number that is fitted; its losses are known by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        return {"loss": (self.weight * x).square().mean()}


def run(folder: Path, steps: int, callbacks: list[Any], resume: Path | None = None) -> Any:
    """Some steps of transformers' trainer on `Line`, with a checkpoint every second and a log every one."""
    from transformers import PrinterCallback, Trainer, TrainingArguments

    arguments = TrainingArguments(
        str(folder / "checkpoints"),
        max_steps=steps,
        logging_steps=1,
        save_steps=2,
        learning_rate=0.1,
        use_cpu=True,
        per_device_train_batch_size=1,
        report_to="none",
        disable_tqdm=True,
        save_total_limit=5,
        lr_scheduler_type="constant",
    )
    trainer = Trainer(Line(), arguments, train_dataset=[{"x": torch.tensor(1.0)}] * 20, callbacks=callbacks)
    trainer.remove_callback(PrinterCallback)
    trainer.train(resume_from_checkpoint=str(resume) if resume else None)
    return trainer


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows of a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder))
    found.Reload()
    return {
        name: [(event.step, event.value) for event in found.Scalars(name)] for name in found.Tags()["scalars"]
    }


def history(uri: str, run_id: str, name: str) -> list[tuple[int, float]]:
    import mlflow

    client = mlflow.MlflowClient(tracking_uri=uri)
    return [(metric.step, metric.value) for metric in client.get_metric_history(run_id, name)]


def begin(folder: Path, **options: Any) -> list[Any]:
    store = {"tracking_uri": f"file:{folder / 'mlruns'}", "experiment_name": "kilns", "tags": {"n": 1}}
    options.setdefault("mlflow", store)
    return tracking_callbacks(
        ["tensorboard", "mlflow"],
        folder,
        logging_dir="runs",
        run_name="first",
        parameters=PARAMETERS,
        **options,
    )


@pytest.mark.filterwarnings("ignore")
def test_a_run_its_resumption_and_a_new_one_are_read_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    log = MetricsLog(tmp_path / "metrics.jsonl")
    trackers = begin(tmp_path)
    log.followers = [tracker.record for tracker in trackers]
    log.write({"step": 0, "nDCG@10": 0.5, "stage": "before", "Recall@100": float("nan")})
    run(tmp_path, 5, [log, *trackers])  # as if killed after step 5: the newest checkpoint is that of step 4
    with pytest.raises(KeyboardInterrupt), followed(trackers):
        raise KeyboardInterrupt
    first = rows(tmp_path / "metrics.jsonl")
    assert [row["step"] for row in first if "loss" in row] == [1, 2, 3, 4, 5]
    with open(tmp_path / "metrics.jsonl", "a") as out:
        out.write('{"step": 5, "lo')
    kept = json.loads((tmp_path / "mlflow.json").read_text())
    client = mlflow.MlflowClient(tracking_uri=kept["tracking_uri"])
    assert client.get_run(kept["run_id"]).info.status == "KILLED"

    trackers = begin(tmp_path, resumed=True)
    (tmp_path / "README.md").write_text("# a card\n")
    MetricsLog(tmp_path / "metrics.jsonl").write(
        {"step": 0, "nDCG@10": 0.5, "stage": "before", "Recall@100": None}
    )
    with followed(trackers):
        run(
            tmp_path,
            6,
            [MetricsLog(tmp_path / "metrics.jsonl"), *trackers],
            tmp_path / "checkpoints" / "checkpoint-4",
        )
        for tracker in trackers:
            tracker.record({"step": 6, "nDCG@10": 0.75, "share": 1.0})
            tracker.keep([tmp_path / "README.md", tmp_path / "none.md"])
    second = rows(tmp_path / "metrics.jsonl")
    losses = [(row["step"], row["loss"]) for row in second if "loss" in row]
    assert [step for step, _ in losses] == [1, 2, 3, 4, 5, 6]
    assert losses[0][1] == pytest.approx(1.0, abs=1e-3)
    assert losses[1][1] == pytest.approx(0.81, abs=1e-2), "Adam's first step is the learning rate"
    assert len([row for row in second if row["step"] == 0 and "stage" in row]) == 1
    seconds = [row["seconds"] for row in second]
    assert seconds == sorted(seconds)

    shown = scalars(tmp_path / "runs")
    assert shown["train/loss"] == [(step, pytest.approx(value, abs=1e-4)) for step, value in losses]
    assert shown["eval/nDCG@10"] == [(0, 0.5), (6, 0.75)]

    again = json.loads((tmp_path / "mlflow.json").read_text())
    assert again == kept
    found = client.get_run(kept["run_id"])
    assert (found.info.status, found.info.run_name) == ("FINISHED", "first")
    assert found.data.tags["n"] == "1"
    assert client.get_experiment(found.info.experiment_id).name == "kilns"
    assert found.data.params["training.learning_rate"] == "0.1"
    assert found.data.params["datasets.train_file"] == "train.json"
    assert len(client.search_runs([found.info.experiment_id])) == 1
    assert dict(history(kept["tracking_uri"], kept["run_id"], "train/loss")) == pytest.approx(
        dict(losses), abs=1e-4
    )
    assert history(kept["tracking_uri"], kept["run_id"], "eval/nDCG_at_10") == [(0, 0.5), (6, 0.75)]
    assert [item.path for item in client.list_artifacts(kept["run_id"])] == ["README.md"]
    card = mlflow.artifacts.download_artifacts(
        run_id=kept["run_id"], artifact_path="README.md", tracking_uri=kept["tracking_uri"]
    )
    assert Path(card).read_text() == "# a card\n"

    trackers = begin(tmp_path)
    with followed(trackers):
        for tracker in trackers:
            tracker.record({"step": 1, "loss": 9.0})
    shown = {name: values for name, values in scalars(tmp_path / "runs").items() if values}
    assert shown == {"train/loss": [(1, 9.0)]}, "what an earlier run logged is hidden"
    assert json.loads((tmp_path / "mlflow.json").read_text())["run_id"] != kept["run_id"]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("asked", [None, "file:", "plain", pytest.param("sqlite", marks=pytest.mark.slow)])
def test_where_runs_are_kept(asked: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow makes new file stores no more: a folder holds a database, unless it is a file store already."""
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.chdir(tmp_path)
    run_folder, store = tmp_path / "run", tmp_path / "mlruns"
    run_folder.mkdir()
    uri = {"file:": f"file:{store}", "sqlite": "mlruns"}.get(asked or "", str(store))
    if asked in (None, "plain"):
        mlflow.MlflowClient(tracking_uri=store.as_uri()).create_experiment("other")
    with followed(
        trackers := tracking_callbacks("mlflow", run_folder, mlflow=asked and {"tracking_uri": uri})
    ):
        trackers[0].record({"step": 3, "loss": 0.25})
        (run_folder / "README.md").write_text("a card")
        trackers[0].keep([run_folder / "README.md"])
    kept = json.loads((run_folder / "mlflow.json").read_text())
    assert kept["tracking_uri"] == (f"sqlite:///{store}/mlflow.db" if asked == "sqlite" else store.as_uri())
    found = mlflow.MlflowClient(kept["tracking_uri"]).get_run(kept["run_id"])
    assert (found.info.run_name, found.info.status, found.data.metrics) == (
        "run",
        "FINISHED",
        {"train/loss": 0.25},
    )
    assert history(kept["tracking_uri"], kept["run_id"], "train/loss") == [(3, 0.25)]
    assert [path.read_text() for path in store.rglob("README.md")] == ["a card"], (
        "artifacts lie in the same folder"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mlruns", "run"]


@pytest.mark.filterwarnings("ignore")
def test_a_store_that_fails_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    (tmp_path / "x.db").write_text("no database at all, and longer than the header of one " * 40)
    with pytest.raises(ServiceError, match=r"MLflow cannot write to sqlite:///.*x\.db"):
        tracking_callbacks(["mlflow"], tmp_path, mlflow={"tracking_uri": f"sqlite:///{tmp_path / 'x.db'}"})
    (tracker,) = tracking_callbacks("mlflow", tmp_path, mlflow={"tracking_uri": f"file:{tmp_path / 'runs'}"})

    def refuse(*args: Any, **kwargs: Any) -> None:
        raise OSError("disk is gone")

    monkeypatch.setattr(tracker, "client", SimpleNamespace(log_batch=refuse))
    for step in range(3):
        tracker.record({"step": step, "loss": 1.0})
    said = [record.getMessage() for record in caplog.records if "MLflow" in record.getMessage()]
    assert len(said) == 1
    assert "disk is gone" in said[0]


def test_trackers_are_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert require_tracking(None) == require_tracking("none") == require_tracking([]) == []
    assert require_tracking(["mlflow", "tensorboard", "mlflow"]) == ["mlflow", "tensorboard"]
    monkeypatch.setattr("splade_cli.training.tracking.trackers.find_spec", lambda name: None)
    with pytest.raises(InputError, match="mlflow, not installed") as caught:
        tracking_callbacks(["mlflow"], tmp_path)
    assert caught.value.hint == 'pip install "splade-cli[tracking]"'
    assert tracking_callbacks(["none"], tmp_path) == []


def test_numbers_that_are_none_stay_json(tmp_path: Path) -> None:
    heard: list[dict[str, Any]] = []
    MetricsLog(tmp_path / "m.jsonl", heard.append).write(
        {"step": 1, "loss": float("nan"), "other": float("inf")}
    )
    assert rows(tmp_path / "m.jsonl")[0]["loss"] is None
    assert heard[0]["loss"] != heard[0]["loss"], "who listens sees what it was"


def test_who_follows_late_hears_all(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path / "m.jsonl")
    heard: list[Any] = []
    log.write({"step": 0, "nDCG@10": 0.5})
    log.follow([heard.append])
    log.write({"step": 1, "nDCG@10": 0.6})
    assert heard == [{"step": 0, "nDCG@10": 0.5}, {"step": 1, "nDCG@10": 0.6}]


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("{}/with space", "mlflow ui --backend-store-uri 'sqlite:///{}/with space/mlflow.db'"),
        ("sqlite:///{}/a/x.db", "mlflow ui --backend-store-uri sqlite:///{}/a/x.db"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_the_command_that_shows_a_run(uri: str, shown: str, tmp_path: Path) -> None:
    import mlflow

    trackers = tracking_callbacks(
        ["tensorboard", "mlflow"], tmp_path / "run", mlflow={"tracking_uri": uri.format(tmp_path)}
    )
    with followed(trackers):
        assert trackers[0].viewer == f"tensorboard --logdir {tmp_path / 'run' / 'runs'}"
        assert trackers[1].viewer == shown.format(tmp_path)
    client = mlflow.MlflowClient(tracking_uri=shlex.split(trackers[1].viewer)[-1])
    (experiment,) = client.search_experiments(filter_string="name = 'splade'")
    assert [run.info.run_name for run in client.search_runs([experiment.experiment_id])] == ["run"]


def test_a_store_is_looked_at_before_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    require_tracking(["mlflow"], str(tmp_path / "new"))
    require_tracking([], str(tmp_path / "file"))
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match="file"):
        require_tracking(["mlflow"], str(tmp_path / "file"))
    with pytest.raises(ServiceError, match=r"MLflow at http://127\.0\.0\.1:9 does not answer"):
        require_tracking(["mlflow"], "http://127.0.0.1:9")
