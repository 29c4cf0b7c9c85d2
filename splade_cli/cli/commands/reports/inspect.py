"""`splade inspect`: training data validated and described, with rows to read."""

from __future__ import annotations

from typing import Annotated

import typer

from splade_cli.cli.options import checks, outputs


def inspect(
    source: Annotated[
        str,
        typer.Argument(
            help="Training file, folder of train / val / test, BEIR folder, or a dataset's hub id.",
            show_default=False,
        ),
    ],
    rows: Annotated[int, typer.Option("--rows", help="Rows to read; 0 shows none.")] = 20,
    seed: Annotated[int, typer.Option("--seed", help="Another seed, other rows.")] = 42,
    report_file: outputs.Report = None,
    json_output: outputs.Json = False,
) -> None:
    """Validate and describe training data: lengths, overlap, repeats, leaks, hard negatives, rows to read."""
    checks.require_report(report_file)

    from splade_cli.cli.render import console
    from splade_cli.cli.render import inspection as render
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.errors import InputError
    from splade_cli.generation.inspection.inspect import inspect_data

    with show_progress() as progress:
        report = inspect_data(source, sample=rows, seed=seed, progress=progress)
    if json_output:
        console.json_document(report.as_dict())
    else:
        render.inspection(report)
    if report_file is not None:
        from splade_cli.generation.inspection.page import inspection_page
        from splade_cli.reports.outputs import write_page
        from splade_cli.reports.page import NextStep

        step = NextStep("Train on it:", render.next_command(report)) if report.rows else None
        write_page(report_file, inspection_page(report, step))
        console.note(f"report written to {report_file}")
    if report.faults:
        raise InputError(
            f"{len(report.faults)} of {report.rows + len(report.faults)} rows cannot be read, the first: "
            f"{report.faults[0]}",
            f"put them right or take them out; `splade inspect {source} --json` names each of them",
        )
    console.next_command(render.next_command(report))
