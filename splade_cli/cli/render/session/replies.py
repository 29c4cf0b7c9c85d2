"""Replies of a session as a person reads them on a terminal, wide or narrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.text import Text

from splade_cli.cli.render.console import LISTED_TERMS, NARROW, columns, err, note, out
from splade_cli.cli.render.frequent_terms import frequent_terms
from splade_cli.cli.render.hits import ranked
from splade_cli.cli.render.hits.flow import INDENT, flowing, highlighted, indented
from splade_cli.cli.render.hits.reasons import legend, part_of, reasons, score, term_name, terms_line
from splade_cli.cli.render.plain import one_line, plain
from splade_cli.cli.usage import hint_with_flag
from splade_cli.search.explain.shown_terms import shown_terms
from splade_cli.search.explain.term_names import continues_a_word, readable
from splade_cli.search.session.replies import (
    ClearReply,
    CompareReply,
    ErrorReply,
    ExplainReply,
    FrequentTermsReply,
    HelpReply,
    HistoryReply,
    HitsReply,
    MarksReply,
    NoteReply,
    OutcomeReply,
    Reply,
    StatsReply,
    TermsReply,
    TextReply,
    WhyReply,
)

if TYPE_CHECKING:
    from splade_cli.search.session.session import Session

_LISTED_GAPS = 6
_SIGNS = {"same": "=", "up": "^", "down": "v", "new": "+", "gone": "-"}
_SIGN_COLOURS = {"same": "dim", "up": "green", "down": "yellow", "new": "cyan", "gone": "red"}


def greeting(session: Session) -> None:
    """The first lines of an interactive session."""
    facts = session.stats()
    held = f"[bold]{facts['chunks']}[/] chunks"
    if "documents" in facts:
        held = f"[bold]{facts['documents']}[/] documents, {held}, model {escape(plain(str(facts['model'])))}"
    out.print(
        f"{held}. "
        "Type a query; [bold]/help[/] for commands, a rank number to read a hit, [bold]q[/] to leave."
    )
    if session.is_loading and session.has_stand_in:
        note("loading the model ... until it is there, queries are answered by their words (bm25)")
    elif session.is_loading:
        note("loading the model ... the first query waits for it")


def reply(answer: Reply, explain: bool, room: int | None = None) -> int:
    """Prints one answer. What has no form here prints nothing.

    Args:
        explain: show the terms behind each hit.
        room: lines that hits may take, all of them where None.

    Returns:
        How many hits are shown.
    """
    if isinstance(answer, HitsReply):
        if answer.remark:
            note(answer.remark)
            if room is not None:
                room -= 1 + len(answer.remark) // out.width
        return ranked.hits(answer.hits, explain, answer.marks, room)
    show = _SHOWN.get(type(answer))
    if show is not None:
        show(answer)
    return 0


def _text(answer: TextReply) -> None:
    hit = answer.hit
    out.rule(escape(plain(" ".join(filter(None, (hit.title, hit.id, hit.within))))))
    out.print(highlighted(hit.text, answer.highlights))
    out.rule()


def _explained(answer: ExplainReply) -> None:
    hit = answer.hit
    rank = f"{hit.rank}. " if hit.rank else ""
    out.print(Text(f"{rank}{plain(hit.id)}, score {score(hit.score)}", style="bold"), overflow="fold")
    for name, part in hit.parts.items():
        if name != "sparse" or not answer.explained:
            words = {"bm25": hit.words}.get(name, ())
            out.print(terms_line(words, part_of(name, part, told=bool(words))))
    if not answer.explained:
        note("no terms met: this part of the search compares whole texts")
        return
    if "sparse" in hit.parts:
        out.print(part_of("sparse", hit.parts["sparse"], told=True))
    narrow = out.width < NARROW
    table = columns(("term", "query", "doc" if narrow else "document", "product", "share"), narrow)
    terms, others = shown_terms(answer.explained)
    for term in terms[:LISTED_TERMS]:
        table.add_row(
            term_name(term.name, term.origin),
            f"{term.query_weight:.2f}",
            f"{term.document_weight:.2f}",
            f"{term.contribution:.2f}",
            f"{100 * term.share:.0f}%" if term.share else "",
        )
    out.print(table)
    others += max(0, len(terms) - LISTED_TERMS)
    if others:
        note(f"and {others} lighter terms")
    legend(term.origin for term in terms)


def _why(answer: WhyReply) -> None:
    hit = answer.hit
    out.print(Text(f"{plain(hit.id)}: {_standing(answer)}", style="bold"), overflow="fold")
    if answer.filtered:
        out.print("[red]the filter keeps it out[/]: /filter off")
    behind = reasons(hit)
    if behind:
        out.print(Text("has:"))
        for line in behind:
            out.print(indented(line))
    lacking = [(name, weight) for name, weight in answer.terms if not continues_a_word(name)]
    if lacking:
        out.print(Text("lacks, of the query:"))
        out.print(indented(_pairs(lacking[:12], INDENT)))
    better = [gap for gap in answer.gaps if gap.difference > 0 and not continues_a_word(gap.term)][
        :_LISTED_GAPS
    ]
    against = answer.against
    if against is None or not better:
        return
    out.print(Text(f"hit {against.rank}, {plain(against.id)} ({score(against.score)}), has more of:"))
    pieces = []
    for gap in better:
        name = Text(plain(readable(gap.term)), style="green")
        pieces.append(name.append(f" {gap.first:.2f} to {gap.second:.2f}", style="dim"))
    out.print(indented(flowing(pieces, out.width - INDENT)))


def _standing(answer: WhyReply) -> str:
    """Rank and score in words."""
    given = f"score {score(answer.hit.score)}"
    if answer.rank:
        return f"rank {answer.rank}, {given}"
    if answer.hit.score or answer.hit.terms:
        return f"not among the first {answer.depth:,}, {given}"
    return f"no term in common, no rank, {given}"


def _outcome(answer: OutcomeReply) -> None:
    found = answer.outcome
    votes = found.won_by_a + found.won_by_b
    if not votes:
        note("no query was won by either yet: open hits or mark them, then ask again")
        return
    line = f"{plain(found.a)} {found.won_by_a}, {plain(found.b)} {found.won_by_b}, ties {found.ties}"
    out.print(Text(line, style="bold"), overflow="fold")
    said = "neither is shown to be better yet"
    if found.winner:
        said = f"{plain(found.winner)} is preferred"
    note(f"{said}: sign test over {votes} queries, p {found.p_value:.4f}; acts in {plain(answer.file)}")


def _compared(answer: CompareReply) -> None:
    heading = Text.assemble("here", (" -> ", "dim"), plain(answer.other), f": {answer.message}")
    out.print(heading, overflow="fold")
    for move in answer.moves:
        ranks = f"{move.before or '-':>3} -> {move.after or '-':<3}"
        line = Text.assemble(
            (f"{_SIGNS[move.change]} {move.change:<4}", _SIGN_COLOURS[move.change]),
            f" {ranks} ",
            plain(move.id),
        )
        if move.title and out.width >= NARROW:
            line.append(f"  {plain(move.title)}", style="dim")
        out.print(line, overflow="fold")
    if answer.hint:
        note(answer.hint)


def _marks(answer: MarksReply) -> None:
    facts = answer.facts
    for name, verdict in answer.marks.items():
        out.print(Text.assemble((f"{verdict:<4} ", ranked.MARK_COLOURS[verdict]), plain(name)))
    waiting = ""
    if facts.get("waiting"):
        waiting = f", {facts['waiting']} bad wait for a good one of their query"
    note(f"{facts['good']} good and {facts['bad']} bad marks in {facts['file']}{waiting}")
    if facts["good"]:
        note(f"next: splade train --train-file {facts['file']}")


def _help(answer: HelpReply) -> None:
    _facts(answer.facts)
    if answer.hint:
        note(answer.hint)


def _note(answer: NoteReply) -> None:
    if answer.remark:
        note(answer.remark)
    _message(answer.message, answer.hint)


def _message(message: str, hint: str) -> None:
    err.print(escape(plain(message)))
    if hint:
        err.print(f"hint: {escape(plain(hint))}", style="dim")


def _terms(answer: TermsReply) -> None:
    """What the terms are, then the terms: a list alone says nothing to who sees one for the first time."""
    shown = answer.shown or tuple((name, weight, True) for name, weight in answer.terms)
    if not shown:
        out.print(Text("no term", style="dim"))
        return
    text = one_line(answer.query)
    if answer.stored:
        note(f"terms of {text} as the index holds it, heaviest first; term*: added by the model")
    else:
        note(f"what the model looks for when it is asked '{text}', heaviest first; term*: added by the model")
    pieces = []
    for name, weight, literal in shown:
        term = term_name(name, "both" if literal else "query")
        pieces.append(term.append(f" {weight:.2f}", style="dim"))
    out.print(flowing(pieces, out.width))
    if answer.unknown:
        note(
            f"no chunk of the index holds {' or '.join(answer.unknown)}: only what the model added can match"
        )


def _facts(facts: Mapping[str, Any]) -> None:
    width = max(map(len, facts), default=0)
    beside = out.width >= width + 30
    for key, value in facts.items():
        shown = plain(str(value))
        if not beside:
            out.print(Text(key, style="bold"))
            if shown:
                out.print(Text(f"  {shown}", style="dim"))
            continue
        name = Text(f"{key:<{width}}", style="bold")
        for part in Text(shown).wrap(out, out.width - width - 2):
            out.print(name.append("  ").append_text(part))
            name = Text(" " * width)


def _pairs(terms: Sequence[tuple[str, float]], indent: int = 0) -> Text:
    pieces = [
        Text(plain(readable(name)), style="green").append(f" {weight:.2f}", style="dim")
        for name, weight in terms
    ]
    return flowing(pieces, out.width - indent)


_SHOWN: dict[type[Reply], Callable[[Any], None]] = {
    TextReply: _text,
    ExplainReply: _explained,
    TermsReply: _terms,
    ClearReply: lambda answer: out.clear(),
    WhyReply: _why,
    CompareReply: _compared,
    OutcomeReply: _outcome,
    FrequentTermsReply: lambda answer: frequent_terms(answer.report),
    MarksReply: _marks,
    HelpReply: _help,
    HistoryReply: lambda answer: _facts(answer.facts),
    StatsReply: lambda answer: _facts(answer.facts),
    NoteReply: _note,
    ErrorReply: lambda answer: _message(
        f"error: {answer.message}", hint_with_flag(answer.hint, answer.option)
    ),
}
