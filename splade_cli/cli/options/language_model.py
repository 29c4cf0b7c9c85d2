"""Options of a language model that writes or judges: which, how it is asked, what it may cost."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
