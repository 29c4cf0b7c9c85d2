"""`splade build`: a folder of documents to a measured index, by all stages in one go."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splade_cli.cli.options import checks, evaluation, inputs, language_model, outputs, query_writing

if TYPE_CHECKING:
    from splade_cli.generation.options import Judged, Llm, Offline, Rows


def build(
    documents: inputs.Documents,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder for all: data, training run, index, report.")
    ],
    model: Annotated[
        str, typer.Option("--model", "-m", help="Base model: 'tiny', a folder, or a hub id.")
    ] = "tiny",
    llm: language_model.LlmModel = None,
    base_url: language_model.BaseUrl = None,
    qrels: query_writing.Qrels = None,
    queries: query_writing.Queries = None,
    data: evaluation.Data = None,
    preset: Annotated[
        str | None, typer.Option("--preset", help="Of training, as of `splade train`.", show_default="splade")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Any setting of training: section.key=value; may be repeated."),
    ] = None,
    dense: Annotated[
        str,
        typer.Option(
            "--dense",
            help="Dense vectors beside: 'auto' is the model that ranks for the rows, where it is here; "
            "'none', or a model's name.",
        ),
    ] = "auto",
    minutes: Annotated[
        float | None,
        typer.Option(
            "--minutes",
            help="About so long, from a few on: fewer queries and steps; what is left out is said.",
            show_default="no limit",
        ),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train/--no-train", help="Fine-tune, or search with the base model as it is.")
    ] = True,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same files and model.")] = 42,
    dry_run: outputs.DryRun = False,
    force: Annotated[bool, typer.Option("--force", help="Make all anew, though it stands.")] = False,
    json_output: outputs.Json = False,
) -> None:
    """All of it: queries, training, index and measurement from a folder of documents; run again to go on.

    What stands is not made again. Changed documents are indexed; a new model is used if it is no worse.
    """
    from splade_cli.storage.files import claim_output
    from splade_cli.storage.marks import BUILD

    _require_one_source(llm, base_url, qrels, queries, documents)
    checks.require_there(documents, hint=inputs.DOCUMENTS)  # before libraries of models are loaded
    if not documents.resolve().is_relative_to(output.resolve()):
        claim_output(output, True, (BUILD,))
    checks.require_collection(data)
    checks.require_models(model, dense=preset in checks.OVER_DENSE)
    if dense not in ("auto", "none"):
        checks.require_models(dense, dense=True)

    from splade_cli.building.options import BuildOptions, Watching

    wanted = BuildOptions(
        documents=documents,
        output=output,
        model=model,
        queries=_source(llm, base_url, qrels, queries),
        data=data,
        preset=preset,
        settings=tuple(settings or ()),
        environment=dict(os.environ),
        dense=None if dense == "none" else dense,
        minutes=minutes,
        train=train,
        seed=seed,
        force=force,
    )
    from splade_cli.building.build import build as built
    from splade_cli.building.plan import plan
    from splade_cli.cli.render import build as render
    from splade_cli.cli.render import console, training
    from splade_cli.cli.render.progress import show_progress

    if dry_run:
        with show_progress() as progress:
            found = plan(wanted, progress)
        render.planned(found, json_output)
        return
    made = built(wanted, Watching(show_progress, training.progress, console.note))
    render.built(made, json_output)


def _require_one_source(
    llm: str | None, base_url: str | None, qrels: str | None, queries: Path | None, documents: Path
) -> None:
    """Raises UsageError for options that contradict each other about where the queries come from, and
    InputError for a file of them that is not there."""
    from splade_cli.cli.usage import UsageError
    from splade_cli.errors import InputError

    if base_url and not llm:
        raise UsageError(
            f"--base-url {base_url} without --llm", "name the model that the server runs: --llm MODEL"
        )
    given = {"--llm": llm, "--qrels": qrels, "--queries": queries}
    named = [f"{flag} {value}" for flag, value in given.items() if value is not None]
    if len(named) > 1:
        raise UsageError(f"{named[0]} and {named[1]} together", "choose one of them")
    if qrels and documents.is_file():
        raise UsageError(
            f"--qrels needs a BEIR folder, {documents} is a file", "rows with positives go to --queries FILE"
        )
    if queries and not queries.exists():
        raise InputError(f"no such file or folder: {queries}", "name a file of rows with --queries FILE")


def _source(
    llm: str | None, base_url: str | None, qrels: str | None, queries: Path | None
) -> Offline | Llm | Judged | Rows:
    """Where the queries to train on come from."""
    from splade_cli.generation.options import Judged, Llm, Offline, Rows

    if llm:
        return Llm(llm, base_url=base_url)
    if qrels:
        return Judged(qrels)
    if queries:
        return Rows(queries)
    return Offline()
