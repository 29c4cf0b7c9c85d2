"""NanoBEIR: collections of BEIR cut to 50 queries and a few thousand documents each, from the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.datasets.formats.trec import Qrels
from splade_cli.datasets.hub import fetch
from splade_cli.errors import InputError, OptionError, did_you_mean
from splade_cli.records import Document

DATASET = "sentence-transformers/NanoBEIR-en"
EVERY = "all"
NAMES = {
    name.lower(): name
    for name in (
        "ClimateFEVER",
        "DBPedia",
        "FEVER",
        "FiQA2018",
        "HotpotQA",
        "MSMARCO",
        "NFCorpus",
        "NQ",
        "QuoraRetrieval",
        "SCIDOCS",
        "ArguAna",
        "SciFact",
        "Touche2020",
    )
}
"""The collections as configurations write them, and as the dataset's splits do behind ``Nano``."""
MEAN = "NanoBEIR_mean_dot_ndcg@10"


def nano_collections(names: Iterable[str]) -> list[Collection]:
    """The collections of these names.

    Args:
        names: ``msmarco`` and so on; ``all``; ``DATASET:msmarco`` of another dataset of that layout, in
            another language or a local copy of one; or a folder in BEIR's layout.

    Raises:
        InputError: an unknown name, or data that cannot be read or fetched.
    """
    every = []
    for name in names:
        every += list(NAMES) if name.lower() == EVERY else [name]
    return [_collection(name) for name in dict.fromkeys(every)]


def nano_figures(figures: Mapping[str, float]) -> dict[str, float]:
    """nDCG@10 by collection and their mean, under the names of sentence-transformers' evaluator."""
    if not figures:
        return {}
    named = {f"{name}_dot_ndcg@10": value for name, value in figures.items()}
    return {**named, MEAN: sum(figures.values()) / len(figures)}


def _collection(name: str) -> Collection:
    if Path(name).is_dir():
        return load_collection(Path(name))
    source, _, short = name.rpartition(":")
    if short.lower() not in NAMES:
        raise OptionError(
            f"NanoBEIR has no collection '{short}'",
            did_you_mean(short.lower(), NAMES) or f"one of {', '.join(NAMES)}, or a folder in BEIR's layout",
        )
    return _fetched(source or DATASET, f"Nano{NAMES[short.lower()]}")


def _fetched(source: str, split: str) -> Collection:
    corpus, queries, judged = (
        _rows(source, part, split, columns)
        for part, columns in (
            ("corpus", ("_id", "text")),
            ("queries", ("_id", "text")),
            ("qrels", ("query-id", "corpus-id")),
        )
    )
    qrels: Qrels = {}
    for row in judged:
        documents = row["corpus-id"]
        for document in [documents] if isinstance(documents, str) else documents:
            qrels.setdefault(row["query-id"], {})[document] = 1
    texts = {row["_id"]: row["text"] for row in queries if row["text"] and row["_id"] in qrels}
    return Collection(
        split,
        "test",
        [Document(row["_id"], row["text"]) for row in corpus if row["text"]],
        texts,
        {query: qrels[query] for query in texts},
    )


def _rows(source: str, part: str, split: str, columns: Sequence[str]) -> Any:
    try:
        table = fetch(source, part, split=split)
    except InputError as error:
        raise InputError(
            f"NanoBEIR: {error.message}",
            "a copy of the dataset goes by FOLDER:msmarco, a folder in BEIR's layout by its path; "
            "behind a mirror set HF_ENDPOINT",
        ) from None
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise InputError(
            f"{source} is laid out otherwise than NanoBEIR: {part} has no {missing[0]}", "check the dataset"
        )
    return table
