"""An evaluation in experiment trackers: what a person finds there, read by the trackers' own programs."""

from __future__ import annotations

from pathlib import Path

import pytest

from splade_cli.errors import InputError
from splade_cli.evaluation.costs import Cost
from splade_cli.evaluation.measurement import Measurement
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.reports.page import Page
from splade_cli.training.tracking.measured import TrackedIn, track

COST = Cost(1.5, 2.0, 3.0, 4.0, 5.0)
REPORT = Report(
    "shop",
    "test",
    7,
    3,
    (
        SystemResult("model + BM25", {"nDCG@10": 0.625}, {"nDCG@10": {"q": 0.625}}, COST),
        SystemResult("BM25 (english)", {"nDCG@10": 0.5}, {"nDCG@10": {"q": 0.5}}),
    ),
)
PAGE = Page(title="model on shop", subtitle="", verdict="It is better.")


def test_in_mlflow(tmp_path: Path) -> None:
    mlflow = pytest.importorskip("mlflow")
    store = tmp_path / "runs"
    (viewer,) = track(Measurement(REPORT), PAGE, "model on shop", [TrackedIn.parse(f"mlflow={store}")])
    assert str(store) in viewer
    client = mlflow.MlflowClient(tracking_uri=f"sqlite:///{store / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("splade")
    (run,) = client.search_runs([experiment.experiment_id])
    assert (run.info.status, run.info.run_name) == ("FINISHED", "model on shop")
    assert run.data.metrics["eval/nDCG_at_10"] == 0.625
    assert run.data.metrics["eval/BM25 _english_/nDCG_at_10"] == 0.5
    assert run.data.metrics["eval/query p50_ ms"] == 4.0
    assert run.data.params["collection"] == "shop"
    names = {file.path for file in client.list_artifacts(run.info.run_id)}
    assert names == {"report.html", "report.json"}


def test_in_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (viewer,) = track(
        Measurement(REPORT), PAGE, "org/model on shop", [TrackedIn("tensorboard", str(tmp_path / "logs"))]
    )
    (folder,) = (tmp_path / "logs").iterdir()
    assert folder.name.startswith("org-model on shop 2")
    assert viewer == f"tensorboard --logdir {tmp_path / 'logs'}"
    events = EventAccumulator(str(folder))
    events.Reload()
    assert events.Scalars("eval/nDCG@10")[0].value == 0.625
    assert events.Scalars("eval/BM25 (english)/nDCG@10")[0].value == 0.5
    report = events.Tensors("report/text_summary")[0].tensor_proto.string_val[0].decode()
    assert "It is better." in report


def test_what_is_no_tracker() -> None:
    with pytest.raises(InputError, match="no tracker 'wandb'"):
        TrackedIn.parse("wandb=here")
    with pytest.raises(InputError, match="null"):
        TrackedIn.parse("mlflow=/dev/null")
