"""The page of index settings: the advised one by name, all of them in a table and in the plots."""

from __future__ import annotations

from splade_cli.evaluation.significance import Comparison
from splade_cli.evaluation.tuning.page import tuning_page
from splade_cli.evaluation.tuning.settings import Setting
from splade_cli.evaluation.tuning.tune import Measured, Tuning

FULL = Measured(Setting(), 0.63, 1.77, 0.027, 247.0)
EIGHT = Measured(Setting(impacts=8), 0.628, 0.9, 0.02, 240.0, Comparison(-0.002, -0.01, 0.01, 0.7, 3, 4, 50))
SMALL = Measured(
    Setting(prune_terms=16), 0.4, 0.1, 0.03, 16.0, Comparison(-0.23, -0.3, -0.2, 0.0001, 3, 40, 50)
)


def test_all_settings_stand_in_the_table_and_in_the_plots() -> None:
    page = tuning_page(Tuning([FULL, EIGHT, SMALL], EIGHT, EIGHT, 50), "shop", "Take 8 bits.")
    (section,) = page.sections
    assert [(row[0], row[-1]) for row in section.table.rows] == [
        ("full", "as good"),
        ("8 bits", "advised"),
        ("16 terms", "loses"),
    ]
    assert section.table.rows[1][1:7] == (0.628, -0.002, 0.7, 0.9, 0.02, 240.0)
    size, time = page.plots
    assert {(series.name, series.x, series.y) for series in size.series} == {
        ("full", (1.77,), (0.63,)),
        ("advised", (0.9,), (0.628,)),
        ("other settings", (0.1,), (0.4,)),
    }
    assert next(series for series in time.series if series.name == "other settings").labels == ("16 terms",)
    assert page.verdict == "Take 8 bits." and "-0.0020 nDCG@10 against the full index" in page.paragraphs[1]


def test_where_the_full_index_is_advised_nothing_else_is() -> None:
    page = tuning_page(Tuning([FULL, SMALL], FULL, FULL, 50), "shop", "Keep it.")
    assert page.sections[0].table.rows[0][-1] == "advised"
    assert [series.name for series in page.plots[0].series] == ["other settings", "full"]
    assert len(page.paragraphs) == 1
