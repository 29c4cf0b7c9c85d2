"""Results of an evaluation in plain words: who finds more, how sure that is, what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from splade_cli.evaluation.costs import Cost
from splade_cli.evaluation.report import ALONE, Report, SystemResult
from splade_cli.evaluation.significance import Comparison

FEW_QUERIES = 50


def verdict(report: Report) -> str:
    """Which systems the first one beats, which beat it, and which it cannot be told apart from."""
    first = report.systems[0]
    measure = report.compared_on
    groups: dict[str, list[str]] = {"better": [], "worse": [], "open": []}
    for system in report.systems[1:]:
        if system.versus is not None:
            groups[_standing(system.versus)].append(system.name)
    said = []
    if groups["better"]:
        said.append(f"finds more than {listed(groups['better'])}")
    if groups["worse"]:
        said.append(f"finds less than {listed(groups['worse'])}")
    if groups["open"]:
        said.append(f"cannot be told apart from {listed(groups['open'])}")
    reached = f"{measure} {first.figures[measure]:.3f}"
    if not said:
        return f"{first.name} reaches {reached}; nothing stands beside it."
    return f"{first.name} {listed(said)}: it reaches {reached}."


def comparison(report: Report, other: SystemResult) -> str:
    """By how much the first system is better than another, and whether that is sure."""
    measure = report.compared_on
    versus = other.versus
    reached = other.figures.get(measure)
    if versus is None or reached is None:
        return ""
    figures = f"{reached + versus.difference:.3f} instead of {reached:.3f} {measure}"
    lead = f"{versus.difference:+.3f}{_percent(versus.difference, reached)}"
    return f"Against {other.name}: {figures}, {lead}. {certainty(versus)} {_queries(report, versus)}"


def alone(report: Report) -> list[str]:
    """What the model by itself is worth, where the first row fuses it with others: a sentence a baseline."""
    return [f"By itself, {note.replace(ALONE, ' against ')}." for note in report.notes if ALONE in note]


def few_queries(report: Report) -> str:
    """A warning of too few queries; empty where there are enough."""
    if report.queries >= FEW_QUERIES:
        return ""
    return (
        f"There are only {report.queries} judged queries: differences have to be large to be seen. "
        "Judge more, or write some from the documents."
    )


def certainty(versus: Comparison) -> str:
    """Significance in words: how often chance alone makes such a difference."""
    p_value = versus.p
    interval = f"the true difference lies between {versus.low:+.3f} and {versus.high:+.3f} (95% interval)"
    if versus.significant:
        return f"This is sure: chance alone would do that {_rarely(p_value)}; {interval}."
    if versus.better == versus.worse == 0:
        return "No query tells them apart."
    return f"This is not sure: chance alone does that {_rarely(p_value)}; {interval}."


def standing(versus: Comparison) -> str:
    """What a comparison comes to, in a word or two."""
    return {"better": "surely better", "worse": "surely worse", "open": "may be chance"}[_standing(versus)]


def costs(report: Report) -> str:
    """What answers cost: of the first system whose costs are known; empty where none are."""
    for system in report.systems:
        if system.cost is not None:
            return cost_words(system.name, system.cost)
    return ""


def cost_words(name: str, cost: Cost) -> str:
    """Latency, size and active terms of one system."""
    said = (
        f"{name} answers a query in {milliseconds(cost.total_p50)} (median; 95% take no more than "
        f"{milliseconds(cost.total_p95)}), {milliseconds(cost.encode_p50)} of which encode the query. "
        f"What it reads takes {cost.index_megabytes:.1f} MB."
    )
    if cost.documents is None or cost.queries is None:
        return said
    terms = (
        f"A document has {cost.documents.mean:.0f} active terms on average, a query {cost.queries.mean:.0f}."
    )
    return f"{said} {terms}"


def milliseconds(value: float) -> str:
    """Milliseconds with as many decimals as say something."""
    if value >= 100:
        return f"{value:.0f} ms"
    return f"{value:.1f} ms" if value >= 1 else f"{value:.2f} ms"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def is_worse(report: Report) -> bool:
    """Whether another system is better than the first by more than chance."""
    return any(
        system.versus is not None and _standing(system.versus) == "worse" for system in report.systems[1:]
    )


def _standing(versus: Comparison) -> str:
    if not versus.significant:
        return "open"
    return "better" if versus.difference > 0 else "worse"


def _queries(report: Report, versus: Comparison) -> str:
    first = report.systems[0]
    ties = versus.queries - versus.better - versus.worse
    return (
        f"{first.name} is better for {versus.better} queries, worse for {versus.worse}, the same for {ties}."
    )


def _percent(difference: float, of: float) -> str:
    return f" ({difference / of:+.1%})" if of > 0 else ""


def _rarely(p_value: float) -> str:
    """A probability as one time in so many, with the p-value."""
    if p_value < 0.001:
        return "less than 1 time in 1,000 (p < 0.001)"
    if p_value > 0.5:
        return f"more often than not (p = {p_value:.2f})"
    decimals = 3 if p_value < 0.1 else 2
    return f"about 1 time in {1 / p_value:.0f} (p = {p_value:.{decimals}f})"
