"""PowerPoint: the slides of a presentation, their titles as headings, their notes behind them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

from splade_cli.corpus.formats.office.archive import opened_archive, refuse_entities
from splade_cli.corpus.formats.office.extra import needs
from splade_cli.corpus.formats.prose import PAGE, Prose, Unreadable, squeezed, without_marks

_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_DEEPEST = 50  # groups within groups


def read_pptx(data: bytes) -> Prose:
    """Text and title of a presentation. Raises Unreadable for damage, and without python-pptx."""
    try:
        import pptx
    except ImportError:
        raise needs("python-pptx") from None
    refuse_entities(opened_archive(data, "PPTX"), "PPTX")
    try:
        presentation = pptx.Presentation(io.BytesIO(data))
    except (KeyError, ValueError, pptx.exc.PythonPptxError) as error:
        raise Unreadable(f"broken PPTX ({error})") from None
    text = ""
    first_title = ""
    for number, slide in enumerate(presentation.slides, 1):
        title_shape = slide.shapes.title
        title = " ".join(_words(title_shape.text_frame).split()) if title_shape is not None else ""
        first_title = first_title or title
        blocks = [f"## {title or f'Slide {number}'}"]
        title_id = title_shape.shape_id if title_shape is not None else None
        for shape in slide.shapes:
            if shape.shape_id != title_id:
                blocks += _blocks(shape, 0)
        if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
            notes = _words(slide.notes_slide.notes_text_frame).strip()
            if notes:
                blocks.append(f"Notes: {notes}")
        text += PAGE + "\n\n".join(blocks).replace(PAGE, "") + "\n\n"
    title = presentation.core_properties.title or ""
    if title == "PowerPoint Presentation":
        title = ""
    text, pages = without_marks(squeezed(text), "slide")
    return Prose(text, title or first_title, {"slides": len(presentation.slides)}, pages=pages)


def _blocks(shape: Any, depth: int) -> Iterator[str]:
    """The texts of a shape, and of those that it groups."""
    if hasattr(shape, "shapes"):
        if depth < _DEEPEST:
            for inner in shape.shapes:
                yield from _blocks(inner, depth + 1)
    elif getattr(shape, "has_table", False):
        rows = []
        for row in shape.table.rows:
            rows.append(" | ".join(" ".join(_words(cell.text_frame).split()) for cell in row.cells))
        yield "\n".join(rows)
    elif getattr(shape, "has_chart", False):
        try:
            yield "\n".join(_chart(shape.chart))
        except (NotImplementedError, KeyError, ValueError, AttributeError):
            return  # a kind of chart that python-pptx cannot look into
    elif shape.has_text_frame:
        paragraphs = [(each.level, _line(each)) for each in shape.text_frame.paragraphs]
        written = [(level, line) for level, line in paragraphs if line.strip()]
        if len(written) > 1:
            yield "\n".join(f"{'  ' * level}- {line}" for level, line in written)
        elif written:
            yield written[0][1]


def _chart(chart: Any) -> Iterator[str]:
    """The title of a chart, and what its axis and lines are called."""
    if chart.has_title and chart.chart_title.has_text_frame:
        yield _words(chart.chart_title.text_frame)
    for plot in chart.plots:
        called = [str(each) for each in plot.categories] + [str(series.name) for series in plot.series]
        yield ", ".join(called)


def _words(frame: Any) -> str:
    return "\n".join(_line(paragraph) for paragraph in frame.paragraphs)


def _line(paragraph: Any) -> str:
    """The words of a paragraph, those of its fields (dates, numbers) among them."""
    parts = []
    for node in paragraph._p.iter():
        if node.tag == f"{_A}t":
            parts.append(node.text or "")
        elif node.tag == f"{_A}br":
            parts.append(" ")
    return "".join(parts).strip()
