"""Commands about texts and hits: their terms, why they rank where they do, marks, and other models."""

from __future__ import annotations

from splade_cli.errors import InputError, did_you_mean
from splade_cli.records import Hit
from splade_cli.search.explain.frequent_terms import ABOVE, frequent_terms
from splade_cli.search.explain.hits import HIGHLIGHTED_TERMS
from splade_cli.search.explain.shown_terms import joined
from splade_cli.search.session.compare import DEEPER, POOL, moves, overlap
from splade_cli.search.session.marks import VERDICTS, Mark
from splade_cli.search.session.replies import (
    CompareReply,
    FrequentTermsReply,
    MarksReply,
    OutcomeReply,
    Reply,
    TermsReply,
    TextReply,
    WhyReply,
)
from splade_cli.search.session.sitting import Sitting


def show_terms(session: Sitting, argument: str) -> Reply:
    """``/terms [TEXT]``, ``/terms of ID``, ``/terms frequent [SHARE]``."""
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
        return _terms(
            session,
            name,
            searcher.stored_terms(chunk),
            searcher.engine.fetch([chunk])[0].content,
            stored=True,
        )
    text = argument or session.query
    if not text:
        raise InputError("/terms needs a text, nothing was asked yet", "e.g. /terms how to reset a password")
    return _terms(session, text, searcher.terms(text), text)


def _terms(
    session: Sitting, name: str, terms: list[tuple[str, float]], text: str, stored: bool = False
) -> TermsReply:
    """The terms of `text`, and how people read them."""
    matcher = session.searcher.matcher()
    pieced = matcher.pieced_words(text)
    literal = matcher.literal([term for term, _ in terms], text)
    shown = [(word, weight, word in literal or word in pieced) for word, weight in joined(terms, pieced)]
    unknown = () if stored else tuple(session.unknown_words(text))
    return TermsReply(name, tuple(terms), stored, tuple(shown), unknown)


def _share(text: str) -> float | None:
    """0.2 or 20% as a number, None where it is none."""
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        return None
    if text.endswith("%"):
        return number / 100
    return number


def _is_rank(session: Sitting, text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) <= len(session.hits)


def show_why(session: Sitting, argument: str) -> Reply:
    """``/why ID``."""
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
    return WhyReply.of(session.query, absence, session.hits)


def open_text(session: Sitting, argument: str) -> Reply:
    """``/open [RANK|ID]``."""
    hit = session.hit(argument)
    session.opened = hit.id
    session.note_act(hit.id, "open")
    return TextReply(hit, session.query, hit.rank, _highlights(session, hit))


def _highlights(session: Sitting, hit: Hit) -> tuple[tuple[int, int], ...]:
    names = [term.term for term in hit.terms[:HIGHLIGHTED_TERMS]]
    return tuple((word.start, word.end) for word in session.searcher.matcher().words(hit.text, names))


def mark(session: Sitting, argument: str) -> Reply:
    """``/mark VERDICT [RANK ..]``."""
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
        marks.append(Mark(session.query, hit.id, verdict, session.content(hit)))
    if verdict != "none" and not all(each.text.strip() for each in marks):
        raise InputError("a document without a text cannot be learnt from", "mark another one")
    session.marks.put(marks)
    for each in marks:
        session.note_act(each.id, each.verdict)
    return _marked(session)


def _marked(session: Sitting) -> MarksReply:
    facts: dict[str, int | str] = {**session.marks.counts(), "file": str(session.marks.path)}
    return MarksReply(session.query, session.marks.of(session.query), facts)


def compare_with(session: Sitting, argument: str) -> Reply:
    """``/compare MODEL|INDEX``."""
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


def show_outcome(session: Sitting, argument: str) -> Reply:
    """``/ab``."""
    if session.ab is None:
        raise InputError(
            "no two systems are compared in this session", "start it with another model or index", option="ab"
        )
    return OutcomeReply(session.ab.outcome(), str(session.ab.log.path))
