"""Index folders to be damaged, and seals put right again as someone who forges an index would."""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from splade_cli.engines.local import LocalEngine
from splade_cli.index.containers.checksums import checksum_of
from splade_cli.index.index import SpladeIndex
from splade_cli.index.info import DenseInfo
from splade_cli.index.metadata.filter_parser import parse_filter
from splade_cli.index.updates import IndexWriter
from splade_cli.records import Chunk, JsonValue, Ranking

MANIFEST = "manifest.json"
WORDS = ("river", "harbour", "lantern", "winter", "copper", "meadow", "signal", "velvet", "anchor", "ember")


def made_index(folder: Path, rows: int, terms: int, *, text: int = 40, seed: int = 0) -> SpladeIndex:
    """Writes and opens an index of everything but an encoder: vectors, BM25, dense vectors, metadata, deleted
    rows.

    Args:
        terms: active dimensions of a row, of 2,000.
        text: words of a row.
    """
    dice = np.random.default_rng(seed)
    columns = np.minimum(dice.zipf(1.3, rows * terms), 2000) - 1
    weights = dice.gamma(1.0, 0.5, rows * terms).astype(np.float32) + np.float32(0.01)
    vectors = sp.csr_matrix((weights, (np.repeat(np.arange(rows), terms), columns)), shape=(rows, 2000))
    chunks = []
    for row in range(rows):
        words = " ".join(WORDS[number] for number in dice.integers(0, len(WORDS), text))
        metadata: dict[str, JsonValue] = {
            "year": 1990 + row % 30,
            "kind": WORDS[row % 7],
            "open": row % 3 == 0,
        }
        chunks.append(Chunk(f"doc-{row // 2}/{row}", f"doc-{row // 2}", words, "A title", metadata=metadata))
    dense = dice.normal(size=(rows, 16)).astype(np.float32)
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    names = [f"t{number}" for number in range(2000)]
    info = (DenseInfo("none"), dense)
    made = SpladeIndex.from_vectors(vectors, chunks=chunks, vocabulary=names, language="english", dense=info)
    made.save(folder)
    with IndexWriter(folder) as writer:
        writer.delete(np.arange(3, rows, max(5, rows // 50)))
    return SpladeIndex.open(folder)


def seal(folder: Path) -> None:
    """Makes sizes and checksums of an index folder's manifest those of its files, whatever these hold."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    for sums in sorted((folder / "segments").glob("*.crc32")):
        parts = [checksum_of(sums.with_suffix(ending)).sums for ending in (".safetensors", ".jsonl")]
        sums.write_bytes(np.concatenate(parts).tobytes())
    for name in manifest["files"]:
        checksum = checksum_of(folder / name)
        manifest["files"][name] = {"bytes": checksum.size, "crc32": checksum.crc32}
    write_manifest(folder, manifest)


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes a manifest with the checksum that belongs to it."""
    content = {name: value for name, value in manifest.items() if name != "crc32"}
    text = json.dumps(content, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    sealed = {**content, "crc32": zlib.crc32(text.encode("ascii"))}
    (folder / MANIFEST).write_text(json.dumps(sealed), encoding="utf-8")


def answers(folder: Path) -> str:
    """Everything that an index answers, as one text: rankings by each part, filters, texts, statistics.

    Raises:
        SpladeError: as opening and searching do.
    """
    index = SpladeIndex.open(folder)
    engine = LocalEngine(index)
    said: list[object] = [
        len(index),
        index.documents,
        engine.fields(),
        index.info,
        list(index.vocabulary[:9]),
    ]
    dice = np.random.default_rng(1)
    for number in range(6):
        terms = np.sort(dice.choice(min(index.dimensions, 300), 12, replace=False))
        weights = dice.gamma(1.0, 1.0, 12).astype(np.float32)
        query = sp.csr_matrix((weights, (np.zeros(12, np.int32), terms)), shape=(1, index.dimensions))
        for sign, k in ((1, 1), (1, 20), (-1, 3)):
            said.append(_ranked(engine, engine.search(query * np.float32(sign), k)))
        words = [(f"{WORDS[number]} {WORDS[number + 1]} title", 1.0)]
        if "bm25" in engine.capabilities:
            ranking = engine.search_words([words], 5)
            said.append(_ranked(engine, ranking))
            said.append(engine.explain_words(words, ranking.ids[0][:2]))
        if "dense" in engine.capabilities and index.info.dense is not None:
            asked = dice.normal(size=(1, index.info.dense.dimensions)).astype(np.float32)
            said.append(_ranked(engine, engine.search_dense(asked, 5)))
    for text in (
        "year >= 2000 and kind = river",
        "open = true",
        "title ~ title",
        "id < doc-3",
        "kind exists",
    ):
        said.append(engine.count(parse_filter(text)))
    said.append(engine.document_frequencies().tolist()[:300])
    return repr(said)


def _ranked(engine: LocalEngine, ranking: Ranking) -> list[object]:
    """A ranking with what is stored of its hits."""
    stored: list[object] = []
    for ids, scores in zip(ranking.ids, ranking.scores, strict=True):
        vectors = engine.vectors(ids[:3])
        stored.append(
            (ids, scores.tolist(), engine.fetch(ids[:3]), vectors.indices.tolist(), vectors.data.tolist())
        )
    return stored
