"""Sizes of chunks compared: what the model reads of them, and nDCG@10 of whole documents by their best chunk.

Usage: python benchmarks/chunking.py [--collections NAME ...] [--model tiny]
Collections lie in ../shared/data; sample_docs is the project's own. Documents are cut, indexed and searched as
`splade index` and `splade search` do it, and judged as documents.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from splade_cli.corpus.chunks import Chunking, split_documents
from splade_cli.datasets.collections import load_collection
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
MEASURE = "nDCG@10"
CHUNKINGS = {
    "characters, 1000": Chunking(),
    "characters, 500": Chunking(250, 1000, 500),
    "tokens, 64": Chunking(tokens=64),
    "tokens, 128": Chunking(tokens=128),
    "tokens, 200": Chunking(tokens=200),
    "tokens, 240": Chunking(tokens=240),
    "tokens, 200, no overlap": Chunking(tokens=200, overlap=0),
    "tokens, 200, fixed": Chunking(tokens=200, chunker="fixed"),
    "tokens, 200, sentence": Chunking(tokens=200, chunker="sentence"),
    "tokens, 200, semantic": Chunking(tokens=200, chunker="semantic"),
}


def compare(name: str, model: str, only: list[str]) -> None:
    """A line a chunking: chunks, share of tokens that the model does not read, nDCG@10 of model and BM25."""
    folder = ROOT / "sample_docs" if name == "sample_docs" else DATA / name
    if not folder.is_dir():
        print(f"{name} is not here: skipped")
        return
    collection = replace(load_collection(folder, "test"), chunked=True)
    embedder = SpladeEmbedder(model)
    for label, chunking in CHUNKINGS.items():
        if only and label not in only:
            continue
        text_model = embedder.text_model
        chunks = split_documents(collection.documents, chunking.read_by(text_model), text_model)
        unread = embedder.truncation([chunk.content for chunk in chunks])
        index = index_chunks(chunks, embedder, bm25=True)
        cells = [name, label, f"{len(chunks):,}", f"{unread.cut / len(chunks):.1%}", f"{unread.share:.1%}"]
        for mode in ("sparse", "bm25"):
            searcher = Searcher.over(index, embedder, options=SearchOptions(mode=mode))
            report = evaluate(searcher, collection, measures=[MEASURE], bm25=False)
            cells.append(f"{report.systems[0].figures[MEASURE]:.4f}")
        print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--collections", nargs="+", default=["sample_docs", "cranfield", "scifact"])
    parser.add_argument("--model", default="tiny")
    parser.add_argument("--only", nargs="+", default=[])
    options = parser.parse_args()
    print("| collection | chunks of | chunks | cut | tokens unread | sparse | BM25 |")
    print("|---|---|---|---|---|---|---|")
    for name in options.collections:
        compare(name, options.model, options.only)


if __name__ == "__main__":
    main()
