"""Plan of a build: which stages stand and which would be run, and how much there is to do; writes nothing."""

from __future__ import annotations

from dataclasses import dataclass

from splade_cli.building import fingerprints
from splade_cli.building.build import earlier
from splade_cli.building.data_stage import generation_of, max_queries
from splade_cli.building.options import BuildOptions
from splade_cli.building.record import DATA, NAME, run_folder
from splade_cli.building.training import configured
from splade_cli.datasets.collections import load_collection
from splade_cli.generation.pipeline import plan as plan_data
from splade_cli.generation.report import Plan
from splade_cli.progress import Progress
from splade_cli.storage.files import claim_output


@dataclass(frozen=True)
class BuildPlan:
    """What a build would do.

    Attributes:
        data: what would be read and written about; None where its rows stand.
        standing: stages that ended for what is there now; those after one that is made anew may follow it.
        steps: of training as configured, before a budget; negative where epochs decide.
    """

    data: Plan | None
    standing: tuple[str, ...]
    steps: int
    trains: bool


def plan(options: BuildOptions, progress: Progress) -> BuildPlan:
    """What `build` would do. Raises InputError as it does for documents, settings, data and the output."""
    resolved = configured(options, run_folder(options.output, 1))
    if options.data is not None:
        load_collection(options.data, None)
    documents = fingerprints.of_documents(options.documents, fingerprints.reading_of(options))
    claim_output(options.output, True, (NAME,))
    record = earlier(options)
    wanted = fingerprints.of_data(options, documents, max_queries(options))
    stands = record.stages.get(DATA) == wanted
    progress("read", 0, None)
    return BuildPlan(
        data=None if stands else plan_data(generation_of(options)),
        standing=tuple(record.stages) if stands else (),
        steps=resolved.config.training.max_steps,
        trains=options.train,
    )
