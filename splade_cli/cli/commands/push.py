"""`splade push`: a model folder to the model hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from splade_cli.cli import options

SHOWN_OTHERS = 5


def push(
    model: Annotated[
        Path, typer.Argument(help="A model folder, or the run folder that holds it.", show_default=False)
    ],
    repo_id: Annotated[str | None, typer.Option("--repo-id", help="Where to: your-name/your-model.")] = None,
    private: Annotated[
        bool, typer.Option("--private", help="Only your account may read it, where the repository is new.")
    ] = False,
    message: Annotated[
        str, typer.Option("--message", help="Of the commit.")
    ] = "Model trained with splade-cli",
    trust_remote_code: options.TrustRemoteCode = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be sent, and send nothing.")
    ] = False,
    json_output: options.Json = False,
) -> None:
    """Publish a model on the model hub (HF_TOKEN or `hf auth login`; HF_ENDPOINT for another hub)."""
    from huggingface_hub.utils.tqdm import disable_progress_bars

    from splade_cli.cli.render import console
    from splade_cli.errors import InputError
    from splade_cli.model.options import ModelOptions
    from splade_cli.training.publishing.contents import files_to_push, model_folder
    from splade_cli.training.publishing.licence import base_licence
    from splade_cli.training.publishing.publish import push_to_hub, require_push

    if repo_id is None:
        raise InputError(
            "splade push needs a repository", f"splade push {model} --repo-id your-name/your-model"
        )
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
