"""All printing: data on standard output, progress, notes and hints on standard error. Knows no computation.

Colours and bars only on a terminal; NO_COLOR and TERM=dumb are honoured.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from splade_cli.records import Hit, Progress

if TYPE_CHECKING:
    from splade_cli.corpus.documents import Skipped
    from splade_cli.evaluation.report import Report
    from splade_cli.search.session import Reply, Session

out = Console(highlight=False, soft_wrap=False)
err = Console(stderr=True, highlight=False)
SHOWN_SKIPPED = 5
QUIET_SECONDS = 10.0


def lines(values: Sequence[str]) -> None:
    """Plain lines of data."""
    print("\n".join(values))


def json_document(value: Any) -> None:
    """One indented JSON document."""
    print(json.dumps(value, ensure_ascii=False, indent=2))


def json_line(value: Any) -> None:
    """One line of JSONL, at once, so that a pipe sees it."""
    print(json.dumps(value, ensure_ascii=False), flush=True)


def note(message: str) -> None:
    """A remark beside the data."""
    err.print(escape(message), style="dim")


def next_command(command: str) -> None:
    """What to type next."""
    err.print(f"next: {escape(command)}", style="dim", soft_wrap=True)


def facts(values: dict[str, Any], as_json: bool, remark: str = "") -> None:
    """Names and values: aligned, or a JSON object."""
    if as_json:
        json_document({key.replace(" ", "_"): value for key, value in values.items()})
    else:
        width = max(map(len, values))
        for key, value in values.items():
            shown = value
            if isinstance(value, dict):
                shown = ", ".join(f"{name} {_figure(number)}" for name, number in value.items()) or "none"
            out.print(f"[bold]{key:<{width}}[/]  {escape(_figure(shown))}", soft_wrap=True)
    if remark:
        note(remark)


def skipped(files: Sequence[Skipped]) -> None:
    """What could not be read, and why."""
    for one in files[:SHOWN_SKIPPED]:
        note(f"skipped {one.path}: {one.reason}")
    if len(files) > SHOWN_SKIPPED:
        note(f"skipped {len(files) - SHOWN_SKIPPED} more")


@contextmanager
def progress() -> Iterator[Progress]:
    """Bars with rate and time left on a terminal; elsewhere a line a stage, and one every few seconds."""
    if not err.is_terminal or os.environ.get("TERM") == "dumb":
        yield _PlainProgress()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
    )  # fmt: skip
    with Bars(*columns, console=err, transient=True) as bars:
        tasks: dict[str, Any] = {}
        started: dict[str, float] = {}

        def show(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, rate="")
                started[stage] = time.monotonic()
            elapsed = time.monotonic() - started[stage]
            rate = f"{done / elapsed:.0f}/s" if elapsed > 1 and done else ""
            bars.update(tasks[stage], completed=done, total=total, rate=rate)

        yield show


class _PlainProgress:
    def __init__(self) -> None:
        self.spoken: dict[str, float] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        finished = total is not None and done >= total
        if finished and self.spoken.get(stage) == float("inf"):
            return
        if finished or now - self.spoken.setdefault(stage, now) >= QUIET_SECONDS:
            print(f"{stage}: {done}" + (f"/{total}" if total is not None else ""), file=sys.stderr, flush=True)
            self.spoken[stage] = float("inf") if finished else now


@contextmanager
def training() -> Iterator[Any]:
    """A listener for the trainer: a line a validation, and a bar of steps on a terminal."""
    with progress() as show:
        loss = [float("nan")]

        def listen(row: dict[str, Any]) -> None:
            if row.get("max_steps"):
                show("train", row["step"], row["max_steps"])
            if "loss" in row:
                loss[0] = row["loss"]
            if "nDCG@10" in row:
                stage = row.get("stage", f"step {row['step']}")
                shown = "" if stage in ("before", "after") else f"loss {loss[0]:.4f}  "
                err.print(
                    f"{stage:<10} {shown}nDCG@10 {row['nDCG@10']:.4f}  active terms: "
                    f"query {row['query_terms']:.1f}, document {row['document_terms']:.1f}  [dim]{row['seconds']:.0f} s[/]"
                )
            elif "loss" in row:
                err.print(f"step {row['step']:<5} loss {row['loss']:.4f}  [dim]{row['seconds']:.0f} s[/]")
            elif "share" in row:
                err.print(f"averaging  {1 - row['share']:.2f} base + {row['share']:.2f} tuned is best on validation")

        yield listen


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
    from splade_cli.search.explain import matched_spans

    for start, end in matched_spans(body.plain, words):
        body.stylize("bold", start, end)


def _indented(body: Text) -> Any:
    from rich.padding import Padding

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
    stats = session._stats()
    out.print(
        f"[bold]{stats['documents']}[/] documents, [bold]{stats['chunks']}[/] chunks, model {escape(str(stats['model']))}. "
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
    table = Table(box=None, pad_edge=False, title=escape(f"{hit.rank}. {hit.id}, score {hit.score:.3f}"), title_justify="left")
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


def _figure(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def print_versions() -> None:
    """Package, Python, torch, sentence-transformers, device and precision with the reason for the choice."""
    import platform
    from importlib.metadata import version

    from splade_cli import __version__
    from splade_cli.model.device import available_threads, choose_device

    place = choose_device()
    print(f"splade {__version__}")
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {available_threads()} cores")
    for name in ("torch", "transformers", "sentence-transformers"):
        print(f"{name} {version(name)}")
    print(f"device {place.name}, {place.precision}: {place.reason}")
