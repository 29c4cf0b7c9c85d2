"""How good the model is now, on held-out queries over a corpus: encodes with current weights, measures, averages.

Comes between the trainer and `evaluation`; knows no loop and no files.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from splade_cli.evaluation.analysis import sparsity
from splade_cli.evaluation.metrics import means, parse_measure, per_query, run_from_rows
from splade_cli.index.inverted import SpladeIndex
from splade_cli.model.encode import encode
from splade_cli.model.load import LoadedModel
from splade_cli.records import Example

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
    def from_examples(cls, held_out: Sequence[Example], training: Sequence[Example] = (), seed: int = 42) -> Validation:
        """Held-out queries over every document of their rows, and as many of the training rows' as fit."""
        generator = random.Random(seed)
        chosen = list(held_out) if len(held_out) <= QUERIES_AT_MOST else generator.sample(list(held_out), QUERIES_AT_MOST)
        documents = dict.fromkeys(text for row in chosen for text in (row.positive, *row.negatives))
        others = list(dict.fromkeys(text for row in training for text in (row.positive, *row.negatives)))
        generator.shuffle(others)
        for text in others[: max(0, DOCUMENTS_AT_MOST - len(documents))]:
            documents[text] = None
        places = {text: str(number) for number, text in enumerate(documents)}
        qrels: dict[str, dict[str, int]] = {}
        numbers = {query: str(number) for number, query in enumerate(dict.fromkeys(row.query for row in chosen))}
        for row in chosen:
            qrels.setdefault(numbers[row.query], {})[places[row.positive]] = 1
        return cls(list(numbers), list(documents), qrels)

    def measure(self, loaded: LoadedModel, batch_size: int, measures: Sequence[str] = MEASURES) -> dict[str, float]:
        """Measures by name, and mean ``query_terms`` and ``document_terms``, with the model's current weights."""
        loaded.model.eval()
        documents = encode(loaded, self.documents, "document", batch_size=batch_size)
        queries = encode(loaded, self.queries, "query", batch_size=batch_size)
        index = SpladeIndex.from_vectors(documents)
        depth = max([100, *(parse_measure(name)[1] or 0 for name in measures)])
        rows, scores = index.search(queries, min(depth, max(1, len(self.documents))))
        names = [str(number) for number in range(len(self.documents))]
        run = run_from_rows([str(number) for number in range(len(self.queries))], rows, scores, names, depth)
        figures = means(per_query(run, self.qrels, measures))
        figures["query_terms"] = sparsity(queries).mean
        figures["document_terms"] = sparsity(documents).mean
        return figures


def average(
    model: torch.nn.Module, base: dict[str, torch.Tensor], shares: Sequence[float], score: Callable[[], float]
) -> tuple[float, dict[float, float]]:
    """Sets `model` to the best mixture ``share * tuned + (1 - share) * base`` by `score`, ties to the smaller share.

    Averaging the weights of a model before and after fine-tuning keeps what the base could do (Wortsman et al. 2022,
    arXiv 2109.01903).

    Returns:
        The share that was taken, and the score of each that was tried.
    """
    tuned = {name: value.detach().clone() for name, value in model.state_dict().items()}
    scores = {}
    for share in sorted(shares):
        _mix(model, base, tuned, share)
        scores[share] = score()
    best = max(scores, key=lambda share: (scores[share], -share))
    _mix(model, base, tuned, best)
    return best, scores


def _mix(
    model: torch.nn.Module, base: dict[str, torch.Tensor], tuned: dict[str, torch.Tensor], share: float
) -> None:
    with torch.no_grad():
        for name, value in model.state_dict().items():
            if value.is_floating_point():
                value.copy_(share * tuned[name] + (1 - share) * base[name].to(value.device))
