"""`splade search`: one query, or one a line on standard input, to hits."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from splade_cli.cli import settings
from splade_cli.cli.options import checks, inputs, machine, outputs, ranking

if TYPE_CHECKING:
    from splade_cli.search.searcher import Searcher


def search(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="QUERY",
            help="What to look for, in one word or more; - reads a query a line.",
            show_default=False,
        ),
    ],
    index: inputs.Index = None,
    k: Annotated[int, typer.Option("-k", "--top", help="Hits.")] = 10,
    explain: Annotated[bool, typer.Option("--explain", help="Show the terms behind each hit.")] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="The index's model, where it has moved.", show_default="as indexed"
        ),
    ] = None,
    mode: ranking.Mode = "auto",
    filter: ranking.Filter = None,
    idf: ranking.Idf = 0.0,
    expand: ranking.Expand = None,
    fold: ranking.Fold = "auto",
    rerank: ranking.Rerank = None,
    rerank_top: ranking.RerankTop = 50,
    weights: ranking.Weights = None,
    backend: ranking.Backend = None,
    engine: ranking.Engine = None,
    device: machine.Device = "auto",
    trust_remote_code: machine.TrustRemoteCode = False,
    allow_pickle: machine.AllowPickle = False,
    json_output: outputs.Json = False,
) -> None:
    """Search an index."""
    query = " ".join(words)
    checks.positive(top=k)
    ranking.weights_need_hybrid(weights, mode)
    chosen = ranking.search_options(mode, filter, idf, expand, fold, rerank, rerank_top, weights)
    if query != "-":
        chosen = replace(chosen, details=True)
    opening = settings.model_options(device, trust_remote_code, allow_pickle)
    searcher = settings.open_index(index, model, chosen, backend, opening, engine=engine)

    from splade_cli.cli.render import console
    from splade_cli.cli.render.hits import ranked
    from splade_cli.search.explain.absence import UNKNOWN, unknown_words

    if query == "-":
        _answer_lines(searcher, k)
        return
    hits = searcher.search(query, k)
    if json_output:
        console.json_document({"query": query, "hits": [hit.as_dict() for hit in hits]})
        return
    if hits:
        ranked.hits(hits, explain)
        asked = " ".join(text for text, _ in searcher.expanded(query))
        if searcher.mode != "bm25" and unknown_words(searcher.engine, asked):
            console.note(UNKNOWN)
    else:
        console.note(f"{_nothing(searcher, filter)}; try other words")
    if engine is None:
        console.next_command(f"splade query --index {index}")


def _answer_lines(searcher: Searcher, k: int) -> None:
    """A JSON line for each query on standard input."""
    from splade_cli.cli.render import console

    for line in sys.stdin:
        query = line.strip().lstrip("\ufeff")
        if query:
            hits = searcher.search(query, k)
            console.json_line({"query": query, "hits": [hit.as_dict() for hit in hits]})


def _nothing(searcher: Searcher, filter: str | None) -> str:
    """Why there is no hit."""
    if not filter:
        return "no document shares a term with this query"
    if searcher.passing(filter):
        return "no document passes the filter and shares a term with this query"
    return f"no document passes the filter '{filter}' (case and type count: a text is no number)"
