"""`splade gen-data`: documents, or documents and judged queries, to training files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from splade_cli.cli import options

UNUSED_WITH_LABELS = (
    "llm", "base_url", "template", "queries_per_chunk", "temperature", "concurrency", "rate_limit", "timeout",
    "round_trip", "chunk_size", "chunk_min", "chunk_max", "overlap", "max_documents",
)  # fmt: skip
"""Options of writing queries and of chunking: with human queries documents stay whole and no query is dropped."""


def gen_data(
    context: typer.Context,
    documents: options.Documents,
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the training files.")],
    qrels: Annotated[
        str | None,
        typer.Option(
            "--qrels",
            help="DOCUMENTS is a BEIR folder: take its queries of this split, e.g. train, and write none.",
        ),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option(
            "--queries", help="Rows of query and positive_document: take these queries, and write none."
        ),
    ] = None,
    llm: Annotated[
        str | None,
        typer.Option("--llm", help="Model that writes the queries; without it they are written offline."),
    ] = None,
    base_url: Annotated[
        str | None,
        typer.Option("--base-url", help="An OpenAI-compatible server; the key comes from OPENAI_API_KEY."),
    ] = None,
    template: Annotated[
        str,
        typer.Option(
            "--template",
            help="generic, technical, legal, medical, finance, multilingual, or a JSON file (with --llm).",
        ),
    ] = "generic",
    language: Annotated[
        str | None,
        typer.Option("--language", help="Language of the queries.", show_default="that of the documents"),
    ] = None,
    queries_per_chunk: Annotated[
        int | None,
        typer.Option("--queries-per-chunk", help="Queries a chunk.", show_default="4, 2 with --llm"),
    ] = None,
    temperature: Annotated[float, typer.Option("--temperature", help="Of the language model.")] = 0.7,
    concurrency: Annotated[int, typer.Option("--concurrency", help="Calls at a time.")] = 4,
    rate_limit: Annotated[int | None, typer.Option("--rate-limit", help="Calls a minute at most.")] = None,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds a call may take.")] = 120.0,
    model: Annotated[
        str, typer.Option("--model", "-m", help="Sparse model that mines beside BM25, or 'none'.")
    ] = "auto",
    teacher: Annotated[
        str,
        typer.Option(
            "--teacher",
            help="Dense model that mines and scores beside BM25, or 'none'; auto: all-MiniLM-L6-v2 where it is on "
            "this machine and the documents are English.",
        ),
    ] = "auto",
    negatives: Annotated[int, typer.Option("--negatives", help="Hard negatives a query at most.")] = 5,
    round_trip: Annotated[
        int, typer.Option("--round-trip", help="A query is kept if its chunk is among the first N results.")
    ] = 100,
    val_ratio: Annotated[
        float,
        typer.Option(
            "--val-ratio", help="Share held out for validation; a dev or val split beside --qrels wins."
        ),
    ] = 0.1,
    chunk_size: options.ChunkSize = 1000,
    chunk_min: options.ChunkMin = 500,
    chunk_max: options.ChunkMax = 2000,
    overlap: options.Overlap = 0.15,
    max_documents: Annotated[
        int | None, typer.Option("--max-documents", help="Read only the first N.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same files.")] = 42,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    resume: Annotated[
        bool,
        typer.Option("--resume", help="Go on after an interruption; that is also what happens without it."),
    ] = False,
    force: options.Force = False,
    device: options.Device = "auto",
    batch_size: options.BatchSize = 64,
    trust_remote_code: options.TrustRemoteCode = False,
    allow_pickle: options.AllowPickle = False,
    json_output: options.Json = False,
) -> None:
    """Make training data: chunks, queries (written, or your own), mined hard negatives, train / val files."""
    from splade_cli.cli.render import console
    from splade_cli.errors import InputError
    from splade_cli.generation.judged_pipeline import label_training_data
    from splade_cli.generation.judged_queries import judged_collection, judged_rows
    from splade_cli.generation.pipeline import MODEL, generate_training_data, plan
    from splade_cli.generation.teachers import dense_teacher, without_teacher
    from splade_cli.model.embedder import SpladeEmbedder

    options.positive(
        queries_per_chunk=queries_per_chunk, concurrency=concurrency, max_documents=max_documents,
        batch_size=batch_size, rate_limit=rate_limit, timeout=timeout, negatives=negatives, round_trip=round_trip,
    )  # fmt: skip
    if base_url and not llm:
        raise InputError(
            f"--base-url {base_url} without --llm", "name the model that the server runs: --llm MODEL"
        )
    if resume and not (output / ".work").exists() and not (output / "answers.jsonl").exists():
        raise InputError(f"nothing to resume in {output}", "leave out --resume")
    if qrels and queries:
        raise InputError(f"--qrels {qrels} and --queries {queries} together", "choose one of them")
    labelled = None
    if qrels or queries:
        for name in UNUSED_WITH_LABELS:
            given = context.get_parameter_source(name)
            if given is not None and given.name == "COMMANDLINE":
                raise InputError(
                    f"--{name.replace('_', '-')} does nothing with {'--qrels' if qrels else '--queries'}",
                    "leave it out: no query is written, and documents stay whole",
                )
        if queries:
            labelled = judged_rows(documents, queries, language)
        else:
            labelled = judged_collection(documents, str(qrels), language)
        planned = labelled.planned
    else:
        chunk_options = options.chunking(chunk_size, chunk_min, chunk_max, overlap)
        planned = plan(
            documents, max_documents=max_documents, language=language if not llm else None, **chunk_options
        )
    console.skipped(planned.skipped)
    writer = None
    if llm:
        from splade_cli.generation.llm.writer import QueryWriter

        writer = QueryWriter(
            llm, output / "answers.jsonl", base_url=base_url, queries_per_chunk=queries_per_chunk or 2,
            temperature=temperature, template=template, language=language, concurrency=concurrency,
            rate_limit=rate_limit, timeout=timeout, seed=seed,
        )  # fmt: skip
    facts: dict[str, Any]
    if dry_run:
        facts = {
            "documents": len(planned.documents),
            "skipped": len(planned.skipped),
            "chunks": len(planned.chunks),
        }
        facts["language"] = planned.language
        if labelled:
            facts["queries"] = len(labelled.queries)
        else:
            expected = {"queries": len(planned.chunks) * (queries_per_chunk or 4)}
            facts |= writer.estimate(planned.chunks) if writer else expected
        console.facts(facts, json_output, "nothing was written (--dry-run)")
        return
    dense = dense_teacher(teacher, planned.language)
    if teacher == "auto" and dense is None:
        console.note(f"no dense teacher: {without_teacher(planned.language)}")
    embedder = None
    if model != "none" and not (model == "auto" and dense):
        embedder = SpladeEmbedder(
            MODEL if model == "auto" else model,
            device=device,
            batch_size=batch_size,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        )
    with console.progress() as progress:
        common: dict[str, Any] = {
            "model": embedder, "teacher": dense or "none", "device": device, "negatives": negatives,
            "val_ratio": val_ratio, "seed": seed, "force": force, "progress": progress,
        }  # fmt: skip
        if labelled:
            made = label_training_data(labelled, output, **common)
        else:
            made = generate_training_data(
                planned, output, writer=writer, queries_per_chunk=queries_per_chunk or 4, round_trip=round_trip,
                **common,
            )  # fmt: skip
    if writer and writer.failed:
        console.note(f"{writer.failed} chunks got no usable answer, the last because: {writer.last_failure}")
    if writer:
        used = writer.usage
        console.note(
            f"{used.calls} calls, {used.prompt_tokens} prompt and {used.completion_tokens} completion tokens"
        )
    facts = {
        "documents": made.documents, "chunks": made.chunks, "language": made.language,
        "teachers": list(made.teachers), "train rows": made.train,
        "validation rows": made.val, "negatives a row": round(made.negatives, 2), "queries": made.query_types,
        "left out": made.dropped, "written to": str(output),
    }  # fmt: skip
    val = f" --val-file {output / 'val.json'}" if made.val else ""
    console.facts(facts, json_output)
    console.next_command(f"splade train --train-file {output / 'train.json'}{val} -o model")
