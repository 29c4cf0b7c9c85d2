"""Options of `splade gen-data`: where queries come from, how a language model is asked, what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for the training files.")]
OutputFormat = Annotated[
    str,
    typer.Option(
        "--output-format", help="Of the training files: json (also called splade), jsonl, csv, tsv."
    ),
]
Qrels = Annotated[
    str | None,
    typer.Option(
        "--qrels",
        help="DOCUMENTS is a BEIR folder: take its queries of this split, e.g. train, and write none.",
    ),
]
Queries = Annotated[
    Path | None,
    typer.Option(
        "--queries", help="Rows of query and positive_document: take these queries, and write none."
    ),
]
Around = Annotated[
    Path | None,
    typer.Option(
        "--for",
        help="Lost queries of `splade evaluate --failures`: write about their documents alone.",
    ),
]
LlmModel = Annotated[
    str | None,
    typer.Option(
        "--llm",
        help="Model that writes the queries; without it they are written offline.",
        rich_help_panel="Language model",
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        help="An OpenAI-compatible server; the key comes from OPENAI_API_KEY.",
        rich_help_panel="Language model",
    ),
]
Template = Annotated[
    str,
    typer.Option(
        "--template",
        help="generic, technical, legal, medical, finance, multilingual, or a JSON file (with --llm).",
        rich_help_panel="Language model",
    ),
]
Language = Annotated[
    str | None,
    typer.Option(
        "--language",
        help="Language of the queries.",
        show_default="that of the documents",
        rich_help_panel="Queries",
    ),
]
QueriesPerChunk = Annotated[
    int | None,
    typer.Option(
        "--queries-per-chunk",
        help="Queries a chunk.",
        show_default="4, 2 with --llm",
        rich_help_panel="Queries",
    ),
]
MaxQueries = Annotated[
    int,
    typer.Option(
        "--max-queries",
        min=0,
        help="Queries written at most, of chunks spread evenly over the documents; 0 for all.",
        rich_help_panel="Queries",
    ),
]
Kinds = Annotated[
    str | None,
    typer.Option(
        "--kinds",
        help="Kinds of queries, in parts: question=3,keywords=2,typo=1. Others: how-to, error-message; "
        "natural and claim with --llm; title, span and sentence without.",
        show_default="the usual ones",
        rich_help_panel="Queries",
    ),
]
Persona = Annotated[
    str | None,
    typer.Option(
        "--persona",
        help="Who asks, in words: 'a nurse on a night shift' (with --llm).",
        rich_help_panel="Language model",
    ),
]
Examples = Annotated[
    Path | None,
    typer.Option(
        "--examples",
        help="Queries of your own, whose style the model takes over: the first 8 (with --llm).",
        rich_help_panel="Language model",
    ),
]
LlmNegatives = Annotated[
    int,
    typer.Option(
        "--llm-negatives",
        help="Negatives that the language model writes for a query, a call each, beside mined ones.",
        rich_help_panel="Language model",
    ),
]
JudgeModel = Annotated[
    str | None,
    typer.Option(
        "--judge",
        help="Model that grades each written query with its passage from 0 to 3, a call each; 'same' is "
        "that of --llm.",
        show_default="none",
        rich_help_panel="Language model",
    ),
]
JudgeUrl = Annotated[
    str | None,
    typer.Option(
        "--judge-url", help="Its server.", show_default="that of --base-url", rich_help_panel="Language model"
    ),
]
JudgeGrade = Annotated[
    int,
    typer.Option(
        "--judge-grade",
        help="Pairs with a lower grade are rejected, 1 to 3.",
        rich_help_panel="Language model",
    ),
]
Relabel = Annotated[
    bool,
    typer.Option(
        "--relabel",
        help="Mined negatives are judged too: one that answers is no negative, but a positive.",
        rich_help_panel="Language model",
    ),
]
Temperature = Annotated[
    float, typer.Option("--temperature", help="Of the language model.", rich_help_panel="Language model")
]
Concurrency = Annotated[
    int, typer.Option("--concurrency", help="Calls at a time.", rich_help_panel="Language model")
]
RateLimit = Annotated[
    int | None, typer.Option("--rate-limit", help="Calls a minute at most.", rich_help_panel="Language model")
]
Timeout = Annotated[
    float, typer.Option("--timeout", help="Seconds a call may take.", rich_help_panel="Language model")
]
AnswerTokens = Annotated[
    int,
    typer.Option(
        "--answer-tokens",
        help="Tokens of an answer at most; fourfold once one is cut off, while that helps.",
        rich_help_panel="Language model",
    ),
]
MaxUseless = Annotated[
    int,
    typer.Option(
        "--max-useless",
        help="Answers without a query, one after the other, that end the run.",
        rich_help_panel="Language model",
    ),
]
MaxCalls = Annotated[
    int | None,
    typer.Option(
        "--max-calls",
        help="Calls of the run at most.",
        show_default="no limit",
        rich_help_panel="Language model",
    ),
]
MaxTokens = Annotated[
    int | None,
    typer.Option(
        "--max-tokens",
        help="Tokens of the run at most, prompts and answers.",
        show_default="no limit",
        rich_help_panel="Language model",
    ),
]
MaxCost = Annotated[
    float | None,
    typer.Option(
        "--max-cost",
        help="Cost of the run at most, by the prices.",
        show_default="no limit",
        rich_help_panel="Language model",
    ),
]
PriceIn = Annotated[
    float | None,
    typer.Option(
        "--price-in",
        help="Of a million tokens of prompts.",
        show_default=False,
        rich_help_panel="Language model",
    ),
]
PriceOut = Annotated[
    float | None,
    typer.Option(
        "--price-out",
        help="Of a million tokens of answers.",
        show_default=False,
        rich_help_panel="Language model",
    ),
]
Answers = Annotated[
    Path | None,
    typer.Option(
        "--answers",
        help="File that keeps what was paid for; runs that share it pay for nothing twice.",
        show_default="cache.sqlite3 in -o",
        rich_help_panel="Language model",
    ),
]
MiningModel = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="Sparse model that mines beside BM25, or 'none'.",
        rich_help_panel="Mining and split",
    ),
]
Teacher = Annotated[
    str,
    typer.Option(
        "--teacher",
        help="Dense model that mines and scores beside BM25, or 'none'; auto: all-MiniLM-L6-v2 where it "
        "is on this machine and the documents are English.",
        rich_help_panel="Mining and split",
    ),
]
Negatives = Annotated[
    int,
    typer.Option("--negatives", help="Hard negatives a query at most.", rich_help_panel="Mining and split"),
]
RoundTrip = Annotated[
    int,
    typer.Option(
        "--round-trip",
        help="A query is kept if its chunk is among the first N results.",
        rich_help_panel="Queries",
    ),
]
Without = Annotated[
    list[str] | None,
    typer.Option(
        "--without",
        help="Switch a filter off: duplicate, copy, round-trip or ceiling; may be given again.",
        show_default="all are on",
        rich_help_panel="Queries",
    ),
]
ValRatio = Annotated[
    float,
    typer.Option(
        "--val-ratio",
        help="Share held out for validation; a dev or val split beside --qrels wins.",
        rich_help_panel="Mining and split",
    ),
]
TestRatio = Annotated[
    float,
    typer.Option(
        "--test-ratio",
        help="Share held out for a test side; a test split beside --qrels wins.",
        show_default="none is written",
        rich_help_panel="Mining and split",
    ),
]
ChunkFor = Annotated[
    str,
    typer.Option(
        "--chunk-for",
        help="The model to be trained: chunks are no longer than it reads.",
        rich_help_panel="Chunks",
    ),
]
MaxDocuments = Annotated[
    int | None, typer.Option("--max-documents", help="Read only the first N.", rich_help_panel="Queries")
]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, same files.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
