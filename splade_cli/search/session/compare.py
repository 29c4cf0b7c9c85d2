"""Comparison of two searchers on one query: what moved, and the other searcher by its index or model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from splade_cli.engines.base import Catalog
from splade_cli.engines.local import LocalEngine
from splade_cli.errors import InputError
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, Hit
from splade_cli.search.searcher import Searcher

WHOLE_ROWS = 2000
"""Rows up to which another model encodes the whole index; beyond, only the first hits."""
POOL = 200
DEEPER = 5
"""How many times deeper than shown both sides are searched, to say where a document came from or went."""
Change = Literal["same", "up", "down", "new", "gone"]


@dataclass(frozen=True)
class Move:
    """A document's rank with either searcher, None where it is not among the hits looked at.

    `change` is how it moved on the screen: ``new`` and ``gone`` documents may have a rank beyond what is
        shown.
    """

    id: str
    title: str
    before: int | None
    after: int | None
    change: Change


def moves(before: Sequence[Hit], after: Sequence[Hit], top: int) -> list[Move]:
    """How the first `top` of two rankings differ: those of `after`, then those that are gone."""
    old, new = ({hit.id: hit.rank for hit in hits} for hits in (before, after))
    moved = []
    for hit in after[:top]:
        rank = old.get(hit.id)
        change: Change = "same" if rank == hit.rank else "down"
        if rank is None or rank > top:
            change = "new"
        elif rank > hit.rank:
            change = "up"
        moved.append(Move(hit.id, hit.title, rank, hit.rank, change))
    for hit in before[:top]:
        rank = new.get(hit.id)
        if rank is None or rank > top:
            moved.append(Move(hit.id, hit.title, hit.rank, rank, "gone"))
    return moved


def overlap(moved: Sequence[Move], top: int) -> int:
    """How many of the first `top` both sides show."""
    return sum(move.change not in ("new", "gone") for move in moved[:top])


class Others:
    """Searchers to compare with, opened once each.

    Args:
        options: how models are opened.
    """

    def __init__(self, options: ModelOptions | None = None) -> None:
        self._options = options or ModelOptions()
        self._opened: dict[str, Searcher] = {}
        self._embedders: dict[str, SpladeEmbedder] = {}

    def open(
        self, name: str, mine: Searcher, pool: Sequence[Hit], progress: Progress = silent
    ) -> tuple[Searcher, str]:
        """The searcher of an index folder, or of a model over the rows of `mine`.

        Args:
            name: an index folder, or a model's name or folder.
            pool: hits that a model ranks anew where `mine` has more than WHOLE_ROWS rows.

        Returns:
            The searcher, and a remark on what it does not see (empty where it sees all).

        Raises:
            IndexFolderError, ModelError: as opening raises.
            InputError: the rows hold no texts that a model could encode.
        """
        if name in self._opened:
            return self._opened[name], ""
        if (Path(name) / "manifest.json").is_file():
            self._opened[name] = Searcher.open(name, model_options=self._options)
            return self._opened[name], ""
        embedder = self._embedders.get(name) or SpladeEmbedder(name, self._options)
        progress("load", 0, 1)
        identity = embedder.loaded.model.identity
        progress("load", 1, 1)
        self._embedders[name] = embedder
        engine = mine.engine
        if isinstance(engine, LocalEngine) and identity == engine.index.info.encoder.identity:
            self._opened[name] = Searcher.over(engine.index, embedder)  # only the queries can differ
            return self._opened[name], ""
        if "catalog" in engine.capabilities and len(engine) <= WHOLE_ROWS:
            searcher = _over(engine.fetch(list(cast(Catalog, engine).ids())), embedder, progress)
            self._opened[name] = searcher
            return searcher, ""
        chunks = engine.fetch([hit.id for hit in pool])
        everything = f"splade index DOCS -o other-index --model {name}"
        remark = f"{name} ranked only the first {len(chunks)} hits; all of it: {everything}"
        return _over(chunks, embedder, progress), remark

    def whole(self, name: str, mine: Searcher, progress: Progress = silent) -> Searcher:
        """As `open`, but of all rows: what searches only some of them cannot be held against `mine`.

        Raises:
            InputError: too many rows for another model to encode now.
        """
        searcher, remark = self.open(name, mine, (), progress)
        if remark:
            raise InputError(
                f"{name} would have to encode {len(mine.engine):,} chunks first",
                f"splade index DOCS -o other-index --model {name}, then name other-index",
            )
        return searcher


def _over(chunks: Sequence[Chunk], embedder: SpladeEmbedder, progress: Progress) -> Searcher:
    if not any(chunk.content for chunk in chunks):
        raise InputError(
            "this index holds no texts that another model could encode", "compare with an index folder"
        )
    return Searcher.over(index_chunks(chunks, embedder, progress=progress), embedder)
