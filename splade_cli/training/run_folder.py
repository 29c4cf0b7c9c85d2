"""Files of a run folder: the configuration that was resolved, checkpoints, and where all else lies.

config.yaml      the resolved configuration; origins.txt says where each value came from
metrics.jsonl    what was measured, a line each
report.html      the same for readers, when the run is done
cache.sqlite3    scores and vectors of teachers and dense models
checkpoints/     what a resumed run goes on from
final/           the model
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from splade_cli.config.resolve import Resolved
from splade_cli.config.schema import Config
from splade_cli.errors import InputError, ModelError, ServiceError
from splade_cli.storage.cache import Cache
from splade_cli.storage.claims import LOCK
from splade_cli.storage.files import replacing
from splade_cli.storage.outputs import make_folder, output_file, output_folder

CONFIG = "config.yaml"
ORIGINS = "origins.txt"
METRICS = "metrics.jsonl"
REPORT = "report.html"
CACHE = "cache.sqlite3"
CHECKPOINTS = "checkpoints"
FINAL = "final"


def as_yaml(config: Config) -> str:
    """The resolved configuration; `splade train --config` reads it again."""
    import yaml

    text: str = yaml.safe_dump(config.model_dump(), sort_keys=False)
    return text


@contextmanager
def nothing_left(folder: Path) -> Iterator[None]:
    """Takes away what a run that is refused in the block made of a folder that was missing or empty.

    Refused is one that ends before its loop. What a teacher scored stays, it is dear.
    """
    real = Path(os.path.realpath(folder))
    was_there = real.is_dir()
    before = _inside(real)
    try:
        yield
    except (InputError, ModelError, ServiceError):
        if not before and not _has_begun(real):
            for path in _inside(real):
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            if real.is_dir() and not was_there:
                real.rmdir()
        raise


def _inside(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in folder.iterdir() if path.name != LOCK]


def _has_begun(folder: Path) -> bool:
    """Whether the loop was entered, of which metrics.jsonl knows, or something was kept for the next run."""
    if (folder / CACHE).exists() and _is_filled(folder / CACHE):
        return True
    try:
        lines = (folder / METRICS).read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return False
    return any("max_steps" in json.loads(line) for line in lines)


def _is_filled(cache: Path) -> bool:
    with Cache(cache) as kept:
        return bool(kept.spaces())


def begin_run_folder(folder: Path, resolved: Resolved, resumed: bool) -> None:
    """Makes the folder, if it is not there, and writes the configuration; what a run before measured goes.

    Raises:
        InputError: what lies at the name of one of its files is no file, or none of its folders a folder.
    """
    make_folder(folder)
    for name in (CONFIG, ORIGINS, METRICS, REPORT):
        output_file(folder / name)
    for name in (CHECKPOINTS, FINAL):
        output_folder(folder / name)
    if not resumed:
        for name in (METRICS, REPORT):
            (folder / name).unlink(missing_ok=True)
    with replacing(folder / CONFIG) as path:
        path.write_text(as_yaml(resolved.config), encoding="utf-8")
    with replacing(folder / ORIGINS) as path:
        path.write_text("\n".join(resolved.lines()) + "\n", encoding="utf-8")
