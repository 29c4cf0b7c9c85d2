"""`splade index`: documents to an index folder; without another word it builds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from splade_cli.cli import settings
from splade_cli.cli.commands.index_changes import add, merge, remove, sync, verify
from splade_cli.cli.group import Group
from splade_cli.cli.interrupts import told_if_whole
from splade_cli.cli.options import checks, inputs, machine, outputs, ranking, reading, stored_weights
from splade_cli.cli.usage import UsageError
from splade_cli.errors import did_you_mean

if TYPE_CHECKING:
    from splade_cli.model.dense import DenseModel
    from splade_cli.model.options import ModelOptions

BUILD = "build"
Dense = Annotated[
    str | None,
    typer.Option(
        "--dense", help="Store vectors of this dense model as well: all-MiniLM-L6-v2, a folder or a hub id."
    ),
]

Language = Annotated[
    str | None,
    typer.Option(
        "--language",
        help="Of the documents, for --mode bm25: no, german, zh, ... What is added later is of it too.",
        show_default="guessed",
    ),
]


class IndexCommands(Group):
    """A group that builds where the first word is none of its commands."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts BUILD before everything else that is typed."""
        is_completed = ctx.resilient_parsing and not args
        if args and not ctx.resilient_parsing:
            self._require_known(args[0])
        if not is_completed and (not args or args[0] not in self.commands):
            args = [BUILD, *args]
        return super().parse_args(ctx, args)

    def _require_known(self, word: str) -> None:
        """Raises UsageError for what is no file and looks like one of the commands, written otherwise."""
        if word.startswith("-") or word in self.commands or Path(word).exists():
            return
        meant = did_you_mean(word, (name for name in self.commands if name != BUILD))
        if meant:
            raise UsageError(f"no such file, folder or command of splade index: {word}", meant)


app = typer.Typer(
    cls=IndexCommands,
    help="Make an index that can be searched; add, sync, remove, merge and verify change and check one.",
    add_completion=False,
)


@app.command(
    BUILD, epilog="Changes to an index: splade index add | sync | remove | merge | verify, each with --help."
)
def index(
    documents: inputs.Documents,
    output: Annotated[Path, typer.Option("--output", "-o", help="Index folder.")],
    model: inputs.Model = "tiny",
    query: ranking.Query = "full",
    bm25: Annotated[
        bool, typer.Option("--bm25/--no-bm25", help="Count words as well, for --mode bm25.")
    ] = True,
    language: Language = None,
    dense: Dense = None,
    prune_terms: stored_weights.PruneTerms = None,
    prune_mass: stored_weights.PruneMass = None,
    impacts: stored_weights.Impacts = None,
    workers: machine.Workers = 1,
    cache: machine.Cache = None,
    chunk_tokens: reading.ChunkTokens = None,
    chunk_size: reading.ChunkSize = None,
    chunk_min: reading.ChunkMin = None,
    chunk_max: reading.ChunkMax = None,
    overlap: reading.Overlap = 0.15,
    chunker: reading.Chunker = "structure",
    max_file_size: reading.MaxFileSize = 100.0,
    max_file_seconds: reading.MaxFileSeconds = 60.0,
    follow_links: reading.FollowLinks = False,
    extensions: reading.Extensions = None,
    include: reading.Include = None,
    exclude: reading.Exclude = None,
    ignored: reading.Ignored = False,
    keep_duplicates: reading.KeepDuplicates = False,
    show_skipped: reading.ShowSkipped = False,
    max_length: machine.MaxLength = None,
    batch_size: machine.BatchSize = 64,
    device: machine.Device = "auto",
    precision: machine.Precision = "auto",
    trust_remote_code: machine.TrustRemoteCode = False,
    allow_pickle: machine.AllowPickle = False,
    force: outputs.Force = False,
    json_output: outputs.Json = False,
) -> None:
    """Make an index that can be searched: read, chunk, encode, write.

    Afterwards: splade index add, remove, merge, verify.
    """
    from splade_cli.storage.files import claim_output
    from splade_cli.storage.marks import index_marks

    checks.positive(batch_size=batch_size, max_length=max_length, workers=workers)
    opening = settings.model_options(
        device,
        trust_remote_code,
        allow_pickle,
        batch_size=batch_size,
        precision=precision,
        max_length=max_length,
    )
    claim_output(output, force, index_marks(output))
    checks.require_there(documents, hint=inputs.DOCUMENTS)
    checks.require_models(model)
    checks.require_models(dense, dense=True)

    from splade_cli.cli.render import console
    from splade_cli.cli.render import index as render
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.index.store.manifest import NAME
    from splade_cli.index.vectors.pruning import Pruning
    from splade_cli.indexing.build import index_documents
    from splade_cli.indexing.on_disk import claimed_index
    from splade_cli.indexing.options import IndexOptions
    from splade_cli.model.embedder import SpladeEmbedder

    with claimed_index(output, force):
        pass  # what is refused should be so before a dense model is loaded
    chosen = IndexOptions(
        chunking=settings.chunking(chunk_tokens, chunk_size, chunk_min, chunk_max, overlap, chunker),
        reading=settings.reading(
            max_file_size,
            max_file_seconds,
            follow_links,
            extensions,
            include,
            exclude,
            ignored,
            keep_duplicates,
        ),
        bm25=bm25,
        language=language,
        dense=_dense_model(dense, opening),
        query=ranking.query_encoder(query),
        pruning=Pruning(prune_terms, prune_mass),
        impacts=impacts,
        workers=workers,
        cache=cache,
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

            render.fidelity(carried_fidelity(made.index, embedder), output)
        render.built(made, model, output, json_output)


for command in (add, sync, remove, merge, verify):
    app.command()(command)


def _dense_model(name: str | None, options: ModelOptions) -> DenseModel | None:
    """The dense model of that name, on the same device and as trusted as the sparse one."""
    if name is None:
        return None
    from splade_cli.model.dense import DenseModel
    from splade_cli.model.options import ModelOptions

    precision = options.precision if options.precision == "auto" else "fp32"
    trust = options.trust_remote_code
    return DenseModel(name, ModelOptions(device=options.device, precision=precision, trust_remote_code=trust))
