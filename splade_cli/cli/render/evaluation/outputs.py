"""Files that `splade evaluate` writes: run, report and results of MTEB; what goes to standard output."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.cli.render import console
from splade_cli.cli.usage import UsageError
from splade_cli.errors import ServiceError
from splade_cli.reports.outputs import is_rendered, require_report_file, write_page
from splade_cli.storage.files import write_json
from splade_cli.storage.outputs import output_file, output_folder

if TYPE_CHECKING:
    from splade_cli.evaluation.measurement import Measurement
    from splade_cli.reports.page import Page
    from splade_cli.training.tracking.measured import TrackedIn

STDOUT = Path("-")


@dataclass
class Outputs:
    """What is to be written, and where; ``-`` is standard output.

    Attributes:
        mteb: the folder of results on tasks, None without tasks.
        json: a document of everything goes to standard output.
        track: experiment trackers that get the figures and the report.
    """

    run: Path | None
    report: Path | None
    mteb: Path | None
    json: bool
    track: Sequence[TrackedIn] = ()
    _said: list[str] = field(default_factory=list)

    @property
    def on_stdout(self) -> bool:
        """Whether standard output is a document, not for people."""
        return self.json or STDOUT in (self.run, self.report)

    def require(self, flags: Mapping[str, object], *, judged: bool) -> None:
        """Raises UsageError where something cannot be written, or two things would be on standard output.

        Args:
            flags: values of flags that are of a collection, beside that for its run.
            judged: whether a collection is measured.
        """
        for flag, value in {"--run": self.run, **flags}.items():
            if value and not judged:
                raise UsageError(f"{flag} is of a collection of your own", "name one: --data DIR")
        if [self.run == STDOUT, self.report == STDOUT, self.json].count(True) > 1:
            raise UsageError(
                "only one of --run -, --report - and --json can be on standard output",
                "name files for the others",
            )
        if self.run is not None and self.run != STDOUT:
            output_file(self.run)
        if self.report is not None and self.report != STDOUT:
            require_report_file(self.report)
        if self.mteb is not None:
            output_folder(self.mteb)

    def write(self, measured: Measurement, model: str, per_query: bool, page: Callable[[], Page]) -> None:
        """Writes and prints all of them; `page` makes the report for readers, where one is asked for."""
        from splade_cli.datasets.formats.trec import run_lines, write_run
        from splade_cli.evaluation.benchmarks.results import write_results

        if self.run is not None and measured.report is not None:
            run = measured.report.systems[0].run
            if self.run == STDOUT:
                console.lines(list(run_lines(run)))
            else:
                write_run(self.run, run)
                self._said.append(f"run written to {self.run}")
        if self.report == STDOUT:
            console.json_document(measured.to_json())
        elif self.report is not None:
            if is_rendered(self.report):
                write_page(self.report, page())
            else:
                write_json(self.report, measured.to_json(), alone=True)
            self._said.append(f"report written to {self.report}")
        if self.mteb is not None:
            summary = write_results(self.mteb, model, measured.tasks, datetime.now())
            self._said.append(f"MTEB: summary written to {summary}")
        if self.json:
            console.json_document(measured.to_json(per_query))

    def to_trackers(self, measured: Measurement, page: Callable[[], Page]) -> None:
        """Hands all to the trackers; one that fails is told, for what was measured is printed and written."""
        if not self.track:
            return
        from splade_cli.training.tracking.measured import track

        report = page()
        for each in self.track:
            try:
                viewers = track(measured, report, report.title, [each])
            except ServiceError as error:
                console.note(f"not tracked: {error.message}")
                continue
            for viewer in viewers:
                console.note(f"tracked: {viewer}")

    def say(self) -> None:
        """What was written, as remarks."""
        for line in self._said:
            console.note(line)
