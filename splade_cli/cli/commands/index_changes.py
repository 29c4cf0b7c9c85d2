"""`splade index add | sync | remove | merge | verify`: changes to an index, and a look at all of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from splade_cli.cli import settings
from splade_cli.cli.interrupts import told
from splade_cli.cli.options import checks, inputs, machine, outputs, reading
from splade_cli.errors import OptionError

if TYPE_CHECKING:
    from splade_cli.corpus.options import ReadingOptions
    from splade_cli.model.options import ModelOptions

IndexModel = Annotated[
    str | None,
    typer.Option("--model", "-m", help="The index's model, where it has moved.", show_default="as indexed"),
]


def add(
    documents: inputs.Documents,
    folder: inputs.RequiredIndex,
    model: IndexModel = None,
    max_file_size: reading.MaxFileSize = 100.0,
    max_file_seconds: reading.MaxFileSeconds = 60.0,
    follow_links: reading.FollowLinks = False,
    extensions: reading.Extensions = None,
    include: reading.Include = None,
    exclude: reading.Exclude = None,
    ignored: reading.Ignored = False,
    keep_duplicates: reading.KeepDuplicates = False,
    show_skipped: reading.ShowSkipped = False,
    workers: machine.Workers = 1,
    batch_size: machine.BatchSize = 64,
    device: machine.Device = "auto",
    precision: machine.Precision = "auto",
    trust_remote_code: machine.TrustRemoteCode = False,
    allow_pickle: machine.AllowPickle = False,
    json_output: outputs.Json = False,
) -> None:
    """Add documents to an index: those whose id is there replace the old ones, unchanged ones are skipped."""
    checks.positive(batch_size=batch_size, workers=workers)
    how = settings.reading(
        max_file_size, max_file_seconds, follow_links, extensions, include, exclude, ignored, keep_duplicates
    )
    opening = settings.model_options(
        device, trust_remote_code, allow_pickle, batch_size=batch_size, precision=precision
    )
    _bring(documents, folder, model, how, opening, workers, show_skipped, json_output)


def sync(
    documents: inputs.Documents,
    folder: inputs.RequiredIndex,
    model: IndexModel = None,
    max_file_size: reading.MaxFileSize = 100.0,
    max_file_seconds: reading.MaxFileSeconds = 60.0,
    follow_links: reading.FollowLinks = False,
    extensions: reading.Extensions = None,
    include: reading.Include = None,
    exclude: reading.Exclude = None,
    ignored: reading.Ignored = False,
    keep_duplicates: reading.KeepDuplicates = False,
    show_skipped: reading.ShowSkipped = False,
    workers: machine.Workers = 1,
    batch_size: machine.BatchSize = 64,
    device: machine.Device = "auto",
    precision: machine.Precision = "auto",
    trust_remote_code: machine.TrustRemoteCode = False,
    allow_pickle: machine.AllowPickle = False,
    force: Annotated[bool, typer.Option("--force", help="Even if most documents of the index go.")] = False,
    json_output: outputs.Json = False,
) -> None:
    """Bring an index to what a folder holds now: added and changed documents in, those that are gone out."""
    checks.positive(batch_size=batch_size, workers=workers)
    how = settings.reading(
        max_file_size, max_file_seconds, follow_links, extensions, include, exclude, ignored, keep_duplicates
    )
    opening = settings.model_options(
        device, trust_remote_code, allow_pickle, batch_size=batch_size, precision=precision
    )
    most_gone = 1.0 if force else 0.5
    _bring(documents, folder, model, how, opening, workers, show_skipped, json_output, most_gone)


def _bring(
    documents: Path,
    folder: Path,
    model: str | None,
    reading: ReadingOptions,
    opening: ModelOptions,
    workers: int,
    show_skipped: bool,
    json_output: bool,
    most_gone: float | None = None,
) -> None:
    checks.require_index(folder)
    checks.require_there(documents, hint=inputs.DOCUMENTS)
    checks.require_models(model)

    from splade_cli.cli.render import console
    from splade_cli.cli.render import index as render
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.index.index import SpladeIndex
    from splade_cli.indexing.add import add_documents
    from splade_cli.indexing.models import dense_of, embedder_of

    before = SpladeIndex.open(folder)
    embedder = embedder_of(before, model, opening)
    dense = None
    if before.info.dense is not None:
        dense = dense_of(before, device=opening.device, trust_remote_code=opening.trust_remote_code)
    with show_progress() as progress:
        added = add_documents(
            documents,
            folder,
            embedder=embedder,
            dense=dense,
            reading=reading,
            most_gone=most_gone,
            workers=workers,
            progress=progress,
        )
    console.skipped(added.skipped, everything=show_skipped)
    facts: dict[str, Any] = {
        "new documents": added.new,
        "replaced": added.changed,
        "unchanged": added.unchanged,
    }
    if most_gone is not None:
        facts["gone"] = added.gone
    facts["chunks written"] = added.chunks
    render.changed(folder, facts | render.merge_facts(added.merged), json_output)


def remove(
    ids: Annotated[list[str], typer.Argument(help="Ids of documents or of chunks.", show_default=False)],
    folder: inputs.RequiredIndex,
    json_output: outputs.Json = False,
) -> None:
    """Remove documents, or single chunks, from an index."""
    checks.require_index(folder)

    from splade_cli.cli.render import index as render
    from splade_cli.index.updates import IndexWriter

    with told("all of it is removed, or nothing; the same command removes it, or finds it gone"):
        with IndexWriter(folder) as writer:
            rows = writer.rows_of(ids)
            writer.delete(rows)
            merged = writer.merge_where_due()
        render.changed(folder, {"chunks removed": len(rows)} | render.merge_facts(merged), json_output)


def merge(folder: inputs.RequiredIndex, json_output: outputs.Json = False) -> None:
    """Make one segment of all, without what was removed: smaller, and as fast as newly built."""
    checks.require_index(folder)

    from splade_cli.cli.render import index as render
    from splade_cli.index.updates import IndexWriter

    with IndexWriter(folder) as writer:
        merged = writer.merge()
    if merged is None:
        facts: dict[str, Any] = {"segments merged": "none, there is one, and nothing was removed"}
    else:
        facts = render.merge_facts(merged) | {"removed chunks dropped": merged.dropped}
    render.changed(folder, facts, json_output)


def verify(
    context: typer.Context,
    place: Annotated[Path | None, typer.Argument(metavar="INDEX", help="In place of --index.")] = None,
    folder: inputs.Index = None,
    json_output: outputs.Json = False,
) -> None:
    """Read every byte of an index and compare checksums; exit code 1 where a file is damaged."""
    chosen = place or folder
    if chosen is None:
        raise OptionError("no index is named", "e.g. splade index verify --index index")
    is_asked_for = getattr(context.get_parameter_source("folder"), "name", "") == "COMMANDLINE"
    if is_asked_for and folder != chosen:
        raise OptionError(f"two indexes: {chosen} and {folder}", "verify one of them at a time")
    checks.require_index(chosen)

    from splade_cli.cli.render import index as render
    from splade_cli.index.index import SpladeIndex

    render.verified(chosen, SpladeIndex.open(chosen, verify=True), json_output)
