"""Files of a run folder: the configuration that was resolved, checkpoints, and where all else lies.

config.yaml      the resolved configuration; origins.txt says where each value came from
metrics.jsonl    what was measured, a line each
cache.sqlite3    scores and vectors of teachers and dense models
checkpoints/     what a resumed run goes on from
final/           the model
"""

from __future__ import annotations

from pathlib import Path

from splade_cli.config.resolve import Resolved
from splade_cli.config.schema import Config
from splade_cli.storage.files import replacing
from splade_cli.storage.outputs import make_folder, output_file, output_folder

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
    """Makes the folder, if it is not there, and writes the configuration; what a run before measured goes.

    Raises:
        InputError: what lies at the name of one of its files is no file, or none of its folders a folder.
    """
    make_folder(folder)
    for name in (CONFIG, ORIGINS, METRICS):
        output_file(folder / name)
    for name in (CHECKPOINTS, FINAL):
        output_folder(folder / name)
    if not resumed:
        (folder / METRICS).unlink(missing_ok=True)
    with replacing(folder / CONFIG) as path:
        path.write_text(as_yaml(resolved.config), encoding="utf-8")
    with replacing(folder / ORIGINS) as path:
        path.write_text("\n".join(resolved.lines()) + "\n", encoding="utf-8")
