"""A warm searcher, CPU time of one thread: what one query costs at least, ten hits above encoding and the
engine, filters, and BM25 against bm25s.

    python benchmarks/warm.py small [--rows 200] [--against OTHER_CHECKOUT]
    python benchmarks/warm.py hits [--against OTHER_CHECKOUT]
    python benchmarks/warm.py filters [--rows 1000000] [--against OTHER_CHECKOUT]
    python benchmarks/warm.py words --cache FOLDER [--rows 100000] [--against OTHER_CHECKOUT]

Small: 200 made-up rows in memory, queries of 17 terms, one by one, and all together on one thread without
ids; an empty call is taken off. Hits: 1,000 abstracts of SciFact with static queries. Filters: made-up rows of
38 terms, queries of 17. Words: the sentences of vectors.py; bm25s takes its tokenizer objects and its Numba
backend, in the same process. Of each question the best of six rounds counts, then the median of all; with
another checkout, both are measured in turn, each in a process of its own, and the best of three is printed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from vectors import SHARED, made_up, query_texts, sentences

ROUNDS = 6
PROCESSES = 3
Ways = dict[str, Callable[[Any], Any]]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("part", choices=["small", "hits", "filters", "words"])
    parser.add_argument("--against", type=Path)
    parser.add_argument("--rows", type=int)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        from splade_cli.index.engine.running.queries import load_loops

        load_loops()  # else a new installation is measured without them
        parts = {"small": small, "hits": hits, "filters": filters, "words": words}
        print(json.dumps(parts[options.part](options)))
        return
    checkouts = {"this": Path(__file__).resolve().parent.parent}
    if options.against:
        checkouts["other"] = options.against.resolve()
    best: dict[str, dict[str, float]] = {name: {} for name in checkouts}
    with tempfile.TemporaryDirectory() as place:
        for _ in range(PROCESSES):
            for name, folder in checkouts.items():
                environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
                environment |= {"NUMBA_NUM_THREADS": "1", "INDEX": f"{place}/index"}
                command = [sys.executable, __file__, *sys.argv[1:], "--here"]
                done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
                for way, taken in json.loads(done.stdout.splitlines()[-1]).items():
                    best[name][way] = min(taken, best[name].get(way, taken))
    for name, ways in best.items():
        print(name, "  ".join(f"{way} {taken:.4f} ms" for way, taken in ways.items()))


def measured(ways: Ways, questions: list[Any]) -> dict[str, list[float]]:
    """Milliseconds of each question by each way, the best of all rounds; ways take turns."""
    for _ in range(2):
        for question in questions:
            for ask in ways.values():
                ask(question)
    taken = {way: [float("inf")] * len(questions) for way in ways}
    for _ in range(ROUNDS):
        for number, question in enumerate(questions):
            for way, ask in ways.items():
                start = time.thread_time()
                ask(question)
                taken[way][number] = min(taken[way][number], 1e3 * (time.thread_time() - start))
    return taken


def small(options: argparse.Namespace) -> dict[str, float]:
    """Ten of few rows, where a query's own cost is all there is."""
    from splade_cli.index.index import SpladeIndex

    vectors, asked = made_up(options.rows or 200, 200)
    index = SpladeIndex.from_vectors(vectors)
    queries = [asked[number] for number in range(asked.shape[0])]
    ways: Ways = {"nothing": lambda query: None, "one query": lambda query: index.search(query, 10)}
    taken = {way: statistics.median(each) for way, each in measured(ways, queries * 5).items()}
    together = measured({"all": lambda query: index.search_rows(query, 10, threads=1)}, [asked])["all"][0]
    return {
        "one query": taken["one query"] - taken["nothing"],
        "of a batch": together / len(queries),
    }


def hits(options: argparse.Namespace) -> dict[str, float]:
    """Encoding and the engine, and what ten hits take above them."""
    from splade_cli.search.options import SearchOptions
    from splade_cli.search.searcher import Searcher

    folder = Path(os.environ["INDEX"])
    if not folder.is_dir():
        lines = (SHARED / "scifact" / "corpus.jsonl").read_text(encoding="utf-8").splitlines()[:1000]
        documents = folder.with_name("abstracts.jsonl")
        documents.write_text("\n".join(lines) + "\n", encoding="utf-8")
        command = [sys.executable, "-m", "splade_cli", "index", documents, "-o", folder, "--query", "static"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    searcher = Searcher.open(folder)
    lines = (SHARED / "scifact" / "queries.jsonl").read_text(encoding="utf-8").splitlines()
    queries = [json.loads(line)["text"] for line in lines[:400]]
    searcher.search(queries)  # a batch: the compiled loops are loaded
    kinds = {
        "snippets and terms": SearchOptions(mode="sparse"),
        "snippets": SearchOptions(mode="sparse", explain=False),
        "no texts": SearchOptions(mode="sparse", explain=False, texts=False),
    }
    ways: Ways = {"engine": lambda query: searcher.engine.search(searcher.encode(query), 10)}
    for kind, how in kinds.items():
        ways[kind] = lambda query, how=how: searcher.search(query, 10, how)  # type: ignore[misc]
    taken = measured(ways, queries[200:])
    found = {"encoding and engine": statistics.median(taken["engine"])}
    for kind in kinds:
        above = [whole - part for whole, part in zip(taken[kind], taken["engine"], strict=True)]
        found[f"above: {kind}"] = statistics.median(above)
    return found


def filters(options: argparse.Namespace) -> dict[str, float]:
    """Ten rows of those that a mask allows."""
    from splade_cli.index.engine.postings import Postings

    rows = options.rows or 1_000_000
    vectors, asked = made_up(rows, 30)
    postings = Postings.build(vectors)
    queries = [asked[number] for number in range(asked.shape[0])]
    dice = np.random.default_rng(4)
    ways: Ways = {"no filter": lambda query: postings.search(query, 10, threads=1)}
    for share in (0.1, 0.01, 0.001, 0.0001):
        mask = dice.random(rows) < share
        ways[f"{share:.2%}"] = lambda query, mask=mask: postings.search(query, 10, allowed=mask, threads=1)  # type: ignore[misc]
    postings.search(asked[:2], 10)
    return {way: statistics.median(taken) for way, taken in measured(ways, queries).items()}


def words(options: argparse.Namespace) -> dict[str, float]:
    """A text to ten rows."""
    import bm25s
    import Stemmer

    from splade_cli.index.bm25_search import Bm25Search

    kept = options.cache / "sentences.json"
    if not kept.is_file():
        kept.write_text(json.dumps([sentences(), query_texts(400)]))
    texts, queries = json.loads(kept.read_text())
    texts = texts[: options.rows or 100_000]
    ours = Bm25Search.over(texts, "english")
    tokenizer = bm25s.tokenization.Tokenizer(stemmer=Stemmer.Stemmer("english"), stopwords="en")
    theirs = bm25s.BM25(method="lucene", backend="numba")
    theirs.index(tokenizer.tokenize(texts, show_progress=False, return_as="tuple"), show_progress=False)

    def ask_theirs(query: str) -> Any:
        ids = tokenizer.tokenize([query], update_vocab=False, show_progress=False, return_as="ids")
        return theirs.retrieve(ids, k=10, show_progress=False)

    ours.search(queries[:4], 10)
    ways: Ways = {"ours": lambda query: ours.search([query], 10), "bm25s": ask_theirs}
    return {way: statistics.median(taken) for way, taken in measured(ways, queries[100:]).items()}


if __name__ == "__main__":
    main()
