"""`splade serve`: an index over HTTP, and a page to search it with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from splade_cli.cli import settings
from splade_cli.cli.options import checks, inputs, machine, ranking

TOKEN = "SPLADE_SERVE_TOKEN"


def serve(
    index: inputs.RequiredIndex,
    host: Annotated[str, typer.Option("--host", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", help="Port; 0 takes a free one.")] = 8080,
    without_token: Annotated[
        bool,
        typer.Option(
            "--without-token", help=f"Serve all who can reach --host, though {TOKEN} is not set; no marks."
        ),
    ] = False,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(
            "--allow-host",
            help="A name that a proxy calls this server by; repeat for several.",
            show_default=False,
        ),
    ] = None,
    marks: Annotated[
        Path | None,
        typer.Option("--marks", help="Training rows of marks.", show_default="marks.jsonl beside the index"),
    ] = None,
    no_marks: Annotated[bool, typer.Option("--no-marks", help="Take no marks.")] = False,
    ab: Annotated[
        Path | None,
        typer.Option(
            "--ab",
            help="A second index: hits of both in one list, and whose are opened or marked is counted.",
        ),
    ] = None,
    ab_log: Annotated[
        Path | None,
        typer.Option("--ab-log", help="What --ab counts.", show_default="ab.jsonl beside the index"),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", help="Processes; each opens the models anew.")] = 1,
    concurrency: Annotated[int, typer.Option("--concurrency", help="Requests worked on at once.")] = 4,
    waiting: Annotated[
        int, typer.Option("--waiting", help="Further requests that may wait; more get 503.")
    ] = 32,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds for an answer; then 504.")] = 10.0,
    max_k: Annotated[int, typer.Option("--max-k", help="Most hits of a query.")] = 100,
    max_queries: Annotated[int, typer.Option("--max-queries", help="Most queries or texts at once.")] = 32,
    max_query_length: Annotated[
        int, typer.Option("--max-query-length", help="Most characters of a query or filter.")
    ] = 2000,
    max_body: Annotated[int, typer.Option("--max-body", help="Most kilobytes of a request.")] = 1024,
    look: Annotated[
        float, typer.Option("--look", help="Seconds between looks for a changed index; 0 never looks.")
    ] = 1.0,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="The index's model, where it has moved.", show_default="as indexed"
        ),
    ] = None,
    mode: ranking.Mode = "auto",
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
) -> None:
    """Serve an index over HTTP, with a search page."""
    from splade_cli.cli.usage import UsageError
    from splade_cli.deploy.server.options import Limits, ServerOptions, require_packages
    from splade_cli.search.interleaving.preferences import PREFERENCES
    from splade_cli.search.session.marks import MARKS

    require_packages()
    if marks is not None and no_marks:
        raise UsageError(f"--marks {marks} with --no-marks", "one of the two")
    if ab_log is not None and ab is None:
        raise UsageError(f"--ab-log {ab_log} without --ab", "name the second index: --ab DIR")
    ranking.weights_need_hybrid(weights, mode)
    chosen = ranking.search_options(mode, None, idf, expand, fold, rerank, rerank_top, weights)
    if marks is None and not no_marks and not without_token:
        marks = index.resolve().parent / MARKS
    limits = Limits(
        concurrency=concurrency,
        waiting=waiting,
        seconds=timeout,
        body_bytes=max_body * 1024,
        hits=max_k,
        queries=max_queries,
        query_characters=max_query_length,
        texts=max_queries,
    )
    serving = ServerOptions(
        host=host,
        port=port,
        token=os.environ.get(TOKEN),
        open=without_token,
        hosts=tuple(allow_host or ()),
        marks=marks,
        preferences=ab_log or index.resolve().parent / PREFERENCES,
        look_seconds=look,
        workers=workers,
        limits=limits,
    )
    serving.check()
    checks.require_index(index, ab)
    checks.require_there(expand)
    checks.require_models(model)

    from splade_cli.cli.render import console
    from splade_cli.deploy.server.running import serve as run
    from splade_cli.deploy.server.served_index import IndexSource

    opening = settings.model_options(device, trust_remote_code, allow_pickle)
    source = IndexSource(index, model, chosen, ranking.backend_name(backend), opening, engine)
    other: IndexSource | None = None
    if ab is not None:
        other = IndexSource(ab, None, chosen, ranking.backend_name(backend), opening)
    is_started = False

    def started(address: str) -> None:
        nonlocal is_started
        is_started = True
        console.labelled("serving", f"{address} (index {index}; Ctrl-C stops)")
        console.next_command(f"curl '{address}/search?q=hello'")

    try:
        run(source, serving, started, other)
    except KeyboardInterrupt:
        if not is_started:
            raise
    console.note("stopped")
