"""The summary of `splade gen-data`: what was read, written and left out, what a language model has cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from splade_cli.cli.render import console
from splade_cli.index.bm25.language import Language

if TYPE_CHECKING:
    from splade_cli.generation.llm.accounts import LlmRun, Outcome
    from splade_cli.generation.report import Generated, GenerationReport, Plan


def planned(plan: Plan, show_skipped: bool, json_output: bool) -> None:
    """What `--dry-run` found out."""
    from splade_cli.corpus.documents import Remarked

    console.skipped(plan.skipped, everything=show_skipped)
    facts: dict[str, Any] = {
        "documents": plan.documents,
        "skipped": sum(not isinstance(one, Remarked) for one in plan.skipped),
        "chunks": plan.chunks,
        **_language_facts(plan, json_output),
        "queries": plan.queries,
        "ranked": plan.ranked,
    }
    if plan.seconds is not None:
        facts["seconds"] = round(plan.seconds)
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
    for doubt in report.doubts:
        console.note(doubt)
    if made.llm is not None:
        _show_llm(made.llm)
    facts: dict[str, Any] = {
        "documents": report.documents,
        "chunks": report.chunks,
        "ranked": report.ranked,
        **_language_facts(report, json_output),
        "teachers": list(report.teachers),
        **({} if report.agreement is None else {"agreement of teachers": round(report.agreement, 3)}),
        "train rows": report.train,
        "validation rows": report.val,
        "test rows": report.test,
        "negatives a row": round(report.negatives, 2),
        "queries": dict(report.query_types),
        "left out": dict(report.dropped),
        **_negatives_left_out(report.dropped_negatives),
        "written to": str(made.output),
    }
    if report.judged:
        facts["judged"] = dict(sorted(report.judged.items()))
    if report.written_negatives:
        facts["negatives by the model"] = dict(report.written_negatives)
    if made.llm is not None:
        facts["llm"] = _llm_facts(made.llm)
    console.facts(facts, json_output)
    train = f"splade train --train-file {made.train_file}"
    val = f" --val-file {made.val_file}" if report.val else ""
    console.next_command(f"{train}{val} -o model")


def _negatives_left_out(counts: Mapping[str, int]) -> dict[str, Any]:
    if not counts:
        return {}
    return {"negatives left out": dict(counts)}


def _language_facts(made: Plan | GenerationReport, as_json: bool) -> dict[str, Any]:
    found = Language(made.language, made.language_certainty, made.language_evidence)
    return console.language_facts(found, as_json)


def _show_llm(run: LlmRun) -> None:
    """What the language model has cost, and what it left without a query."""
    queries = run.queries
    console.note(f"this run: {run.spent}; {queries.cached:,} chunks served by earlier answers")
    if queries.useless:
        console.note(f"answers without a query: {_reasons(queries)}")
    if queries.repeated > 1:
        console.note(f"{queries.repeated:,} answers were the same as that to the passage before")
    if queries.failed:
        console.note(
            f"{queries.failed:,} chunks got no usable answer, the last because: {queries.last_failure}; "
            "the same command with --force asks for these again, and for no other"
        )
    if run.negatives is not None:
        _show_outcome(run.negatives, "negative")
    if run.grades is not None:
        _show_outcome(run.grades, "grade")


def _show_outcome(outcome: Outcome, wanted: str) -> None:
    """What came of asking for something beside queries."""
    console.note(f"{outcome.cached:,} {wanted}s served by earlier answers")
    if outcome.useless:
        console.note(f"answers without a {wanted}: {_reasons(outcome)}")
    if outcome.failed:
        console.note(
            f"{outcome.failed:,} {wanted}s got no usable answer, the last because: {outcome.last_failure}"
        )


def _reasons(outcome: Outcome) -> str:
    return ", ".join(f"{count:,} {reason}" for reason, count in outcome.useless.items())


def _llm_facts(run: LlmRun) -> dict[str, Any]:
    outcomes = [each for each in (run.queries, run.negatives, run.grades) if each is not None]
    facts: dict[str, Any] = {
        "calls": run.usage.calls,
        "answers that were JSON alone": sum(each.as_json for each in outcomes),
        "prompt tokens": run.usage.prompt_tokens,
        "completion tokens": run.usage.completion_tokens,
        "chunks cached": run.queries.cached,
        "chunks without a query": run.queries.failed,
    }
    if run.negatives is not None:
        facts["negatives cached"] = run.negatives.cached
        facts["negatives without an answer"] = run.negatives.failed
    if run.grades is not None:
        facts["grades cached"] = run.grades.cached
        facts["grades without an answer"] = run.grades.failed
    if run.cost is not None:
        facts["cost"] = run.cost
    return facts
