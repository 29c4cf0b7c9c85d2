"""Drawing of a plot as SVG text: axes, ticks and marks; colours are classes of the page's style sheet.

Every text of it is escaped, and a screen reader is given its title and description in place of the marks.
"""

from __future__ import annotations

from html import escape

from splade_cli.reports.plot import Axis, Plot, Series
from splade_cli.reports.scale import Scale, scale

WIDTH = 390.0
HEIGHT = 264.0
LEFT = 50.0
RIGHT = 14.0
TOP = 12.0
BOTTOM = 42.0
MARKED = 30
"""Points of a line that are few enough to have a mark each."""
NUMBERS = 8
"""Colours and marks that the style sheet has."""
LABEL = 32
"""Characters of a name beside a point."""
LETTER = 7.4
"""Width of a character, about."""
APART = 14.0
"""Distance of two names."""
ROW = 19.0
"""Height of a row of the legend."""


def svg(plot: Plot, name: str) -> str:
    """A plot as an ``<svg>`` of WIDTH by HEIGHT units; `name` is unique in the page."""
    across = scale(plot.x, _on_x(plot), LEFT, WIDTH - RIGHT)
    up = scale(plot.y, _on_y(plot), HEIGHT - BOTTOM, TOP)
    legend, above = _legend(plot)
    parts = [
        f'<svg viewBox="0 {-above:g} {WIDTH:g} {HEIGHT + above:g}" role="img" '
        f'aria-labelledby="{name}-t {name}-d" class="plot {plot.kind}">',
        f'<title id="{name}-t">{escape(plot.title)}</title>',
        f'<desc id="{name}-d">{escape(plot.description)}</desc>',
        *legend,
        *_axes(plot, across, up),
    ]
    if plot.kind == "lines":
        for series in plot.series:
            parts += _line(plot, series, across, up)
    elif plot.kind == "bars":
        for series in plot.series:
            parts += _bars(plot, series, across, up)
    else:
        parts += _points(plot, across, up)
    parts.append("</svg>")
    return "\n".join(parts)


def _on_x(plot: Plot) -> list[float]:
    values = [x for series in plot.series for x in series.x]
    if plot.kind == "bars":
        values += [x + plot.bar for x in values]
    return values


def _on_y(plot: Plot) -> list[float]:
    values = [y for series in plot.series for y in series.y]
    return [*values, 0.0] if plot.kind == "bars" else values


def _legend(plot: Plot) -> tuple[list[str], float]:
    """Marks and names of the lines, above the plot, and how much room they take."""
    if plot.kind != "lines" or len(plot.series) == 1:
        return [], 0.0
    rows: list[list[Series]] = [[]]
    used = LEFT
    for series in plot.series:
        width = 30 + len(_shortened(series.name)) * LETTER
        if rows[-1] and used + width > WIDTH:
            rows.append([])
            used = LEFT
        rows[-1].append(series)
        used += width
    parts = []
    above = len(rows) * ROW
    for number, row in enumerate(rows):
        x = LEFT
        y = number * ROW - above + TOP
        for series in row:
            name = _shortened(series.name)
            parts.append(_mark(x + 5, y - 4, series.number, 4, series.name))
            parts.append(_text(x + 14, y, name, "start"))
            x += 30 + len(name) * LETTER
    return parts, above


def _axes(plot: Plot, across: Scale, up: Scale) -> list[str]:
    """Grid lines across, ticks below, and what both measure."""
    parts = ['<g class="axes">']
    bottom = HEIGHT - BOTTOM
    for value in up.ticks:
        place = up(value)
        zero = ' class="zero"' if value == 0 else ""
        parts.append(f'<line x1="{LEFT:g}" x2="{WIDTH - RIGHT:g}" y1="{place:.1f}" y2="{place:.1f}"{zero}/>')
        parts.append(_text(LEFT - 7, place + 4, _number(value), "end"))
    for value in across.ticks:
        place = across(value)
        parts.append(f'<line x1="{place:.1f}" x2="{place:.1f}" y1="{bottom:g}" y2="{bottom + 4:g}"/>')
        named = _number(value)
        middle = min(place, WIDTH - 2 - len(named) * LETTER / 2)
        parts.append(_text(middle, bottom + 17, named, "middle"))
    parts.append(_text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 6, plot.x.name, "middle", "name"))
    parts.append("</g>")
    return parts


