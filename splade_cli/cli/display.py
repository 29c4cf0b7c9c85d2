"""Hits, reports and replies of a session as a person reads them on a terminal. Knows no computation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from splade_cli.cli.console import err, note, out
from splade_cli.records import Hit
from splade_cli.search.explain import matched_spans

if TYPE_CHECKING:
    from splade_cli.evaluation.report import Report
    from splade_cli.search.session import Reply, Session


def hits(found: Sequence[Hit], query: str, explain: bool) -> None:
    """Ranked hits with snippets, and their terms on demand."""
    if not found:
        note("no document shares a term with this query; try other words")
        return
    for hit in found:
        head = Text.assemble((f"{hit.rank:>2}", "bold"), "  ", (f"{hit.score:.2f}", "cyan"), "  ", hit.title or hit.id)
        if hit.title:
            head.append(f"  {hit.id}", style="dim")
        out.print(head)
        body = Text(hit.snippet)
        _highlight(body, [term.term for term in hit.terms[:10]])
        out.print(_indented(body))
        if explain:
            out.print(_indented(_terms(hit.terms, hit.score)))


def _terms(terms: Sequence[Any], score: float, limit: int = 8) -> Text:
    line = Text()
    for term in terms[:limit]:
        share = 100 * term.contribution / score if score else 0.0
        line.append(term.term, style="green" if term.literal else "magenta")
        line.append(f"{'' if term.literal else '*'} {term.contribution:.2f} ({share:.0f}%)  ", style="dim")
    if len(terms) > limit:
        line.append(f"+{len(terms) - limit} more", style="dim")
    return line


def _highlight(body: Text, words: Sequence[str]) -> None:
    for start, end in matched_spans(body.plain, words):
        body.stylize("bold", start, end)


def _indented(body: Text) -> Any:
    return Padding(body, (0, 0, 0, 4))


def report(measured: Report) -> None:
    """Measures of all systems side by side, the cost of the sparse ones, and what the differences are worth."""
    out.print(
        f"[bold]{escape(measured.collection)}[/] ({escape(measured.split)}): {measured.documents} documents, "
        f"{measured.queries} queries, {escape(measured.device)}"
    )
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("")
    for system in measured.systems:
        table.add_column(escape(system.name), justify="right", overflow="fold")
    for name in measured.systems[0].figures:
        table.add_row(name, *(f"{system.figures[name]:.4f}" for system in measured.systems))
    costs = [system.cost for system in measured.systems]
    rows = {
        "active terms, query": [f"{cost.queries.mean:.1f}" if cost else "" for cost in costs],
        "active terms, document": [f"{cost.documents.mean:.1f}" if cost else "" for cost in costs],
        "zeros in a document": [f"{100 * cost.documents.zeros:.2f}%" if cost else "" for cost in costs],
        "FLOPS": [f"{cost.flops:.2f}" if cost else "" for cost in costs],
        "postings, MB": [f"{cost.index_megabytes:.2f}" if cost else "" for cost in costs],
        "query p50 / p95, ms": [f"{cost.total_p50:.1f} / {cost.total_p95:.1f}" if cost else "" for cost in costs],
        "of that, encoding": [f"{cost.encode_p50:.1f} / {cost.encode_p95:.1f}" if cost else "" for cost in costs],
    }
    table.add_section()
    for name, values in rows.items():
        table.add_row(name, *values, style="dim")
    out.print(table)
    for system in measured.systems[1:]:
        if system.versus:
            versus = system.versus
            verdict = "significant" if versus.significant else "not significant: may be chance"
            out.print(
                f"nDCG@10 over {escape(system.name)}: {versus.difference:+.4f} "
                f"[{versus.low:+.4f}, {versus.high:+.4f}], p = {versus.p_value:.4f}, {verdict} "
                f"({versus.better} queries better, {versus.worse} worse)",
                markup=False,
            )
    for remark in measured.notes:
        note(remark)


def greeting(session: Session) -> None:
    """The first lines of an interactive session."""
    stats = session.stats()
    out.print(
        f"[bold]{stats['documents']}[/] documents, [bold]{stats['chunks']}[/] chunks, "
        f"model {escape(str(stats['model']))}. "
        "Type a query; [bold]/help[/] for commands, a rank number to read a hit, [bold]q[/] to leave."
    )


def reply(answer: Reply, explain: bool) -> None:
    """One answer of the interactive session."""
    if answer.kind == "hits":
        hits(answer.hits, answer.query, explain)
    elif answer.kind == "text":
        hit = answer.hits[0]
        out.rule(escape(f"{hit.title} {hit.id}".strip()))
        body = Text(hit.text)
        _highlight(body, [term.term for term in hit.terms[:10]])
        out.print(body)
        out.rule()
    elif answer.kind == "explain":
        _explained(answer)
    elif answer.kind == "terms":
        out.print(_pairs(answer.terms))
    elif answer.kind == "why":
        place = f"rank {answer.rank}" if answer.rank else "no term in common"
        out.print(f"{escape(answer.hits[0].id)}: {place}, score {answer.hits[0].score:.2f}")
        out.print("has:  ", _terms(answer.explained, answer.hits[0].score))
        out.print("lacks:", _pairs(answer.terms[:12]))
    elif answer.kind in ("help", "history", "stats"):
        width = max(map(len, answer.facts or {"": ""}), default=0)
        for key, value in (answer.facts or {}).items():
            out.print(f"[bold]{escape(key):<{width}}[/]  {escape(str(value))}")
    elif answer.kind in ("note", "error"):
        err.print(("error: " if answer.kind == "error" else "") + escape(answer.message))
        if answer.hint:
            err.print(f"hint: {escape(answer.hint)}", style="dim")


def _explained(answer: Reply) -> None:
    hit = answer.hits[0]
    table = Table(
        box=None, pad_edge=False, title=escape(f"{hit.rank}. {hit.id}, score {hit.score:.3f}"), title_justify="left"
    )
    for name in ("term", "query", "document", "product", "share"):
        table.add_column(name, justify="left" if name == "term" else "right")
    for term in answer.explained[:25]:
        table.add_row(
            Text(term.term + ("" if term.literal else " *"), style="green" if term.literal else "magenta"),
            f"{term.query_weight:.3f}", f"{term.document_weight:.3f}", f"{term.contribution:.3f}",
            f"{100 * term.contribution / hit.score:.0f}%" if hit.score else "",
        )  # fmt: skip
    out.print(table)
    out.print("* added by the model (expansion), the others stand in the query", style="dim")


def _pairs(terms: Sequence[tuple[str, float]]) -> Text:
    line = Text()
    for name, weight in terms:
        line.append(name, style="green")
        line.append(f" {weight:.2f}  ", style="dim")
    return line
