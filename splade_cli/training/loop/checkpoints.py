"""Checkpoints that carry the checksums of their files, and the choice of the one that a run goes on from."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from splade_cli.errors import InputError
from splade_cli.storage.checksums import CHECKSUMS, changed_files, recorded_checksums, write_checksums

STATE = "trainer_state.json"
"""Written last: a checkpoint without it was cut short."""


class CheckedCheckpoints:
    """Adds checksums to what a transformers.Trainer saves, and ends a run that goes on from its last step.

    Stands before the trainer among the bases of a class.
    """

    def get_batch_samples(self, *args: Any, **kwargs: Any) -> Any:
        """The batches of the next step; none after the last one, where transformers would take one more."""
        trainer: Any = self
        if trainer.state.global_step >= trainer.state.max_steps:
            trainer.control.should_training_stop = True
            return [], None
        return super().get_batch_samples(*args, **kwargs)  # type: ignore[misc]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        trainer: Any = self
        super()._save_checkpoint(model, trial)  # type: ignore[misc]
        if not trainer.is_world_process_zero():
            return
        folder = Path(trainer.args.output_dir) / f"checkpoint-{trainer.state.global_step}"
        names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
        if trainer.args.world_size > 1:
            # the other processes may still be writing theirs
            names = [name for name in names if not name.startswith("rng_state")]
        write_checksums(folder, [name for name in names if name != CHECKSUMS])


def newest_checkpoint(folder: Path, processes: int = 1) -> Path | None:
    """The complete checkpoint with the highest step, if any; damaged ones are passed over with a warning.

    One without its trainer state was cut short; so was one of several `processes` that lacks the random state
    of any. One without checksums was cut short too where another has them.
    """
    random_states: list[str] = []
    if processes > 1:
        random_states = [f"rng_state_{rank}.pth" for rank in range(processes)]
    steps: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        step = path.name.removeprefix("checkpoint-")
        if step.isdigit() and all((path / name).is_file() for name in (STATE, *random_states)):
            steps[int(step)] = path
    checked = [step for step, path in steps.items() if (path / CHECKSUMS).is_file()]
    for latest in sorted(checked or steps, reverse=True):
        damaged = damaged_file(steps[latest])
        if damaged is None:
            return steps[latest]
        logging.getLogger(__name__).warning(
            "%s is not as it was written, by %s beside it: going on from before it", damaged, CHECKSUMS
        )
    return None


def remove_leftover_checkpoints(chosen: Path, limit: int | None) -> None:
    """Removes what a killed run left beside the checkpoint that is gone on from.

    These are checkpoints that were cut short when they were written or removed, and where no more than
    `limit` are kept, old ones that were about to go. The trainer would not look at them again, or would take
    half of one for the newest.
    """
    best = json.loads((chosen / STATE).read_text(encoding="utf-8")).get("best_model_checkpoint")
    kept = {chosen.name, Path(best or chosen).name}
    steps: dict[int, Path] = {}
    for path in chosen.parent.glob("checkpoint-*"):
        step = path.name.removeprefix("checkpoint-")
        if not step.isdigit() or path.name in kept:
            continue
        if _is_cut_short(path):
            shutil.rmtree(path, ignore_errors=True)
        else:
            steps[int(step)] = path
    if not limit:
        return
    for old in sorted(steps, reverse=True)[max(0, limit - len(kept)) :]:
        shutil.rmtree(steps[old], ignore_errors=True)


def _is_cut_short(checkpoint: Path) -> bool:
    """Whether files of it are missing."""
    try:
        recorded = recorded_checksums(checkpoint)
    except ValueError:
        return True
    return not recorded or not all((checkpoint / name).is_file() for name in (STATE, *recorded))


def require_whole(checkpoint: Path) -> Path:
    """The folder of a checkpoint that was named. Raises InputError where it is none, or is damaged."""
    if not (checkpoint / STATE).is_file():
        raise InputError(
            f"{checkpoint} is no checkpoint", "name a folder like RUN/checkpoints/checkpoint-100"
        )
    damaged = damaged_file(checkpoint)
    if damaged is not None:
        raise InputError(f"{damaged} is damaged", "go on from another checkpoint, or start again")
    return checkpoint


def damaged_file(checkpoint: Path) -> Path | None:
    """A file of a checkpoint that is not as it was written, if any."""
    changed = changed_files(checkpoint)
    if changed:
        return checkpoint / changed[0]
    return None if _is_object(checkpoint / STATE) else checkpoint / STATE


def _is_object(path: Path) -> bool:
    """Whether `path` is a JSON object that was written to its end."""
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (ValueError, RecursionError):
        return False
