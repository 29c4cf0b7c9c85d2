"""Terms with long posting lists as a person reads them on a terminal."""

from __future__ import annotations

from rich.text import Text

from splade_cli.cli.render.console import LISTED_TERMS, NARROW, columns, note, out
from splade_cli.cli.render.plain import plain
from splade_cli.search.explain.frequent_terms import FrequentTermReport
from splade_cli.search.explain.term_names import readable


def frequent_terms(report: FrequentTermReport) -> None:
    """Terms that are active in too many documents, and what they cost."""
    percent = f"{100 * report.above:g}%"
    if not report.terms:
        out.print(f"no term is active in more than {percent} of {report.rows} documents", markup=False)
        return
    out.print(
        f"{len(report.terms)} of {report.active} terms are active in more than {percent} of {report.rows} "
        f"documents: {100 * report.postings:.1f}% of all postings, {100 * report.mass:.1f}% of all weight",
        markup=False,
    )
    narrow = out.width < NARROW
    names = ["term", "docs", "weight", "postings", "of weight", "added", "kind"]
    if narrow:
        names = names[:3]
    table = columns(names, narrow)
    for term in report.terms[:LISTED_TERMS]:
        cells = [
            f"{100 * term.documents:.0f}%",
            f"{term.mean_weight:.2f}",
            f"{100 * term.postings:.1f}%",
            f"{100 * term.mass:.1f}%",
            "" if term.added is None else f"{100 * term.added:.0f}%",
            term.kind,
        ]
        table.add_row(Text(plain(readable(term.term))), *cells[: len(names) - 1])
    out.print(table)
    if len(report.terms) > LISTED_TERMS:
        note(f"and {len(report.terms) - LISTED_TERMS} more; all of them: splade terms --json")
    if narrow:
        return
    first = next((term for term in report.terms if term.example and term.kind == "word"), None)
    if first is not None:
        name = plain(readable(first.term))
        out.print(Text(f"e.g. {name} in {plain(first.example_id)}: {plain(first.example)}"))
    note("added: of the documents with the term, those that do not hold it as a word")
