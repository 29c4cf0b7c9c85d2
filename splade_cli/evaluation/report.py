"""A model and a collection in, a report out: the whole corpus ranked, BM25 beside it, cost and significance."""

from __future__ import annotations

import gc
import shutil
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from splade_cli.corpus.chunks import split_documents
from splade_cli.corpus.collections import Collection, Run, load_collection
from splade_cli.errors import InputError
from splade_cli.evaluation.analysis import Sparsity, flops, index_bytes, percentiles, sparsity
from splade_cli.evaluation.fidelity import Encode
from splade_cli.evaluation.metrics import MEASURES, PerQuery, means, per_query, run_from_rows
from splade_cli.evaluation.significance import Comparison, compare
from splade_cli.index.inverted import SpladeIndex
from splade_cli.index.lexical import Bm25
from splade_cli.records import Chunk, Progress, silent
from splade_cli.search.encoder import SpladeEmbedder
from splade_cli.search.queries import Attach, open_query_encoder

DEPTH = 100
TIMED_QUERIES = 100


@dataclass(frozen=True)
class Cost:
    """What a sparse system costs; latencies in milliseconds for one query at a time, encoding included in `total`."""

    documents: Sparsity
    queries: Sparsity
    flops: float
    index_megabytes: float
    encode_seconds: float
    encode_p50: float
    encode_p95: float
    total_p50: float
    total_p95: float


@dataclass(frozen=True)
class System:
    """One ranked system: `figures` are means, `values` per query, `versus` the comparison with the first system."""

    name: str
    run: Run
    values: PerQuery
    figures: dict[str, float]
    cost: Cost | None = None
    versus: Comparison | None = None


@dataclass(frozen=True)
class Report:
    """Systems on one collection; the evaluated model first."""

    collection: str
    split: str
    documents: int
    queries: int
    systems: list[System]
    device: str
    notes: list[str] = field(default_factory=list)

    def as_dict(self, per_query_values: bool = False) -> dict[str, Any]:
        """JSON-ready figures; runs are left out, per-query values on demand."""
        systems = []
        for system in self.systems:
            entry: dict[str, Any] = {"name": system.name, "measures": system.figures}
            if system.cost:
                entry["cost"] = asdict(system.cost)
            if system.versus:
                entry["versus_first"] = asdict(system.versus)
            if per_query_values:
                entry["per_query"] = system.values
            systems.append(entry)
        head = {key: getattr(self, key) for key in ("collection", "split", "documents", "queries", "device", "notes")}
        return {**head, "systems": systems}


def evaluate(
    model: str | SpladeEmbedder,
    data: str | Path | Collection,
    split: str = "test",
    *,
    baseline: str | SpladeEmbedder | None = None,
    bm25: bool = True,
    query: Attach | None = None,
    measures: Sequence[str] = MEASURES,
    compare_on: str = "nDCG@10",
    shards: Path | None = None,
    progress: Progress = silent,
) -> Report:
    """Ranks every document of a collection for every judged query, and measures.

    Args:
        model: ``tiny``, a folder, a hub id, or an embedder.
        data: BEIR folder, folder with documents/ and queries.jsonl, training file, or a loaded collection.
        split: which qrels/<split>.tsv.
        baseline: another model to stand beside, e.g. the one before training.
        bm25: BM25 beside it.
        query: the model's documents with queries by what this makes beside it, e.g. `queries.attach_static`.
        measures: see `metrics.MEASURES`.
        compare_on: the measure of the significance test.
        shards: a folder in which encoded windows are kept until the figures stand.

    Raises:
        InputError, ModelError: the collection or a model cannot be used.
    """
    collection = data if isinstance(data, Collection) else load_collection(Path(data), split)
    measures = list(dict.fromkeys([*measures, compare_on]))
    units = units_of(collection)
    embedder = model if isinstance(model, SpladeEmbedder) else SpladeEmbedder(model)
    systems = _sparse_systems(embedder, collection, units, measures, shards, progress, query)
    if baseline is not None:
        other = baseline if isinstance(baseline, SpladeEmbedder) else SpladeEmbedder(baseline)
        systems += _sparse_systems(other, collection, units, measures, shards, progress)
    if bm25:
        systems.append(_bm25_system(collection, units, measures, progress))
    first = systems[0]
    for place, system in enumerate(systems[1:], 1):
        versus = compare(first.values[compare_on], system.values[compare_on])
        systems[place] = System(system.name, system.run, system.values, system.figures, system.cost, versus)
    notes = []
    if collection.chunked:
        notes.append(f"{len(units)} chunks; a document scores as its best chunk")
    if len(collection.queries) < 50:
        notes.append(f"only {len(collection.queries)} queries: differences below several points are noise")
    place_used = embedder.loaded.device
    return Report(
        collection.name,
        collection.split,
        len(collection.documents),
        len(collection.queries),
        systems,
        f"{place_used.name} {place_used.precision} ({place_used.reason})",
        notes,
    )


