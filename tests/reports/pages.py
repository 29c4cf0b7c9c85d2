"""A small report with a plot of each kind, and texts of a stranger who means ill."""

from __future__ import annotations

from splade_cli.reports.page import Fact, NextStep, Page, Section
from splade_cli.reports.plot import Axis, Plot, Series
from splade_cli.reports.side_by_side import Ranked, RankedQuery, ShownDocument, SideBySide
from splade_cli.reports.table import Column, Table

HOSTILE = (
    "</script><script>document.title='owned'</script><!--",
    '"><img src=x onerror="document.title=\'owned\'">',
    "{{ 7 * 7 }} ]]> \u2028 & | `code` [link](javascript:alert(1)) \x00",
    "</style></textarea></title><svg onload=alert(1)>",
)

HITS = SideBySide(
    measure="nDCG@10",
    systems=("tiny", HOSTILE[1]),
    documents=(
        ShownDocument("d1", "Kiln", "The kiln fires clay at 1,060 degrees."),
        ShownDocument(HOSTILE[0], HOSTILE[3], HOSTILE[2]),
    ),
    queries=(
        RankedQuery(
            HOSTILE[0],
            HOSTILE[1],
            (0.25, 1.0),
            {1: 2},
            ((Ranked(0, 3.25), Ranked(1, 1.5)), (Ranked(1, 9.0),)),
            ({1: 2}, {1: 1}),
        ),
        RankedQuery("q2", "firing clay", (1.0, 0.5), {0: 1}, ((Ranked(0, 7.0),), ()), ({0: 1}, {})),
    ),
    depth=100,
)

PAGE = Page(
    title=f"tiny on {HOSTILE[3]}",
    subtitle=HOSTILE[0],
    verdict=f"tiny finds less than {HOSTILE[1]}.",
    paragraphs=("It is sure.", HOSTILE[2]),
    facts=(Fact("nDCG@10", "0.625", HOSTILE[0]),),
    next_step=NextStep("Train it.", "splade gen-data 'a <b>' -o data"),
    plots=(
        Plot(
            "Latency",
            "Two points.",
            "points",
            Axis("ms", ".2f", log=True),
            Axis("nDCG@10", ".4f"),
            (Series("tiny", (13.7,), (0.625,), 0), Series(HOSTILE[1], (1.2,), (0.75,), 1)),
        ),
        Plot(
            "Recall",
            HOSTILE[2],
            "lines",
            Axis("k", ".0f"),
            Axis("recall", ".4f", high=1.0),
            (Series("tiny", (1.0, 10.0), (0.25, 0.5), 0), Series("BM25", (1.0, 5.0), (0.125, 0.375), 1)),
        ),
        Plot(
            "Differences",
            "Two bars.",
            "bars",
            Axis("queries", ".0f"),
            Axis("difference", "+.4f"),
            (Series("", (0.0, 1.0), (-0.75, 0.5), 0, (HOSTILE[0], "q2")),),
            listed_in="Queries",
        ),
    ),
    sections=(
        Section(
            "Quality",
            Table(
                (Column("system"), Column("nDCG@10", ".4f"), Column("gain", "+.4f")),
                (("tiny", 0.625, None), (HOSTILE[3], 0.75, -0.0625)),
            ),
            "Means.",
        ),
    ),
    hits=HITS,
    notes=(HOSTILE[1],),
)
