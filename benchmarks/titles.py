"""Weights of titles in BM25 compared: nDCG@10 of BM25 alone, fused with a model, and with dense vectors as well.

Usage: python benchmarks/titles.py FOLDER ... [--split test] [--model tiny] [--dense all-MiniLM-L6-v2]
A folder is in BEIR layout, or sample_docs. Documents are indexed and searched as `splade evaluate` does it, and
encoded once; only the words are counted anew for each weight.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.evaluation.metrics import means, per_query, run_of
from splade_cli.evaluation.systems.system import DEPTH, units_of
from splade_cli.index.bm25.fields import counted_text
from splade_cli.index.bm25.frequencies import TermFrequencies
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.dense import DenseModel
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher
from splade_cli.storage.cache import Cache

MEASURE = "nDCG@10"
WEIGHTS = (1, 2, 3, 5, 8, 12)


def compare(folder: Path, split: str, model: str, dense_name: str) -> None:
    """A line a weight: BM25, the default search with it, and with it and dense vectors."""
    collection = load_collection(folder, split)
    embedder = SpladeEmbedder(model, ModelOptions(precision="bf16"))
    dense = DenseModel(dense_name, ModelOptions(precision="bf16"))
    units = units_of(collection, embedder)
    documents = {unit.id: unit.document_id for unit in units}
    with tempfile.TemporaryDirectory() as temporary, Cache(Path(temporary) / "cache.sqlite3") as cache:
        whole = index_chunks(units, embedder, cache, bm25=True, dense=dense)
    (segment,) = whole.segments
    assert whole.info.bm25 is not None
    for weight in WEIGHTS:
        texts = [counted_text(unit, weight) for unit in units]
        words = TermFrequencies.build(texts, whole.info.bm25.language)
        index = replace(whole, segments=[replace(segment, bm25=words)])
        without = replace(index, segments=[replace(segment, bm25=words, stored_dense=None)])
        without = replace(without, info=replace(index.info, dense=None))
        cells = [folder.name, str(weight)]
        for each, mode in ((index, "bm25"), (without, "hybrid"), (index, "hybrid")):
            searcher = Searcher.over(each, embedder, options=SearchOptions(mode=mode))
            cells.append(f"{quality(searcher, collection, documents):.4f}")
        print("| " + " | ".join(cells) + " |", flush=True)


def quality(searcher: Searcher, collection: Collection, documents: Mapping[str, str]) -> float:
    """nDCG@10 of what a search finds, judged by document, as `splade evaluate` has it."""
    options = replace(searcher.options, group="document", explain=False, texts=False)
    depth = DEPTH + bool(collection.twins)
    hits = searcher.search(list(collection.queries.values()), depth, options)
    run = run_of(list(collection.queries), hits, documents, DEPTH, collection.twins)
    return means(per_query(run, collection.qrels, [MEASURE]))[MEASURE]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--split", default="test")
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--dense", default="all-MiniLM-L6-v2")
    options = parser.parse_args()
    print("| collection | a title counts | BM25 | with the model | with dense vectors too |")
    print("|---|---|---|---|---|")
    for folder in options.folders:
        compare(folder, options.split, options.model, options.dense)


if __name__ == "__main__":
    main()
