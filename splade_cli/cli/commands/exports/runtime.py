"""`splade export MODEL --to onnx`: graphs of a model for other runtimes, with what they lose."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from splade_cli.deploy.export.runtime.folder import RuntimeFolder, RuntimeOptions

FORMATS = ("onnx", "openvino")
"""What --to names for a model."""


def require_runtime(model: str, output: Path | None, to: str, force: bool) -> Path:
    """The output. Raises, before libraries are loaded, UsageError for none, and InputError for one that is
    taken."""
    from splade_cli.cli.usage import UsageError
    from splade_cli.storage.files import claim_output
    from splade_cli.storage.marks import GRAPHS

    if output is None:
        raise UsageError("splade export needs an output folder", f"splade export {model} --to {to} -o {to}")
    claim_output(output, force, GRAPHS)
    return output


def export_runtime(model: str, output: Path, chosen: RuntimeOptions, *, json_output: bool) -> None:
    """Writes the graphs, and says how far they are from the model."""
    from splade_cli.cli.render import console
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.deploy.export.runtime import folder

    with show_progress() as progress:
        made = folder.export_runtime(model, output, chosen, progress=progress)
    if json_output:
        console.json_document(made.as_dict())
    else:
        console.facts(_facts(made), as_json=False)
    for note in made.notes:
        console.note(note)
    if not made.losses:
        again = f"splade export {model} --to {chosen.to} -o {output} --force --data COLLECTION"
        console.note(f"what they lose was not measured: {again}")


def _facts(made: RuntimeFolder) -> dict[str, str]:
    from splade_cli.deploy.export.variant import MEASURE

    facts = {"written to": str(made.folder), "tokens read": str(made.max_seq_length)}
    for graph in made.graphs:
        facts[graph.path] = (
            f"{graph.output}, {graph.megabytes:.1f} MB, weights within {graph.difference:.2g} of the model's"
        )
    for one in made.losses:
        loss = one.loss
        facts[f"{MEASURE} of {one.path} on {loss.collection}"] = (
            f"{loss.base:.4f} -> {loss.variant:.4f} ({loss.difference:+.4f}, p = {loss.p_value:.4f}, "
            f"{loss.queries} queries)"
        )
    return facts
