"""A report of the size that people have."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from splade_cli.datasets.collections import Collection
from splade_cli.evaluation.measurement import Measurement
from splade_cli.evaluation.pages.page import evaluation_page
from splade_cli.evaluation.report import Report, SystemResult
from splade_cli.records import Document
from splade_cli.reports.page import Page

WORDS = (
    "kiln",
    "clay",
    "lathe",
    "steel",
    "warp",
    "linen",
    "press",
    "ink",
    "bicycle",
    "rim",
    "heddle",
    "glaze",
)


@pytest.fixture(scope="session")
def thousand() -> Callable[[], Page]:
    """1,000 queries, four systems with 100 documents each of 4,000, texts of 2,000 characters."""

    def made() -> Page:
        generator = random.Random(7)
        documents = []
        for number in range(4_000):
            text = " ".join(generator.choices(WORDS, k=330))
            documents.append(Document(f"folder/document-{number}.md", text, f"Title {number}"))
        ids = [document.id for document in documents]
        queries = {f"q{n}": " ".join(generator.choices(WORDS, k=6)) for n in range(1000)}
        qrels = {query: {generator.choice(ids): 1} for query in queries}
        systems = []
        for name in ("model/final + BM25", "model/final", "tiny", "BM25 (english)"):
            values = {"nDCG@10": {query: generator.random() for query in queries}}
            run = {}
            for query in queries:
                found = generator.sample(ids, 100)
                run[query] = {document: 20 - rank / 7 for rank, document in enumerate(found)}
            systems.append(SystemResult(name, {"nDCG@10": 0.5}, values, run=run))
        report = Report("large", "test", len(documents), len(queries), tuple(systems))
        return evaluation_page(Measurement(report), Collection("large", "test", documents, queries, qrels))

    return made
