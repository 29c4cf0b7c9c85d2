"""A build while it runs: its options, how it is watched, and the record that each stage adds to."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from splade_cli.building import fingerprints
from splade_cli.building.dense_part import dense_name, dense_part
from splade_cli.building.measuring import MeasureWith
from splade_cli.building.options import BuildOptions, Watching
from splade_cli.building.record import DATA, INDEX, BuildRecord, run_folder, write_record
from splade_cli.datasets.collections import Collection
from splade_cli.evaluation.report import Report
from splade_cli.index.bm25.fields import TITLE_WEIGHT
from splade_cli.indexing.dense import dense_identity
from splade_cli.progress import Progress
from splade_cli.training.run_folder import FINAL


@dataclass
class Building:
    """One build.

    Attributes:
        documents: the fingerprint of the documents.
        judged: what is measured on, None for queries that were held out.
        record: as build.json has it.
        stages: that were run, in their order.
    """

    options: BuildOptions
    watching: Watching
    measure: MeasureWith
    record: BuildRecord
    documents: str
    judged: Collection | None = None
    stages: list[str] = field(default_factory=list)
    _started: float = field(default_factory=time.monotonic)
    _identities: dict[str, str] = field(default_factory=dict)

    @property
    def output(self) -> Path:
        """The folder of all."""
        return self.options.output

    @property
    def data(self) -> Path:
        """The folder of training rows and held-out queries."""
        return self.output / DATA

    @property
    def model(self) -> str:
        """The model in use: that of a run, or the base."""
        if not self.record.run:
            return self.options.model
        return str(run_folder(self.output, self.record.run) / FINAL)

    @property
    def of_index(self) -> str:
        """The fingerprint of an index of these documents by the models in use."""
        return f"{self.models} {self.documents}"

    @property
    def models(self) -> str:
        """The fingerprint of what an index is made by: models, and how words are counted."""
        model: str | int = self.record.run
        if not self.record.run:
            model = fingerprints.of_base(self.options.model)
        dense = self.dense
        if dense is not None:
            if dense not in self._identities:
                self._identities[dense] = dense_identity(dense)
            dense = self._identities[dense]
        return fingerprints.key(model, dense, TITLE_WEIGHT)

    @property
    def is_indexed_by_other_models(self) -> bool:
        """Whether there is an index that another model, or another dense one, has made."""
        return self.record.stages.get(INDEX, self.models).partition(" ")[0] != self.models

    @property
    def dense(self) -> str | None:
        """The dense model that is searched beside it."""
        return dense_name(self.options, self.data)

    def measured(
        self, model: str, baseline: str | None, collection: Collection, progress: Progress
    ) -> Report:
        """A model beside another one, searched as the index is. Raises as `measure`."""
        with dense_part(self.dense, self.data) as dense:
            return self.measure(model, baseline, collection, dense, progress)

    @property
    def seconds_left(self) -> float:
        """Of the budget, where there is one; at least one."""
        minutes = self.options.minutes or 0.0
        return max(1.0, 60 * minutes - (time.monotonic() - self._started))

    def stands(self, stage: str, fingerprint: str) -> bool:
        """Whether a stage has ended that was made of the same."""
        return self.record.stages.get(stage) == fingerprint

    def keep(self, record: BuildRecord) -> None:
        """Writes the record."""
        self.record = record
        write_record(self.output, record)

    def budget(self, **values: float) -> Mapping[str, float]:
        """The budget of the record with more values."""
        return {**self.record.budget, **values}
