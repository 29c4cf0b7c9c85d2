"""`splade gen-data`: documents, or documents and judged queries, to training files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import typer

from splade_cli.cli import settings
from splade_cli.cli.interrupts import told_if_whole
from splade_cli.cli.options import (
    checks,
    inputs,
    language_model,
    machine,
    outputs,
    query_writing,
    reading,
    training_rows,
)

ASKING = (
    "base_url", "concurrency", "rate_limit", "timeout", "answer_tokens", "max_useless", "max_calls",
    "max_tokens", "max_cost", "price_in", "price_out", "answers",
)  # fmt: skip
"""Options of how a language model is asked, be it to write or to judge."""
UNUSED_WITH_LABELS = (
    "llm", "kinds", "persona", "examples", "template", "queries_per_chunk", "temperature", "round_trip",
    "chunk_tokens", "chunk_for", "chunk_size", "chunk_min", "chunk_max", "overlap", "chunker",
    "max_documents", "max_queries",
)  # fmt: skip
"""Options of writing queries and of chunking: with human queries documents stay whole, all queries stay."""
NO_QUERY_IS_WRITTEN = "leave it out: no query is written, and documents stay whole"
OF_A_WRITER = ("template", "llm_negatives", "persona", "examples")
PAID = (
    "answer_tokens", "max_useless", "max_calls", "max_tokens", "max_cost", "price_in", "price_out", "answers",
)  # fmt: skip
"""Options of a language model that nobody gives by chance, and which mean something else to those who do."""
OF_A_JUDGE = ("judge_url", "judge_grade", "relabel")


UNNAMED = ("auto", "none")
"""Models that no folder or repository is called by."""


def gen_data(
    context: typer.Context,
    documents: inputs.Documents,
    output: training_rows.Output,
    output_format: training_rows.OutputFormat = "json",
    qrels: query_writing.Qrels = None,
    queries: query_writing.Queries = None,
    around: query_writing.Around = None,
    llm: language_model.LlmModel = None,
    base_url: language_model.BaseUrl = None,
    template: language_model.Template = "generic",
    language: query_writing.Language = None,
    queries_per_chunk: query_writing.QueriesPerChunk = None,
    max_queries: query_writing.MaxQueries = 5000,
    kinds: query_writing.Kinds = None,
    persona: language_model.Persona = None,
    examples: language_model.Examples = None,
    llm_negatives: language_model.LlmNegatives = 0,
    judge: language_model.JudgeModel = None,
    judge_url: language_model.JudgeUrl = None,
    judge_grade: language_model.JudgeGrade = 2,
    relabel: language_model.Relabel = False,
    temperature: language_model.Temperature = 0.7,
    concurrency: language_model.Concurrency = 4,
    rate_limit: language_model.RateLimit = None,
    timeout: language_model.Timeout = 120.0,
    answer_tokens: language_model.AnswerTokens = 1024,
    max_useless: language_model.MaxUseless = 8,
    max_calls: language_model.MaxCalls = None,
    max_tokens: language_model.MaxTokens = None,
    max_cost: language_model.MaxCost = None,
    price_in: language_model.PriceIn = None,
    price_out: language_model.PriceOut = None,
    answers: language_model.Answers = None,
    model: training_rows.MiningModel = "auto",
    teacher: training_rows.Teacher = "auto",
    negatives: training_rows.Negatives = 5,
    round_trip: query_writing.RoundTrip = 100,
    without: query_writing.Without = None,
    val_ratio: training_rows.ValRatio = 0.1,
    test_ratio: training_rows.TestRatio = 0.0,
    chunk_for: training_rows.ChunkFor = "tiny",
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
    max_documents: query_writing.MaxDocuments = None,
    seed: training_rows.Seed = 42,
    dry_run: outputs.DryRun = False,
    force: outputs.Force = False,
    device: machine.Device = "auto",
    batch_size: machine.BatchSize = 64,
    trust_remote_code: machine.TrustRemoteCode = False,
    allow_pickle: machine.AllowPickle = False,
    json_output: outputs.Json = False,
) -> None:
    """Make training data: chunks, queries (written, or your own), mined hard negatives, train / val files."""
    from splade_cli.cli.usage import UsageError
    from splade_cli.storage.marks import CORPUS, UNFINISHED
    from splade_cli.storage.outputs import require_no_files

    checks.positive(
        queries_per_chunk=queries_per_chunk, concurrency=concurrency, max_documents=max_documents,
        batch_size=batch_size, rate_limit=rate_limit, timeout=timeout, negatives=negatives,
        round_trip=round_trip, answer_tokens=answer_tokens, max_useless=max_useless,
    )  # fmt: skip
    if not 0 <= val_ratio < 1:
        raise UsageError(f"--val-ratio must be from 0 to below 1, got {val_ratio:g}", "0.1 is the default")
    if base_url and not (llm or judge):
        raise UsageError(
            f"--base-url {base_url} without --llm", "name the model that the server runs: --llm MODEL"
        )
    if qrels and queries:
        raise UsageError(f"--qrels {qrels} and --queries {queries} together", "choose one of them")
    if around and (qrels or queries):
        raise UsageError(f"--for {around} with queries of your own", "with --for queries are written")
    if qrels and documents.is_file():
        raise UsageError(
            f"--qrels needs a BEIR folder, {documents} is a file", "rows with positives go to --queries FILE"
        )
    if not llm:
        hint = "name the model that is to write the queries: --llm MODEL"
        _refuse(context, OF_A_WRITER, "without --llm", hint)
        if not judge:
            _refuse(context, PAID, "without --llm", hint)
    if not judge:
        _refuse(context, OF_A_JUDGE, "without --judge", "name the model that is to judge: --judge MODEL")
    if judge == "same" and not llm:
        raise UsageError("--judge same without --llm", "name the model that is to judge: --judge MODEL")
    if "round-trip" in (without or ()):
        _refuse(context, ("round_trip",), "with --without round-trip", "leave one of them out")
    unused = UNUSED_WITH_LABELS if judge else (*UNUSED_WITH_LABELS, *ASKING)
    if qrels:
        _refuse(context, unused, "with --qrels", NO_QUERY_IS_WRITTEN)
    if queries:
        _refuse(context, unused, "with --queries", NO_QUERY_IS_WRITTEN)
    require_no_files(output, (CORPUS,), force or (output / UNFINISHED).exists())
    checks.require_there(documents, hint=inputs.DOCUMENTS)
    checks.require_there(queries, around, examples)
    checks.require_models(*(each for each in (model, chunk_for) if each not in UNNAMED))
    checks.require_models(*(each for each in (teacher,) if each not in UNNAMED), dense=True)

    from splade_cli.cli.render import console
    from splade_cli.cli.render import gen_data as render
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.generation.judge.options import Judge
    from splade_cli.generation.llm.budget import Limits
    from splade_cli.generation.llm.options import Style
    from splade_cli.generation.llm.prompts import read_template
    from splade_cli.generation.options import GenerateOptions, Judged, Llm, Offline, Rows
    from splade_cli.generation.output import is_finished
    from splade_cli.generation.pipeline import generate, plan
    from splade_cli.generation.queries.own_queries import read_own_queries

    asked = None
    if llm:
        read_template(template)
    if llm or judge:
        limits = Limits(max_calls, max_tokens, max_cost, price_in, price_out)
        asked = Llm(
            llm or judge or "", queries_per_chunk or 2, base_url=base_url, template=template,
            temperature=temperature, concurrency=concurrency, rate_limit=rate_limit, timeout=timeout,
            answer_tokens=answer_tokens, most_useless=max_useless, limits=limits, answers=answers,
            negatives_per_query=llm_negatives,
            style=Style(
                settings.proportions(kinds), persona or "", read_own_queries(examples) if examples else ()
            ),
        )  # fmt: skip
    judging = None
    if judge and asked:
        other = replace(asked, model=judge, base_url=judge_url or base_url)
        judging = Judge(None if judge == "same" else other, judge_grade, relabel)
    source: Offline | Llm | Judged | Rows
    if qrels:
        source = Judged(qrels)
    elif queries:
        source = Rows(queries)
    elif llm and asked:
        source = asked
    else:
        source = Offline(queries_per_chunk or 4, settings.proportions(kinds))
    wanted = GenerateOptions(
        documents=documents,
        output=output,
        output_format="json" if output_format == "splade" else output_format,
        queries=source,
        max_queries=max_queries or None,
        around=around,
        language=language,
        max_documents=max_documents,
        chunking=settings.chunking(chunk_tokens, chunk_size, chunk_min, chunk_max, overlap, chunker),
        chunk_for=chunk_for,
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
        model=_name(model),
        teacher=_name(teacher),
        negatives=negatives,
        round_trip=round_trip,
        without=frozenset(without or ()),
        judge=judging,
        val_ratio=val_ratio,
        test_ratio=test_ratio,
        seed=seed,
        force=force,
        loading=settings.model_options(device, trust_remote_code, allow_pickle, batch_size=batch_size),
    )
    if dry_run:
        render.planned(plan(wanted), show_skipped, json_output)
        return
    with told_if_whole(output, partial(is_finished, wanted), force=force):
        with show_progress() as progress:
            made = generate(wanted, progress, console.note)
        render.generated(made, show_skipped, json_output)


def _refuse(context: typer.Context, names: Sequence[str], where: str, hint: str) -> None:
    """Raises UsageError for an option of `names` that was given where it does nothing."""
    from splade_cli.cli.usage import UsageError

    for name in names:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"--{name.replace('_', '-')} does nothing {where}", hint)


def _name(model: str) -> str | None:
    return None if model == "none" else model
