"""`splade compare`: saved evaluations beside each other, with what chance has to do with the differences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from splade_cli.cli.options import checks, outputs


def compare(
    reports: Annotated[
        list[Path],
        typer.Argument(
            help="Files of `splade evaluate --report`; the others are compared with the first.",
            show_default=False,
        ),
    ],
    measure: Annotated[
        str | None,
        typer.Option("--measure", help="Of the test, e.g. RR@10.", show_default="that of the first report"),
    ] = None,
    every_system: Annotated[
        bool, typer.Option("--all", help="Every row of each file, not its first alone.")
    ] = False,
    json_output: outputs.Json = False,
) -> None:
    """Compare saved evaluations: figures, differences with their intervals, p (Holm), wins, ties, losses."""
    checks.require_there(*reports, hint="check the path: a file of `splade evaluate --report`")

    from splade_cli.cli.render import console
    from splade_cli.cli.render.evaluation.comparison import comparison
    from splade_cli.evaluation.comparison.saved import compare_saved, read_saved

    compared = compare_saved([read_saved(path) for path in reports], measure, every_system=every_system)
    if json_output:
        console.json_document(
            {**compared.to_json(per_query=False), "comparisons": compared.comparison_table().to_json()}
        )
    else:
        comparison(compared)
    console.next_command(
        "splade evaluate --data DATA --model MODEL --report other.json  # another one to compare"
    )
