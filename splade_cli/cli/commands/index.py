"""`splade index`: documents to an index folder, and changes to one; without another word it builds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from splade_cli.cli import options, settings
from splade_cli.cli.interrupts import told, told_if_whole

if TYPE_CHECKING:
    from splade_cli.model.dense import DenseModel
    from splade_cli.model.options import ModelOptions

BUILD = "build"
IndexFolder = Annotated[Path, typer.Option("--index", "-i", help="Index folder of `splade index`.")]
Dense = Annotated[
    str | None,
    typer.Option(
        "--dense", help="Store vectors of this dense model as well: all-MiniLM-L6-v2, a folder or a hub id."
    ),
]


class IndexCommands(TyperGroup):
    """A group that builds where the first word is none of its commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts BUILD before everything else that is typed."""
        if not args or args[0] not in self.commands:
            args = [BUILD, *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=IndexCommands,
    help="Make an index that can be searched; add, remove, merge and verify change and check one.",
    add_completion=False,
)


@app.command(
    BUILD, epilog="Changes to an index: splade index add | remove | merge | verify, each with --help."
)
def index(
    documents: options.Documents,
    output: Annotated[Path, typer.Option("--output", "-o", help="Index folder.")],
    model: options.Model = "tiny",
    query: options.Query = "full",
    bm25: Annotated[
        bool, typer.Option("--bm25/--no-bm25", help="Count words as well, for --mode bm25.")
    ] = True,
    dense: Dense = None,
    prune_terms: options.PruneTerms = None,
    prune_mass: options.PruneMass = None,
    impacts: options.Impacts = None,
    workers: options.Workers = 1,
    chunk_size: options.ChunkSize = 1000,
    chunk_min: options.ChunkMin = 500,
    chunk_max: options.ChunkMax = 2000,
    overlap: options.Overlap = 0.15,
    max_file_size: options.MaxFileSize = 100.0,
    max_file_seconds: options.MaxFileSeconds = 60.0,
    follow_links: options.FollowLinks = False,
    extensions: options.Extensions = None,
    show_skipped: options.ShowSkipped = False,
    max_length: options.MaxLength = None,
    batch_size: options.BatchSize = 64,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    trust_remote_code: options.TrustRemoteCode = False,
    allow_pickle: options.AllowPickle = False,
    force: options.Force = False,
    json_output: options.Json = False,
) -> None:
    """Make an index that can be searched: read, chunk, encode, write.

    Afterwards: splade index add, remove, merge, verify.
    """
    from splade_cli.cli.render import console
    from splade_cli.cli.render import index as render
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.corpus.chunks import Chunking
    from splade_cli.index.store.manifest import NAME
    from splade_cli.index.vectors.pruning import Pruning
    from splade_cli.indexing.build import index_documents
    from splade_cli.indexing.on_disk import claimed_index
    from splade_cli.indexing.options import IndexOptions
    from splade_cli.model.embedder import SpladeEmbedder

    options.positive(batch_size=batch_size, max_length=max_length, workers=workers)
    opening = settings.model_options(
        device,
        trust_remote_code,
        allow_pickle,
        batch_size=batch_size,
        precision=precision,
        max_length=max_length,
    )
    with claimed_index(output, force):
        pass  # what is refused should be so before a dense model is loaded
    chosen = IndexOptions(
        chunking=Chunking(chunk_min, chunk_max, chunk_size, overlap),
        reading=settings.reading(max_file_size, max_file_seconds, follow_links, extensions),
        bm25=bm25,
        dense=_dense_model(dense, opening),
        query=options.query_encoder(query),
        pruning=Pruning(prune_terms, prune_mass),
        impacts=impacts,
        workers=workers,
    )
    embedder = SpladeEmbedder(model, opening)
    with told_if_whole(output, (output / NAME).is_file, force=force):
        with show_progress() as progress:
            made = index_documents(
                documents, output, chosen, embedder=embedder, force=force, progress=progress
            )
        console.skipped(made.skipped, everything=show_skipped)
        if chosen.query is not None and made.index.info.query is not None:
            from splade_cli.evaluation.fidelity import carried_fidelity

            render.fidelity(carried_fidelity(made.index, embedder), made.index.info.query)
        render.built(made, model, output, json_output)


@app.command()
def add(
    documents: options.Documents,
    folder: IndexFolder,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="The index's model, where it has moved.", show_default="as indexed"
        ),
    ] = None,
    max_file_size: options.MaxFileSize = 100.0,
    max_file_seconds: options.MaxFileSeconds = 60.0,
    follow_links: options.FollowLinks = False,
    extensions: options.Extensions = None,
    show_skipped: options.ShowSkipped = False,
    workers: options.Workers = 1,
    batch_size: options.BatchSize = 64,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    trust_remote_code: options.TrustRemoteCode = False,
    allow_pickle: options.AllowPickle = False,
    json_output: options.Json = False,
) -> None:
    """Add documents to an index: those whose id is there replace the old ones, unchanged ones are skipped."""
    from splade_cli.cli.render import console
    from splade_cli.cli.render import index as render
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.index.index import SpladeIndex
    from splade_cli.indexing.add import add_documents
    from splade_cli.indexing.models import dense_of, embedder_of

    options.positive(batch_size=batch_size, workers=workers)
    reading = settings.reading(max_file_size, max_file_seconds, follow_links, extensions)
    opening = settings.model_options(
        device, trust_remote_code, allow_pickle, batch_size=batch_size, precision=precision
    )
    before = SpladeIndex.open(folder)
    embedder = embedder_of(before, model, opening)
    dense = None
    if before.info.dense is not None:
        dense = dense_of(before, device=device, trust_remote_code=trust_remote_code)
    with show_progress() as progress:
        added = add_documents(
            documents,
            folder,
            embedder=embedder,
            dense=dense,
            reading=reading,
            workers=workers,
            progress=progress,
        )
    console.skipped(added.skipped, everything=show_skipped)
    facts: dict[str, Any] = {
        "new documents": added.new,
        "replaced": added.changed,
        "unchanged": added.unchanged,
        "chunks written": added.chunks,
    }
    render.changed(folder, facts | render.merge_facts(added.merged), json_output)


@app.command()
def remove(
    ids: Annotated[list[str], typer.Argument(help="Ids of documents or of chunks.", show_default=False)],
    folder: IndexFolder,
    json_output: options.Json = False,
) -> None:
    """Remove documents, or single chunks, from an index."""
    from splade_cli.cli.render import index as render
    from splade_cli.index.updates import IndexWriter

    with told("all of it is removed, or nothing; the same command removes it, or finds it gone"):
        with IndexWriter(folder) as writer:
            rows = writer.rows_of(ids)
            writer.delete(rows)
            merged = writer.merge_where_due()
        render.changed(folder, {"chunks removed": len(rows)} | render.merge_facts(merged), json_output)


@app.command()
def merge(folder: IndexFolder, json_output: options.Json = False) -> None:
    """Make one segment of all, without what was removed: smaller, and as fast as newly built."""
    from splade_cli.cli.render import index as render
    from splade_cli.index.updates import IndexWriter

    with IndexWriter(folder) as writer:
        merged = writer.merge()
    if merged is None:
        facts: dict[str, Any] = {"segments merged": "none, there is one, and nothing was removed"}
    else:
        facts = render.merge_facts(merged) | {"removed chunks dropped": merged.dropped}
    render.changed(folder, facts, json_output)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="Index folder.", show_default=False)],
    json_output: options.Json = False,
) -> None:
    """Read every byte of an index and compare checksums; exit code 1 where a file is damaged."""
    from splade_cli.cli.render import index as render
    from splade_cli.index.index import SpladeIndex

    render.verified(folder, SpladeIndex.open(folder, verify=True), json_output)


def _dense_model(name: str | None, options: ModelOptions) -> DenseModel | None:
    """The dense model of that name, on the same device and as trusted as the sparse one."""
    if name is None:
        return None
    from splade_cli.model.dense import DenseModel
    from splade_cli.model.options import ModelOptions

    return DenseModel(name, ModelOptions(device=options.device, trust_remote_code=options.trust_remote_code))
