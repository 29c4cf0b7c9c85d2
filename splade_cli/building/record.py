"""Record of a build: what each stage was made of, which run's model is in use, what a budget left out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from splade_cli.errors import InputError
from splade_cli.index.store.manifest import NAME as MANIFEST
from splade_cli.storage import marks
from splade_cli.storage.files import write_json
from splade_cli.training.run_folder import FINAL

NAME = marks.BUILD
PACKAGE = "splade-cli"
DATA = "data"
TRAIN = "train"
INDEX = "index"
REPORT = "report"
RUN = "run-"
REPORT_FILE = "report.json"
FORMAT = 1


@dataclass(frozen=True)
class BuildRecord:
    """What build.json holds.

    Attributes:
        stages: of those that ended, the fingerprint of what they were made of.
        begun: the same of a run that was begun, so that it is gone on with only where nothing has changed.
        run: number of the run whose model is in use; 0 for the base as it is.
        last_run: the highest number that was given.
        chosen: why this model is in use, in a sentence.
        doubts: what its training told that speaks against it, in sentences.
        budget: ``minutes``, where some were given, and ``steps`` that they allowed of ``planned``.
        version: of this package, when it was last written.
    """

    stages: Mapping[str, str] = field(default_factory=dict)
    begun: str = ""
    run: int = 0
    last_run: int = 0
    chosen: str = ""
    doubts: tuple[str, ...] = ()
    budget: Mapping[str, float] = field(default_factory=dict)
    version: str = ""
    format: int = FORMAT

    def with_stage(self, name: str, fingerprint: str) -> BuildRecord:
        """The record with a stage that has ended."""
        return replace(self, stages={**self.stages, name: fingerprint})

    def without(self, *names: str) -> BuildRecord:
        """The record as if these stages had never been."""
        return replace(self, stages={name: value for name, value in self.stages.items() if name not in names})


def run_folder(output: Path, number: int) -> Path:
    """The folder of a run."""
    return output / f"{RUN}{number}"


def read_record(output: Path) -> BuildRecord:
    """The record of a folder, without what is not there any more; a new one where there is none.

    Raises:
        InputError: it is damaged, or of another format.
    """
    path = output / NAME
    if not path.is_file():
        return BuildRecord()
    again = "build it anew; answers of a language model are kept"
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
        record = TypeAdapter(BuildRecord).validate_python(document)
    except (ValueError, ValidationError, RecursionError):
        raise InputError(f"{path} is damaged", again, option="force") from None
    if record.format != FORMAT:
        raise InputError(f"{path} is of format {record.format}, not {FORMAT}", again, option="force")
    return _as_it_lies(output, record)


def write_record(output: Path, record: BuildRecord) -> None:
    """Writes it, whole or not at all."""
    write_json(output / NAME, asdict(replace(record, version=_version())))


def numbered_runs(output: Path) -> dict[int, Path]:
    """The folders of all runs by their numbers."""
    runs = {}
    for path in output.glob(f"{RUN}*"):
        number = path.name.removeprefix(RUN)
        if number.isdecimal():
            runs[int(number)] = path
    return runs


def remove_other_runs(output: Path, record: BuildRecord) -> None:
    """Removes the runs whose models are not in use."""
    for number, folder in numbered_runs(output).items():
        if number != record.run:
            shutil.rmtree(folder, ignore_errors=True)


def _version() -> str:
    """That of this package, empty where it is run without being installed."""
    try:
        return version(PACKAGE)
    except PackageNotFoundError:
        return ""


def _as_it_lies(output: Path, record: BuildRecord) -> BuildRecord:
    if not (output / DATA / "train.json").is_file():
        record = record.without(DATA)
    if record.run and not (run_folder(output, record.run) / FINAL).is_dir():
        record = replace(record.without(TRAIN), run=0)
    if not (output / INDEX / MANIFEST).is_file():
        record = record.without(INDEX)
    if not (output / REPORT_FILE).is_file():
        record = record.without(REPORT)
    return record