def _points(plot: Plot, across: Scale, up: Scale) -> list[str]:
    """A mark a point; the name of a series of one point beside it, names kept apart."""
    parts = []
    named: list[tuple[float, float, Series]] = []
    for series in plot.series:
        labels = series.labels or (series.name,) * len(series.x)
        for label, x, y in zip(labels, series.x, series.y, strict=True):
            parts.append(_mark(across(x), up(y), series.number, 5, _told(plot, label, x, y)))
        if len(series.x) == 1:
            named.append((across(series.x[0]), up(series.y[0]), series))
    last = TOP - APART
    for x, y, series in sorted(named, key=lambda each: each[1]):
        label = _shortened(series.name)
        last = max(y + 4, last + APART)
        place = x + 10
        anchor = "start"
        if place + len(label) * LETTER > WIDTH:
            place = max(x - 10, len(label) * LETTER)
            anchor = "end"
        parts.append(_text(place, last, label, anchor, f"label c{series.number % NUMBERS}"))
    return parts


def _line(plot: Plot, series: Series, across: Scale, up: Scale) -> list[str]:
    points = [(across(x), up(y)) for x, y in zip(series.x, series.y, strict=True)]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    parts = [f'<polyline class="line c{series.number % NUMBERS}" points="{path}"/>']
    if len(points) <= MARKED:
        for (x, y), known_x, known_y in zip(points, series.x, series.y, strict=True):
            parts.append(_mark(x, y, series.number, 3, _told(plot, series.name, known_x, known_y)))
    return parts


def _bars(plot: Plot, series: Series, across: Scale, up: Scale) -> list[str]:
    parts = []
    zero = up(0.0)
    labels = series.labels or (series.name,) * len(series.x)
    for label, x, y in zip(labels, series.x, series.y, strict=True):
        if y == 0:
            continue
        left, right, top = across(x), across(x + plot.bar), up(y)
        gap = 1.0 if right - left > 4 else 0.0
        side = "below" if y < 0 else f"c{series.number % NUMBERS}"
        parts.append(
            f'<rect class="{side}" x="{left:.2f}" width="{right - left - gap:.2f}" '
            f'y="{min(top, zero):.1f}" height="{abs(zero - top):.1f}">'
            f"<title>{escape(_told(plot, label, x, y))}</title></rect>"
        )
    return parts


def _mark(x: float, y: float, number: int, size: float, told: str) -> str:
    """A disc, square, diamond or triangle, so that colour is not all that tells marks apart."""
    shape = number % 4
    css = f'class="mark c{number % NUMBERS}"'
    title = f"<title>{escape(told)}</title>"
    if shape == 0:
        return f'<circle {css} cx="{x:.1f}" cy="{y:.1f}" r="{size:g}">{title}</circle>'
    corners = {
        1: ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        2: ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
        3: ((0, -1.2), (1.2, 1), (-1.2, 1)),
    }[shape]
    points = " ".join(f"{x + right * size:.1f},{y + down * size:.1f}" for right, down in corners)
    return f'<polygon {css} points="{points}">{title}</polygon>'


def _told(plot: Plot, label: str, x: float, y: float) -> str:
    """A point in words."""
    if plot.kind == "bars" and label:
        return f"{label}: {_figure(plot.y, y)}"
    shown = f"{plot.y.name} {_figure(plot.y, y)} at {plot.x.name} {_figure(plot.x, x)}"
    return f"{label}: {shown}" if label else shown


def _figure(axis: Axis, value: float) -> str:
    return format(value, axis.format)


def _number(value: float) -> str:
    """A tick: large numbers by thousands, without zeros that say nothing."""
    if abs(value) >= 10_000:
        return f"{value / 1000:g}k"
    return f"{round(value, 10):g}".replace("-", "−")


def _shortened(name: str) -> str:
    return name if len(name) <= LABEL else f"{name[: LABEL - 1]}…"


def _text(x: float, y: float, text: str, anchor: str, css: str = "") -> str:
    named = f' class="{css}"' if css else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{named}>{escape(text)}</text>'
