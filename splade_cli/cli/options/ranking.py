"""Options of a search: how texts are found, fused, filtered, folded and reranked, and the record of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from splade_cli.cli.options.checks import positive

if TYPE_CHECKING:
    from splade_cli.model.query_encoders.base import ExportQueries
    from splade_cli.search.options import SearchOptions

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
