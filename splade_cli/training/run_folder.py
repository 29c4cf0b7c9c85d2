"""Files of a run folder: the configuration that was resolved, checkpoints, and where all else lies.

config.yaml      the resolved configuration; origins.txt says where each value came from
metrics.jsonl    what was measured, a line each
cache.sqlite3    scores and vectors of teachers and dense models
checkpoints/     what a resumed run goes on from
final/           the model
"""

from __future__ import annotations

import json
from pathlib import Path

from splade_cli.config.resolve import Resolved
from splade_cli.config.schema import Config
from splade_cli.files import replacing

CONFIG = "config.yaml"
ORIGINS = "origins.txt"
METRICS = "metrics.jsonl"
CACHE = "cache.sqlite3"
CHECKPOINTS = "checkpoints"
FINAL = "final"


def as_yaml(config: Config) -> str:
    """The resolved configuration; `splade train --config` reads it again."""
    import yaml

    text: str = yaml.safe_dump(config.model_dump(), sort_keys=False)
    return text


def begin_run_folder(folder: Path, resolved: Resolved, resumed: bool) -> None:
    """Makes the folder, if it is not there, and writes the configuration; what a run before measured goes."""
    folder.mkdir(parents=True, exist_ok=True)
    if not resumed:
        (folder / METRICS).unlink(missing_ok=True)
    with replacing(folder / CONFIG) as path:
        path.write_text(as_yaml(resolved.config), encoding="utf-8")
    with replacing(folder / ORIGINS) as path:
        path.write_text("\n".join(resolved.lines()) + "\n", encoding="utf-8")


def newest_checkpoint(folder: Path, processes: int = 1) -> Path | None:
    """The complete checkpoint with the highest step, if any.

    One without its trainer state was cut short; so was one of several `processes` that lacks the random state
    of any.
    """
    random_states: list[str] = []
    if processes > 1:
        random_states = [f"rng_state_{rank}.pth" for rank in range(processes)]
    steps: dict[int, Path] = {}
    for path in folder.glob("checkpoint-*"):
        step = path.name.removeprefix("checkpoint-")
        whole = _is_whole(path / "trainer_state.json")
        if step.isdigit() and whole and all((path / name).is_file() for name in random_states):
            steps[int(step)] = path
    return steps[max(steps)] if steps else None


def _is_whole(path: Path) -> bool:
    """Whether `path` is a JSON file that was written to its end."""
    try:
        return isinstance(json.loads(path.read_text(encoding="utf-8")), dict)
    except (OSError, ValueError):
        return False
