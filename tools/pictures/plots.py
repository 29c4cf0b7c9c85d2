"""Plots of the documents, drawn by the renderer of the reports and coloured for one scheme."""

from __future__ import annotations

import re
from importlib.resources import files

from splade_cli.evaluation.tuning.tune import MEASURE, Tuning
from splade_cli.reports.plot import Axis, Plot, Series
from splade_cli.reports.svg import svg


def quality_against_size(tuned: Tuning, scheme: str) -> str:
    """nDCG@10 by megabytes of an index, of the model alone: as it is, pruned and rounded."""
    named = {"whole": tuned.full, tuned.cheapest.setting.name: tuned.cheapest}
    points = [
        Series(name, (row.megabytes,), (row.figure,), number * 2)
        for number, (name, row) in enumerate(named.items())
    ]
    others = [row for row in tuned.rows if row not in named.values() and row.megabytes < tuned.full.megabytes]
    rest = Series(
        "other settings",
        tuple(row.megabytes for row in others),
        tuple(row.figure for row in others),
        6,
        tuple(row.setting.name for row in others),
    )
    said = [f"{point.name} {point.y[0]:.3f} at {point.x[0]:.2f} MB" for point in points]
    description = f"{'; '.join(said)}; other marks are other settings. Better is up, smaller is left."
    axis = Axis(f"{MEASURE} by megabytes of the vectors, sample_docs", ".2f", low=0.0)
    plot = Plot(f"{MEASURE} against size", description, "points", axis, Axis(MEASURE, ".2f"), (rest, *points))
    return coloured(svg(plot, "quality"), scheme)


def coloured(drawing: str, scheme: str) -> str:
    """A drawing as a file of its own: with the rules and colours of the report's style sheet in it."""
    style = (files("splade_cli.reports") / "assets" / "page.css").read_text(encoding="utf-8")
    blocks = {"light": r"^:root \{(.*?)\}", "dark": r'^:root\[data-theme="dark"\] \{(.*?)\}'}
    found = re.search(blocks[scheme], style, re.MULTILINE | re.DOTALL)
    assert found is not None
    colours = dict(re.findall(r"(--[\w-]+): ([^;]+);", found.group(1)))
    rules = [line for line in style.splitlines() if line.startswith(("svg.plot", ".line.c", ".line.c4"))]
    text = re.sub(r"var\((--[\w-]+)\)", lambda name: colours[name.group(1)], "\n".join(rules))
    text += "\nsvg.plot { font-family: system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif; }"
    text += f"\nsvg.plot {{ background: {colours['--card']}; }}"
    opening = drawing.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return opening.replace(">", f">\n<style>\n{text}\n</style>", 1) + "\n"
