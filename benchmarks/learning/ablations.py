"""Settings of an ablation of data generation: which data a run trains on, and what is left out of each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from splade_cli.generation.options import GenerateOptions, Judge, Llm
from splade_cli.generation.queries.rejected import FILTERS
from splade_cli.records import Example

Change = Callable[[Example], Example | None]
USUAL = "usual"


@dataclass(frozen=True)
class Setting:
    """One line of the table.

    Attributes:
        part: of data generation that is another here.
        data: which rows it starts from, see `data_options`.
        change: what becomes of a row; None drops it.
        training: settings of the training.
    """

    name: str
    part: str
    data: str = USUAL
    change: Change = lambda row: row
    training: Mapping[str, Any] = field(default_factory=dict)


def data_options(data: str, usual: GenerateOptions, llm: Llm | None, llm_documents: int) -> GenerateOptions:
    """How the rows called `data` are generated.

    Raises:
        LookupError: they need a language model, and there is none.
    """
    if data == USUAL:
        return usual
    if data == "unfiltered":
        return replace(usual, without=frozenset(FILTERS) - {"ceiling"})
    if data in ("fixed", "sentence", "semantic"):
        return replace(usual, chunking=replace(usual.chunking, chunker=data))
    if llm is None:
        raise LookupError(data)
    written = replace(usual, queries=llm, max_documents=llm_documents)
    if data == "llm-judged":
        return replace(written, judge=Judge(least_grade=1))
    return written


def only(*kinds: str) -> Change:
    """Rows with queries of some kinds alone."""
    return lambda row: row if row.query_type in kinds else None


def without_negatives(row: Example) -> Example:
    """The pair alone, for which a batch's other documents are the negatives."""
    return replace(row, negatives=(), scores=None, strategies=(), explanations=())


def with_negatives(written: bool) -> Change:
    """Those that a language model wrote, or those that were mined, alone."""

    def change(row: Example) -> Example:
        strategies = row.strategies or ("",) * len(row.negatives)
        kept = [number for number, strategy in enumerate(strategies) if bool(strategy) == written]
        if row.scores is None or not kept:
            return without_negatives(row)
        scores = (row.scores[0], *(row.scores[1 + number] for number in kept))
        negatives = tuple(row.negatives[number] for number in kept)
        return replace(row, negatives=negatives, scores=scores, strategies=(), explanations=())

    return change


def written_first(row: Example) -> Example:
    """Both, one that was written first, since the recipe takes two of a row."""
    order = sorted(range(len(row.strategies)), key=lambda number: not row.strategies[number])
    if row.scores is None or not order:
        return row
    written = sum(map(bool, row.strategies))
    order = [*order[:1], *order[written:], *order[1:written]]
    scores = (row.scores[0], *(row.scores[1 + number] for number in order))
    negatives = tuple(row.negatives[number] for number in order)
    return replace(row, negatives=negatives, scores=scores, strategies=(), explanations=())


SETTINGS = (
    Setting("all kinds, all filters, mined negatives, structure", "default"),
    Setting("questions only", "kinds", change=only("question")),
    Setting("keywords only", "kinds", change=only("keywords")),
    Setting("titles, sentences and spans only", "kinds", change=only("title", "sentence", "span")),
    Setting("no filter of queries", "filters", "unfiltered"),
    Setting("no negatives, no teacher", "negatives", change=without_negatives),
    Setting("source kept in its list", "lists", training={"loss.source_chunk": "keep"}),
    Setting("three documents a query", "lists", training={"training.negatives_per_query": 3}),
    Setting("fixed", "chunker", "fixed"),
    Setting("sentence", "chunker", "sentence"),
    Setting("semantic", "chunker", "semantic"),
    Setting("LLM queries, mined negatives", "LLM", "llm", with_negatives(False)),
    Setting("LLM queries, LLM negatives", "LLM", "llm", with_negatives(True)),
    Setting("LLM queries, both", "LLM", "llm", written_first),
    Setting("LLM queries graded 1 or more, mined", "judge", "llm-judged", with_negatives(False)),
)
