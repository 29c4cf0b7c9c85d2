"""`splade demo`: `splade build` on a sample that lies in the package, and three searches of what it made."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from splade_cli.cli.options import outputs


def demo(
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for all: data, training run, index, report.")
    ] = Path("demo"),
    minutes: Annotated[
        float | None,
        typer.Option("--minutes", help="About so long, as of `splade build`.", show_default="no limit"),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Fine-tune, or search with the base model as it is.")
    ] = True,
    dry_run: outputs.DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Make all anew, though it stands.")] = False,
) -> None:
    """Try it without documents of your own: build, measure and search a sample of 72 files."""
    from splade_cli.cli.commands.build import build
    from splade_cli.cli.commands.search import search
    from splade_cli.cli.render import console
    from splade_cli.datasets.collections.sample import QUERIES, sample_folder

    sample = sample_folder()
    documents = sample / "documents"
    said = f"splade build {shlex.quote(str(documents))} --data {shlex.quote(str(sample))} -o {output}"
    console.labelled("demo", said)
    build(documents, output, data=sample, minutes=minutes, train=train, dry_run=dry_run, force=force)
    if dry_run:
        return
    for query in QUERIES:
        console.labelled("\n$", f'splade search "{query}" --index {output / "index"} -k 2 --explain')
        search([query], output / "index", k=2, explain=True)
