"""A report as Markdown: the figures of the report, and a stranger's texts without meaning to Markdown."""

from __future__ import annotations

import pytest

from splade_cli.reports.markdown import markdown, text
from splade_cli.reports.table import Table
from tests.reports.pages import HITS, HOSTILE, PAGE


def tables(document: str) -> list[list[list[str]]]:
    """Rows of cells of each table, without what escapes them."""
    found: list[list[list[str]]] = [[]]
    for line in document.splitlines():
        if line.startswith("| "):
            cells = line.removeprefix("| ").removesuffix(" |").replace("\\|", "\0").split(" | ")
            found[-1].append([cell.replace("\0", "|") for cell in cells])
        elif found[-1]:
            found.append([])
    return [rows for rows in found if rows]


def shown(table: Table) -> list[list[str]]:
    return [[text(cell).replace("\\|", "|") for cell in row] for row in table.texts()]


def test_the_figures_are_those_of_the_report() -> None:
    quality, latency, recall, queries, *_ = tables(markdown(PAGE))
    assert quality[2:] == shown(PAGE.sections[0].table)
    assert latency[2:] == shown(PAGE.plots[0].table())
    assert recall[2:] == shown(PAGE.plots[1].table())
    assert recall[2:] == [["1", "0.2500", "0.1250"], ["5", "", "0.3750"], ["10", "0.5000", ""]]
    assert queries[2:] == shown(HITS.table())
    assert quality[1] == ["---", "---:", "---:"]


def test_hits_stand_side_by_side_with_their_grades() -> None:
    *_, first, second = tables(markdown(PAGE))
    assert first[2][1] == "d1: Kiln (3.25)"
    assert "relevant, grade 2" in first[3][1] and "relevant, grade 2" in first[2][2]
    assert second[2:] == [["1", "d1: Kiln (7, relevant, grade 1)", ""]]


@pytest.mark.parametrize("words", HOSTILE)
def test_a_strangers_words_are_no_markup(words: str) -> None:
    from markdown_it import MarkdownIt

    (block,) = [token for token in MarkdownIt().parse(text(words)) if token.type == "inline"]
    assert {token.type for token in block.children or []} == {"text"} or all(
        token.type in ("text", "text_special") for token in block.children or []
    )
    assert "\n" not in text(f"# a\n{words}")


def test_the_document_says_what_it_is_and_what_to_do() -> None:
    document = markdown(PAGE)
    assert document.startswith("<!-- splade-cli report -->\n\n# tiny on ")
    assert "    splade gen-data 'a <b>' -o data" in document
    assert document.index("**tiny finds less") < document.index("## Quality") < document.index("## Recall")
