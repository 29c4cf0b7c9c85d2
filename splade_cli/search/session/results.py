"""Commands about the hits of the last query as a whole: the next ones, and all of them in a file."""

from __future__ import annotations

from pathlib import Path

from splade_cli.errors import InputError
from splade_cli.records import Hit
from splade_cli.search.session.replies import ClearReply, HitsReply, NoteReply, Reply
from splade_cli.search.session.sitting import Sitting
from splade_cli.storage.files import replacing, write_json, write_jsonl
from splade_cli.storage.outputs import output_file

ENDINGS = (".json", ".jsonl", ".md")


def show_more(session: Sitting, argument: str) -> Reply:
    """``/more [N]``."""
    if not session.query:
        raise InputError(
            "/more goes on with the last query, and nothing was asked yet", "ask something first"
        )
    if argument and (not argument.isdecimal() or int(argument) < 1):
        raise InputError(f"/more takes a number above 0, got '{argument}'", "e.g. /more 10")
    hits = session.more(int(argument or session.top))
    if not hits:
        return NoteReply(f"no more hits, these were all {len(session.hits)}", session.query)
    return HitsReply(tuple(hits), session.query, session.marks.of(session.query))


def export(session: Sitting, argument: str) -> Reply:
    """``/export FILE``."""
    if not session.hits:
        raise InputError("there are no hits to export yet", "ask something first")
    path = Path(argument).expanduser()
    if path.suffix not in ENDINGS:
        raise InputError(
            f"/export takes a file that ends with {', '.join(ENDINGS)}, got '{argument}'",
            "e.g. /export hits.json",
        )
    if path.exists():
        raise InputError(f"{path} exists already", "name another file")
    output_file(path)
    if path.suffix == ".json":
        write_json(
            path, {"query": session.query, "hits": [hit.as_dict() for hit in session.hits]}, alone=True
        )
    elif path.suffix == ".jsonl":
        write_jsonl(path, [{"query": session.query, **hit.as_dict()} for hit in session.hits])
    else:
        with replacing(path, alone=True) as temporary:
            temporary.write_text(_as_markdown(session.query, session.hits), encoding="utf-8")
    return NoteReply(f"{len(session.hits)} hits written to {path}", session.query)


def _as_markdown(query: str, hits: list[Hit]) -> str:
    """A list to be passed on."""
    lines = [f"# {query}", ""]
    for hit in hits:
        lines.append(f"{hit.rank}. {hit.title or hit.id} (`{hit.place}`, {hit.score:.4g})  ")
        lines.append(f"   {hit.snippet}")
    return "\n".join(lines) + "\n"


def clear(session: Sitting, argument: str) -> Reply:
    """``/clear``."""
    return ClearReply()
