"""One training run in MLflow: a folder, a database or a server.

A store that fails in the middle of a run is named once and left out: hours of training do not hang on it.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from splade_cli.errors import ServiceError
from splade_cli.storage.files import write_json
from splade_cli.storage.outputs import make_folder, output_folder
from splade_cli.training.tracking.rows import MetricsRow, step_of
from splade_cli.training.tracking.tracker import Tracker, curves

RUN_FILE = "mlflow.json"
ARTIFACTS = "artifacts"
PATIENCE = 10.0
"""Seconds to wait for a server."""
CHECK = (
    "check mlflow.tracking_uri (a folder, sqlite:///FILE.db or http://HOST:PORT), "
    "or leave mlflow out of training.report_to"
)
_LONGEST_PARAMETER = 500


class MlflowLog(Tracker):
    """One MLflow run: parameters once, metrics by step, files at the end; its id stays in the run folder.

    MLflow allows no ``@`` in a metric's name: ``nDCG@10`` becomes ``eval/nDCG_at_10``.
    """

    def __init__(
        self,
        run_folder: Path,
        run_name: str | None,
        settings: Mapping[str, Any],
        parameters: Mapping[str, Any],
        resumed: bool = False,
    ) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # what is trained is nobody else's business
        import mlflow

        self.broken = False
        store = tracking_store(settings.get("tracking_uri"))
        self.uri = store.uri
        self.viewer = f"mlflow ui --backend-store-uri {shlex.quote(store.uri)}"
        if store.is_server:
            self.viewer = store.uri
        if self.uri.startswith("file:"):
            os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            if store.folder is not None:
                make_folder(store.folder)
            self.client = mlflow.MlflowClient(tracking_uri=self.uri)
            known = self._known(run_folder) if resumed else None
            if known is not None:
                self.run_id: str = known
                self.client.update_run(known, "RUNNING")
                return
            title = settings.get("experiment_name") or "splade"
            found = self.client.get_experiment_by_name(title)
            experiment = (
                found.experiment_id if found else self.client.create_experiment(title, store.artifacts)
            )
            tags = {str(key): str(value) for key, value in (settings.get("tags") or {}).items()}
            self.run_id = self.client.create_run(experiment, run_name=run_name, tags=tags).info.run_id
            self._log_parameters(parameters)
        except Exception as error:  # each store raises its own kind: MlflowException, sqlalchemy's, requests'
            raise ServiceError(
                f"MLflow cannot write to {self.uri}: {str(error).splitlines()[0][:200]}",
                CHECK,
            ) from None
        write_json(
            run_folder / RUN_FILE, {"tracking_uri": self.uri, "run_id": self.run_id, "experiment": title}
        )

    def record(self, row: MetricsRow) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        step = step_of(row)
        metrics = [Metric(_allowed(name), value, now, step) for name, value in curves(row).items()]
        self._try(lambda: self.client.log_batch(self.run_id, metrics=metrics))

    def keep(self, paths: Sequence[Path]) -> None:
        for path in paths:
            if path.is_file():
                self._try(lambda path=path: self.client.log_artifact(self.run_id, str(path)))

    def close(self, status: str = "FINISHED") -> None:
        self._try(lambda: self.client.set_terminated(self.run_id, status))

    def _known(self, run_folder: Path) -> str | None:
        """The run that is to be continued, if the store still has it."""
        try:
            saved = json.loads((run_folder / RUN_FILE).read_text(encoding="utf-8"))
            if saved["tracking_uri"] != self.uri:
                return None
            return str(self.client.get_run(saved["run_id"]).info.run_id)
        except Exception:  # no such file, or a run that was deleted: a new one is begun
            return None

    def _log_parameters(self, parameters: Mapping[str, Any]) -> None:
        from mlflow.entities import Param

        rows = [Param(_allowed(key), str(value)[:_LONGEST_PARAMETER]) for key, value in parameters.items()]
        for start in range(0, len(rows), 100):  # MLflow takes 100 in a request
            self.client.log_batch(self.run_id, params=rows[start : start + 100])

    def _try(self, call: Any) -> None:
        if self.broken:
            return
        try:
            call()
        except Exception as error:
            self.broken = True
            logging.getLogger(__name__).warning(
                "MLflow at %s failed and is left out from now on: %s; metrics.jsonl has everything",
                self.uri,
                str(error).splitlines()[0][:200],
            )


@dataclass(frozen=True)
class Store:
    """Where MLflow keeps runs.

    Attributes:
        uri: as MLflow takes it today.
        artifacts: where files of a new experiment go; None for what the store says itself.
        folder: to be there before the store is opened; None where there is none to make.
    """

    uri: str
    artifacts: str | None = None
    folder: Path | None = None

    @property
    def is_server(self) -> bool:
        """Whether a server keeps the runs."""
        return urlsplit(self.uri).scheme in ("http", "https")


def tracking_store(uri: str | None) -> Store:
    """The store of an MLflow tracking URI, by default of MLFLOW_TRACKING_URI, else ``mlruns``.

    MLflow no longer begins file stores: a folder holds ``mlflow.db`` and ``artifacts``, unless it is a file
    store already or is named as ``file:``, which is used as it is.
    """
    uri = uri or os.environ.get("MLFLOW_TRACKING_URI") or "mlruns"
    scheme = urlsplit(uri).scheme
    if scheme in ("http", "https") or (scheme and scheme not in ("file", "sqlite") and len(scheme) > 1):
        return Store(uri)
    if scheme == "sqlite":
        folder = Path(uri.removeprefix("sqlite:///").partition("?")[0]).absolute().parent
        return Store(uri, (folder / ARTIFACTS).as_uri(), folder)
    folder = Path(uri.removeprefix("file://").removeprefix("file:")).expanduser().absolute()
    if scheme == "file" or next(folder.glob("*/meta.yaml"), None) is not None:
        return Store(folder.as_uri())
    return Store(f"sqlite:///{folder / 'mlflow.db'}", (folder / ARTIFACTS).as_uri(), folder)


def require_store(uri: str | None) -> None:
    """Makes sure, without writing anything, that a store may be there.

    Raises:
        InputError: nothing can be written at its folder.
        ServiceError: its server does not answer.
    """
    store = tracking_store(uri)
    if store.folder is not None:
        output_folder(store.folder)
    if not store.is_server:
        return
    address = urlsplit(store.uri)
    port = address.port or (443 if address.scheme == "https" else 80)
    try:
        socket.create_connection((address.hostname or "", port), timeout=PATIENCE).close()
    except OSError as error:
        raise ServiceError(f"MLflow at {store.uri} does not answer: {error}", CHECK) from None


def _allowed(name: str) -> str:
    return re.sub(r"[^0-9A-Za-z_\-. :/]", "_", name.replace("@", "_at_"))
