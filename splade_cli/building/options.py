"""Options of a build: documents, base model, source of queries, what is measured, how long it may take."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from splade_cli.config.resolve import resolve
from splade_cli.errors import InputError, require_positive
from splade_cli.generation.options import Judged, Llm, Offline, Rows
from splade_cli.progress import Progress, Say, bars, unsaid
from splade_cli.training.tracking.rows import Listener, MetricsRow


@dataclass(frozen=True)
class BuildOptions:
    """What is to be built, of what.

    Attributes:
        documents: a file or folder; with judged queries a folder in BEIR's layout.
        output: the folder of all that is built.
        model: the base, ``tiny``, a folder or a hub id.
        queries: where the queries to train on come from, see `generation.options`.
        data: a judged collection to measure and to choose by; queries that were held out where None.
        preset, settings, environment: of training, see `config.resolve.resolve`.
        teacher: a dense model that ranks for gen-data, see `generation.options.GenerateOptions.teacher`.
        dense: a dense model whose vectors are searched beside; ``auto`` is the one that ranks for gen-data,
            which has encoded the documents already, None for none.
        minutes: that the build may take, about: fewer queries are written and fewer steps are made.
        train: False searches with the base as it is.
        seed: the same seed gives the same split and the same model.
        force: everything anew, though it stands.
    """

    documents: Path
    output: Path
    model: str = "tiny"
    queries: Offline | Llm | Judged | Rows = field(default_factory=Offline)
    data: Path | None = None
    preset: str | None = None
    settings: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    teacher: str | None = "auto"
    dense: str | None = "auto"
    minutes: float | None = None
    train: bool = True
    seed: int = 42
    force: bool = False

    def __post_init__(self) -> None:
        """Raises InputError for what cannot be."""
        if self.minutes is not None:
            require_positive(minutes=self.minutes)
        output = self.output.resolve()
        if self.documents.resolve().is_relative_to(output):
            raise InputError(
                f"the documents {self.documents} lie in {self.output}, which the build writes",
                "name another output",
                option="output",
            )
        base = {"model.base_model": self.model}
        resolve(preset=self.preset, environment=self.environment, flags=base, settings=self.settings)


@contextmanager
def unheard() -> Iterator[Listener]:
    """A listener for whoever wants none."""

    def listen(row: MetricsRow) -> None:
        pass

    yield listen


@dataclass(frozen=True)
class Watching:
    """How a build is watched: each stage opens what it needs, since two cannot draw at a time.

    Attributes:
        progress: opens what is told how far a stage is.
        training: opens what is told the rows of metrics.jsonl.
        say: is told what a user should read.
    """

    progress: Callable[[], AbstractContextManager[Progress]] = bars
    training: Callable[[], AbstractContextManager[Listener]] = unheard
    say: Say = unsaid


UNWATCHED = Watching()
