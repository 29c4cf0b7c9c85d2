"""Systems of an evaluation: a retriever with its search options, ranked for judged queries and measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
from pydantic import JsonValue

from splade_cli.corpus.chunks import BY_TOKENS, split_documents
from splade_cli.datasets.collections import Collection
from splade_cli.errors import InputError
from splade_cli.evaluation.costs import Cost
from splade_cli.evaluation.fitting import Fitted, Weights
from splade_cli.evaluation.metrics import means, parse_measure, per_query, run_of
from splade_cli.evaluation.report import SystemResult
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.progress import Progress
from splade_cli.records import Chunk, Hit, Ranking
from splade_cli.search.options import AUTO, DEFAULT, SearchOptions
from splade_cli.search.retriever import Retriever

DEPTH = 100
"""Documents that are ranked for a query, unless a measure looks at more."""
QUERIES_AT_ONCE = 64
SHOWN_IDS = 3
DocumentsOf = Callable[[Sequence[str]], Mapping[str, str]]
"""The document of each of some chunks."""
CostOf = Callable[[Sequence[str], Progress], Cost]
"""What it costs to answer queries."""


@dataclass(frozen=True)
class System:
    """A retriever with its search options, as a report names it.

    Attributes:
        documents_of: the documents of chunks, for those that are folded into a hit.
        cost: measures what answers cost.
    """

    name: str
    retriever: Retriever
    documents_of: DocumentsOf
    options: SearchOptions = DEFAULT
    cost: CostOf | None = None


@dataclass(frozen=True)
class Evaluator:
    """Ranks the judged queries of a collection by a system, and measures the run.

    A document ranks as its best chunk. Texts of one title that are nearly the same are one hit of a search;
    all of its documents count, directly behind each other.

    Attributes:
        measures: names, see `measures.notation`.
    """

    collection: Collection
    measures: Sequence[str]
    progress: Progress

    @property
    def depth(self) -> int:
        """Documents that are ranked for a query: DEPTH, or as many as a measure looks at."""
        return max([DEPTH, *(parse_measure(name)[1] or 0 for name in self.measures)])

    @property
    def queries(self) -> list[str]:
        """Texts, in the order of the collection."""
        return list(self.collection.queries.values())

    def result(self, system: System) -> SystemResult:
        """What the system reached."""
        hits = self._hits(system)
        duplicates = {each for ranked in hits for hit in ranked for each in hit.duplicates}
        documents = system.documents_of(sorted(duplicates))
        twins = self.collection.twins
        run = run_of(list(self.collection.queries), hits, documents, self.depth, twins)
        values = per_query(run, self.collection.qrels, self.measures)
        cost = None if system.cost is None else system.cost(self.queries, self.progress)
        options = system.options
        if options.group != AUTO:
            options = _judged_by_document(options)
        return SystemResult(system.name, means(values), values, cost, options=changed(options), run=run)

    def _hits(self, system: System) -> list[list[Hit]]:
        options = replace(_judged_by_document(system.options), explain=False, texts=False)
        depth = self.depth + bool(self.collection.twins)
        hits: list[list[Hit]] = []
        for start in range(0, len(self.queries), QUERIES_AT_ONCE):
            batch = self.queries[start : start + QUERIES_AT_ONCE]
            hits += system.retriever.search(batch, depth, options)
            self.progress(f"rank: {system.name}", len(hits), len(self.queries))
        return hits


def _judged_by_document(options: SearchOptions) -> SearchOptions:
    """Options whose hits are documents, which are what was judged, unless each chunk is to be one."""
    if options.group == "off":
        return options
    return replace(options, group="document")


class HeldOutFusion:
    """A hybrid retriever that fuses each query with weights that were fitted without it.

    Args:
        retriever: what is asked, in mode ``hybrid``.
        fitted: the weights.
        queries: texts by the ids that the weights are known by; others are fused with the weights of all.
    """

    def __init__(self, retriever: Retriever, fitted: Fitted, queries: Mapping[str, str]) -> None:
        self._retriever = retriever
        self._fitted = fitted
        self._ids = {text: query for query, text in queries.items()}

    def asked(self, queries: Mapping[str, str]) -> HeldOutFusion:
        """The same for other texts of the queries."""
        return HeldOutFusion(self._retriever, self._fitted, queries)

    def search(
        self, queries: Sequence[str], k: int = 10, options: SearchOptions | None = None
    ) -> list[list[Hit]]:
        """See `Retriever.search`; queries of the same weights are asked together."""
        together: dict[Weights, list[int]] = {}
        for number, query in enumerate(queries):
            weights = self._fitted.weights_for(self._ids.get(query, ""))
            together.setdefault(weights, []).append(number)
        hits: list[list[Hit]] = [[] for _ in queries]
        for weights, numbers in together.items():
            fused = replace(options or DEFAULT, mode="hybrid", weights=self._fitted.by_part(weights))
            answers = self._retriever.search([queries[number] for number in numbers], k, fused)
            for number, answer in zip(numbers, answers, strict=True):
                hits[number] = answer
        return hits


def ranked_chunks(system: System, judged: Collection, k: int) -> tuple[Ranking, dict[str, str]]:
    """The `k` best chunks of each judged query, neither grouped nor reranked, and the documents of all."""
    options = replace(system.options, group="off", reranker=None, explain=False, texts=False)
    ranking = Ranking([], [])
    documents: dict[str, str] = {}
    found = system.retriever.search(list(judged.queries.values()), k, options)
    for query, hits in zip(judged.queries, found, strict=True):
        if query in judged.twins:
            hits = [hit for hit in hits if hit.document_id != query]
        documents.update((hit.id, hit.document_id) for hit in hits)
        ranking.ids.append([hit.id for hit in hits])
        ranking.scores.append(np.array([hit.score for hit in hits], dtype=np.float32))
    return ranking, documents


def units_of(collection: Collection, embedder: SpladeEmbedder) -> list[Chunk]:
    """What is ranked: whole documents, or the chunks of a collection that is `chunked`, as `embedder` reads
    them."""
    if collection.chunked:
        text_model = embedder.text_model
        return split_documents(collection.documents, BY_TOKENS.read_by(text_model), text_model)
    return [
        Chunk(doc.id, doc.id, doc.text, doc.title, (), 0, len(doc.text), doc.metadata)
        for doc in collection.documents
    ]


def require_documents(collection: Collection, documents: Sequence[str]) -> None:
    """Raises InputError where judged documents are not among `documents`, those of an index."""
    judged = {name for grades in collection.qrels.values() for name in grades}
    written = {document.id for document in collection.documents if document.text.strip()}
    missing = sorted((judged & written or judged) - set(documents))
    if missing:
        shown = ", ".join(f"'{name}'" for name in missing[:SHOWN_IDS])
        raise InputError(
            f"{len(missing)} of {len(judged)} judged documents are not in the index: {shown}; "
            f"it holds {', '.join(map(repr, documents[:SHOWN_IDS])) or 'none'}",
            "index those that are judged, which lie beside the judgements: corpus.jsonl or documents/",
        )


def changed(options: SearchOptions) -> dict[str, JsonValue]:
    """The search options that are not those of `search` without any, as JSON has them."""
    values: dict[str, JsonValue] = {}
    for each in fields(options):
        value = getattr(options, each.name)
        if value == getattr(DEFAULT, each.name) or each.name in ("explain", "texts"):
            continue
        if isinstance(value, Mapping):
            values[each.name] = dict(value)
        elif isinstance(value, bool | int | float):
            values[each.name] = value
        else:
            values[each.name] = str(value)
    return values


def short(name: str) -> str:
    """A model's name without the folders above it; a hub id as it is."""
    return Path(name).name if Path(name).expanduser().is_dir() else name
