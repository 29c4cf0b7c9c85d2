"""`splade mcp`: an index as tools of an agent, over standard input and output."""

from __future__ import annotations

from typing import Annotated

import typer

from splade_cli.cli import settings
from splade_cli.cli.options import checks, inputs, machine, ranking


def mcp(
    index: inputs.RequiredIndex,
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
    device: machine.Device = "auto",
    trust_remote_code: machine.TrustRemoteCode = False,
    allow_pickle: machine.AllowPickle = False,
) -> None:
    """Serve an index to an agent by the Model Context Protocol, on standard input and output."""
    from importlib.util import find_spec

    from splade_cli.errors import InputError

    install = 'pip install "splade-cli[mcp]"'
    if find_spec("mcp") is None:
        raise InputError("mcp is not installed", install)
    ranking.weights_need_hybrid(weights, mode)
    chosen = ranking.search_options(mode, filter, idf, expand, fold, rerank, rerank_top, weights)
    checks.require_index(index)

    from splade_cli.cli.render import console

    try:
        from splade_cli.frameworks.mcp import mcp_server
    except ImportError:
        raise InputError("the mcp that is installed is too old", install) from None
    from splade_cli.search.searcher import Searcher

    opening = settings.model_options(device, trust_remote_code, allow_pickle)
    searcher = Searcher.open(index, model=model, options=chosen, model_options=opening, load=False)
    server = mcp_server(searcher)
    console.note(f"tools search, fetch and why over {index}; the end of the input stops it")
    server.run("stdio")
