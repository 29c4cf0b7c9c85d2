"""`splade index`: documents to an index folder, and changes to one; building is what it does without another word."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from splade_cli.cli import options

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
        return super().parse_args(ctx, args if args and args[0] in self.commands else [BUILD, *args])


app = typer.Typer(
    cls=IndexCommands,
    help="Make an index that can be searched; add, remove, merge and verify change and check one.",
    add_completion=False,
)


@app.command(
    BUILD, epilog="Changes to an index: splade index add | remove | merge | verify, each with --help."
)
def index(
    documents: Annotated[
        Path | None,
        typer.Argument(
            help="A file or folder of .md .rst .txt .html .json .jsonl .csv .tsv .pdf", show_default=False
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Index folder.")] = None,
    model: options.Model = "tiny",
    verify: Annotated[
        bool, typer.Option("--verify", help="Read every byte of an index folder and compare checksums.")
    ] = False,
    folder: Annotated[
        Path | None,
        typer.Option("--index", "-i", help="The index to --verify.", show_default=False),
    ] = None,
    query: options.Query = "full",
    fast_query: options.FastQuery = False,
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
    from splade_cli.cli import carried
    from splade_cli.cli.render import console
    from splade_cli.errors import InputError
    from splade_cli.files import claim_output
    from splade_cli.index.info import Chunking
    from splade_cli.index.store.manifest import MARKS
    from splade_cli.index.store.opening import size_bytes
    from splade_cli.index.vectors.impacts import check_bits
    from splade_cli.index.vectors.pruning import Pruning
    from splade_cli.indexing.build import index_documents
    from splade_cli.indexing.options import IndexOptions
    from splade_cli.model.embedder import SpladeEmbedder

    if verify:
        _verify(folder or documents, json_output)
        return
    if documents is None or output is None:
        raise InputError("splade index needs documents and an output folder", "splade index DOCS -o DIR")
    options.positive(batch_size=batch_size, max_length=max_length, workers=workers)
    pruning = Pruning(prune_terms, prune_mass)
    if impacts is not None:
        check_bits(impacts)
    claim_output(output, force, MARKS)  # before a dense model is loaded
    export = options.query_encoder(query, fast_query)
    embedder = SpladeEmbedder(
        model, device=device, precision=precision, batch_size=batch_size, max_seq_length=max_length,
        trust_remote_code=trust_remote_code, allow_pickle=allow_pickle,
    )  # fmt: skip
    with console.progress() as progress:
        chosen = IndexOptions(
            chunking=Chunking(chunk_min, chunk_max, chunk_size, overlap),
            bm25=bm25,
            dense=_dense_model(dense, device, trust_remote_code),
            query=export,
            pruning=pruning,
            impacts=impacts,
            workers=workers,
        )
        made = index_documents(documents, output, chosen, embedder=embedder, force=force, progress=progress)
    console.skipped(made.skipped)
    parts = ["postings", *(["BM25"] if bm25 else []), *([f"vectors of {dense}"] if dense else [])]
    facts = {
        "documents": made.documents, "chunks": len(made.index),
        "active terms a chunk": f"{made.index.nonzeros / len(made.index):.1f}", "holds": ", ".join(parts),
        "megabytes": round(size_bytes(output) / 1e6, 2), "model": model, "precision": made.precision,
        "queries": carried.described(made.index), "written to": str(output),
    }  # fmt: skip
    if export is not None:
        carried.fidelity(made.index, embedder)
    console.facts(facts, json_output)
    console.next_command(f"splade query --index {output}")


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
    workers: options.Workers = 1,
    batch_size: options.BatchSize = 64,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    trust_remote_code: options.TrustRemoteCode = False,
    allow_pickle: options.AllowPickle = False,
    json_output: options.Json = False,
) -> None:
    """Add documents to an index; those whose id is there replace the old ones, those that are unchanged are skipped."""
    from splade_cli.cli.render import console
    from splade_cli.index.index import SpladeIndex
    from splade_cli.indexing.add import add_documents
    from splade_cli.indexing.models import dense_of, embedder_of

    options.positive(batch_size=batch_size, workers=workers)
    before = SpladeIndex.open(folder)
    embedder = embedder_of(
        before, model, device=device, precision=precision, batch_size=batch_size,
        trust_remote_code=trust_remote_code, allow_pickle=allow_pickle,
    )  # fmt: skip
    dense = (
        dense_of(before, device=device, trust_remote_code=trust_remote_code) if before.info.dense else None
    )
    with console.progress() as progress:
        added = add_documents(
            documents, folder, embedder=embedder, dense=dense, workers=workers, progress=progress
        )
    console.skipped(added.skipped)
    facts: dict[str, Any] = {
        "new documents": added.new,
        "replaced": added.changed,
        "unchanged": added.unchanged,
        "chunks written": added.chunks,
    }
    if added.merged is not None:
        facts["segments merged"] = f"{added.merged.before} to {added.merged.after}"
    _changed(folder, facts, json_output)


@app.command()
def remove(
    ids: Annotated[list[str], typer.Argument(help="Ids of documents or of chunks.", show_default=False)],
    folder: IndexFolder,
    json_output: options.Json = False,
) -> None:
    """Remove documents, or single chunks, from an index."""
    from splade_cli.index.store.writer import IndexWriter

    with IndexWriter(folder) as writer:
        numbers = writer.rows_of(ids)
        writer.delete(numbers)
        merged = writer.merge_where_due()
    facts: dict[str, Any] = {"chunks removed": len(numbers)}
    if merged is not None:
        facts["segments merged"] = f"{merged.before} to {merged.after}"
    _changed(folder, facts, json_output)


@app.command()
def merge(folder: IndexFolder, json_output: options.Json = False) -> None:
    """Make one segment of all, without what was removed: smaller, and as fast as newly built."""
    from splade_cli.index.store.writer import IndexWriter

    with IndexWriter(folder) as writer:
        merged = writer.merge()
    facts: dict[str, Any] = {"segments merged": "none, there is one, and nothing was removed"}
    if merged is not None:
        facts = {
            "segments merged": f"{merged.before} to {merged.after}",
            "removed chunks dropped": merged.dropped,
        }
    _changed(folder, facts, json_output)


@app.command("verify")
def verify_folder(
    folder: Annotated[Path | None, typer.Argument(help="Index folder.", show_default=False)] = None,
    named: Annotated[Path | None, typer.Option("--index", "-i", help="The same.", show_default=False)] = None,
    json_output: options.Json = False,
) -> None:
    """Read every byte of an index and compare checksums; exit code 1 where a file is damaged."""
    _verify(folder or named, json_output)


def _verify(folder: Path | None, json_output: bool) -> None:
    from splade_cli.cli.render import console
    from splade_cli.errors import InputError
    from splade_cli.index.index import SpladeIndex

    if folder is None:
        raise InputError("no index folder to verify", "splade index verify DIR")
    opened = SpladeIndex.open(folder, verify=True)
    facts = {
        "index": str(folder),
        "chunks": len(opened),
        "segments": len(opened.segments),
        "checksums": "match",
    }
    console.facts(facts, json_output)


def _changed(folder: Path, facts: dict[str, Any], json_output: bool) -> None:
    """Says what was done, and what the index holds now."""
    from splade_cli.cli.render import console
    from splade_cli.index.index import SpladeIndex
    from splade_cli.index.store.opening import size_bytes

    now = SpladeIndex.open(folder)
    facts |= {
        "documents": now.documents, "chunks": len(now), "segments": len(now.segments),
        "megabytes": round(size_bytes(folder) / 1e6, 2), "index": str(folder),
    }  # fmt: skip
    console.facts(facts, json_output)
    console.next_command(f"splade query --index {folder}")


def _dense_model(name: str | None, device: str, trust_remote_code: bool) -> Any:
    if name is None:
        return None
    from splade_cli.model.dense import DenseModel
    from splade_cli.model.options import ModelOptions

    return DenseModel(name, ModelOptions(device=device, trust_remote_code=trust_remote_code))
