"""`splade query`: an interactive search session; piped input gives JSONL, and --query asks once."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splade_cli.cli import settings
from splade_cli.cli.options import checks, inputs, machine, ranking, reading

if TYPE_CHECKING:
    from splade_cli.search.interleaving.ab_test import AbTest
    from splade_cli.search.searcher import Searcher
    from splade_cli.search.session.compare import Others
    from splade_cli.search.session.session import Session


def query(
    context: typer.Context,
    index: inputs.Index = None,
    docs: Annotated[Path | None, typer.Option("--docs", help="Documents to index in memory instead.")] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="'tiny', a folder or a hub id.", show_default="as indexed, tiny for --docs"
        ),
    ] = None,
    query: Annotated[
        str | None, typer.Option("--query", help="Ask this alone, and end.", show_default=False)
    ] = None,
    output_file: Annotated[
        Path | None, typer.Option("--output-file", help="Write the hits of --query as JSON.")
    ] = None,
    top: Annotated[int, typer.Option("--top", "-k", help="Hits a query.")] = 5,
    mode: ranking.Mode = "auto",
    filter: ranking.Filter = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show the terms behind each hit.")] = False,
    marks: Annotated[
        Path | None,
        typer.Option("--marks", help="Training rows of /mark.", show_default="marks.jsonl beside the index"),
    ] = None,
    ab: Annotated[
        str | None,
        typer.Option(
            "--ab",
            help="Another model or index: hits of both in one list; whose are opened or marked is counted.",
            show_default=False,
        ),
    ] = None,
    ab_log: Annotated[
        Path | None,
        typer.Option("--ab-log", help="What --ab counts.", show_default="ab.jsonl beside the index"),
    ] = None,
    idf: ranking.Idf = 0.0,
    expand: ranking.Expand = None,
    fold: ranking.Fold = "auto",
    rerank: ranking.Rerank = None,
    rerank_top: ranking.RerankTop = 50,
    weights: ranking.Weights = None,
    backend: ranking.Backend = None,
    engine: ranking.Engine = None,
    max_file_size: reading.MaxFileSize = 100.0,
    max_file_seconds: reading.MaxFileSeconds = 60.0,
    follow_links: reading.FollowLinks = False,
    extensions: reading.Extensions = None,
    include: reading.Include = None,
    exclude: reading.Exclude = None,
    ignored: reading.Ignored = False,
    keep_duplicates: reading.KeepDuplicates = False,
    show_skipped: reading.ShowSkipped = False,
    device: machine.Device = "auto",
    trust_remote_code: machine.TrustRemoteCode = False,
    allow_pickle: machine.AllowPickle = False,
) -> None:
    """Search interactively: hits with the reasons why they matched."""
    from splade_cli.cli.usage import UsageError
    from splade_cli.storage.marks import is_index

    if output_file is not None:
        _require_output(output_file, query)
    checks.positive(top=top)
    if ab_log is not None and ab is None:
        raise UsageError(f"--ab-log {ab_log} without --ab", "name the other model or index: --ab tiny")
    if docs is not None and getattr(context.get_parameter_source("index"), "name", "") == "ENVIRONMENT":
        index = None  # what is typed goes before what is set
    is_made = index is not None or engine is not None
    if is_made and docs is not None:
        raise UsageError("--docs is searched without an index, and one is named", "leave out one of them")
    if not is_made and docs is None:
        raise UsageError(
            "splade query needs either --index or --docs", "make an index: splade index DOCS -o index"
        )
    chosen = ranking.search_options(mode, None, idf, expand, fold, rerank, rerank_top, weights)
    checks.require_there(docs, hint=inputs.DOCUMENTS)
    checks.require_index(index)
    if ab is not None and not is_index(ab):
        checks.require_models(ab)

    from splade_cli.cli.render import console
    from splade_cli.search.interleaving.preferences import PREFERENCES
    from splade_cli.search.session.compare import Others
    from splade_cli.search.session.marks import MARKS
    from splade_cli.search.session.session import Session

    opening = settings.model_options(device, trust_remote_code, allow_pickle)
    is_interactive = query is None and sys.stdin.isatty()
    if is_made:
        loads = not is_interactive or ab is not None
        searcher = settings.open_index(index, model, chosen, backend, opening, loads, engine)
        marks = marks or _beside(index, MARKS)
    else:
        from splade_cli.cli.render.progress import show_progress
        from splade_cli.indexing.build import index_documents
        from splade_cli.indexing.options import IndexOptions
        from splade_cli.model.embedder import SpladeEmbedder
        from splade_cli.search.searcher import Searcher

        assert docs is not None
        how = settings.reading(
            max_file_size,
            max_file_seconds,
            follow_links,
            extensions,
            include,
            exclude,
            ignored,
            keep_duplicates,
        )
        indexing = IndexOptions(reading=how)
        embedder = SpladeEmbedder(model or "tiny", opening)
        with show_progress() as progress:
            made = index_documents(docs, options=indexing, embedder=embedder, progress=progress)
        console.skipped(made.skipped, everything=show_skipped)
        searcher = Searcher.over(made.index, embedder, options=chosen, backend=ranking.backend_name(backend))
    others = Others(opening)
    compared: AbTest | None = None
    if ab is not None:
        compared = _compared(
            searcher, str(index or docs or "engine"), ab, ab_log or _beside(index, PREFERENCES), others
        )
    session = Session(searcher, top, explain, filter=filter or "", marks=marks, others=others, ab=compared)
    session.details = query is not None or is_interactive or console.out.is_terminal
    if query is not None:
        _answer(session, query, output_file)
    elif is_interactive:
        from splade_cli.cli.render.session.prompt import converse

        converse(session)
    else:
        _answer_lines(session)


def _beside(index: Path | None, name: str) -> Path:
    """A file beside the index folder, in the working folder where there is none."""
    return Path(name) if index is None else index.resolve().parent / name


def _compared(searcher: Searcher, name: str, other: str, log: Path, others: Others) -> AbTest:
    """Two searchers as one, with their names and what is counted."""
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.search.interleaving.ab_test import AbTest
    from splade_cli.search.interleaving.preferences import PreferenceLog

    kept = PreferenceLog(log, name, other)
    with show_progress() as progress:
        return AbTest(others.whole(other, searcher, progress), kept)


def _require_output(path: Path, query: str | None) -> None:
    """Raises UsageError where nothing would be written, or nothing can be: before a model is loaded."""
    from splade_cli.cli.usage import UsageError
    from splade_cli.storage.outputs import output_file

    if query is None:
        raise UsageError(f"--output-file {path} without --query", "say what to ask: --query 'a question'")
    output_file(path)


def _answer(session: Session, query: str, path: Path | None) -> None:
    """The hits of one query: for people on a terminal, else as JSON, and as JSON in a file."""
    from splade_cli.cli.render import console
    from splade_cli.cli.render.hits import ranked
    from splade_cli.search.session.replies import NoteReply
    from splade_cli.storage.files import write_json

    reply = session.ask(query)
    document = {"query": query, "hits": [hit.as_dict() for hit in session.hits]}
    if isinstance(reply, NoteReply):
        console.note(reply.message)
    if not console.out.is_terminal:
        console.json_document(document)
    else:
        ranked.hits(session.hits, session.explain)
    if path is not None:
        write_json(path, document, alone=True)
        console.note(f"hits written to {path}")


def _answer_lines(session: Session) -> None:
    from splade_cli.cli.render import console
    from splade_cli.search.session.replies import NothingReply, QuitReply

    for line in sys.stdin:
        reply = session.handle(line)
        if isinstance(reply, QuitReply):
            break
        if not isinstance(reply, NothingReply):
            console.json_line(reply.to_json())
