"""Options that several commands share: same flag, same meaning everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from splade_cli.model.query_encoders.base import ExportQueries
    from splade_cli.search.options import SearchOptions

OVER_DENSE = ("csr", "laspar")
"""Architectures, and presets, that are trained over a dense model."""
DOCUMENTS = "name a file or a folder of documents"
Documents = Annotated[
    Path,
    typer.Argument(help="A file or folder: texts, web pages, PDF, tables, code ...", show_default=False),
]
Model = Annotated[
    str, typer.Option("--model", "-m", help="'tiny' (in this package), a model folder, or a hub id.")
]
Index = Annotated[
    Path | None,
    typer.Option(
        "--index",
        "-i",
        envvar="SPLADE_INDEX",
        help="Index folder of `splade index`.",
        show_default=False,
    ),
]
RequiredIndex = Annotated[
    Path,
    typer.Option("--index", "-i", envvar="SPLADE_INDEX", help="Index folder of `splade index`."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace what is there.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on standard output.")]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        help="Write a report: .html is a page to read, .md Markdown, .json its figures.",
        show_default=False,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device", envvar="SPLADE_DEVICE", help="auto, cpu, cuda, cuda:N or mps.", rich_help_panel="Machine"
    ),
]
Precision = Annotated[
    str,
    typer.Option("--precision", help="auto, fp32, bf16, fp16, int8, bf16+int8.", rich_help_panel="Machine"),
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", help="Texts encoded at a time, at most.", rich_help_panel="Machine")
]
MaxLength = Annotated[
    int | None,
    typer.Option(
        "--max-length",
        help="Tokens read of a text.",
        show_default="the model's limit",
        rich_help_panel="Machine",
    ),
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code",
        help="Run Python code that the model's repository brings.",
        rich_help_panel="Machine",
    ),
]
AllowPickle = Annotated[
    bool,
    typer.Option("--allow-pickle", help="Read weights that are not safetensors.", rich_help_panel="Machine"),
]
PruneTerms = Annotated[
    int | None,
    typer.Option(
        help="Store the N largest terms of a chunk only; scores and reasons are those of what is stored.",
        metavar="N",
        show_default="all",
    ),
]
PruneMass = Annotated[
    float | None,
    typer.Option(
        help="Store only the largest terms that make up this share of a chunk's weight, e.g. 0.9.",
        metavar="S",
        show_default="all",
    ),
]
Impacts = Annotated[
    int | None,
    typer.Option(
        help="Bits of a stored weight, 8 or 16, all of one step.", metavar="8|16", show_default="float32"
    ),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="Folder that keeps what is encoded: `evaluate` and `index` of the same documents read it again.",
        show_default="kept until done",
        rich_help_panel="Machine",
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        "--workers", help="Encoding processes; on CUDA each takes a GPU in turn.", rich_help_panel="Machine"
    ),
]
Query = Annotated[
    str,
    typer.Option(
        "--query",
        help="How queries are encoded: full (by the model), static (token weights), onnx or onnx-int8.",
    ),
]
Mode = Annotated[
    str,
    typer.Option(
        "--mode",
        help="sparse, bm25, dense or hybrid; auto is what `splade build` found best, else all fused.",
        rich_help_panel="Ranking",
    ),
]
Filter = Annotated[
    str | None,
    typer.Option(
        "--filter",
        help="What documents must be: 'year >= 2020 and lang = no'.",
        show_default=False,
        rich_help_panel="Ranking",
    ),
]
Idf = Annotated[
    float,
    typer.Option(
        "--idf",
        help="Exponent of the corpus IDF on query weights; 0.5 often helps, 0 is without.",
        rich_help_panel="Ranking",
    ),
]
Expand = Annotated[
    Path | None,
    typer.Option(
        "--expand",
        help="File of rules that add words to queries: 'pw = password' a line.",
        show_default=False,
        rich_help_panel="Ranking",
    ),
]
Fold = Annotated[
    str,
    typer.Option(
        "--fold",
        help="What is one hit: document, section, or off; auto is a section in long or in few documents.",
        rich_help_panel="Ranking",
    ),
]
Rerank = Annotated[
    str | None,
    typer.Option(
        "--rerank",
        help="A cross-encoder (folder or hub id) that reorders the best.",
        show_default=False,
        rich_help_panel="Ranking",
    ),
]
RerankTop = Annotated[
    int, typer.Option("--rerank-top", help="Hits that the cross-encoder reads.", rich_help_panel="Ranking")
]
Weights = Annotated[
    str | None,
    typer.Option(
        "--weights",
        help="Of a hybrid: sparse=0.5,bm25=0.5; or rrf.",
        show_default="1, and 0.75 of bm25; 0.5 beside dense",
        rich_help_panel="Ranking",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        help="URL of an engine that `splade push --to` filled: texts are found there.",
        show_default=False,
        rich_help_panel="Ranking",
    ),
]
Backend = Annotated[
    str | None,
    typer.Option(
        "--backend",
        help="two-step[=D:Q] finds texts in pruned vectors of D terms a text and Q a query.",
        show_default="exact",
        rich_help_panel="Ranking",
    ),
]


def require_report(path: Path | None) -> None:
    """Raises InputError, before anything is computed, for a report that could not be written."""
    if path is not None and str(path) != "-":
        from splade_cli.reports.outputs import require_report_file

        require_report_file(path)


def require_files(*paths: Path | None) -> None:
    """The same for files of any kind; one that is standard output can be."""
    from splade_cli.storage.outputs import output_file

    for path in paths:
        if path is not None and str(path) != "-":
            output_file(path)


def require_there(*paths: Path | str | None, hint: str = "check the path") -> None:
    """Raises InputError, before libraries of models are loaded, for a file or folder that there is not."""
    from splade_cli.errors import InputError

    for path in paths:
        if path is not None and not Path(path).exists():
            raise InputError(f"no such file or folder: {path}", hint)


def require_models(*names: str | None, dense: bool = False) -> None:
    """The same for models, sparse or dense: raises ModelError for the name of a folder that there is not."""
    from splade_cli.model.layout import resolve, resolve_dense

    for name in names:
        if name is not None and dense:
            resolve_dense(name)
        elif name is not None:
            resolve(name)


def hint_with_flag(hint: str, option: str) -> str:
    """The hint of an error, with the flag of the option that it speaks of: ``top`` is ``--top``."""
    if not option:
        return hint
    return f"{hint} (--{option.replace('_', '-')})"


def query_encoder(name: str) -> ExportQueries | None:
    """What --query asks for; None is the model itself. Raises UsageError for another name."""
    from functools import partial

    from splade_cli.cli.usage import UsageError

    known = ("full", "static", "onnx", "onnx-int8")
    if name not in known:
        raise UsageError(f"unknown --query '{name}'", f"one of {', '.join(known)}")
    if name == "full":
        return None
    if name == "static":
        from splade_cli.model.query_encoders.static_export import export_static

        return export_static
    from splade_cli.deploy.export.onnx import export_onnx

    return partial(export_onnx, int8=name == "onnx-int8")


def search_options(
    mode: str,
    filter: str | None,
    idf: float,
    expand: Path | None,
    fold: str,
    rerank: str | None,
    rerank_top: int,
    weights: str | None,
) -> SearchOptions:
    """The flags of a search as one record. Raises UsageError for a value that none of them takes."""
    from splade_cli.cli.usage import UsageError
    from splade_cli.errors import did_you_mean
    from splade_cli.search.options import GROUPINGS, SearchOptions

    positive(rerank_top=rerank_top)
    if not 0 <= idf < float("inf"):
        raise UsageError(f"--idf must be 0 or more, got {idf:g}", "e.g. --idf 0.5")
    group = next((each for each in GROUPINGS if each == fold.lower()), None)
    if group is None:
        known = ", ".join(GROUPINGS)
        raise UsageError(
            f"--fold takes {known}, got '{fold}'", did_you_mean(fold, GROUPINGS) or "e.g. --fold section"
        )
    fused = fusion_weights(weights) if weights is not None else None
    return SearchOptions(
        mode=mode.lower(),
        filter=filter or None,
        idf_exponent=idf,
        expansion=expand,
        group=group,
        reranker=rerank,
        rerank_depth=rerank_top,
        weights=fused,
    )


def weights_need_hybrid(weights: str | None, mode: str) -> None:
    """Raises UsageError for weights of a fusion where nothing is fused."""
    from splade_cli.cli.usage import UsageError
    from splade_cli.search.options import AUTO

    if weights is not None and mode.lower() not in (AUTO, "hybrid"):
        raise UsageError(f"--weights is for --mode hybrid, not for {mode}", "add --mode hybrid")


def backend_name(backend: str | None) -> str | None:
    """What --backend asks for, None for exact search."""
    return None if backend == "exact" else backend


def fusion_weights(text: str) -> dict[str, float] | Literal["rrf"]:
    """``sparse=0.5,bm25=0.3`` as a mapping; ``rrf`` as it is. Raises UsageError for another shape."""
    from splade_cli.cli.usage import UsageError
    from splade_cli.errors import did_you_mean
    from splade_cli.search.options import PARTS

    if text.strip().lower() == "rrf":
        return "rrf"
    found: dict[str, float] = {}
    for pair in text.split(","):
        name, _, value = (part.strip() for part in pair.partition("="))
        if name in found:
            raise UsageError(f"--weights names {name} twice", "one number a part")
        try:
            found[name] = float(value)
        except ValueError:
            raise UsageError(
                f"--weights takes PART=NUMBER, got '{pair}'", "e.g. --weights sparse=0.5,bm25=0.5"
            ) from None
        if name not in PARTS:
            raise UsageError(
                f"--weights knows no part '{name}'", did_you_mean(name, PARTS) or f"parts: {', '.join(PARTS)}"
            )
        if not 0 <= found[name] < float("inf"):
            raise UsageError(f"--weights: {name} is {value}", "weights are 0 or more")
    return found


def positive(**sizes: float | None) -> None:
    """Raises UsageError for the first size that is given and not above 0."""
    from splade_cli.errors import require_positive

    require_positive(**{name: value for name, value in sizes.items() if value is not None})
