"""Evaluation options: baselines, fusions, query encoders and measures beside a model, in one record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, TypedDict, Union

from splade_cli.datasets.collections import Collection
from splade_cli.datasets.formats.trec import Run
from splade_cli.evaluation.measures.notation import MEASURES, OF_JUDGEMENTS
from splade_cli.search.options import RERANK_DEPTH, SearchOptions

if TYPE_CHECKING:
    from splade_cli.evaluation.report import Report
    from splade_cli.generation.llm.options import Llm
    from splade_cli.indexing.dense import DenseEncoder
    from splade_cli.model.embedder import SpladeEmbedder
    from splade_cli.model.query_encoders.base import ExportQueries
    from splade_cli.search.ranking.rerank import Reranker

Baseline: TypeAlias = Union[str, "SpladeEmbedder", "Report"]
Baselines: TypeAlias = Baseline | Sequence[Baseline] | None


@dataclass(frozen=True)
class EvaluationOptions:
    """What to measure.

    Attributes:
        baseline: another model to stand beside, e.g. the one before training, or what a report says of one
            on the same queries; or several of these.
        runs: rankings of other systems by their names, of documents of the collection.
        bm25: BM25 beside it, where the index is made here; a ready one is measured by what it has.
        dense: a dense model beside it, and in the hybrids.
        search: how the first system searches: mode, filter, expansion, grouping, weights; None for what a
            searcher does by itself, and the defaults of `search` for a model. The other systems differ from
            it in what their names say.
        backend: texts are found by ``two-step`` search, see `engines.two_step`; a searcher has its engine.
        hybrid: all of these fused, by the usual weights as `search` does and by reciprocal ranks; None for
            where there is a dense model, a split to fit to, or a ready index.
        fit_split: judgements to which fusion weights are fitted; may be the split that is measured, as a
            query is always fused with weights that were fitted without it.
        idf_exponent: above 0, the model with query weights times the corpus's IDF ** idf_exponent beside it,
            then fused and reranked.
        reranker: a cross-encoder that orders the model's first `rerank_depth` chunks anew.
        query: the model's documents with queries by what this makes beside it, e.g.
            `static_export.export_static`.
        measures: names, see `measures.notation`.
        compare_on: the measure of the significance test.
        typos: all systems again with spelling mistakes in the queries, see `analysis.typos`.
        paraphrases: and with the queries in other words, see `analysis.paraphrases`.
        rephrase: a language model that writes these, see `analysis.rephrasing`; its answers are kept in the
            file that it names, or else in `cache`.
        analyze: the failures of the first system are looked at, against the first baseline.
        cache: where encoded windows are kept until the figures stand.
        keep_cache: and for good, for the next evaluation or index of the model.
    """

    baseline: Baselines = None
    runs: Mapping[str, Run] = field(default_factory=dict)
    bm25: bool = True
    dense: str | DenseEncoder | None = None
    search: SearchOptions | None = None
    backend: str | None = None
    hybrid: bool | None = None
    fit_split: str | Collection | None = None
    idf_exponent: float = 0.0
    reranker: str | Reranker | None = None
    rerank_depth: int = RERANK_DEPTH
    query: ExportQueries | None = None
    measures: Sequence[str] = (*MEASURES, *OF_JUDGEMENTS)
    compare_on: str = "nDCG@10"
    typos: bool = False
    paraphrases: bool = False
    rephrase: Llm | None = None
    analyze: bool = False
    cache: Path | None = None
    keep_cache: bool = False

    @property
    def baselines(self) -> list[Baseline]:
        """All that `baseline` names."""
        if self.baseline is None:
            return []
        if isinstance(self.baseline, Sequence) and not isinstance(self.baseline, str):
            return list(self.baseline)
        return [self.baseline]


class EvaluationKeywords(TypedDict, total=False):
    """The fields of `EvaluationOptions` as keywords, for calls that name one or two of them."""

    baseline: Baselines
    runs: Mapping[str, Run]
    bm25: bool
    dense: str | DenseEncoder | None
    search: SearchOptions | None
    backend: str | None
    hybrid: bool | None
    fit_split: str | Collection | None
    idf_exponent: float
    reranker: str | Reranker | None
    rerank_depth: int
    query: ExportQueries | None
    measures: Sequence[str]
    compare_on: str
    typos: bool
    paraphrases: bool
    rephrase: Llm | None
    analyze: bool
    cache: Path | None
    keep_cache: bool
