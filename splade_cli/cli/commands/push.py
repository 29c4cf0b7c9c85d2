"""`splade push`: a model folder to the model hub, or an index to an engine on a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splade_cli.cli import settings
from splade_cli.cli.options import checks, machine, outputs

if TYPE_CHECKING:
    from splade_cli.deploy.push.push_index import PushRequest

SHOWN_OTHERS = 5
MIN_RECALL = 0.99


def push(
    source: Annotated[
        Path,
        typer.Argument(
            help="A model folder, or the run folder that holds it; with --to an index folder.",
            metavar="MODEL|INDEX",
            show_default=False,
        ),
    ],
    repo_id: Annotated[str | None, typer.Option("--repo-id", help="Where to: your-name/your-model.")] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Only your account may read it, where the repository is new.")
    ] = False,
    message: Annotated[
        str, typer.Option("--message", help="Of the commit.")
    ] = "Model trained with splade-cli",
    to: Annotated[
        str | None,
        typer.Option(
            "--to", help="URL of an engine: postgresql://me@host/db?table=docs.", show_default=False
        ),
    ] = None,
    sync: Annotated[
        bool, typer.Option("--sync", help="Bring what is there up to date: add, replace, delete.")
    ] = False,
    force: outputs.Force = False,
    queries: Annotated[
        Path | None,
        typer.Option(
            "--queries", help="Queries for the check at the end.", show_default="written from the texts"
        ),
    ] = None,
    min_recall: Annotated[
        float,
        typer.Option("--min-recall", min=0, max=1, help="Of exact search's first 10; exit 3 below it."),
    ] = MIN_RECALL,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="The index's model, where it has moved.", show_default="as indexed"
        ),
    ] = None,
    device: machine.Device = "auto",
    trust_remote_code: machine.TrustRemoteCode = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    json_output: outputs.Json = False,
) -> None:
    """Publish a model on the model hub (HF_TOKEN or `hf auth login`), or fill an engine with an index."""
    from splade_cli.cli.usage import UsageError

    if to is not None:
        if repo_id is not None:
            raise UsageError("--to with --repo-id", "an index goes to an engine, a model to the hub")
        checks.require_index(source)
        checks.require_there(queries)

        from splade_cli.deploy.push.push_index import PushRequest
        from splade_cli.engines.remote.pushing.push import PushOptions

        how = PushOptions(sync=sync, force=force, dry_run=dry_run)
        opening = settings.model_options(device, trust_remote_code, False)
        _push_index(PushRequest(source, to, how, queries, min_recall, model, opening), json_output)
        return
    if repo_id is None:
        raise UsageError(
            "splade push needs a repository or an engine",
            f"splade push {source} --repo-id your-name/your-model",
        )
    _push_model(source, repo_id, private, message, trust_remote_code, dry_run, json_output)


def _push_index(request: PushRequest, json_output: bool) -> None:
    from splade_cli.cli.render import console
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.deploy.push.push_index import push_index

    with show_progress() as progress:
        report = push_index(request, progress)
    pushed = report.pushed
    facts: dict[str, object] = {"engine": report.address, "generation": report.generation}
    facts |= {"rows": pushed.checked.rows, "written": pushed.written, "deleted": pushed.deleted}
    facts |= {"unchanged": pushed.unchanged, "most terms a row": pushed.checked.nonzeros}
    if report.size_bytes is not None:
        facts["megabytes"] = round(report.size_bytes / 1e6, 1)
    found = report.parity
    if found is None:
        console.facts(facts, json_output, "nothing was changed (--dry-run); all limits are kept")
        return
    facts |= {f"recall@{found.k}": round(found.recall, 4), "sample queries": found.queries}
    facts["largest difference of a score"] = f"{found.score_difference:.1e}"
    if report.tried:
        facts["looks as far as"] = report.tried[-1].next
    console.facts(facts, json_output)
    for attempt in report.tried:
        before = attempt.parity
        console.note(
            f"recall@{before.k} was {before.recall:.4f} at {before.milliseconds:.1f} ms a query, "
            f"below --min-recall {request.min_recall:g}: now it looks as far as {attempt.next}"
        )
    if report.tried:
        console.note(
            f"a search takes {found.milliseconds:.1f} ms now; the store remembers how far it is to look"
        )
    if pushed.resumed:
        console.note("an interrupted push went on where it was")
    for query in report.worst:
        console.note(f"not all of the first {found.k} were found: {query}")
    if found.recall < request.min_recall:
        console.note(f"recall@{found.k} {found.recall:.4f} is below --min-recall {request.min_recall:g}")
        raise typer.Exit(3)
    console.next_command(f"splade search QUERY --engine '{report.address}' --index {request.folder}")


def _push_model(
    model: Path,
    repo_id: str,
    private: bool,
    message: str,
    trust_remote_code: bool,
    dry_run: bool,
    json_output: bool,
) -> None:
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from splade_cli.cli.render import console
    from splade_cli.model.options import ModelOptions
    from splade_cli.training.publishing.contents import files_to_push, model_folder
    from splade_cli.training.publishing.licence import base_licence
    from splade_cli.training.publishing.publish import push_to_hub, require_push

    folder = model_folder(model)
    licence = base_licence(str(folder))
    facts = {"licence": str(licence), "its demands": licence.demands}
    if not (folder / "README.md").is_file():
        console.note("no README.md: the model will have no card")
    if dry_run:
        sizes = {name: (folder / name).stat().st_size for name in files_to_push(folder)}
        facts |= {"would go to": repo_id, "files": _shown(sizes)}
        console.facts(facts, json_output, "nothing was sent (--dry-run)")
        return
    console.note(f"licence: {licence}; it asks: {licence.demands}")
    account = require_push(repo_id)
    if not console.err.is_terminal:
        disable_progress_bars()
    console.note(f"sending {folder} to {repo_id} as {account}")
    made = push_to_hub(
        folder,
        repo_id,
        private=private or None,
        message=message,
        options=ModelOptions(device="cpu", trust_remote_code=trust_remote_code),
    )
    facts |= {"pushed to": made.url, "commit": made.commit, "files": _shown(made.files)}
    console.facts(facts, json_output, "checked: the hub has the bytes that are here")
    if made.others:
        more = " ..." if len(made.others) > SHOWN_OTHERS else ""
        console.note(f"in the repository, not here: {', '.join(made.others[:SHOWN_OTHERS])}{more}")
    console.next_command(f"splade index DOCS -o index --model {repo_id}")


def _shown(sizes: dict[str, int]) -> str:
    total = sum(sizes.values())
    shown = f"{total / 1e6:.1f} MB" if total >= 1e5 else f"{total / 1e3:.1f} kB"
    return f"{len(sizes)} ({shown}): {', '.join(sizes)}"
