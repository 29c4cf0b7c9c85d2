"""A retrieval task of mteb's own classes whose data are in memory."""

from __future__ import annotations

from typing import Any

import mteb
from datasets import Dataset
from mteb.abstasks import AbsTaskRetrieval

CORPUS = {
    "pw": ("Password", "To reset a forgotten password, open the login page."),
    "backup": ("", "Backups run every night and are kept for thirty days."),
    "saw": ("Table saw", "The riving knife stands behind the blade and keeps the cut open."),
    "glaze": ("Glaze", "Fire the glaze slowly in the kiln, else it cracks."),
}
QUERIES = {"q1": "forgotten password", "q2": "how long are backups kept", "q3": "which oven for pottery"}
QRELS = {"q1": {"pw": 1, "saw": 2}, "q2": {"backup": 2, "pw": 1}, "q3": {"saw": 1}}
GENERAL: dict[str, Any] = {
    "description": "a test",
    "reference": None,
    "dataset": {"path": "nowhere", "revision": "none"},
    "category": "t2t",
    "eval_splits": ["test"],
    "date": ("2022-12-22", "2022-12-22"),
    "dialect": [],
    "domains": [],
    "task_subtypes": [],
    "license": "cc-by-4.0",
    "annotations_creators": "derived",
    "modalities": ["text"],
    "sample_creation": "found",
    "bibtex_citation": "",
}


def split_data(queries: dict[str, str]) -> dict[str, Any]:
    rows = [{"id": name, "title": title, "text": text} for name, (title, text) in CORPUS.items()]
    return {
        "corpus": Dataset.from_list(rows),
        "queries": Dataset.from_list([{"id": name, "text": text} for name, text in queries.items()]),
        "relevant_docs": {name: dict(QRELS[name]) for name in queries},
        "top_ranked": None,
    }


class WorkshopRetrieval(AbsTaskRetrieval):
    """Two languages, one of which has two queries and the other one."""

    metadata = mteb.TaskMetadata(
        name="WorkshopRetrieval",
        type="Retrieval",
        main_score="ndcg_at_10",
        eval_langs={"nb": ["nob-Latn"], "da": ["dan-Latn"]},
        **GENERAL,
    )

    def load_data(self, **told: Any) -> None:
        norwegian = split_data({name: QUERIES[name] for name in ("q1", "q2")})
        danish = split_data({"q3": QUERIES["q3"]})
        self.dataset = {"nb": {"test": norwegian}, "da": {"test": danish}}
        self.data_loaded = True


class WorkshopReranking(AbsTaskRetrieval):
    """Candidates are given."""

    metadata = mteb.TaskMetadata(
        name="WorkshopReranking",
        type="Reranking",
        main_score="map_at_1000",
        eval_langs=["eng-Latn"],
        **GENERAL,
    )

    def load_data(self, **told: Any) -> None:
        data = split_data(QUERIES)
        data["top_ranked"] = {name: ["glaze", "saw", "pw"] for name in QUERIES}
        self.dataset = {"default": {"test": data}}
        self.data_loaded = True