def units_of(collection: Collection) -> list[Chunk]:
    """What is ranked: whole documents, or the chunks of a collection that is `chunked`."""
    if collection.chunked:
        return split_documents(collection.documents)
    return [Chunk(doc.id, doc.id, doc.text, doc.title, (), 0, len(doc.text)) for doc in collection.documents]


def depth_for(units: Sequence[Chunk], documents: int) -> int:
    """Rows to rank so that DEPTH documents remain after a document's chunks are merged."""
    return DEPTH if len(units) == documents else min(len(units), DEPTH * (1 + len(units) // max(1, documents)) * 2)


def rank(queries: sp.csr_matrix, collection: Collection, units: Sequence[Chunk], index: SpladeIndex) -> Run:
    """The run of the collection's queries, vectors [q, V] in their order, over an index of `units`."""
    rows, scores = index.search(queries, depth_for(units, len(collection.documents)))
    return run_from_rows(list(collection.queries), rows, scores, [unit.document_id for unit in units], DEPTH)


def _sparse_systems(
    embedder: SpladeEmbedder,
    collection: Collection,
    units: Sequence[Chunk],
    measures: Sequence[str],
    shards: Path | None,
    progress: Progress,
    query: Attach | None = None,
) -> list[System]:
    """The model, and the same documents under the query encoder that `query` makes."""
    texts = [unit.content for unit in units]
    started = time.perf_counter()
    folder = None if shards is None else shards / embedder.loaded.model.identity[:16].replace("/", "-")
    vectors = embedder.encode_kept(texts, folder, progress) if folder else embedder.encode(texts, "document", progress)
    seconds = time.perf_counter() - started
    index = SpladeIndex.from_vectors(vectors, [unit.id for unit in units])
    encoders: dict[str, Encode] = {embedder.loaded.model.name: lambda queries: embedder.encode(queries, "query")}
    with tempfile.TemporaryDirectory() as place:
        if query is not None:
            attached = query(embedder, texts, Path(place))
            carried = open_query_encoder(Path(place), attached.query)
            assert carried is not None
            encoders[f"{embedder.loaded.model.name}, {attached.query['kind']} queries"] = carried.encode
        systems = []
        for name, encode in encoders.items():
            vectors_of_queries = encode(list(collection.queries.values()))
            run = rank(vectors_of_queries, collection, units, index)
            values = per_query(run, collection.qrels, measures)
            cost = _cost(encode, vectors_of_queries, collection, index, seconds, progress)
            systems.append(System(name, run, values, means(values), cost))
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    return systems


def _cost(
    encode: Encode,
    queries: sp.csr_matrix,
    collection: Collection,
    index: SpladeIndex,
    seconds: float,
    progress: Progress,
) -> Cost:
    texts = list(collection.queries.values())
    encode_seconds, total_seconds = [], []
    gc.collect()
    timed = texts[:TIMED_QUERIES]
    for number, text in enumerate(timed, 1):
        start = time.perf_counter()
        vector = encode([text])
        middle = time.perf_counter()
        index.search(vector, 10)
        encode_seconds.append(middle - start)
        total_seconds.append(time.perf_counter() - start)
        progress("time queries", number, len(timed))
    encode_p50, encode_p95 = percentiles(encode_seconds)
    total_p50, total_p95 = percentiles(total_seconds)
    return Cost(
        documents=sparsity(index.vectors),
        queries=sparsity(queries),
        flops=flops(queries, index.vectors),
        index_megabytes=index_bytes(index.vectors) / 1e6,
        encode_seconds=seconds,
        encode_p50=encode_p50,
        encode_p95=encode_p95,
        total_p50=total_p50,
        total_p95=total_p95,
    )


def _bm25_system(collection: Collection, units: Sequence[Chunk], measures: Sequence[str], progress: Progress) -> System:
    progress("BM25", 0, 1)
    lexical = Bm25([unit.content for unit in units])
    depth = depth_for(units, len(collection.documents))
    rows, scores = lexical.search(list(collection.queries.values()), depth)
    run = run_from_rows(list(collection.queries), rows, scores, [unit.document_id for unit in units], DEPTH)
    values = per_query(run, collection.qrels, measures)
    progress("BM25", 1, 1)
    return System(f"BM25 ({lexical.language})", run, values, means(values))


def floors_of(options: Sequence[str]) -> dict[str, float]:
    """``nDCG@10=0.45`` options as ``{measure: floor}``. Raises InputError for another shape."""
    floors = {}
    for option in options:
        name, equals, value = option.partition("=")
        try:
            floors[name.strip()] = float(value)
        except ValueError:
            equals = ""
        if not equals or not np.isfinite(floors.get(name.strip(), np.nan)):
            raise InputError(f"--fail-under takes MEASURE=VALUE, got '{option}'", "e.g. --fail-under nDCG@10=0.45")
    return floors
