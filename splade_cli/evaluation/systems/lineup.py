"""All systems of one evaluation, in the order of its report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from splade_cli.datasets.collections import Collection
from splade_cli.datasets.formats.trec import Run
from splade_cli.errors import InputError
from splade_cli.evaluation.analysis.analyze import analyze
from splade_cli.evaluation.analysis.lost import Analysis
from splade_cli.evaluation.fitting import Fitted, fit, lead
from splade_cli.evaluation.machine import this_machine
from splade_cli.evaluation.options import EvaluationOptions
from splade_cli.evaluation.report import ALONE, Report, SystemResult
from splade_cli.evaluation.significance import compare, corrected
from splade_cli.evaluation.systems.earlier import earlier_result
from splade_cli.evaluation.systems.imported import imported_run
from splade_cli.evaluation.systems.shaken import Measured, alterations, robustness
from splade_cli.evaluation.systems.subject import Subject, by_part
from splade_cli.evaluation.systems.system import (
    DEPTH,
    Evaluator,
    HeldOutFusion,
    System,
    changed,
    ranked_chunks,
    short,
)
from splade_cli.progress import Progress
from splade_cli.search.options import AUTO, SearchOptions
from splade_cli.search.query_encoder import ModelEncoder
from splade_cli.search.ranking import fusion
from splade_cli.search.ranking.rerank import Reranker

NDCG = "nDCG@10"
FEW_QUERIES = 50
NOTHING_TO_FUSE = (
    "a hybrid, or a split to fit to, needs something to fuse with",
    "leave BM25 in, or add a dense model",
)


class Lineup:
    """The systems of one report.

    Args:
        beside: other systems than those of the subject itself, and earlier reports of such.
    """

    def __init__(
        self,
        subject: Subject,
        collection: Collection,
        wanted: EvaluationOptions,
        beside: Sequence[System | Report],
        progress: Progress,
    ) -> None:
        self.subject = subject
        self.collection = collection
        self.wanted = wanted
        self.beside = beside
        hybrid = wanted.hybrid
        if hybrid is None:
            hybrid = wanted.dense is not None or wanted.fit_split is not None or subject.ready
        self.hybrid = hybrid and len(subject.parts) > 1
        measures = [*wanted.measures, wanted.compare_on]
        if self.hybrid:
            measures.append(NDCG)
        self.evaluator = Evaluator(collection, list(dict.fromkeys(measures)), progress)
        self.results: list[SystemResult] = []
        self._asked: list[Measured] = []
        self._altered = alterations(wanted, collection, progress)
        self.notes = _notes(collection, subject)

    def report(self, fit_on: Collection | None) -> Report:
        """All systems, measured one after the other."""
        subject = self.subject
        wanted = self.wanted
        first = subject.system(subject.title, subject.options)
        of_sparse = self._measure(first)
        sparse = first
        if subject.options.mode not in ("sparse", AUTO):
            sparse = subject.system(subject.name, by_part(subject.options, "sparse"))
            of_sparse = self._measure(sparse)
        if wanted.idf_exponent:
            reweighted = replace(sparse.options, idf_exponent=wanted.idf_exponent)
            sparse = subject.system(f"{subject.name}, IDF queries", reweighted)
            self._measure(sparse)
        beside = [self._measure_beside(each) for each in self.beside]
        beside += [self._imported(name, run) for name, run in wanted.runs.items()]
        parts = {"sparse": sparse}
        for part, name in subject.parts.items():
            if part == "sparse":
                continue
            if part == subject.options.mode:
                parts[part] = first
            else:
                parts[part] = subject.system(name, by_part(subject.options, part))
                self._measure(parts[part])
        if self.hybrid:
            self._fuse(parts, first)
        fitted = None if fit_on is None else self._fit(parts, fit_on)
        if wanted.reranker is not None:
            self._rerank(sparse, wanted.reranker)
        analysis = self._analysis(beside) if wanted.analyze else None
        shaken = [robustness(each, self._asked, self.evaluator, wanted.compare_on) for each in self._altered]
        systems = self._compared(of_sparse, beside)
        return Report(
            collection=self.collection.name,
            split=self.collection.split,
            documents=subject.documents or len(self.collection.documents),
            queries=len(self.collection.queries),
            systems=systems,
            device=subject.device,
            machine=this_machine(),
            analysis=analysis,
            robustness=tuple(shaken),
            compared_on=wanted.compare_on,
            notes=tuple(self.notes),
            fitted=fitted,
            fingerprint=self.collection.fingerprint,
        )

    def _measure(self, system: System) -> SystemResult:
        result = self.evaluator.result(system)
        self.results.append(result)
        self._asked.append((system, result))
        return result

    def _measure_beside(self, other: System | Report) -> SystemResult:
        if isinstance(other, System):
            return self._measure(other)
        self.results.append(earlier_result(other, self.evaluator.measures))
        return self.results[-1]

    def _imported(self, name: str, run: Run) -> SystemResult:
        """A run that another system made."""
        imported = imported_run(name, run, self.collection, self.evaluator.measures, self.evaluator.depth)
        self.results.append(imported.result)
        self.notes += imported.notes
        return imported.result

    @property
    def _fusing(self) -> SearchOptions:
        """The options of a hybrid by the usual weights, as `search` takes them by default."""
        options = self.subject.options
        exponent = self.wanted.idf_exponent or options.idf_exponent
        return replace(options, mode="hybrid", weights=None, idf_exponent=exponent)

    def _fuse(self, parts: dict[str, System], first: System) -> None:
        """All parts by the usual weights, and by reciprocal ranks."""
        values_of = {result.name: result.values[NDCG] for result in self.results}
        singles = {system.name: values_of[system.name] for system in parts.values()}
        if first.options == self._fusing:
            values = values_of[first.name]
        else:
            values = self._measure(self.subject.system("hybrid, usual weights", self._fusing)).values[NDCG]
        self.notes.append(lead(values, singles, f"usual weights of {' + '.join(singles)}"))
        reciprocal = self.subject.system("hybrid, RRF", replace(self._fusing, weights="rrf"))
        values = self._measure(reciprocal).values[NDCG]
        self.notes.append(lead(values, singles, f"RRF of {' + '.join(singles)}"))

    def _fit(self, parts: dict[str, System], fit_on: Collection) -> Fitted:
        """Parts by weights that are fitted to judged queries, each query measured with weights of others."""
        if len(parts) < 2:
            raise InputError(*NOTHING_TO_FUSE)
        documents: dict[str, str] = {}
        rankings = []
        for system in parts.values():
            ranking, known = ranked_chunks(system, fit_on, fusion.DEPTH)
            documents.update(known)
            rankings.append(ranking)
        names = {part: system.name for part, system in parts.items()}
        fitted = fit(names, rankings, list(fit_on.queries), documents, fit_on.qrels)
        weights = fitted.by_part(fitted.weights)
        hybrid = self.subject.system("hybrid, fitted", replace(self._fusing, weights=weights))
        held_out = HeldOutFusion(self.subject.retriever, fitted, fit_on.queries)
        self._measure(replace(hybrid, retriever=held_out))
        shares = ",".join(f"{part}={weight:g}" for part, weight in weights.items())
        self.notes.append(f"fitted on {fit_on.split} ({len(fit_on.queries)} queries): weights {shares}")
        self.notes.append(f"on {fit_on.split}, cross-validated, {fitted.sentence}")
        return fitted

    def _rerank(self, sparse: System, reranker: str | Reranker) -> None:
        """The first chunks of `sparse` in the order of a cross-encoder."""
        model = reranker if isinstance(reranker, str) else reranker.name
        depth = self.wanted.rerank_depth
        options = replace(sparse.options, reranker=model, rerank_depth=depth)
        self._measure(self.subject.system(f"{sparse.name}, reranked by {short(model)}", options))
        if depth < DEPTH:
            self.notes.append(f"reranked: the first {depth} only, which Recall beyond them shows")

    def _analysis(self, beside: Sequence[SystemResult]) -> Analysis:
        """Of the first system, against the first baseline, or else the second system."""
        others = [*beside, *self.results[1:]]
        baseline = next((each for each in others if self.wanted.compare_on in each.values), None)
        searcher = self.subject.searcher
        tokens = None
        if searcher is not None and not self.subject.ready and not self.collection.chunked:
            encoder = searcher.encoder
            assert isinstance(encoder, ModelEncoder)
            tokens = encoder.embedder.text_model.tokens
        first = self.results[0]
        return analyze(first, baseline, self.collection, self.wanted.compare_on, searcher, tokens)

    def _compared(self, of_sparse: SystemResult, beside: Sequence[SystemResult]) -> tuple[SystemResult, ...]:
        """The results, all but the first with the lead of the first over them.

        Where the first row fuses the sparse model with others, notes compare it alone with the baselines.
        All of these comparisons are corrected together.
        """
        measure = self.wanted.compare_on
        first = self.results[0]
        pairs = [(first, other) for other in self.results[1:]]
        if of_sparse is not first:
            pairs += [(of_sparse, other) for other in beside]
        pairs = [pair for pair in pairs if measure in pair[1].values]
        comparisons = corrected([compare(one.values[measure], two.values[measure]) for one, two in pairs])
        found = {}
        for (one, other), versus in zip(pairs, comparisons, strict=True):
            if one is first:
                found[id(other)] = versus
                continue
            self.notes.append(
                f"{one.name}{ALONE}{other.name}: {versus.difference:+.4f} {measure} "
                f"[{versus.low:+.4f}, {versus.high:+.4f}], p = {versus.p:.4f}"
            )
        if len(comparisons) > 1:
            self.notes.append(f"p-values are corrected for {len(comparisons)} comparisons (Holm)")
        return tuple(replace(result, versus=found.get(id(result))) for result in self.results)


def _notes(collection: Collection, subject: Subject) -> list[str]:
    notes = list(collection.notes)
    if subject.chunks is not None and subject.chunks != subject.documents:
        notes.append(f"{subject.chunks} chunks; a document scores as its best chunk")
    searched = changed(subject.options)
    searched.pop("mode", None)  # its title tells
    if searched:
        said = ", ".join(f"{name} {value}" for name, value in searched.items())
        notes.append(f"{subject.title} searches with {said}; what does not pass a filter counts as missed")
    if collection.twins:
        notes.append(
            f"{len(collection.twins)} queries have the id of a document, which is no result of theirs"
        )
    if len(collection.queries) < FEW_QUERIES:
        notes.append(f"only {len(collection.queries)} queries: differences below several points are noise")
    return notes
