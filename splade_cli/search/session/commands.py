"""The commands of a session by name: what each takes, what it says of itself, what it does. Knows no terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, cast

from splade_cli.errors import InputError, did_you_mean
from splade_cli.index.index import SpladeIndex
from splade_cli.records import Hit
from splade_cli.search.explain.frequent_terms import ABOVE, junk_terms
from splade_cli.search.explain.terms import gaps, held_against, origins
from splade_cli.search.session.compare import DEEPER, POOL, moves, overlap
from splade_cli.search.session.marks import VERDICTS, Mark
from splade_cli.search.session.replies import Reply

if TYPE_CHECKING:
    from splade_cli.search.session.session import Session

LEAVE = frozenset({"q", "quit", "exit", "/quit", "/q", "/exit"})
MOST_HITS = 1000


@dataclass(frozen=True)
class Command:
    """A command: `usage` as it is typed, `help` in a line, `examples` to type."""

    usage: str
    help: str
    run: Callable[[Session, str], Reply]
    examples: tuple[str, ...] = ()


def _help(session: Session, rest: str) -> Reply:
    if not rest:
        return Reply(
            "help", facts={command.usage: command.help for command in COMMANDS.values()}, hint=_STARTS
        )
    name = "/" + rest.lower().lstrip("/").split()[0]
    command = COMMANDS.get(name)
    if command is None:
        raise InputError(f"unknown command '{name}'", did_you_mean(name, COMMANDS) or "/help lists them")
    return Reply("help", facts={command.usage: command.help, **dict.fromkeys(command.examples, "")})


def _top(session: Session, rest: str) -> Reply:
    if not rest.isdecimal() or not 1 <= int(rest) <= MOST_HITS:
        raise InputError(f"/top takes a number from 1 to {MOST_HITS}, got '{rest}'", "e.g. /top 10")
    return _changed(session, top=int(rest))


def _mode(session: Session, rest: str) -> Reply:
    if not rest:
        return Reply("note", message=f"mode {session.mode}, of {', '.join(session.searcher.modes)}")
    return _changed(session, mode=session.known_mode(rest))


def _filter(session: Session, rest: str) -> Reply:
    if not rest:
        fields = ", ".join(f"{name} ({kind})" for name, kind in session.searcher.fields().items())
        return Reply(
            "note", message=f"filter: {session.filter or 'none'}", hint=f"fields: {fields or 'none'}"
        )
    return _changed(session, filter="" if rest.lower() in ("off", "none") else session.known_filter(rest))


def _changed(session: Session, **settings: int | str) -> Reply:
    """Changes a setting and asks again; where that fails or is stopped, the setting is as before."""
    before = {name: getattr(session, name) for name in settings}
    session.__dict__.update(settings)
    message = ", ".join(f"{name} {value or 'off'} from now on" for name, value in settings.items())
    if not session.query:
        return Reply("note", message=message)
    try:
        return replace(session.ask(session.query), remark=message)
    except BaseException:
        session.__dict__.update(before)
        raise


def _explain(session: Session, rest: str) -> Reply:
    if rest.lower() not in ("", "on", "off"):
        return _explained(session, session.hit(rest))
    session.explain = rest.lower() == "on" if rest else not session.explain
    if session.explain and session.hits:
        return session.again()
    return Reply("note", message=f"explanations {'on' if session.explain else 'off'}")


def _explained(session: Session, hit: Hit) -> Reply:
    return Reply(
        "explain", query=session.query, hits=(hit,), explained=hit.terms, origins=origins(hit), rank=hit.rank
    )


def _terms(session: Session, rest: str) -> Reply:
    first, _, more = rest.partition(" ")
    if first.lower() == "junk" and (not more or _share(more) is not None):
        share = _share(more) if more else ABOVE
        return Reply("junk", junk=junk_terms(_index(session), cast(float, share)))
    if first.lower() == "of" and more:
        name = (
            session.hits[int(more) - 1].id
            if more.isdecimal() and 1 <= int(more) <= len(session.hits)
            else more
        )
        chunk = session.chunks_of(name)[0]
        return Reply("terms", query=name, terms=tuple(session.searcher.stored_terms(chunk)))
    text = rest or session.query
    if not text:
        raise InputError("/terms needs a text, nothing was asked yet", "e.g. /terms how to reset a password")
    return Reply("terms", query=text, terms=tuple(session.searcher.terms(text)))


def _index(session: Session) -> SpladeIndex:
    index = getattr(session.searcher.engine, "index", None)
    if index is None:
        raise InputError("this engine does not say how frequent its terms are", "ask for the terms of a text")
    return cast(SpladeIndex, index)


def _share(text: str) -> float | None:
    """0.2 or 20% as a number, None where it is none."""
    try:
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None


def _why(session: Session, rest: str) -> Reply:
    if not session.query:
        raise InputError("/why looks at the last query, and nothing was asked yet", "ask something first")
    if not rest:
        raise InputError(
            "/why needs a document's id", "ids stand behind each hit; also ids that did not come up"
        )
    try:
        absence = session.why(rest)
    except InputError:
        if not (rest.isdecimal() and 1 <= int(rest) <= len(session.hits)):
            raise
        absence = session.why(session.hits[int(rest) - 1].id)
    against = held_against(session.hits, absence.hit)
    return Reply(
        "why",
        query=session.query,
        hits=(absence.hit,),
        terms=tuple(absence.lacking),
        explained=absence.hit.terms,
        origins=origins(absence.hit),
        rank=absence.rank,
        filtered=absence.filtered,
        against=against,
        gaps=tuple(gaps(against, absence.hit)) if against else (),
    )


def _open(session: Session, rest: str) -> Reply:
    hit = session.hit(rest)
    session.opened = hit.id
    return Reply("text", query=session.query, hits=(hit,), rank=hit.rank)


def _mark(session: Session, rest: str) -> Reply:
    words = rest.split()
    if not words:
        return Reply(
            "marks", query=session.query, marks=session.marks.of(session.query), facts=_marked(session)
        )
    verdict = words[0].lower()
    if verdict not in VERDICTS:
        hint = did_you_mean(verdict, VERDICTS) or "e.g. /mark good 1, /mark bad 2 3, /mark none 1"
        raise InputError(f"/mark takes good, bad or none, got '{words[0]}'", hint)
    chosen = [session.hit(word) for word in words[1:] or [""]]
    marks = [
        Mark(session.query, hit.id, verdict, session.chunk(hit.id).content or hit.text) for hit in chosen
    ]
    if verdict != "none" and not all(mark.text.strip() for mark in marks):
        raise InputError("a document without a text cannot be learnt from", "mark another one")
    session.marks.put(marks)
    return Reply("marks", query=session.query, marks=session.marks.of(session.query), facts=_marked(session))


def _marked(session: Session) -> dict[str, object]:
    return {**session.marks.counts(), "file": str(session.marks.path)}


def _compare(session: Session, rest: str) -> Reply:
    if not session.query:
        raise InputError("/compare takes the last query, and nothing was asked yet", "ask something first")
    if not rest:
        raise InputError(
            "/compare needs a model or an index folder", "e.g. /compare tiny, or /compare other-index"
        )
    depth = max(POOL, DEEPER * session.top)
    before = session.find(session.searcher, session.query, depth)
    other, remark = session.others.open(rest, session.searcher, before, session.progress)
    after = session.find(other, session.query, depth)
    found = moves(before, after, session.top)
    shown = f"{overlap(found, session.top)} of the first {session.top} are the same"
    return Reply(
        "compare", query=session.query, moves=tuple(found), message=shown, hint=remark, facts={"other": rest}
    )


def _history(session: Session, rest: str) -> Reply:
    return Reply("history", facts={str(number): asked for number, asked in enumerate(session.history, 1)})


def _stats(session: Session, rest: str) -> Reply:
    return Reply("stats", facts=session.stats())


def _quit(session: Session, rest: str) -> Reply:
    return Reply("quit")


_STARTS = "a line without / is a query; its hits are opened by their number; /help NAME has examples"
COMMANDS = MappingProxyType(
    {
        "/help": Command(
            "/help [NAME]", "what can be typed, or one command with examples", _help, ("/help filter",)
        ),
        "/top": Command("/top N", "show N hits from now on", _top, ("/top 10",)),
        "/mode": Command(
            "/mode [NAME]",
            "search by sparse, bm25, dense or hybrid from now on",
            _mode,
            ("/mode hybrid", "/mode sparse"),
        ),
        "/filter": Command(
            "/filter [EXPR|off]",
            "search only documents that pass; alone it names the fields",
            _filter,
            ("/filter year >= 2020 and lang = no", '/filter title contains "saw"', "/filter off"),
        ),
        "/explain": Command(
            "/explain [RANK]",
            "the terms behind a hit, or behind each hit from now on (again: off)",
            _explain,
            ("/explain 1", "/explain off"),
        ),
        "/why": Command(
            "/why ID",
            "why a document did not come up, or came up where it did",
            _why,
            ("/why guide.md", "/why 3"),
        ),
        "/terms": Command(
            "/terms [TEXT]",
            "the model's terms of TEXT or of the last query; 'of RANK': of a document; 'junk': in too many documents",
            _terms,
            ("/terms how to reset a password", "/terms of 1", "/terms junk", "/terms junk 10%"),
        ),
        "/open": Command(
            "/open [RANK|ID]",
            "the whole text; a bare rank number does the same",
            _open,
            ("/open 2", "/open guide.md"),
        ),
        "/mark": Command(
            "/mark good|bad|none [RANK ..]",
            "keep hits as training rows; without a rank the one opened last; alone it shows the marks",
            _mark,
            ("/mark good 1", "/mark bad 2 3", "/mark none 2"),
        ),
        "/compare": Command(
            "/compare MODEL|INDEX",
            "the last query by another model or index: what moved",
            _compare,
            ("/compare tiny", "/compare other-index"),
        ),
        "/history": Command("/history", "what was asked so far", _history),
        "/stats": Command("/stats", "what is being searched, and how long the queries took", _stats),
        "/quit": Command("/quit", "leave; so do q, quit, exit and Ctrl-D", _quit),
    }
)
