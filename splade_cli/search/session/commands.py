"""The commands of a session by name: what each takes, what it says of itself, what it does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from splade_cli.errors import InputError, did_you_mean
from splade_cli.records import Hit
from splade_cli.search.explain.frequent_terms import ABOVE, frequent_terms
from splade_cli.search.explain.hits import HIGHLIGHTED_TERMS
from splade_cli.search.explain.terms import Gap, gaps, held_against, origins
from splade_cli.search.session.compare import DEEPER, POOL, moves, overlap
from splade_cli.search.session.marks import VERDICTS, Mark
from splade_cli.search.session.replies import (
    CompareReply,
    ExplainReply,
    FrequentTermsReply,
    HelpReply,
    HistoryReply,
    MarksReply,
    NoteReply,
    QuitReply,
    Reply,
    StatsReply,
    TermsReply,
    TextReply,
    WhyReply,
)

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


def _help(session: Session, argument: str) -> HelpReply:
    if not argument:
        usages = {command.usage: command.help for command in COMMANDS.values()}
        return HelpReply(usages, _STARTS)
    name = "/" + argument.lower().lstrip("/").split()[0]
    command = COMMANDS.get(name)
    if command is None:
        raise InputError(f"unknown command '{name}'", did_you_mean(name, COMMANDS) or "/help lists them")
    return HelpReply({command.usage: command.help, **dict.fromkeys(command.examples, "")})


def _top(session: Session, argument: str) -> Reply:
    if not argument.isdecimal() or not 1 <= int(argument) <= MOST_HITS:
        raise InputError(f"/top takes a number from 1 to {MOST_HITS}, got '{argument}'", "e.g. /top 10")
    return _changed(session, top=int(argument))


def _mode(session: Session, argument: str) -> Reply:
    if not argument:
        return NoteReply(f"mode {session.mode}, of {', '.join(session.searcher.modes)}")
    return _changed(session, mode=session.known_mode(argument))


def _filter(session: Session, argument: str) -> Reply:
    if not argument:
        fields = ", ".join(f"{name} ({kind})" for name, kind in session.searcher.fields().items())
        return NoteReply(f"filter: {session.filter or 'none'}", hint=f"fields: {fields or 'none'}")
    if argument.lower() in ("off", "none"):
        return _changed(session, filter="")
    return _changed(session, filter=session.known_filter(argument))


def _changed(session: Session, **settings: int | str) -> Reply:
    """Changes a setting and asks again; where that fails or is stopped, the setting is as before."""
    before = {name: getattr(session, name) for name in settings}
    session.__dict__.update(settings)
    message = ", ".join(f"{name} {value or 'off'} from now on" for name, value in settings.items())
    if not session.query:
        return NoteReply(message)
    try:
        return replace(session.ask(session.query), remark=message)
    except BaseException:
        session.__dict__.update(before)
        raise


def _explain(session: Session, argument: str) -> Reply:
    if argument.lower() not in ("", "on", "off"):
        hit = session.hit(argument)
        return ExplainReply(hit, session.query, hit.rank, hit.terms, origins(hit.terms))
    session.explain = not session.explain
    if argument:
        session.explain = argument.lower() == "on"
    if session.explain and session.hits:
        return session.again()
    return NoteReply(f"explanations {'on' if session.explain else 'off'}")


def _terms(session: Session, argument: str) -> Reply:
    first, _, rest = argument.partition(" ")
    share = _share(rest or f"{ABOVE}")
    searcher = session.searcher
    if first.lower() == "frequent" and share is not None:
        report = frequent_terms(searcher.engine, searcher.vocabulary, searcher.matcher(), share)
        return FrequentTermsReply(report)
    if first.lower() == "of" and rest:
        name = rest
        if _is_rank(session, rest):
            name = session.hits[int(rest) - 1].id
        chunk = session.chunks_of(name)[0]
        return TermsReply(name, tuple(searcher.stored_terms(chunk)))
    text = argument or session.query
    if not text:
        raise InputError("/terms needs a text, nothing was asked yet", "e.g. /terms how to reset a password")
    return TermsReply(text, tuple(searcher.terms(text)))


def _share(text: str) -> float | None:
    """0.2 or 20% as a number, None where it is none."""
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        return None
    if text.endswith("%"):
        return number / 100
    return number


def _is_rank(session: Session, text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) <= len(session.hits)


def _why(session: Session, argument: str) -> Reply:
    if not session.query:
        raise InputError("/why looks at the last query, and nothing was asked yet", "ask something first")
    if not argument:
        raise InputError(
            "/why needs a document's id", "ids stand behind each hit; also ids that did not come up"
        )
    try:
        absence = session.why(argument)
    except InputError:
        if not _is_rank(session, argument):
            raise
        absence = session.why(session.hits[int(argument) - 1].id)
    against = held_against(session.hits, absence.hit)
    differences: list[Gap] = []
    if against is not None:
        differences = gaps(against, absence.hit)
    return WhyReply(
        hit=absence.hit,
        query=session.query,
        rank=absence.rank,
        depth=absence.depth,
        terms=tuple(absence.lacking),
        explained=absence.hit.terms,
        origins=origins(absence.hit.terms),
        filtered=absence.filtered,
        against=against,
        gaps=tuple(differences),
    )


def _open(session: Session, argument: str) -> Reply:
    hit = session.hit(argument)
    session.opened = hit.id
    return TextReply(hit, session.query, hit.rank, _highlights(session, hit))


def _highlights(session: Session, hit: Hit) -> tuple[tuple[int, int], ...]:
    names = [term.term for term in hit.terms[:HIGHLIGHTED_TERMS]]
    return tuple((word.start, word.end) for word in session.searcher.matcher().words(hit.text, names))


def _mark(session: Session, argument: str) -> Reply:
    words = argument.split()
    if not words:
        return _marked(session)
    verdict = words[0].lower()
    if verdict not in VERDICTS:
        hint = did_you_mean(verdict, VERDICTS) or "e.g. /mark good 1, /mark bad 2 3, /mark none 1"
        raise InputError(f"/mark takes good, bad or none, got '{words[0]}'", hint)
    marks = []
    for word in words[1:] or [""]:
        hit = session.hit(word)
        marks.append(Mark(session.query, hit.id, verdict, session.chunk(hit.id).content or hit.text))
    if verdict != "none" and not all(mark.text.strip() for mark in marks):
        raise InputError("a document without a text cannot be learnt from", "mark another one")
    session.marks.put(marks)
    return _marked(session)


def _marked(session: Session) -> MarksReply:
    facts: dict[str, int | str] = {**session.marks.counts(), "file": str(session.marks.path)}
    return MarksReply(session.query, session.marks.of(session.query), facts)


def _compare(session: Session, argument: str) -> Reply:
    if not session.query:
        raise InputError("/compare takes the last query, and nothing was asked yet", "ask something first")
    if not argument:
        raise InputError(
            "/compare needs a model or an index folder", "e.g. /compare tiny, or /compare other-index"
        )
    depth = max(POOL, DEEPER * session.top)
    before = session.find(session.searcher, session.query, depth)
    other, remark = session.others.open(argument, session.searcher, before, session.progress)
    after = session.find(other, session.query, depth)
    moved = moves(before, after, session.top)
    message = f"{overlap(moved, session.top)} of the first {session.top} are the same"
    return CompareReply(session.query, argument, tuple(moved), message, remark)


def _history(session: Session, argument: str) -> Reply:
    return HistoryReply({str(number): query for number, query in enumerate(session.history, 1)})


def _stats(session: Session, argument: str) -> Reply:
    return StatsReply(session.stats())


def _quit(session: Session, argument: str) -> Reply:
    return QuitReply()


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
            "terms of TEXT or of the last query; 'of RANK': of a document; 'frequent': in too many documents",
            _terms,
            ("/terms how to reset a password", "/terms of 1", "/terms frequent", "/terms frequent 10%"),
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
