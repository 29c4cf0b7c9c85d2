"""The whole path from a folder of documents to a measured index: data, training, index, report in a folder.

data/        training rows and queries that are held out      run-1/        a training run, final/ its model
index/       what is searched                                 report.json  what was measured, .html to read
build.json   what each stage was made of, so that the same call goes on where it was, or has nothing to do
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from splade_cli.building import fingerprints
from splade_cli.building.building import Building
from splade_cli.building.data_stage import doubts, make_data, max_queries
from splade_cli.building.dense_part import require_dense
from splade_cli.building.index_stage import make_index, sync_index
from splade_cli.building.measuring import MeasureWith, SearchMode, best_mode, measured
from splade_cli.building.measuring import doubts as doubts_of_report
from splade_cli.building.options import UNWATCHED, BuildOptions, Watching
from splade_cli.building.record import (
    INDEX,
    NAME,
    TRAIN,
    BuildRecord,
    numbered_runs,
    read_record,
    remove_other_runs,
    run_folder,
)
from splade_cli.building.report_stage import make_report
from splade_cli.building.training import configured, train
from splade_cli.datasets.collections import load_collection
from splade_cli.evaluation.report import Report
from splade_cli.generation.options import MAX_QUERIES, Judged, Rows
from splade_cli.index.updates import keep_mode
from splade_cli.search.options import AUTO
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import claim_output, remove_leftovers_in
from splade_cli.storage.outputs import output_folder
from splade_cli.training.averaging import WITH_VOCABULARY


@dataclass(frozen=True)
class Built:
    """What a build gave.

    Attributes:
        stages: those that were run, in their order; none where all stood.
        model: the model in use.
        chosen: why it is, in a sentence; empty where nothing was trained.
        report: None where there was no query to measure on.
        mode: how the folder is best searched; None without a report.
        left_out: what a budget left out, in sentences.
        doubts: what speaks against trusting the figures or the model, in sentences.
        dense: the dense model that is searched beside; None for none.
    """

    options: BuildOptions
    stages: tuple[str, ...]
    model: str
    chosen: str
    report: Report | None
    mode: SearchMode | None
    left_out: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    dense: str | None = None

    @property
    def is_human(self) -> bool:
        """Whether people wrote the queries of the report: judged ones, or such as rows were made of."""
        return self.options.data is not None or isinstance(self.options.queries, Judged | Rows)


def build(options: BuildOptions, watching: Watching = UNWATCHED, measure: MeasureWith = measured) -> Built:
    """Builds what is missing or was made of something else; the same call after Ctrl-C goes on.

    Documents that have changed are indexed first, by the model in use; then rows and a model are made anew,
    and that is promoted only if it is no worse.

    Args:
        watching: who is told how far it is; bars a stage where nobody is named.
        measure: how models are measured.

    Raises:
        InputError, ModelError, ServiceError, LimitError: as the stages raise; the output holds something
            else, or another process builds there.
    """
    require_dense(options.dense)
    resolved = configured(options, run_folder(options.output, 1))
    judged = None if options.data is None else load_collection(options.data, None)
    documents = fingerprints.of_documents(options.documents, fingerprints.reading_of(options))
    with claimed(options.output):
        remove_leftovers_in(output_folder(options.output))
        claim_output(options.output, True, (NAME,))
        building = Building(options, watching, measure, earlier(options), documents, judged)
        building.keep(building.record)
        sync_index(building)
        if options.train or judged is None:
            make_data(building)
        found = None
        if options.train:
            found = train(building)
        elif building.record.run:
            building.keep(replace(building.record.without(TRAIN), run=0, chosen="", doubts=()))
        make_index(building)
        remove_other_runs(options.output, building.record)
        with_base = resolved.config.model.architecture in WITH_VOCABULARY
        told = (*doubts(building), *building.record.doubts)
        report = make_report(building, found, told, with_base=with_base)
        mode = None if report is None else best_mode(report, building.model, building.dense)
        if mode is not None:
            keep_mode(options.output / INDEX, "" if mode.mode == AUTO else mode.mode)
    return Built(
        options=options,
        stages=tuple(building.stages),
        model=building.model,
        chosen=building.record.chosen,
        report=report,
        mode=mode,
        left_out=_left_out(building),
        doubts=told if report is None else (*doubts_of_report(report), *told),
        dense=building.dense,
    )


def earlier(options: BuildOptions) -> BuildRecord:
    """What stands of earlier builds; by force nothing, but what is searched stays until another takes its
    place."""
    if not options.force:
        return read_record(options.output)
    return BuildRecord(last_run=max(numbered_runs(options.output), default=0))


def _left_out(building: Building) -> tuple[str, ...]:
    """What a budget of minutes left out."""
    minutes = building.options.minutes
    if minutes is None:
        return ()
    told = []
    queries = max_queries(building.options)
    if queries < MAX_QUERIES:
        told.append(f"{minutes:g} minutes: at most {queries:,} queries were written, {MAX_QUERIES:,} without")
    budget = building.record.budget
    if "steps" in budget:
        told.append(f"{minutes:g} minutes: {budget['steps']:.0f} of {budget['planned']:.0f} steps were made")
    return tuple(told)
