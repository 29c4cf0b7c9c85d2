"""Commands that change how a session searches and what it shows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from splade_cli.errors import InputError
from splade_cli.search.explain.terms import origins
from splade_cli.search.options import GROUPINGS
from splade_cli.search.session.replies import ExplainReply, NoteReply, Reply
from splade_cli.search.session.sitting import Sitting

MOST_HITS = 1000


def change_top(session: Sitting, argument: str) -> Reply:
    """``/top N``."""
    if not argument.isdecimal() or not 1 <= int(argument) <= MOST_HITS:
        raise InputError(f"/top takes a number from 1 to {MOST_HITS}, got '{argument}'", "e.g. /top 10")
    return _changed(session, top=int(argument))


def change_mode(session: Sitting, argument: str) -> Reply:
    """``/mode [NAME]``."""
    if not argument:
        return NoteReply(f"mode {session.mode}, of {', '.join(session.searcher.modes)}")
    return _changed(session, mode=session.known_mode(argument))


def change_filter(session: Sitting, argument: str) -> Reply:
    """``/filter [EXPR|off]``."""
    if not argument:
        fields = ", ".join(f"{name} ({kind})" for name, kind in session.searcher.fields().items())
        return NoteReply(f"filter: {session.filter or 'none'}", hint=f"fields: {fields or 'none'}")
    if argument.lower() in ("off", "none"):
        return _changed(session, filter="")
    return _changed(session, filter=session.known_filter(argument))


def change_idf(session: Sitting, argument: str) -> Reply:
    """``/idf [NUMBER|off]``."""
    if not argument:
        return NoteReply(f"idf {session.idf:g}", hint="0.5 often helps, /idf off is without")
    try:
        exponent = 0.0 if argument.lower() == "off" else float(argument)
    except ValueError:
        exponent = -1.0
    if not 0 <= exponent < float("inf"):
        raise InputError(f"/idf takes a number from 0 on, or off, got '{argument}'", "e.g. /idf 0.5")
    return _changed(session, idf=exponent)


def change_expansion(session: Sitting, argument: str) -> Reply:
    """``/expand [FILE|off]``."""
    if not argument:
        return NoteReply(f"expand {session.expand or 'off'}", hint="a file of rules such as 'pw = password'")
    if argument.lower() == "off":
        return _changed(session, expand=None)
    path = Path(argument).expanduser()
    session.searcher.expanded("", replace(session.searcher.options, expansion=path))
    return _changed(session, expand=path)


def change_folding(session: Sitting, argument: str) -> Reply:
    """``/fold [auto|document|section|off]``."""
    if not argument:
        return NoteReply(f"fold {session.fold}, of {', '.join(GROUPINGS)}")
    wanted = argument.lower()
    if wanted not in GROUPINGS:
        raise InputError(f"/fold takes {', '.join(GROUPINGS)}, got '{argument}'", "e.g. /fold section")
    return _changed(session, fold=wanted)


def change_reranker(session: Sitting, argument: str) -> Reply:
    """``/rerank [MODEL|off]``."""
    if not argument:
        return NoteReply(
            f"rerank {session.rerank or 'off'}", hint="/rerank MODEL: a cross-encoder's folder or hub id"
        )
    return _changed(session, rerank=None if argument.lower() == "off" else argument)


def _changed(session: Sitting, **settings: int | float | str | bool | Path | None) -> Reply:
    """Changes a setting and asks again; where that fails or is stopped, the setting is as before."""
    before = {name: getattr(session, name) for name in settings}
    session.__dict__.update(settings)
    message = ", ".join(f"{name} {_said(value)} from now on" for name, value in settings.items())
    if not session.query:
        return NoteReply(message)
    try:
        answer = session.ask(session.query)
        return replace(answer, remark="; ".join(filter(None, (message, answer.remark))))
    except BaseException:
        session.__dict__.update(before)
        raise


def _said(value: int | float | str | bool | Path | None) -> str:
    """A setting in a message."""
    if value is True:
        return "on"
    return str(value or "off")


def explain(session: Sitting, argument: str) -> Reply:
    """``/explain [RANK|on|off]``."""
    if argument.lower() not in ("", "on", "off"):
        hit = session.hit(argument)
        return ExplainReply(hit, session.query, hit.rank, hit.terms, origins(hit.terms))
    session.explain = not session.explain
    if argument:
        session.explain = argument.lower() == "on"
    if session.explain and session.hits:
        return session.again()
    return NoteReply(f"explanations {'on' if session.explain else 'off'}")
