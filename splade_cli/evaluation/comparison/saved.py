"""Saved evaluations beside each other: figures, paired tests with Holm's correction, wins and losses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splade_cli.errors import InputError
from splade_cli.evaluation.benchmarks.results import read_results
from splade_cli.evaluation.measures.notation import higher_is_better
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.evaluation.significance import Comparison, compare, corrected

AGAIN = "evaluate both on the same documents, queries and judgements: splade evaluate --report report.json"


@dataclass(frozen=True)
class Saved:
    """A report and the file that it was read from."""

    path: Path
    report: Report


def read_saved(path: Path) -> Saved:
    """The one report in a file. Raises InputError where there is none, or several."""
    reports = read_results(path).reports
    if len(reports) != 1:
        held = ", ".join(report.collection for report in reports) or "scores of MTEB alone"
        raise InputError(
            f"{path} holds no single evaluation, but {held}",
            "splade evaluate --data DATA --report report.json",
        )
    return Saved(path, reports[0])


def compare_saved(
    saved: Sequence[Saved], measure: str | None = None, *, every_system: bool = False
) -> Report:
    """The systems of several evaluations as one report; the first one's first system is what others are
    compared with.

    Args:
        measure: of the tests; None for that of the first report.
        every_system: all systems of each report, not its first alone.

    Raises:
        InputError: fewer than two systems, reports of other documents or queries, or without the measure.
    """
    first = saved[0].report
    for other in saved[1:]:
        _require_same(saved[0], other)
    on = measure or first.compared_on
    named = _named_systems(saved, every_system)
    if len(named) < 2:
        raise InputError("one system has nothing to be compared with", "name another report")
    for path, system in named:
        if on not in system.figures:
            raise InputError(
                f"{path}: {system.name} has no {on}, but {', '.join(system.figures)}",
                "compare by a measure that all have",
                option="measure",
            )
    systems = _tested([system for _, system in named], on)
    notes = [f"compared with {systems[0].name} of {named[0][0]}"]
    without = [system.name for system in systems if on not in system.values]
    if without:
        notes.append(f"without values of each query, and so without a test: {', '.join(without)}")
    elif len(systems) > 2:
        notes.append(f"p-values are corrected for {len(systems) - 1} comparisons (Holm)")
    devices = {each.report.device for each in saved}
    if len(devices) > 1:
        notes.append("their latencies are of different machines or precisions")
    return replace(
        first, systems=tuple(systems), compared_on=on, notes=tuple(notes), fitted=None, device=first.device
    )


def worse_than(first: SystemResult, saved: Saved, measure: str, margin: float | None) -> str:
    """A sentence where a system is worse than the first one of a saved evaluation; empty where it is not.

    Args:
        margin: a mean that is lower by more than this counts, whatever chance says; None for a loss that is
            significant at the 5% level.

    Raises:
        InputError: the saved evaluation lacks what the verdict needs.
    """
    before = saved.report.systems[0]
    if margin is None and measure not in before.values:
        raise InputError(
            f"{saved.path} has no values of each query, so that a loss cannot be tested",
            "write it by splade evaluate --report",
        )
    if measure not in before.figures:
        raise InputError(f"{saved.path} has no {measure}, but {', '.join(before.figures)}", AGAIN)
    sign = 1 if higher_is_better(measure) else -1
    loss = sign * (before.figures[measure] - first.figures[measure])
    change = f"{measure} is {first.figures[measure]:.4f}, {before.name} of {saved.path} had "
    change += f"{before.figures[measure]:.4f}"
    if margin is not None:
        return f"{change}: worse by more than {margin:g}" if loss > margin else ""
    versus = compare(first.values[measure], before.values[measure])
    if loss > 0 and versus.significant:
        return f"{change}: significantly worse, p = {versus.p_value:.4f}"
    return ""


def _require_same(first: Saved, other: Saved) -> None:
    """Raises InputError for evaluations of other documents, queries or judgements."""
    one = first.report
    two = other.report
    if one.fingerprint and two.fingerprint:
        differ = one.fingerprint != two.fingerprint
    else:
        differ = (one.collection, one.split) != (two.collection, two.split) or one.queries != two.queries
    if differ:
        raise InputError(
            f"{first.path} is on {_facts(one)}, {other.path} on {_facts(two)}: not the same documents, "
            "queries and judgements",
            AGAIN,
        )
    asked = [set(values) for each in (one, two) for values in list(each.systems[0].values.values())[:1]]
    if len(asked) == 2 and asked[0] != asked[1]:
        odd = min(asked[0] ^ asked[1])
        raise InputError(f"{first.path} and {other.path} are on other queries, e.g. '{odd}'", AGAIN)


def _facts(report: Report) -> str:
    return f"{report.collection} ({report.split}, {report.documents} documents, {report.queries} queries)"


def _named_systems(saved: Sequence[Saved], every_system: bool) -> list[tuple[Path, SystemResult]]:
    """The systems with their files; of names that come twice, each with that of its file."""
    found = []
    for each in saved:
        systems = each.report.systems if every_system else each.report.systems[:1]
        found += [(each.path, system) for system in systems]
    counts = Counter(system.name for _, system in found)
    return [
        (path, replace(system, name=f"{system.name} ({path.stem})") if counts[system.name] > 1 else system)
        for path, system in found
    ]


def _tested(systems: Sequence[SystemResult], on: str) -> list[SystemResult]:
    """The systems, all but the first with the first one's lead over them."""
    first, *others = (replace(system, versus=None) for system in systems)
    pairs: list[tuple[SystemResult, Comparison]] = []
    for other in others:
        if on in first.values and on in other.values:
            pairs.append((other, compare(first.values[on], other.values[on])))
    adjusted = corrected([versus for _, versus in pairs])
    leads = {id(other): versus for (other, _), versus in zip(pairs, adjusted, strict=True)}
    return [first, *(replace(other, versus=leads.get(id(other))) for other in others)]
