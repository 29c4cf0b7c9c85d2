"""Options of `splade evaluate`: what is measured, what stands beside it, what is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[
    Path | None,
    typer.Option(
        "--data",
        "-d",
        help="BEIR folder, documents/ beside queries.jsonl, qrels file (TREC's too) in one of these, "
        "training file, or irds:ID of ir_datasets.",
    ),
]
Marks = Annotated[
    Path | None,
    typer.Option("--marks", help="Judgements of /mark in `splade query`, in place of --data (with --index)."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        help="'tiny' (in this package), a model folder, or a hub id; of --index, where it has moved.",
        show_default="tiny",
    ),
]
Index = Annotated[
    Path | None,
    typer.Option(
        "--index",
        "-i",
        help="Measure this index folder as it is, in place of a model.",
        show_default=False,
    ),
]
Split = Annotated[
    str | None,
    typer.Option("--split", help="Which qrels/<split>.tsv.", show_default="test, where it is missing val"),
]
Baseline = Annotated[
    list[str] | None,
    typer.Option(
        "--baseline",
        help="Another model to stand beside, e.g. the one before training, or a .json file of results: "
        "of --report, or MTEB's; may be repeated.",
        rich_help_panel="Beside it",
    ),
]
AgainstRun = Annotated[
    list[Path] | None,
    typer.Option(
        "--against-run",
        help="A TREC run of any other system, to stand beside by its file; may be repeated.",
        rich_help_panel="Beside it",
    ),
]
NanoBeir = Annotated[
    list[str] | None,
    typer.Option(
        "--nano-beir",
        help="NanoBEIR: msmarco, nfcorpus, ... or all; may be repeated.",
        rich_help_panel="Benchmarks",
    ),
]
Mteb = Annotated[
    list[str] | None,
    typer.Option(
        "--mteb", help="An MTEB task, e.g. NorQuadRetrieval; may be repeated.", rich_help_panel="Benchmarks"
    ),
]
MtebLanguage = Annotated[
    list[str] | None,
    typer.Option(
        "--mteb-language",
        help="Only its parts in this one, e.g. nob; may be repeated.",
        rich_help_panel="Benchmarks",
    ),
]
MtebOutput = Annotated[
    Path,
    typer.Option(
        "--mteb-output", help="Where results of MTEB and their summary go.", rich_help_panel="Benchmarks"
    ),
]
AnalyzeSparsity = Annotated[
    bool,
    typer.Option(
        "--analyze-sparsity",
        help="Active terms and weights of sample texts; no data.",
        rich_help_panel="What is looked at",
    ),
]
Texts = Annotated[
    Path | None,
    typer.Option(
        "--texts",
        help="A file of texts for it, one a line.",
        show_default="samples",
        rich_help_panel="What is looked at",
    ),
]
Bm25 = Annotated[bool, typer.Option("--bm25/--no-bm25", help="BM25 beside it.", rich_help_panel="Beside it")]
Dense = Annotated[
    str | None,
    typer.Option(
        "--dense",
        help="A dense model too, e.g. all-MiniLM-L6-v2, and hybrids of all.",
        rich_help_panel="Beside it",
    ),
]
Hybrid = Annotated[
    bool | None,
    typer.Option(
        "--hybrid/--no-hybrid",
        help="All fused, as --mode hybrid of a search does, and by RRF.",
        show_default="with --index, --dense or --fit-split",
        rich_help_panel="Beside it",
    ),
]
FitSplit = Annotated[
    str | None,
    typer.Option(
        "--fit-split",
        help="Fit fusion weights on qrels/<split>.tsv and fuse by them too.",
        rich_help_panel="Beside it",
    ),
]
Measure = Annotated[
    list[str] | None,
    typer.Option(
        "--measure",
        help="As ir-measures writes them: 'nDCG@20 RR@10 R@100 AP(rel=2)'; may be repeated.",
        show_default="the usual ones",
        rich_help_panel="What is looked at",
    ),
]
Typos = Annotated[
    bool,
    typer.Option(
        "--typos",
        help="All rows again with spelling mistakes in the queries.",
        rich_help_panel="What is looked at",
    ),
]
Paraphrases = Annotated[
    bool,
    typer.Option(
        "--paraphrases",
        help="All rows again with the queries in other words: by rules, or as --llm writes them.",
        rich_help_panel="What is looked at",
    ),
]
Rephraser = Annotated[
    str | None,
    typer.Option(
        "--llm",
        help="Model that writes the paraphrases, a call a query; answers are kept.",
        rich_help_panel="What is looked at",
    ),
]
Analyze = Annotated[
    bool,
    typer.Option(
        "--analyze",
        help="Why queries were lost: worst first against the first baseline, the terms that decided, likely "
        "causes, frequent terms.",
        rich_help_panel="What is looked at",
    ),
]
RunFile = Annotated[
    Path | None,
    typer.Option(
        "--run",
        help="Write the ranking as a TREC run file; - is standard output.",
        rich_help_panel="What is written",
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a report: .html is a page to read, .md Markdown, .json has the values of each query; "
        "- is JSON on standard output.",
        rich_help_panel="What is written",
    ),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        "--track",
        help="Figures and report to an experiment tracker: mlflow, mlflow=URI, tensorboard or "
        "tensorboard=FOLDER; may be repeated.",
        show_default=False,
    ),
]
Failures = Annotated[
    Path | None,
    typer.Option(
        "--failures",
        help="Write lost queries as JSONL, for `splade gen-data --for`.",
        rich_help_panel="What is written",
    ),
]
FailuresBelow = Annotated[
    float,
    typer.Option(
        "--failures-below",
        help="Of the first measure: what counts as lost.",
        rich_help_panel="What is written",
    ),
]
FailUnder = Annotated[
    list[str] | None,
    typer.Option(
        "--fail-under", help="MEASURE=VALUE: exit 3 if the model stays below.", rich_help_panel="Gates"
    ),
]
FailIfWorseThan = Annotated[
    Path | None,
    typer.Option(
        "--fail-if-worse-than",
        help="A report of --report, e.g. of the last release, which stands beside: exit 3 if the first row "
        "is significantly worse than its first one, by the first measure.",
        rich_help_panel="Gates",
    ),
]
WorseBy = Annotated[
    float | None,
    typer.Option(
        "--worse-by",
        min=0,
        help="Of --fail-if-worse-than: any mean that is lower by more than this fails, chance or not.",
        show_default="significance decides",
        rich_help_panel="Gates",
    ),
]
PerQuery = Annotated[
    bool,
    typer.Option(
        "--per-query", help="Values of each query too (with --json).", rich_help_panel="What is written"
    ),
]
