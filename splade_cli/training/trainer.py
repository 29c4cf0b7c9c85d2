"""`SpladeTrainer`, the public door to training: settings in, a run folder with the model out."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splade_cli.config.resolve import Resolved, resolve
from splade_cli.config.schema import Config
from splade_cli.datasets.examples import read_examples
from splade_cli.datasets.loading import DatasetSplits, load_datasets
from splade_cli.errors import OptionError
from splade_cli.progress import Progress, silent
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import claim_output, remove_leftovers_in
from splade_cli.storage.outputs import output_folder
from splade_cli.training.loop.checkpoints import newest_checkpoint, remove_leftover_checkpoints, require_whole
from splade_cli.training.loop.prerequisites import Prerequisites, require_prerequisites
from splade_cli.training.result import Trained
from splade_cli.training.run import TrainingRun
from splade_cli.training.run_folder import CHECKPOINTS, nothing_left
from splade_cli.training.tracking.rows import Listener

if TYPE_CHECKING:
    from splade_cli.training.estimate import Estimate


class SpladeTrainer:
    """Trains a sparse encoder.

    Args:
        model_name: base model: ``tiny``, a folder, a hub id.
        output_dir: run folder.
        train_file, val_file: see `datasets.examples.read_examples`.
        learning_rate, batch_size, epochs: the settings most often given; all others by `settings`.
        settings: ``{"section.key": value}`` of `config.schema.Config`.
        resolved: a configuration from `config.resolve`, instead of all of the above.
        resume: go on from the newest checkpoint in `output_dir`, or from the checkpoint folder named.
        force: train into a folder that is not empty.
        listener: called with each row of metrics.jsonl.
        progress: called while teachers score.
    """

    def __init__(
        self,
        model_name: str | None = None,
        output_dir: str | Path | None = None,
        train_file: str | Path | None = None,
        val_file: str | Path | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        epochs: float | None = None,
        *,
        settings: dict[str, Any] | None = None,
        resolved: Resolved | None = None,
        resume: bool | Path = False,
        force: bool = False,
        listener: Listener | None = None,
        progress: Progress = silent,
    ) -> None:
        if resolved is None:
            named = {
                "model.base_model": model_name,
                "training.output_dir": _text(output_dir),
                "datasets.train_file": _text(train_file),
                "datasets.val_file": _text(val_file),
                "training.learning_rate": learning_rate,
                "training.per_device_train_batch_size": batch_size,
                "training.num_train_epochs": epochs,
            }
            resolved = resolve(flags={**named, **(settings or {})})
        self.resolved = resolved
        asked = self.config.training.resume_from_checkpoint
        self.resume = resume or (Path(asked) if isinstance(asked, str) else bool(asked))
        self.force = force
        self.listener = listener
        self.progress = progress

    @property
    def config(self) -> Config:
        """The checked configuration."""
        return self.resolved.config

    def datasets(self) -> list[DatasetSplits]:
        """Rows of every dataset. Raises InputError where there is none, or no row to train on."""
        data = self.config.datasets
        if self.config.model.architecture == "csr" and data.corpus and not (data.train_file or data.named):
            if not data.val_file:
                return []
            return [DatasetSplits("val_file", val=read_examples(Path(data.val_file)))]
        return load_datasets(data, self.config.training.seed)

    def estimate(self) -> Estimate:
        """What `train` would take; nothing is written."""
        from splade_cli.training.estimate import estimate

        needed = require_prerequisites(self.config)
        return estimate(self.resolved, self.datasets(), needed)

    def train(self) -> Trained:
        """Trains, keeps the best weights, and writes ``final/``.

        A run that is refused before its first step leaves nothing behind.

        Raises:
            InputError, ModelError: rows, configuration or model cannot be used, the loss is no longer finite,
                or another process trains into the same folder.
            KeyboardInterrupt: after a checkpoint was written.
        """
        if not self.config.training.output_dir:
            raise OptionError("no output folder", "name one: output_dir", option="output")
        settings = self.config.training
        output = Path(self.config.training.output_dir)
        needed = require_prerequisites(self.config)
        if int(os.environ.get("RANK", "0")):
            return self._train(output, needed)  # the first of several processes has claimed the folder
        with claimed(output):
            remove_leftovers_in(output_folder(output))
            if not self.resume:
                claim_output(output, self.force)
            checkpoint = self._checkpoint(output)
            if checkpoint is not None and not isinstance(self.resume, Path):
                remove_leftover_checkpoints(checkpoint, settings.save_total_limit)
            with nothing_left(output):
                return self._train(output, needed)

    def _train(self, output: Path, needed: Prerequisites) -> Trained:
        datasets = self.datasets()
        checkpoint = self._checkpoint(output)
        run = TrainingRun(
            self.resolved, output, datasets, checkpoint, self.listener, self.progress, needed=needed
        )
        return run.train()

    def _checkpoint(self, output: Path) -> Path | None:
        if isinstance(self.resume, Path):
            return require_whole(self.resume)
        processes = int(os.environ.get("WORLD_SIZE", "1"))
        return newest_checkpoint(output / CHECKPOINTS, processes) if self.resume else None


def _text(path: str | Path | None) -> str | None:
    return str(path) if path else None
