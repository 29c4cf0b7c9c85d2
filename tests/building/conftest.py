"""A small folder to build, a random model, and a measure that says what a test wants it to say."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from splade_cli.building.build import Built, build
from splade_cli.building.options import BuildOptions, Watching
from splade_cli.datasets.collections import Collection
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.evaluation.significance import compare
from splade_cli.indexing.dense import DenseEncoder
from splade_cli.progress import Progress, silent
from splade_cli.training.tracking.rows import Listener, MetricsRow

DOCUMENTS = {
    "kiln.md": "# Kiln\n\nThe kiln fires clay at 1,060 degrees. Load the shelves with stilts below each pot.\n",
    "lathe.md": "# Lathe\n\nThe metal lathe needs a sharp tool. Cut threads at low speed with oil.\n",
    "loom.txt": "The loom weaves wool on a warp of linen. Tie the heddles before you weave a scarf.",
    "press.rst": "Press\n=====\n\nThe letterpress prints cards with wood type and oil based ink.\n",
    "bike.md": "# Bicycle\n\nBrakes squeal when the rim is dirty. Clean the rim and toe in the pads.\n",
}
SMALL = (
    "training.max_steps=1", "training.per_device_train_batch_size=2", "training.tuned_share=1",
    "evaluation.preflight=false", "hardware.device=cpu",
)  # fmt: skip


@dataclass
class Builder:
    """Builds a small folder again and again.

    Attributes:
        figures: nDCG@10 that the measure gives a model, by the last two parts of its name; 0.5 to others.
        stop_at: the name of a stage of progress, or ``training``, or ``measure``, in which Ctrl-C comes.
        seen: all stages of progress of the last call.
    """

    docs: Path
    output: Path
    model: str
    figures: dict[str, float] = field(default_factory=dict)
    stop_at: str = ""
    seen: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def __call__(self, **options: object) -> Built:
        self.seen = []
        given = {"settings": SMALL, "teacher": None, "model": self.model, **options}
        wanted = BuildOptions(self.docs, self.output, **given)  # type: ignore[arg-type]
        return build(wanted, Watching(self._progress, self._training, self.said.append), self.measure)

    def measure(
        self,
        model: str,
        baseline: str | None,
        collection: Collection,
        dense: DenseEncoder | None = None,
        progress: Progress = silent,
    ) -> Report:
        """The figures of `figures`, the same for all queries."""
        self._stop("measure")
        names = ["all fused", model, "BM25"]
        if baseline is not None:
            names.insert(2, baseline)
        systems = []
        for name in names:
            short = "/".join(Path(name).parts[-2:])
            value = self.figures.get(short, 0.5)
            values = {"nDCG@10": dict.fromkeys(collection.queries, value)}
            systems.append(SystemResult(name, {"nDCG@10": value}, values))
        first = systems[0]
        compared = [first]
        for system in systems[1:]:
            versus = compare(first.values["nDCG@10"], system.values["nDCG@10"])
            compared.append(SystemResult(system.name, system.figures, system.values, versus=versus))
        return Report(
            collection.name, "val", len(collection.documents), len(collection.queries), tuple(compared)
        )

    def _stop(self, where: str) -> None:
        if where == self.stop_at:
            raise KeyboardInterrupt

    @contextmanager
    def _progress(self) -> Iterator[Progress]:
        def tell(stage: str, done: int, total: int | None) -> None:
            self.seen.append(stage)
            self._stop(stage)

        yield tell

    @contextmanager
    def _training(self) -> Iterator[Listener]:
        def listen(row: MetricsRow) -> None:
            if row.get("step"):
                self.seen.append("training")
                self._stop("training")

        yield listen


def write_documents(folder: Path) -> Path:
    """The small folder."""
    folder.mkdir(parents=True)
    for name, text in DOCUMENTS.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


@dataclass
class Kept:
    """A builder whose first build has ended, and a copy of its folder as it was then."""

    builder: Builder
    copy: Path

    def restored(self) -> Builder:
        """A builder of the same folder, in which everything is as it was after the first build."""
        folder = self.builder.output.parent
        shutil.rmtree(folder)
        shutil.copytree(self.copy, folder)
        return Builder(self.builder.docs, self.builder.output, self.builder.model)


@pytest.fixture
def unbuilt(tmp_path: Path, make_folder: Callable[..., Path]) -> Builder:
    """A builder of documents that nothing has been made of."""
    return Builder(write_documents(tmp_path / "docs"), tmp_path / "engine", str(make_folder("bert")))


@pytest.fixture(scope="module")
def first_build(tmp_path_factory: pytest.TempPathFactory, make_folder: Callable[..., Path]) -> Kept:
    """A folder that is built once for the tests of a file."""
    folder = tmp_path_factory.mktemp("building")
    life = folder / "life"
    builder = Builder(write_documents(life / "docs"), life / "engine", str(make_folder("bert")))
    builder()
    shutil.copytree(life, folder / "copy")
    return Kept(builder, folder / "copy")


@pytest.fixture
def builder(first_build: Kept) -> Builder:
    """A builder whose first build has ended, whatever other tests have built on it."""
    return first_build.restored()
