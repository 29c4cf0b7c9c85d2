"""The summary of `splade gen-data`: what was read, written and left out, what a language model has cost."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from splade_cli.cli.render import console

if TYPE_CHECKING:
    from splade_cli.generation.llm.budget import LlmRun
    from splade_cli.generation.report import Generated, Plan


def planned(plan: Plan, show_skipped: bool, json_output: bool) -> None:
    """What `--dry-run` found out."""
    console.skipped(plan.skipped, everything=show_skipped)
    facts: dict[str, Any] = {
        "documents": plan.documents,
        "skipped": len(plan.skipped),
        "chunks": plan.chunks,
        "language": plan.language,
        "queries": plan.queries,
    }
    if plan.estimate is not None:
        known = {name: value for name, value in asdict(plan.estimate).items() if value is not None}
        facts |= {name.replace("_", " "): value for name, value in known.items()}
    console.facts(facts, json_output, "nothing was written (--dry-run)")


def generated(made: Generated, show_skipped: bool, json_output: bool) -> None:
    """What was written, what was skipped, and the next command."""
    report = made.report
    console.skipped(report.skipped, everything=show_skipped)
    if made.advice:
        console.note(f"no dense teacher: {made.advice}")
    if made.llm is not None:
        _show_llm(made.llm)
    facts: dict[str, Any] = {
        "documents": report.documents,
        "chunks": report.chunks,
        "language": report.language,
        "teachers": list(report.teachers),
        "train rows": report.train,
        "validation rows": report.val,
        "test rows": report.test,
        "negatives a row": round(report.negatives, 2),
        "queries": dict(report.query_types),
        "left out": dict(report.dropped),
        "written to": str(made.output),
    }
    if made.llm is not None:
        facts["llm"] = _llm_facts(made.llm)
    console.facts(facts, json_output)
    train = f"splade train --train-file {made.train_file}"
    val = f" --val-file {made.val_file}" if report.val else ""
    console.next_command(f"{train}{val} -o model")


def _show_llm(run: LlmRun) -> None:
    """What the language model has cost, and which chunks it left without a query."""
    console.note(f"this run: {run.spent}; {run.cached:,} chunks served by earlier answers")
    if run.useless:
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in run.useless.items())
        console.note(f"answers without a query: {reasons}")
    if run.repeated > 1:
        console.note(f"{run.repeated:,} answers were the same as that to the passage before")
    if run.failed:
        console.note(
            f"{run.failed:,} chunks got no usable answer, the last because: {run.last_failure}; "
            "the same command with --force asks for these again, and for no other"
        )


def _llm_facts(run: LlmRun) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "calls": run.usage.calls,
        "prompt tokens": run.usage.prompt_tokens,
        "completion tokens": run.usage.completion_tokens,
        "chunks cached": run.cached,
        "chunks without a query": run.failed,
    }
    if run.cost is not None:
        facts["cost"] = run.cost
    return facts
