"""Plain text: a file without markup, in which no structure is looked for."""

from __future__ import annotations

from splade_cli.corpus.formats.prose import Prose


def read_plain(source: str) -> Prose:
    """A text file as it is."""
    return Prose(source.strip("\n").rstrip())
