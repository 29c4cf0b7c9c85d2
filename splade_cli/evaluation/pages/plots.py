"""Plots of an evaluation: quality against costs, differences by query, recall by depth, active terms."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

from splade_cli.datasets.formats.trec import Qrels, Run, ranked
from splade_cli.evaluation.costs import Cost, Sparsity
from splade_cli.evaluation.pages.words import listed
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.reports.plot import Axis, Plot, Series
from splade_cli.reports.side_by_side import QUERIES

DEPTHS = (1, 2, 3, 5, 10, 20, 30, 50, 100)
RANK = Axis("queries, sorted by difference", ",.0f")


def quality_against_costs(report: Report) -> list[Plot]:
    """The compared measure against milliseconds and megabytes, where several systems have known costs."""
    milliseconds = Axis("milliseconds a query, median", ".2f", log=True)
    megabytes = Axis("megabytes that a search reads", ".2f", log=True)
    latency = _against(report, milliseconds, lambda cost: cost.total_p50, "ms")
    size = _against(report, megabytes, lambda cost: cost.index_megabytes, "MB")
    return [plot for plot in (latency, size) if plot is not None]


def differences(report: Report, other: SystemResult, listed_in: str = QUERIES) -> Plot | None:
    """The first system's lead over another for each query, the largest loss first; None where values by query
    are not known."""
    measure = report.compared_on
    first = report.systems[0]
    values = other.values.get(measure)
    if values is None or measure not in first.values:
        return None
    leads = {query: first.values[measure][query] - value for query, value in values.items()}
    order = sorted(leads, key=lambda query: leads[query])
    ups = sum(lead > 0 for lead in leads.values())
    downs = sum(lead < 0 for lead in leads.values())
    said = (
        f"{measure} of {first.name} less that of {other.name}, a bar a query: {ups} above zero, "
        f"{downs} below, {len(leads) - ups - downs} at zero."
    )
    bars = Series(
        first.name,
        tuple(map(float, range(len(order)))),
        tuple(leads[query] for query in order),
        labels=tuple(order),
    )
    y = Axis(f"difference in {measure}", "+.4f")
    return Plot(f"Query by query against {other.name}", said, "bars", RANK, y, (bars,), listed_in=listed_in)


def recall_curves(report: Report, qrels: Qrels) -> Plot | None:
    """Recall at DEPTHS of the systems whose runs are at hand."""
    lines = []
    said = []
    for number, system in enumerate(report.systems):
        if not system.run:
            continue
        recalls = recall_by_depth(system.run, qrels, DEPTHS)
        lines.append(Series(system.name, tuple(map(float, DEPTHS)), tuple(recalls), number))
        said.append(f"{system.name} {recalls[DEPTHS.index(10)]:.3f} and {recalls[-1]:.3f}")
    if not lines:
        return None
    description = f"Share of the relevant documents among the first k; at 10 and at 100: {'; '.join(said)}."
    depth = Axis("k, documents looked at", ",.0f", log=True)
    return Plot("Recall at k", description, "lines", depth, Axis("recall", ".4f", high=1.0), tuple(lines))


def recall_by_depth(run: Run, qrels: Qrels, depths: Sequence[int]) -> list[float]:
    """Mean recall over all judged queries, as trec_eval has it; one without relevant documents has 0."""
    total = [0.0] * len(depths)
    for query, grades in qrels.items():
        relevant = sum(grade > 0 for grade in grades.values())
        if not relevant:
            continue
        names = [name for name, _ in ranked(run.get(query, {}).items())[: max(depths)]]
        found = [0, *accumulate(grades.get(name, 0) > 0 for name in names)]
        for number, depth in enumerate(depths):
            total[number] += found[min(depth, len(names))] / relevant
    return [value / len(qrels) for value in total]


def active_terms(name: str, cost: Cost) -> list[Plot]:
    """Histograms of the active terms of documents and of queries."""
    return [
        *_histogram(f"Active terms of documents, {name}", "documents", cost.documents, 0),
        *_histogram(f"Active terms of queries, {name}", "queries", cost.queries, 2),
    ]


def _histogram(title: str, texts: str, sparsity: Sparsity | None, number: int) -> list[Plot]:
    histogram = None if sparsity is None else sparsity.histogram
    if sparsity is None or histogram is None:
        return []
    said = (
        f"{sparsity.mean:.0f} terms on average, {sparsity.median:.0f} in the middle, no more than "
        f"{sparsity.p95:.0f} in 95% of the {sum(histogram.counts):,} {texts}."
    )
    return [histogram.plot(title, said, "active terms", texts, number)]


def _against(report: Report, axis: Axis, cost_of: Callable[[Cost], float], unit: str) -> Plot | None:
    """The compared measure by one cost, a point a system."""
    measure = report.compared_on
    points = []
    for number, system in enumerate(report.systems):
        if system.cost is not None and measure in system.figures and cost_of(system.cost) > 0:
            points.append(Series(system.name, (cost_of(system.cost),), (system.figures[measure],), number))
    if len(points) < 2:
        return None
    said = [f"{point.name} {point.y[0]:.3f} at {point.x[0]:.3g} {unit}" for point in points]
    unknown = [
        system.name for system in report.systems if system.name not in {point.name for point in points}
    ]
    description = f"{'; '.join(said)}. Better is up, cheaper is left."
    if unknown:
        description += f" Not measured for {listed(unknown)}."
    title = f"{measure} against {'latency' if unit == 'ms' else 'size'}"
    return Plot(title, description, "points", axis, Axis(measure, ".4f"), tuple(points))
