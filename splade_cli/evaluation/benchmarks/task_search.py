"""Search for an MTEB task: its corpus indexed, its queries ranked by our searcher, for mteb to score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from splade_cli.engines.local import LocalEngine
from splade_cli.errors import InputError
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.searcher import Searcher

Scores = dict[str, dict[str, float]]
"""Scores by query and document."""


class TaskSearch:
    """What mteb calls a SearchProtocol: `index` gets a corpus, `search` ranks it.

    mteb's own way holds every vector as a row of a tensor and multiplies all with all; an index serves latent
    spaces of millions of dimensions too, and its figure is that of a user's search. The texts are those that
    mteb hands to its encoders: title and text joined by a space, a query followed by its instruction.

    Args:
        meta: mteb's ModelMeta, which names the model in mteb's own files.
    """

    def __init__(self, embedder: SpladeEmbedder, meta: Any = None, progress: Progress = silent) -> None:
        self.mteb_model_meta = meta
        self._embedder = embedder
        self._progress = progress
        self._searcher: Searcher | None = None
        self._documents: list[str] = []

    def index(self, corpus: Iterable[Mapping[str, Any]], **told: Any) -> None:
        """Encodes and indexes documents, rows of ``id``, ``text`` and perhaps ``title``."""
        units = [Chunk(str(row["id"]), str(row["id"]), _text(row)) for row in corpus]
        index = index_chunks(units, self._embedder, progress=self._progress)
        self._documents = [unit.id for unit in units]
        encoder = ModelEncoder(self._embedder)
        self._searcher = Searcher(LocalEngine(index), encoder, vocabulary=index.vocabulary)

    def search(
        self,
        queries: Iterable[Mapping[str, Any]],
        *,
        top_k: int,
        top_ranked: Mapping[str, Sequence[str]] | None = None,
        **told: Any,
    ) -> Scores:
        """The `top_k` best documents of each query, rows of ``id``, ``text`` and perhaps ``instruction``.

        Args:
            top_ranked: in a reranking task the documents that are to be ranked for each query; one that
                shares no term with it scores 0.

        Raises:
            InputError: a query that is no text.
        """
        assert self._searcher is not None
        rows = list(queries)
        names = [str(row["id"]) for row in rows]
        texts = [_query(row) for row in rows]
        asked = [number for number, text in enumerate(texts) if text]
        scores: Scores = {name: {} for name in names}
        if top_ranked is not None:
            for number in asked:
                scores[names[number]] = self._of_candidates(texts[number], top_ranked[names[number]])
            return scores
        ranking = self._searcher.rank([texts[number] for number in asked], top_k)
        for number, ids, values in zip(asked, ranking.ids, ranking.scores, strict=True):
            scores[names[number]] = dict(zip(ids, values.tolist(), strict=True))
        return scores

    def _of_candidates(self, query: str, candidates: Sequence[str]) -> dict[str, float]:
        assert self._searcher is not None
        ranking = self._searcher.rank([query], len(self._documents))
        found = dict(zip(ranking.ids[0], ranking.scores[0].tolist(), strict=True))
        return {name: found.get(name, 0.0) for name in candidates}


def _text(row: Mapping[str, Any]) -> str:
    title = row.get("title") or ""
    return f"{title} {row['text']}".strip()


def _query(row: Mapping[str, Any]) -> str:
    text = row["text"]
    if not isinstance(text, str):
        raise InputError(
            "the task's queries are conversations, which no query of a search is", "leave it out"
        )
    instruction = row.get("instruction") or ""
    return f"{text} {instruction}".strip()
