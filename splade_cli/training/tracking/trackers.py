"""Experiment trackers, TensorBoard and MLflow, which get the rows of metrics.jsonl; both are optional."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from splade_cli.config.keys import flatten
from splade_cli.config.schema import Config
from splade_cli.errors import InputError, SpladeError
from splade_cli.reports.markdown import markdown
from splade_cli.reports.page import Page
from splade_cli.training.publishing.publish import push_checkpoint
from splade_cli.training.tracking.mlflow_log import MlflowLog, require_store
from splade_cli.training.tracking.rows import MetricsRow, step_of
from splade_cli.training.tracking.tracker import Tracker, curves


def require_tracking(report_to: Sequence[str] | str | None, tracking_uri: str | None = None) -> list[str]:
    """The trackers that are asked for, ``none`` left out; called before anything is loaded.

    Args:
        tracking_uri: of MLflow, see `mlflow_log.tracking_store`.

    Raises:
        InputError: a package that is not installed, or a store that cannot be written.
        ServiceError: an MLflow server that does not answer.
    """
    names = [report_to] if isinstance(report_to, str) else list(report_to or [])
    wanted = list(dict.fromkeys(name for name in names if name != "none"))
    missing = [name for name in wanted if find_spec(name) is None]
    if missing:
        raise InputError(
            f"training.report_to asks for {' and '.join(missing)}, not installed",
            'pip install "splade-cli[tracking]"',
        )
    if "mlflow" in wanted:
        require_store(tracking_uri)
    return wanted


class TensorBoardLog(Tracker):
    """Scalars in an events file.

    transformers' own callback cannot be used: a resumed run has to hide what was logged beyond its
    checkpoint.
    """

    def __init__(self, folder: Path, parameters: Mapping[str, Any], resumed: bool = False) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self.folder = folder
        self.viewer = f"tensorboard --logdir {shlex.quote(str(folder))}"
        # step 0: what a run before this one left in the folder is hidden, not deleted
        self.writer = SummaryWriter(str(folder), purge_step=None if resumed else 0)
        if not resumed:
            shown = "\n".join(f"    {key}: {value}" for key, value in parameters.items())
            self.writer.add_text("config", shown, 0)

    def record(self, row: MetricsRow) -> None:
        for name, value in curves(row).items():
            self.writer.add_scalar(name, value, step_of(row))
        self.writer.flush()

    def tell(self, page: Page) -> None:
        self.writer.add_text("report", markdown(page))
        self.writer.flush()

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if state.global_step and state.is_world_process_zero:
            from torch.utils.tensorboard import SummaryWriter

            self.writer.close()
            self.writer = SummaryWriter(str(self.folder), purge_step=state.global_step + 1)

    def close(self, status: str = "FINISHED") -> None:
        self.writer.close()


def begin_tracking(
    config: Config, run_folder: Path, facts: Mapping[str, Any], resumed: bool
) -> list[Tracker]:
    """The trackers of a run, see `tracking_callbacks`; `facts` stand beside its configuration."""
    settings = config.training
    return tracking_callbacks(
        settings.report_to,
        run_folder,
        logging_dir=settings.logging_dir,
        run_name=settings.run_name,
        mlflow=config.mlflow.model_dump(),
        parameters={**flatten(config.model_dump()), **facts},
        resumed=resumed,
    )


def tracking_callbacks(
    report_to: Sequence[str] | str | None,
    run_folder: Path,
    *,
    logging_dir: str | Path = "runs",
    run_name: str | None = None,
    mlflow: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
    resumed: bool = False,
) -> list[Tracker]:
    """What `report_to` asks for, begun; to be given to the trainer, and to `followed`.

    Args:
        report_to: ``tensorboard``, ``mlflow``, both, or ``none``.
        run_folder: the run's; holds the MLflow run's id for a resumed run.
        logging_dir: of TensorBoard, below `run_folder` unless absolute.
        run_name: in MLflow; the run folder's name by default.
        mlflow: ``tracking_uri``, ``experiment_name``, ``tags``.
        parameters: the flat configuration.
        resumed: go on in the same TensorBoard folder and MLflow run.

    Raises:
        InputError: see `require_tracking`.
        ServiceError: MLflow's store cannot be written.
    """
    uri = (mlflow or {}).get("tracking_uri")
    wanted = require_tracking(report_to, uri)
    parameters = parameters or {}
    trackers: list[Tracker] = []
    if "tensorboard" in wanted:
        trackers.append(TensorBoardLog(run_folder / Path(logging_dir).expanduser(), parameters, resumed))
    if "mlflow" in wanted:
        name = run_name or run_folder.absolute().name
        trackers.append(MlflowLog(run_folder, name, mlflow or {}, parameters, resumed))
    return trackers


@contextmanager
def followed(trackers: Sequence[Tracker]) -> Iterator[None]:
    """Closes `trackers` at the end of the block: finished, killed by Ctrl-C, or failed."""
    status = "FAILED"
    try:
        yield
        status = "FINISHED"
    except KeyboardInterrupt:
        status = "KILLED"
        raise
    finally:
        for tracker in trackers:
            tracker.close(status)


class CheckpointPush(TrainerCallback):
    """Sends each checkpoint to the hub as it is saved; a push that fails is said, and training goes on.

    Args:
        repo_id: ``name/model``.
        private: of a repository that is made; the account's default by default.
    """

    def __init__(self, repo_id: str, private: bool | None = None) -> None:
        self.repo_id = repo_id
        self.private = private

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        try:
            push_checkpoint(folder, self.repo_id, private=self.private)
        except SpladeError as error:
            logging.getLogger(__name__).warning("%s was not pushed: %s", folder.name, error.message)
