"""The page of an export: what its files are, the commands that load them and ask the first query."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from splade_cli import __version__
from splade_cli.deploy.index_export.source import Source

SHOWN = 12


def write_load_page(path: Path, to: str, source: Source) -> None:
    """Writes the page of a destination, from its template."""
    from jinja2 import Environment, StrictUndefined

    template = files("splade_cli.deploy.index_export").joinpath("pages", f"{to}.md.jinja")
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, trim_blocks=True)
    query = source.sample
    names = source.names.of(query.columns)
    page = environment.from_string(template.read_text(encoding="utf-8")).render(
        name=source.name,
        rows=source.checked.rows,
        empty=source.checked.empty,
        dimensions=source.index.dimensions,
        nonzeros=source.checked.nonzeros,
        largest=round(source.checked.weight, 4),
        names=source.names.kind,
        scale=source.scale,
        queries=len(source.queries),
        model=source.facts.encoder.name or "unknown",
        terms=", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else ""),
        version=__version__,
    )
    path.write_text(page, encoding="utf-8")
