"""Replies of a session as a person reads them on a terminal, wide or narrow."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.text import Text

from splade_cli.cli.options import hint_with_flag
from splade_cli.cli.render import hits as display
from splade_cli.cli.render.console import LISTED_TERMS, NARROW, columns, err, note, out
from splade_cli.cli.render.frequent_terms import frequent_terms
from splade_cli.cli.render.hits import flowing, score, term_name
from splade_cli.cli.render.plain import plain
from splade_cli.search.explain.term_names import readable
from splade_cli.search.session.replies import (
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


def reply(answer: Reply, explain: bool) -> None:
    """Prints one answer; `explain` shows the terms behind each hit. What has no form here prints nothing."""
    if isinstance(answer, HitsReply):
        if answer.remark:
            note(answer.remark)
        display.hits(answer.hits, explain, answer.marks)
        return
    show = _SHOWN.get(type(answer))
    if show is not None:
        show(answer)


def _text(answer: TextReply) -> None:
    hit = answer.hit
    out.rule(escape(plain(" ".join(filter(None, (hit.title, hit.id, hit.within))))))
    out.print(display.highlighted(hit.text, answer.highlights))
    out.rule()


def _explained(answer: ExplainReply) -> None:
    hit = answer.hit
    rank = f"{hit.rank}. " if hit.rank else ""
    out.print(Text(f"{rank}{plain(hit.id)}, score {score(hit.score)}", style="bold"), overflow="fold")
    if hit.parts:
        out.print(Text(display.parts_line(hit)))
    if not answer.explained:
        note("no terms met: this part of the search compares whole texts")
        return
    narrow = out.width < NARROW
    table = columns(("term", "query", "doc" if narrow else "document", "product", "share"), narrow)
    whole = sum(term.contribution for term in answer.explained)
    for term, origin in list(zip(answer.explained, answer.origins, strict=True))[:LISTED_TERMS]:
        table.add_row(
            term_name(term.term, origin),
            f"{term.query_weight:.2f}",
            f"{term.document_weight:.2f}",
            f"{term.contribution:.2f}",
            f"{100 * term.contribution / whole:.0f}%" if whole else "",
        )
    out.print(table)
    if len(answer.explained) > LISTED_TERMS:
        note(f"and {len(answer.explained) - LISTED_TERMS} lighter terms")
    display.legend(answer.origins)


def _why(answer: WhyReply) -> None:
    hit = answer.hit
    out.print(Text(f"{plain(hit.id)}: {_standing(answer)}", style="bold"), overflow="fold")
    if answer.filtered:
        out.print("[red]the filter keeps it out[/]: /filter off")
    if hit.parts:
        out.print(Text(display.parts_line(hit)))
    if hit.terms:
        out.print(Text("has:"))
        out.print(display.indented(display.terms_line(hit)))
    if answer.terms:
        out.print(Text("lacks, of the query:"))
        out.print(display.indented(_pairs(answer.terms[:12], display.INDENT)))
    better = [gap for gap in answer.gaps if gap.difference > 0][:_LISTED_GAPS]
    against = answer.against
    if against is None or not better:
        return
    out.print(Text(f"hit {against.rank}, {plain(against.id)} ({score(against.score)}), has more of:"))
    pieces = []
    for gap in better:
        name = Text(plain(readable(gap.term)), style="green")
        pieces.append(name.append(f" {gap.first:.2f} to {gap.second:.2f}", style="dim"))
    out.print(display.indented(flowing(pieces, out.width - display.INDENT)))


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
        out.print(Text.assemble((f"{verdict:<4} ", display.MARK_COLOURS[verdict]), plain(name)))
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


def _terms(terms: Sequence[tuple[str, float]]) -> None:
    out.print(_pairs(terms) if terms else Text("no term", style="dim"))


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
    TermsReply: lambda answer: _terms(answer.terms),
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
