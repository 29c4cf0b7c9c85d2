"""`splade export INDEX --to ...`: an index as files for another engine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from splade_cli.model.options import ModelOptions


@dataclass(frozen=True)
class IndexFlags:
    """What was typed for an index, None where a flag was left out."""

    names: str | None
    scale: int | None
    name: str | None
    queries: Path | None

    def require_none(self, model: str) -> None:
        """Raises UsageError for a flag that does nothing for a model."""
        from splade_cli.cli.usage import UsageError

        for name, value in asdict(self).items():
            if value is not None:
                raise UsageError(
                    f"--{name} is of an index, {model} is none", "splade export index --to jsonl -o exported"
                )


def export_index(
    index: str,
    output: Path | None,
    to: str | None,
    flags: IndexFlags,
    model: ModelOptions,
    *,
    force: bool,
    json_output: bool,
) -> None:
    """Writes the files, and says what they are."""
    from splade_cli.cli.usage import UsageError
    from splade_cli.storage.files import claim_output
    from splade_cli.storage.marks import EXPORTED_INDEX

    if to is None or output is None:
        from splade_cli.deploy.index_export.targets import TARGETS

        missing = "a destination" if to is None else "an output folder"
        raise UsageError(
            f"splade export of an index needs {missing}",
            f"splade export {index} --to {to or 'jsonl'} -o {output or 'exported'}; "
            f"destinations: {', '.join(TARGETS)}",
        )
    claim_output(output, force, EXPORTED_INDEX)

    from splade_cli.cli.render import console
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.deploy.index_export.exporting import IndexExportOptions, export_index

    default = IndexExportOptions()
    chosen = IndexExportOptions(
        names=flags.names or default.names,
        scale=default.scale if flags.scale is None else flags.scale,
        name=flags.name or default.name,
        queries=flags.queries,
        model=model,
        force=force,
    )
    with show_progress() as progress:
        made = export_index(index, output, to, chosen, progress=progress)
    if json_output:
        console.json_document(made.as_dict())
    else:
        facts = {
            "written to": str(made.folder),
            "for": made.to,
            "texts": f"{made.rows:,}",
            "without a term": f"{made.empty:,}",
            "files": f"{made.files:,}, {made.bytes / 1e6:.1f} MB",
        }
        console.facts(facts, as_json=False)
    console.note(f"how to load it and ask the first query: {made.folder / made.page}")
