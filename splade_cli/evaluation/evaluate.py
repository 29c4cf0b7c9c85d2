"""A model and a collection in, a report out: the whole corpus ranked; BM25, dense, hybrid beside it; significance."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.errors import InputError
from splade_cli.evaluation.fitting import Fitted, fit, lead
from splade_cli.evaluation.metrics import MEASURES
from splade_cli.evaluation.report import Report
from splade_cli.evaluation.significance import compare
from splade_cli.evaluation.systems import (
    DenseEncoder,
    Source,
    Task,
    bm25_source,
    dense_source,
    reranked_source,
    sparse_sources,
    units_of,
)
from splade_cli.index.engine.ranking import DEPTH, rrf
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.query_encoders.encoders import Attach
from splade_cli.records import Progress, silent
from splade_cli.search.rerank import TOP, Reranker

NDCG = "nDCG@10"


def evaluate(
    model: str | SpladeEmbedder,
    data: str | Path | Collection,
    split: str = "test",
    *,
    baseline: str | SpladeEmbedder | None = None,
    bm25: bool = True,
    dense: str | DenseEncoder | None = None,
    fit_split: str | Collection | None = None,
    idf: float = 0.0,
    reranker: str | Reranker | None = None,
    rerank_top: int = TOP,
    query: Attach | None = None,
    measures: Sequence[str] = MEASURES,
    compare_on: str = NDCG,
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
        dense: a dense model beside it, and all of them fused by RRF.
        fit_split: judgements to which fusion weights are fitted; may be `split` itself, as a query is always fused
            with weights that were fitted without it.
        idf: above 0 the model with query weights times the corpus's IDF ** idf beside it, then fused and reranked.
        reranker: a cross-encoder that orders the model's first `rerank_top` rows anew.
        query: the model's documents with queries by what this makes beside it, e.g. `queries.attach_static`.
        measures: see `metrics.MEASURES`.
        compare_on: the measure of the significance test.
        shards: a folder in which encoded windows are kept until the figures stand.

    Raises:
        InputError, ModelError: the collection or a model cannot be used.
    """
    collection = data if isinstance(data, Collection) else load_collection(Path(data), split)
    fit_on = _fit_collection(data, fit_split, bm25 or dense is not None)
    hybrid = dense is not None or fit_on is not None
    wanted = list(dict.fromkeys([*measures, compare_on, *([NDCG] if hybrid else [])]))
    task = Task(collection, units_of(collection), wanted, progress)
    embedder = model if isinstance(model, SpladeEmbedder) else SpladeEmbedder(model)
    folders = []
    with tempfile.TemporaryDirectory() as place:
        folders.append(_shards(shards, embedder))
        sources = sparse_sources(task, embedder, folders[0], Path(place), query, idf)
        ours = sources[-1] if idf else sources[0]
        if baseline is not None:
            other = baseline if isinstance(baseline, SpladeEmbedder) else SpladeEmbedder(baseline)
            folders.append(_shards(shards, other))
            sources += sparse_sources(task, other, folders[-1], Path(place))
        parts = {"sparse": ours}
        if bm25:
            parts["bm25"] = bm25_source(task)
        if dense is not None:
            parts["dense"] = dense_source(task, _dense(dense))
        fused = list(parts.values())
        sources += fused[1:]
        if reranker is not None:
            judge = Reranker(reranker) if isinstance(reranker, str) else reranker
            sources.append(reranked_source(task, ours, judge, rerank_top))
        systems = [task.measured(source) for source in sources]
        notes, fitted = _notes(task), None
        if reranker is not None and rerank_top < task.depth:
            notes.append(f"reranked: the first {rerank_top} only, which Recall beyond them shows")
        if hybrid and len(fused) > 1:
            singles = {source.name: systems[sources.index(source)].values[NDCG] for source in fused}
            lists = [task.fused(source) for source in fused]
            systems.append(task.measured_rows("hybrid, RRF", rrf(lists, task.depth)))
            notes.append(lead(systems[-1].values[NDCG], singles, f"RRF of {' + '.join(singles)}"))
        if fit_on is not None:
            fitted = _fitted(task, fused, fit_on)
            found = fitted.fuse(
                [task.fused(source) for source in fused], list(collection.queries), task.depth
            )
            systems.append(task.measured_rows("hybrid, fitted", found))
            shares = ",".join(
                f"{part}={weight:g}" for part, weight in zip(parts, fitted.weights, strict=True)
            )
            flags = f"--mode hybrid --weights {shares}" + (f" --idf {idf:g}" if idf else "")
            notes.append(f"fitted on {fit_on.split} ({len(fit_on.queries)} queries): {flags}")
            notes.append(f"on {fit_on.split}, cross-validated, {fitted.sentence}")
    for folder in filter(None, folders):
        shutil.rmtree(folder, ignore_errors=True)
    first = systems[0].values[compare_on]
    systems[1:] = [
        replace(system, versus=compare(first, system.values[compare_on])) for system in systems[1:]
    ]
    place_used = embedder.loaded.device
    return Report(
        collection.name,
        collection.split,
        len(collection.documents),
        len(collection.queries),
        tuple(systems),
        f"{place_used.name} {place_used.precision} ({place_used.reason})",
        compare_on,
        tuple(notes),
        fitted,
    )


def _notes(task: Task) -> list[str]:
    notes = []
    if task.collection.chunked:
        notes.append(f"{len(task.units)} chunks; a document scores as its best chunk")
    if len(task.collection.queries) < 50:
        notes.append(
            f"only {len(task.collection.queries)} queries: differences below several points are noise"
        )
    return notes


def _fit_collection(
    data: str | Path | Collection, wanted: str | Collection | None, others: bool
) -> Collection | None:
    """The judged queries that fusion weights are fitted to. Raises InputError where nothing can be fused or found."""
    if wanted is None:
        return None
    if not others:
        raise InputError(
            "--fit-split needs something to fuse with", "leave --no-bm25 out, or add --dense MODEL"
        )
    if isinstance(wanted, Collection):
        return wanted
    if isinstance(data, Collection):
        raise InputError(
            f"the split '{wanted}' of a loaded collection is not known", "load it: load_collection(path)"
        )
    return load_collection(Path(data), wanted)


def _fitted(task: Task, fused: Sequence[Source], fit_on: Collection) -> Fitted:
    texts = list(fit_on.queries.values())
    same = fit_on.queries == task.collection.queries
    lists = [task.fused(source) if same else source.search(texts, DEPTH) for source in fused]
    return fit([source.name for source in fused], lists, list(fit_on.queries), task.documents, fit_on.qrels)


def _dense(model: str | DenseEncoder) -> DenseEncoder:
    if not isinstance(model, str):
        return model
    from splade_cli.model.dense import DenseModel

    return DenseModel(model)


def _shards(shards: Path | None, embedder: SpladeEmbedder) -> Path | None:
    return None if shards is None else shards / embedder.loaded.model.identity[:16].replace("/", "-")
