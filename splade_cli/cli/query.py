"""`splade query`: an interactive search session; piped input gives JSONL."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from splade_cli.cli import options

if TYPE_CHECKING:
    from splade_cli.search.session import Session


def query(
    index: Annotated[Path | None, typer.Option("--index", "-i", help="Index folder of `splade index`.")] = None,
    docs: Annotated[Path | None, typer.Option("--docs", help="Documents to index in memory instead.")] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="'tiny', a folder or a hub id.", show_default="as indexed, tiny for --docs"),
    ] = None,
    top: Annotated[int, typer.Option("--top", "-k", help="Hits a query.")] = 5,
    explain: Annotated[bool, typer.Option("--explain", help="Show the terms behind each hit.")] = False,
    device: options.Device = "auto",
    trust_remote_code: options.TrustRemoteCode = False,
    allow_pickle: options.AllowPickle = False,
) -> None:
    """Search interactively: hits with the reasons why they matched."""
    from splade_cli.cli import console
    from splade_cli.errors import InputError
    from splade_cli.search.encoder import SpladeEmbedder
    from splade_cli.search.indexing import index_documents
    from splade_cli.search.searcher import Searcher
    from splade_cli.search.session import Session

    options.positive(top=top)
    if (index is None) == (docs is None):
        raise InputError("splade query needs --index DIR or --docs DOCS", "make an index: splade index DOCS -o DIR")
    trust: dict[str, Any] = {"trust_remote_code": trust_remote_code, "allow_pickle": allow_pickle}
    if index is not None:
        searcher = Searcher.open(index, model=model, device=device, **trust)
    else:
        assert docs is not None
        embedder = SpladeEmbedder(model or "tiny", device=device, **trust)
        with console.progress() as progress:
            made = index_documents(docs, embedder=embedder, progress=progress)
        console.skipped(made.skipped)
        searcher = Searcher(made.index, embedder)
    session = Session(searcher, top, explain)
    if sys.stdin.isatty():
        _converse(session)
    else:
        _answer_lines(session)


def _answer_lines(session: Session) -> None:
    from splade_cli.cli import console

    for line in sys.stdin:
        reply = session.handle(line)
        if reply.kind == "quit":
            break
        if reply.kind != "nothing":
            console.json_line(reply.as_dict())


def _converse(session: Session) -> None:
    from asyncio import CancelledError

    from prompt_toolkit import PromptSession
    from prompt_toolkit.completion import WordCompleter
    from prompt_toolkit.history import FileHistory, InMemoryHistory
    from prompt_toolkit.output import ColorDepth

    from splade_cli.cli import console, display
    from splade_cli.search.session import COMMANDS

    folder = Path(os.environ.get("XDG_STATE_HOME", Path.home() / ".local" / "state")) / "splade"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "history").touch()
        history: FileHistory | InMemoryHistory = FileHistory(str(folder / "history"))
    except OSError:
        history = InMemoryHistory()  # a home that cannot be written to costs the history, not the session
    words = [name.split()[0] for name in COMMANDS]
    depth = ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None
    completer = WordCompleter(words, sentence=True)
    prompt: PromptSession[str] = PromptSession(history=history, completer=completer, color_depth=depth)
    display.greeting(session)
    while True:
        try:
            line = prompt.prompt("splade> ")
        except (KeyboardInterrupt, CancelledError):  # the latter where the prompt was only just being put up
            continue
        except EOFError:
            break
        try:
            reply = session.handle(line)
            if reply.kind == "quit":
                break
            display.reply(reply, session.explain)
        except KeyboardInterrupt:
            console.note("stopped")
