"""`splade index`: documents to an index folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splade_cli.cli import options

if TYPE_CHECKING:
    from splade_cli.index.inverted import SpladeIndex
    from splade_cli.search.encoder import SpladeEmbedder


def index(
    documents: Annotated[
        Path | None,
        typer.Argument(help="A file or folder of .md .rst .txt .html .json .jsonl .csv .tsv .pdf", show_default=False),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Index folder.")] = None,
    model: options.Model = "tiny",
    verify: Annotated[
        Path | None, typer.Option("--verify", help="Read every byte of an index folder and compare checksums.")
    ] = None,
    query: options.Query = "full",
    fast_query: options.FastQuery = False,
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
    """Make an index that can be searched: read, chunk, encode, write."""
    from splade_cli.cli import console
    from splade_cli.errors import InputError
    from splade_cli.index.inverted import SpladeIndex
    from splade_cli.index.storage import size_bytes
    from splade_cli.search.encoder import SpladeEmbedder
    from splade_cli.search.indexing import index_documents

    if verify is not None:
        opened = SpladeIndex.open(verify, verify=True)
        console.facts({"index": str(verify), "chunks": len(opened), "checksums": "match"}, json_output)
        return
    if documents is None or output is None:
        raise InputError("splade index needs documents and an output folder", "splade index DOCS -o DIR")
    options.positive(batch_size=batch_size, max_length=max_length, workers=workers)
    attach = options.query_encoder(query, fast_query)
    embedder = SpladeEmbedder(
        model, device=device, precision=precision, batch_size=batch_size, max_seq_length=max_length,
        trust_remote_code=trust_remote_code, allow_pickle=allow_pickle,
    )  # fmt: skip
    with console.progress() as progress:
        made = index_documents(
            documents, output, embedder=embedder, query=attach, force=force, workers=workers, progress=progress,
            **options.chunking(chunk_size, chunk_min, chunk_max, overlap),
        )  # fmt: skip
    console.skipped(made.skipped)
    vectors = made.index.vectors
    facts = {
        "documents": made.documents, "chunks": len(made.index),
        "active terms a chunk": f"{vectors.nnz / len(made.index):.1f}",
        "megabytes": round(size_bytes(output) / 1e6, 2), "model": model, "precision": made.precision,
        "queries": _queries(made.index), "written to": str(output),
    }  # fmt: skip
    if attach is not None:
        _fidelity(made.index, embedder)
    console.facts(facts, json_output)
    console.next_command(f"splade query --index {output}")


def _queries(made: SpladeIndex) -> str:
    carried = made.query
    if carried is None:
        return "by the model"
    weights = f" ({carried['weights']})" if "weights" in carried else ""
    return f"{carried['kind']}{weights}, carried by the index"


def _fidelity(made: SpladeIndex, embedder: SpladeEmbedder) -> None:
    """Says what the query encoder that the index carries loses against the model."""
    from splade_cli.cli import console
    from splade_cli.evaluation.fidelity import query_fidelity
    from splade_cli.search.queries import open_query_encoder

    carried = open_query_encoder(made.folder or Path(), made.query)
    assert carried is not None
    found = query_fidelity(made, lambda texts: embedder.encode(texts, "query"), carried.encode)
    console.note(
        f"{found.queries} queries written from these documents find their chunk with MRR@10 {found.other:.4f}, "
        f"{found.full:.4f} by the model itself ({found.other - found.full:+.4f}); "
        f"{found.common:.0%} of the ten best are the same"
    )
    console.note("on queries with judgements: splade evaluate --data DATA --query " + _flag(made))


def _flag(made: SpladeIndex) -> str:
    carried = made.query or {}
    return "onnx-int8" if carried.get("int8") else str(carried.get("kind", "full"))
