"""How good the model is now, on held-out queries over a corpus: encodes with current weights, measures, averages.

Comes between the trainer and `evaluation`; knows no loop and no files.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from splade_cli.datasets.collections import Collection
from splade_cli.evaluation.metrics import PerQuery, means, parse_measure, per_query, run_from_rows
from splade_cli.evaluation.sparsity import sparsity
from splade_cli.index.index import SpladeIndex
from splade_cli.model.encode import encode
from splade_cli.model.loaded import LoadedModel
from splade_cli.records import Chunk, Example

DOCUMENTS_AT_MOST = 2000
QUERIES_AT_MOST = 300
MEASURES = ("nDCG@10", "MRR@10", "Recall@100")


@dataclass(frozen=True)
class Validation:
    """A small collection of held-out queries; `qrels` by number of query and document, as text."""

    queries: list[str]
    documents: list[str]
    qrels: dict[str, dict[str, int]]

    @classmethod
    def from_examples(
        cls, held_out: Sequence[Example], training: Sequence[Example] = (), seed: int = 42
    ) -> Validation:
        """Held-out queries over every document of their rows, and as many of the training rows' as fit."""
        generator = random.Random(seed)
        chosen = (
            list(held_out)
            if len(held_out) <= QUERIES_AT_MOST
            else generator.sample(list(held_out), QUERIES_AT_MOST)
        )
        documents = dict.fromkeys(text for row in chosen for text in (row.positive, *row.negatives))
        others = list(dict.fromkeys(text for row in training for text in (row.positive, *row.negatives)))
        generator.shuffle(others)
        for text in others[: max(0, DOCUMENTS_AT_MOST - len(documents))]:
            documents[text] = None
        places = {text: str(number) for number, text in enumerate(documents)}
        qrels: dict[str, dict[str, int]] = {}
        numbers = {
            query: str(number) for number, query in enumerate(dict.fromkeys(row.query for row in chosen))
        }
        for row in chosen:
            qrels.setdefault(numbers[row.query], {})[places[row.positive]] = 1
        return cls(list(numbers), list(documents), qrels)

    @classmethod
    def from_collection(cls, collection: Collection) -> Validation:
        """Every judged query over every document, documents whole."""
        places = {document.id: str(number) for number, document in enumerate(collection.documents)}
        numbers = {query: str(number) for number, query in enumerate(collection.queries)}
        qrels = {
            numbers[query]: {
                places[document]: grade for document, grade in grades.items() if document in places
            }
            for query, grades in collection.qrels.items()
            if query in numbers
        }
        texts = [Chunk(doc.id, doc.id, doc.text, doc.title).content for doc in collection.documents]
        return cls(list(collection.queries.values()), texts, qrels)

    def measure(
        self, loaded: LoadedModel, batch_size: int, measures: Sequence[str] = MEASURES
    ) -> dict[str, float]:
        """Measures by name, and mean ``query_terms`` and ``document_terms``, with the model's current weights."""
        values, terms = self.values(loaded, batch_size, measures)
        return {**means(values), **terms}

    def values(
        self, loaded: LoadedModel, batch_size: int, measures: Sequence[str]
    ) -> tuple[PerQuery, dict[str, float]]:
        """The same, a value for each query."""
        loaded.model.eval()
        documents = encode(loaded, self.documents, "document", batch_size=batch_size)
        queries = encode(loaded, self.queries, "query", batch_size=batch_size)
        index = SpladeIndex.from_vectors(documents)
        depth = max([100, *(parse_measure(name)[1] or 0 for name in measures)])
        rows, scores = index.search_rows(queries, min(depth, max(1, len(self.documents))))
        names = [str(number) for number in range(len(self.documents))]
        run = run_from_rows([str(number) for number in range(len(self.queries))], rows, scores, names, depth)
        terms = {"query_terms": sparsity(queries).mean, "document_terms": sparsity(documents).mean}
        return per_query(run, self.qrels, measures), terms


def average(
    model: torch.nn.Module,
    base: Mapping[str, torch.Tensor],
    shares: Sequence[float],
    values: Callable[[], Mapping[str, float]],
) -> tuple[float, dict[float, float]]:
    """Sets `model` to a mixture ``share * tuned + (1 - share) * base`` that validation cannot tell from the best.

    Averaging the weights before and after fine-tuning keeps what the base could do (Wortsman et al. 2022, arXiv
    2109.01903), so the smallest share is taken whose mean is within one standard error (of the paired differences)
    of the best mean: validation queries that were made like the training queries flatter the tuned end.

    Args:
        values: the measure of each validation query with the model's weights as they are.

    Returns:
        The share that was taken, and the mean of each that was tried.
    """
    tuned = {name: value.detach().clone() for name, value in model.state_dict().items()}
    found: dict[float, np.ndarray] = {}
    for share in sorted(shares):
        mix(model, base, tuned, share)
        by_query = values()
        found[share] = np.array([by_query[query] for query in sorted(by_query)])
    best = max(found, key=lambda share: float(found[share].mean()))
    chosen = best
    for share in found:
        behind = found[best] - found[share]
        if behind.mean() <= behind.std() / len(behind) ** 0.5:
            chosen = share
            break
    mix(model, base, tuned, chosen)
    return chosen, {share: float(each.mean()) for share, each in found.items()}


def mix(
    model: torch.nn.Module, base: Mapping[str, torch.Tensor], tuned: Mapping[str, torch.Tensor], share: float
) -> None:
    """Sets `model` to ``share * tuned + (1 - share) * base``, in place."""
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.copy_(share * tuned[name] + (1 - share) * base[name].to(value.device))
