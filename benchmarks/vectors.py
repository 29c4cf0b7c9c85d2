"""Real sparse vectors for the benchmark of the engine: sentences of ../shared/data encoded by the embedded
model.

Distinct sentences come first, in a fixed random order; once they are used up, windows of 16 to 28 words that
begin elsewhere than sentences do. Pieces of 20,000 rows are kept in the cache folder, so a stopped run goes
on where it was.

    python benchmarks/vectors.py --cache FOLDER --rows 1000000
"""

from __future__ import annotations

import argparse
import json
import random
import re
from pathlib import Path

import numpy as np
import scipy.sparse as sp

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "data"
COLLECTIONS = ("medquad", "scifact", "pubmedqa", "cranfield", "xquad-en")
PIECE = 20_000
DOCUMENT_TERMS, QUERY_TERMS, LONG_TERMS = 40, 20, 242


def sentences() -> list[str]:
    """Distinct sentences of 5 to 60 words, shuffled; then windows of words, shuffled; then windows between
    those."""
    texts: list[str] = []
    for name in COLLECTIONS:
        for line in (SHARED / name / "corpus.jsonl").read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            texts.append(f"{row['title']}. {row['text']}" if row["title"] else row["text"])
    whole = [
        part for text in texts for part in re.split(r"(?<=[.!?])\s+", text) if 5 <= len(part.split()) <= 60
    ]
    first = sorted(set(whole))
    dice = random.Random(1)
    dice.shuffle(first)
    windows = []
    for text in texts:
        words = text.split()
        windows += [" ".join(words[at : at + dice.randint(16, 28)]) for at in range(3, len(words) - 15, 5)]
    second = sorted(set(windows) - set(first))
    dice.shuffle(second)
    more = []
    for text in texts:
        words = text.split()
        more += [" ".join(words[at : at + dice.randint(16, 28)]) for at in range(5, len(words) - 15, 15)]
    third = sorted(set(more) - set(first) - set(second))
    dice.shuffle(third)
    return first + second + third


def query_texts(count: int) -> list[str]:
    """Questions of the collections, shuffled."""
    texts = []
    for name in COLLECTIONS:
        for line in (SHARED / name / "queries.jsonl").read_text(encoding="utf-8").splitlines():
            texts.append(json.loads(line)["text"])
    random.Random(2).shuffle(texts)
    return texts[:count]


def documents(rows: int, cache: Path) -> sp.csr_matrix:
    """The first `rows` documents, CSR float32 [rows, V], at most 40 non-zeros each; encodes what the cache
    lacks.

    Fewer rows come back where the texts run out (above 1.1 million).
    """
    parts: list[sp.csr_matrix] = []
    texts: list[str] | None = None
    for piece in range(-(-rows // PIECE)):
        path = cache / f"documents-{piece:03d}.npz"
        if not path.is_file():
            texts = sentences() if texts is None else texts
            chunk = texts[piece * PIECE : (piece + 1) * PIECE]
            if not chunk:
                break
            _keep(path, _encoded(chunk, DOCUMENT_TERMS, 32))
            print(f"encoded {piece * PIECE + len(chunk):,} documents", flush=True)
        parts.append(sp.load_npz(path))
    return sp.csr_matrix(sp.vstack(parts, format="csr")[:rows])


def queries(count: int, cache: Path) -> sp.csr_matrix:
    """`count` queries, their 20 largest terms."""
    path = cache / f"queries-{count}.npz"
    if not path.is_file():
        _keep(path, _encoded(query_texts(count), QUERY_TERMS, 32))
    return sp.load_npz(path)


def long_documents(rows: int, cache: Path) -> sp.csr_matrix:
    """Documents of about 242 non-zeros: every one the union (maximum) of about eight short ones."""
    short = documents(rows * 8, cache)
    owner = np.repeat(np.arange(short.shape[0]) % rows, np.diff(short.indptr))
    order = np.lexsort((short.indices, owner))
    key = owner[order].astype(np.int64) * short.shape[1] + short.indices[order]
    starts = np.flatnonzero(np.diff(key, prepend=-1))
    values = np.maximum.reduceat(short.data[order], starts)
    merged = sp.csr_matrix((values, (key[starts] // short.shape[1], key[starts] % short.shape[1])))
    for row in range(rows):
        span = slice(merged.indptr[row], merged.indptr[row + 1])
        if span.stop - span.start > LONG_TERMS:
            weights = merged.data[span]
            weights[np.argpartition(weights, len(weights) - LONG_TERMS)[: len(weights) - LONG_TERMS]] = 0
    merged.eliminate_zeros()
    merged.resize((rows, short.shape[1]))
    return merged


def made_up(rows: int, asked: int) -> tuple[sp.csr_matrix, sp.csr_matrix]:
    """Made up: rows of 38 terms of 30,522 by a power law, and queries of 17 terms of some of them."""
    terms, dimensions = 38, 30_522
    dice = np.random.default_rng(3)
    columns = (dimensions * dice.random(rows * terms) ** 3).astype(np.int32)
    weights = dice.gamma(2.0, 0.4, rows * terms).astype(np.float32)
    vectors = sp.csr_matrix((weights, (np.repeat(np.arange(rows), terms), columns)), shape=(rows, dimensions))
    vectors.sum_duplicates()
    queries = []
    for row in dice.choice(rows, asked, replace=False).tolist():
        one = vectors[row]
        kept = np.sort(dice.choice(one.nnz, 17, replace=False))
        queries.append(sp.csr_matrix((one.data[kept], one.indices[kept], [0, 17]), shape=(1, dimensions)))
    return vectors, sp.csr_matrix(sp.vstack(queries, format="csr"))


def _encoded(texts: list[str], terms: int, tokens: int) -> sp.csr_matrix:
    import splade_cli

    model = splade_cli.SpladeEmbedder("tiny", max_active=terms, max_seq_length=tokens, batch_size=256)
    return model.encode(sorted(texts, key=len))[
        np.argsort(np.argsort([len(text) for text in texts], kind="stable"))
    ]


def _keep(path: Path, matrix: sp.csr_matrix) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"part-{path.name}")
    sp.save_npz(temporary, sp.csr_matrix(matrix), compressed=False)
    temporary.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    options = parser.parse_args()
    queries(1000, options.cache)
    found = documents(options.rows, options.cache)
    print(f"{found.shape[0]:,} documents, {found.nnz / found.shape[0]:.1f} non-zeros each")


if __name__ == "__main__":
    main()
