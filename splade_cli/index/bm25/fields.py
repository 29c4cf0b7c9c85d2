"""Fields of BM25: the words of a title count for more than those of a text.

The simple form of BM25 with fields [Robertson, Zaragoza and Taylor 2004]: a field of weight w counts as if it
stood there w times, in the frequencies of its terms and in the length of the row.
"""

from __future__ import annotations

from splade_cli.records import Chunk

TITLE_WEIGHT = 5
"""As `docs/experiments.md` compares it with others."""


def counted_text(chunk: Chunk, title_weight: int = TITLE_WEIGHT) -> str:
    """What BM25 counts of a chunk: what a model reads of it, where the title stands once, and the title
    ``title_weight - 1`` times more."""
    if not chunk.title:
        return chunk.content
    return "\n".join([*[chunk.title] * (title_weight - 1), chunk.content])
