"""How much of a dense model's nDCG@10 its CSR codes keep, trained on the corpus alone: no queries, no labels.

    python benchmarks/csr.py [--collections scifact cranfield] [--steps 250] [--cache FOLDER]

One model for each collection, all-MiniLM-L6-v2 under 4096 latents; k is nested, so the rows below k = 256 are
the largest latents of the same codes. --cache keeps the dense vectors of texts for the next run.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from protocol.measure import SHARED
from transformers import TrainingArguments

from splade_cli.datasets.collections import load_collection
from splade_cli.datasets.formats.trec import Qrels
from splade_cli.evaluation.metrics import means, per_query, run_of_ranking
from splade_cli.index.index import SpladeIndex
from splade_cli.model.csr.encoder import make_csr
from splade_cli.model.dense import DenseModel
from splade_cli.model.options import ModelOptions
from splade_cli.records import Ranking
from splade_cli.storage.cache import Cache
from splade_cli.training.csr.loss import CsrWeights
from splade_cli.training.csr.texts import excerpts
from splade_cli.training.csr.trainer import CsrTexts, prepare_csr
from splade_cli.training.csr.vectors import cached_vectors

BASE, MEASURE = "all-MiniLM-L6-v2", "nDCG@10"
SPLITS = {"scifact": "test", "cranfield": "all"}
SIZES = (256, 128, 64, 32)


def quality(documents: Any, queries: Any, ids: list[str], query_ids: list[str], qrels: Qrels) -> float:
    """nDCG@10 of vectors [n, D] and [q, D] by their products."""
    index = SpladeIndex.from_vectors(sp.csr_matrix(documents), ids)
    ranking = Ranking(*index.search(sp.csr_matrix(queries), 100))
    return means(per_query(run_of_ranking(query_ids, ranking, 100), qrels, [MEASURE]))[MEASURE]


def dense_quality(documents: Any, queries: Any, ids: list[str], query_ids: list[str], qrels: Qrels) -> float:
    """The same for dense vectors."""
    products = queries @ documents.T
    rows = np.argsort(-products, axis=1, kind="stable")[:, :100]
    scores = np.take_along_axis(products, rows, axis=1)
    ranking = Ranking([[ids[row] for row in line] for line in rows.tolist()], list(scores))
    return means(per_query(run_of_ranking(query_ids, ranking, 100), qrels, [MEASURE]))[MEASURE]


def codes(autoencoder: Any, vectors: np.ndarray, k: int) -> sp.csr_matrix:
    """The k largest latents of dense vectors."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(vectors), 1024):
            before = autoencoder.encode_pre_act(torch.from_numpy(vectors[start : start + 1024]))
            parts.append(sp.csr_matrix(autoencoder.top_k(before, k, compute_aux=False)[0].numpy()))
    return sp.csr_matrix(sp.vstack(parts))


def measure_one(name: str, options: argparse.Namespace, cache: Path) -> None:
    collection = load_collection(SHARED / name, SPLITS[name])
    qrels = collection.qrels
    texts = {document.id: f"{document.title}\n{document.text}".strip() for document in collection.documents}
    queries = {query: text for query, text in collection.queries.items() if query in qrels}
    start = time.perf_counter()
    dense: list[DenseModel] = []

    def encode(window: Any) -> Any:
        if not dense:
            dense.append(DenseModel(BASE))
        return dense[0].encode(window)

    vector_cache = Cache(cache / "vectors.sqlite3")
    vectors = cached_vectors(encode, list(texts.values()), vector_cache, BASE)
    short = cached_vectors(encode, excerpts(list(texts.values()), 42), vector_cache, BASE)
    query_vectors = cached_vectors(encode, list(queries.values()), vector_cache, BASE)
    embedded = time.perf_counter() - start
    ids, query_ids = list(texts), list(queries)
    whole = dense_quality(vectors, query_vectors, ids, query_ids, qrels)
    encoder, _ = make_csr(BASE, k=256, k_aux=512, hidden=4096, options=ModelOptions(device="cpu"))
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=options.steps,
            per_device_train_batch_size=options.batch_size,
            learning_rate=options.lr,
            warmup_steps=20,
            weight_decay=0.0,
            use_cpu=True,
            save_strategy="no",
            report_to="none",
            logging_steps=50,
            disable_tqdm=True,
            dataloader_pin_memory=False,
        )
        weights = CsrWeights(
            noise=options.noise,
            temperature=options.temperature,
            neighbours=options.neighbours,
            similarity=options.similarity,
        )
        trainer = prepare_csr(
            encoder,
            CsrTexts(np.concatenate([vectors, short])),
            arguments,
            output=Path(folder),
            weights=weights,
        )
        started, cpu = time.perf_counter(), time.process_time()
        trainer.train()
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(f"{name}: {len(texts)} texts, {len(queries)} queries, dense vectors {embedded:.0f} s")
    print(f"  training {options.steps} steps: {seconds:.0f} s, {cpu:.0f} s of CPU")
    print(f"  dense                 {MEASURE} {whole:.4f}")
    autoencoder = encoder[-1].eval()
    for k in SIZES:
        documents = codes(autoencoder, vectors, k)
        found = quality(documents, codes(autoencoder, query_vectors, k), ids, query_ids, qrels)
        use = np.bincount(documents.indices, minlength=documents.shape[1]) / documents.shape[0]
        print(
            f"  k {k:>3} of {documents.shape[1]}         {MEASURE} {found:.4f}  {found / whole:6.1%} of dense"
            f"  {int((use == 0).sum()):>4} latents unused  {np.square(use).sum():5.1f} shared by two texts",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--collections", nargs="+", default=list(SPLITS), choices=list(SPLITS))
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--batch-size", type=int, default=24)
    parser.add_argument("--lr", type=float, default=3e-3)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--temperature", type=float, default=0.1)
    parser.add_argument("--neighbours", type=int, default=7)
    parser.add_argument("--similarity", type=float, default=1.0)
    parser.add_argument("--cache", type=Path)
    options = parser.parse_args()
    if not SHARED.is_dir():
        sys.exit(f"no collections at {SHARED}")
    with tempfile.TemporaryDirectory() as folder:
        for name in options.collections:
            measure_one(name, options, options.cache or Path(folder))


if __name__ == "__main__":
    main()
