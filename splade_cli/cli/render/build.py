"""The summary of `splade build`: what was done, what was measured, the report, and lines to copy."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from rich.markup import escape

from splade_cli.cli.render import console
from splade_cli.cli.render.evaluation.report import NARROW_COSTS, draw

if TYPE_CHECKING:
    from splade_cli.building.build import Built
    from splade_cli.building.plan import BuildPlan

WRITTEN = "written queries that were held out, judged by what their teachers rank first and not by people"


def planned(plan: BuildPlan, json_output: bool) -> None:
    """What `--dry-run` found out."""
    facts: dict[str, Any] = {"stands": list(plan.standing)}
    if plan.data is not None:
        console.skipped(plan.data.skipped)
        facts |= {
            "documents": plan.data.documents,
            "chunks": plan.data.chunks,
            "queries": plan.data.queries,
            "ranked": plan.data.ranked,
        }
        if plan.data.estimate is not None:
            facts["calls of the language model"] = plan.data.estimate.calls
    if plan.trains:
        facts["steps"] = plan.steps
    console.facts(facts, json_output, "nothing was written (--dry-run)")


def built(made: Built, json_output: bool) -> None:
    """What was measured, which model and mode it speaks for, and how to go on."""
    if json_output:
        console.json_document(_document(made))
    elif made.report is not None:
        _table(made)
    for doubt in made.doubts:
        console.note(doubt)
    if made.report is not None and not made.is_human:
        console.note(f"measured on {WRITTEN}")
    for sentence in (made.chosen, *made.left_out):
        if sentence:
            console.note(sentence)
    if made.mode is not None:
        console.note(f"the index is searched by {made.mode.sentence}; --mode asks otherwise")
    if not made.stages:
        console.note(f"nothing to do: {made.options.output} is built of these documents and settings")
    page = made.options.output / "report.html"
    if page.is_file():
        console.labelled("report", str(page))
    for label, command in zip(("search", "session", "serve", "measure"), commands(made), strict=True):
        console.labelled(label, command)


def commands(made: Built) -> list[str]:
    """A search, a session, a server and a measurement, to be copied."""
    output = made.options.output
    index = shlex.quote(str(output / "index"))
    data = shlex.quote(str(made.options.data or output / "data"))
    split = "" if made.options.data else " --split val"
    report = shlex.quote(str(output / "again.html"))
    model = shlex.quote(made.model)
    dense = f" --dense {shlex.quote(made.dense)}" if made.dense else ""
    return [
        f'splade search "..." --index {index}',
        f"splade query --index {index}",
        f"splade serve --index {index}",
        f"splade evaluate --data {data}{split} --model {model}{dense} --report {report}",
    ]


def _table(made: Built) -> None:
    """A row a system: all fused, the model alone, its base, BM25, and dense vectors."""
    report = made.report
    assert report is not None
    queries = "judged" if made.is_human else "held-out"
    console.out.print(f"{report.queries} {queries} queries of {report.collection}", markup=False)
    measures = [name for name in ("nDCG@10", "MRR@10", "Recall@100") if name in report.systems[0].figures]
    drawn = console.columns(["", *measures, "gain", "p"], narrow=False)
    drawn.columns[0].justify = "left"
    for row in report.quality_table().only(["system", *measures, "gain", "p"]).texts():
        drawn.add_row(*map(escape, row))
    console.out.print(drawn)
    costs = report.cost_table()
    if costs.rows:
        console.out.print()
        draw(costs.only(NARROW_COSTS), style="dim")
    first = report.systems[0].name
    console.note(f"gain: {report.compared_on} over {first}; by chance with probability p")


def _document(made: Built) -> dict[str, Any]:
    report = None
    if made.report is not None:
        report = made.report.to_json(per_query=False)
    return {
        "output": str(made.options.output),
        "stages": list(made.stages),
        "model": made.model,
        "chosen": made.chosen,
        "mode": None if made.mode is None else made.mode.mode,
        "mode_reason": None if made.mode is None else made.mode.sentence,
        "human_queries": made.is_human,
        "left_out": list(made.left_out),
        "doubts": list(made.doubts),
        "report": report,
        "next": commands(made),
    }
