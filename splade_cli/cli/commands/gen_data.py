"""`splade gen-data`: documents, or documents and judged queries, to training files."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from splade_cli.cli import options
from splade_cli.cli.interrupts import told_if_whole

UNUSED_WITH_LABELS = (
    "llm", "base_url", "template", "queries_per_chunk", "temperature", "concurrency", "rate_limit", "timeout",
    "answer_tokens", "max_useless", "max_calls", "max_tokens", "max_cost", "price_in", "price_out", "answers",
    "round_trip", "chunk_size", "chunk_min", "chunk_max", "overlap", "max_documents",
)  # fmt: skip
"""Options of writing queries and of chunking: with human queries documents stay whole, all queries stay."""
NO_QUERY_IS_WRITTEN = "leave it out: no query is written, and documents stay whole"
PAID = (
    "answer_tokens",
    "max_useless",
    "max_calls",
    "max_tokens",
    "max_cost",
    "price_in",
    "price_out",
    "answers",
)
"""Options of a language model that nobody gives by chance, and which mean something else to those who do."""


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
    answer_tokens: Annotated[
        int, typer.Option("--answer-tokens", help="Tokens of an answer at most; more for models that think.")
    ] = 1024,
    max_useless: Annotated[
        int,
        typer.Option("--max-useless", help="Answers without a query, one after the other, that end the run."),
    ] = 8,
    max_calls: Annotated[
        int | None, typer.Option("--max-calls", help="Calls of the run at most.", show_default="no limit")
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(
            "--max-tokens", help="Tokens of the run at most, prompts and answers.", show_default="no limit"
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option("--max-cost", help="Cost of the run at most, by the prices.", show_default="no limit"),
    ] = None,
    price_in: Annotated[
        float | None,
        typer.Option("--price-in", help="Of a million tokens of prompts.", show_default=False),
    ] = None,
    price_out: Annotated[
        float | None,
        typer.Option("--price-out", help="Of a million tokens of answers.", show_default=False),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            "--answers",
            help="File that keeps what was paid for; runs that share it pay for nothing twice.",
            show_default="cache.sqlite3 in -o",
        ),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="Sparse model that mines beside BM25, or 'none'.")
    ] = "auto",
    teacher: Annotated[
        str,
        typer.Option(
            "--teacher",
            help="Dense model that mines and scores beside BM25, or 'none'; auto: all-MiniLM-L6-v2 where it "
            "is on this machine and the documents are English.",
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
    max_file_size: options.MaxFileSize = 100.0,
    max_file_seconds: options.MaxFileSeconds = 60.0,
    follow_links: options.FollowLinks = False,
    show_skipped: options.ShowSkipped = False,
    max_documents: Annotated[
        int | None, typer.Option("--max-documents", help="Read only the first N.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same files.")] = 42,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
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
    from splade_cli.cli.render import gen_data as render
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.corpus.chunks import Chunking
    from splade_cli.errors import InputError
    from splade_cli.generation.llm.budget import Limits
    from splade_cli.generation.options import GenerateOptions, Judged, Llm, Offline, Rows
    from splade_cli.generation.output import is_finished
    from splade_cli.generation.pipeline import generate, plan
    from splade_cli.model.options import ModelOptions

    options.positive(
        queries_per_chunk=queries_per_chunk, concurrency=concurrency, max_documents=max_documents,
        batch_size=batch_size, rate_limit=rate_limit, timeout=timeout, negatives=negatives,
        round_trip=round_trip, answer_tokens=answer_tokens, max_useless=max_useless,
    )  # fmt: skip
    if not 0 <= val_ratio < 1:
        raise InputError(f"--val-ratio must be from 0 to below 1, got {val_ratio:g}", "0.1 is the default")
    if base_url and not llm:
        raise InputError(
            f"--base-url {base_url} without --llm", "name the model that the server runs: --llm MODEL"
        )
    if qrels and queries:
        raise InputError(f"--qrels {qrels} and --queries {queries} together", "choose one of them")
    if qrels and documents.is_file():
        raise InputError(
            f"--qrels needs a BEIR folder, {documents} is a file", "rows with positives go to --queries FILE"
        )
    if not llm:
        _refuse(context, PAID, "without --llm", "name the model that is to write the queries: --llm MODEL")
    source: Offline | Llm | Judged | Rows
    if qrels:
        _refuse(context, UNUSED_WITH_LABELS, "with --qrels", NO_QUERY_IS_WRITTEN)
        source = Judged(qrels)
    elif queries:
        _refuse(context, UNUSED_WITH_LABELS, "with --queries", NO_QUERY_IS_WRITTEN)
        source = Rows(queries)
    elif llm:
        limits = Limits(max_calls, max_tokens, max_cost, price_in, price_out)
        source = Llm(
            llm, queries_per_chunk or 2, base_url=base_url, template=template, temperature=temperature,
            concurrency=concurrency, rate_limit=rate_limit, timeout=timeout, answer_tokens=answer_tokens,
            most_useless=max_useless, limits=limits, answers=answers,
        )  # fmt: skip
    else:
        source = Offline(queries_per_chunk or 4)
    settings = GenerateOptions(
        documents=documents,
        output=output,
        queries=source,
        language=language,
        max_documents=max_documents,
        chunking=Chunking(chunk_min, chunk_max, chunk_size, overlap),
        reading=options.reading(max_file_size, max_file_seconds, follow_links),
        model=_name(model),
        teacher=_name(teacher),
        negatives=negatives,
        round_trip=round_trip,
        val_ratio=val_ratio,
        seed=seed,
        force=force,
        loading=ModelOptions(
            device=device,
            batch_size=batch_size,
            trust_remote_code=trust_remote_code,
            allow_pickle=allow_pickle,
        ),
    )
    if dry_run:
        render.planned(plan(settings), show_skipped, json_output)
        return
    with told_if_whole(output, partial(is_finished, output), force=force):
        with show_progress() as progress:
            made = generate(settings, progress, console.note)
        render.generated(made, show_skipped, json_output)


def _refuse(context: typer.Context, names: Sequence[str], where: str, hint: str) -> None:
    """Raises InputError for an option of `names` that was given where it does nothing."""
    from splade_cli.errors import InputError

    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise InputError(f"--{name.replace('_', '-')} does nothing {where}", hint)


def _name(model: str) -> str | None:
    return None if model == "none" else model
