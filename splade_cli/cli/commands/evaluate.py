"""`splade evaluate`: a model, or an index, against judgements; a model on benchmarks and on some texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from splade_cli.cli import settings
from splade_cli.cli.options import checks, language_model, machine, outputs, ranking
from splade_cli.cli.options import evaluation as of

if TYPE_CHECKING:
    from splade_cli.model.dense import DenseModel
    from splade_cli.model.embedder import SpladeEmbedder
    from splade_cli.model.options import ModelOptions
    from splade_cli.search.searcher import Searcher
    from splade_cli.training.tracking.measured import TrackedIn


def evaluate(
    data: of.Data = None,
    marks: of.Marks = None,
    model: of.Model = None,
    index: of.Index = None,
    split: of.Split = None,
    baseline: of.Baseline = None,
    against_run: of.AgainstRun = None,
    nano_beir: of.NanoBeir = None,
    mteb: of.Mteb = None,
    mteb_language: of.MtebLanguage = None,
    mteb_output: of.MtebOutput = Path("results/mteb"),
    analyze_sparsity: of.AnalyzeSparsity = False,
    texts: of.Texts = None,
    bm25: of.Bm25 = True,
    dense: of.Dense = None,
    hybrid: of.Hybrid = None,
    fit_split: of.FitSplit = None,
    mode: ranking.Mode = "auto",
    filter: ranking.Filter = None,
    expand: ranking.Expand = None,
    fold: ranking.Fold = "auto",
    weights: ranking.Weights = None,
    backend: ranking.Backend = None,
    engine: ranking.Engine = None,
    idf: ranking.Idf = 0.0,
    rerank: ranking.Rerank = None,
    rerank_top: ranking.RerankTop = 50,
    query: ranking.Query = "full",
    measure: of.Measure = None,
    typos: of.Typos = False,
    paraphrases: of.Paraphrases = False,
    llm: of.Rephraser = None,
    base_url: language_model.BaseUrl = None,
    answers: language_model.Answers = None,
    analyze: of.Analyze = False,
    run_file: of.RunFile = None,
    report_file: of.ReportFile = None,
    track: of.Track = None,
    failures: of.Failures = None,
    failures_below: of.FailuresBelow = 0.5,
    fail_under: of.FailUnder = None,
    fail_if_worse_than: of.FailIfWorseThan = None,
    worse_by: of.WorseBy = None,
    per_query: of.PerQuery = False,
    cache: machine.Cache = None,
    max_length: machine.MaxLength = None,
    batch_size: machine.BatchSize = 64,
    device: machine.Device = "auto",
    precision: machine.Precision = "auto",
    trust_remote_code: machine.TrustRemoteCode = False,
    allow_pickle: machine.AllowPickle = False,
    json_output: outputs.Json = False,
) -> None:
    """Measure a model: ranking, sparsity, FLOPS, latency, size; BM25, dense and hybrid search beside it."""
    from functools import partial

    from splade_cli.cli.render.evaluation.outputs import Outputs
    from splade_cli.cli.usage import UsageError
    from splade_cli.reports.outputs import JSON
    from splade_cli.search.options import RERANK_DEPTH

    checks.positive(batch_size=batch_size, max_length=max_length, rerank_top=rerank_top)
    written = Outputs(run_file, report_file, mteb_output if mteb else None, json_output, _trackers(track))
    # before hours of measuring
    of_collections: dict[str, object] = {
        "--fail-under": fail_under,
        "--fail-if-worse-than": fail_if_worse_than,
    }
    of_collections |= {"--against-run": against_run, "--analyze": analyze}
    of_collections |= {"--typos": typos, "--paraphrases": paraphrases}
    written.require(of_collections, judged=(data or marks) is not None)
    if marks is not None and (index is None or data is not None):
        raise UsageError(
            "--marks judges hits of an index, in place of --data",
            f"add --index DIR; over the marked texts alone: --data {marks}",
        )
    if worse_by is not None and fail_if_worse_than is None:
        raise UsageError("--worse-by is of --fail-if-worse-than", "name a report: --fail-if-worse-than FILE")
    if llm is not None and not paraphrases:
        raise UsageError(f"--llm {llm} writes paraphrases", "ask for them: --paraphrases")
    if llm is None and (base_url is not None or answers is not None):
        raise UsageError("--base-url and --answers are of --llm", "name the model that writes: --llm MODEL")
    if failures is not None and (data or marks) is None:
        raise UsageError(f"failures to {failures} need judged queries", "name a collection", option="data")
    ranking.weights_need_hybrid(weights, mode)
    # the IDF and the reranker have rows of their own beside the first
    chosen = ranking.search_options(mode, filter, 0.0, expand, fold, None, RERANK_DEPTH, weights)
    finder = ranking.backend_name(backend)
    attach = ranking.query_encoder(query)
    saved = [each for each in baseline or () if each.lower().endswith(JSON)]
    names = [each for each in baseline or () if not each.lower().endswith(JSON)]
    checks.require_files(failures)
    checks.require_collection(data)
    checks.require_there(marks, hint=f"/mark good 1 in `splade query --marks {marks}` writes one")
    checks.require_there(texts, expand, fail_if_worse_than, *saved, *(against_run or ()))
    checks.require_index(index)
    checks.require_models(None if index else model, *names)
    checks.require_models(dense, dense=True)

    from splade_cli.cli.render import console
    from splade_cli.cli.render.evaluation.measurement import measurement
    from splade_cli.cli.render.evaluation.page import page
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.datasets.collections import Collection
    from splade_cli.datasets.formats.trec import read_run
    from splade_cli.evaluation.benchmarks.marked import marked_collection
    from splade_cli.evaluation.benchmarks.results import Results, read_results
    from splade_cli.evaluation.comparison.saved import read_saved, worse_than
    from splade_cli.evaluation.failures import write_failures
    from splade_cli.evaluation.measurement import MeasurementOptions
    from splade_cli.evaluation.measurement import measure as measured
    from splade_cli.evaluation.measures.notation import MEASURES, OF_JUDGEMENTS, measures_of, shown_first
    from splade_cli.evaluation.metrics import below_thresholds, parse_thresholds
    from splade_cli.evaluation.options import EvaluationOptions
    from splade_cli.evaluation.sparsity_analysis import SAMPLES, read_texts
    from splade_cli.model.embedder import SpladeEmbedder
    from splade_cli.search.ranking.rerank import Reranker
    from splade_cli.search.searcher import Searcher
    from splade_cli.storage.cache import unfinished_folder

    thresholds = parse_thresholds(fail_under or [])
    measures = measures_of([*(measure or (*MEASURES, *OF_JUDGEMENTS)), *thresholds])
    before = read_saved(fail_if_worse_than) if fail_if_worse_than else None
    results = [read_results(Path(each)) for each in saved]
    if before is not None and before.path not in [each.path for each in results]:
        results.append(Results(before.path, (before.report,), {}))
    runs = {path.stem: read_run(path) for path in against_run or ()}
    looked_at = read_texts(texts) if texts else SAMPLES
    opening = settings.model_options(
        device,
        trust_remote_code,
        allow_pickle,
        batch_size=batch_size,
        precision=precision,
        max_length=max_length,
    )
    subject: SpladeEmbedder | Searcher
    if index is None and engine is None:
        subject = SpladeEmbedder(model or "tiny", opening)
    else:
        subject = Searcher.open(
            index, model=model, options=chosen, backend=finder, engine=engine, model_options=opening
        )
    others = settings.model_options(device, trust_remote_code, allow_pickle)
    baselines = [SpladeEmbedder(each, opening) for each in names]
    beside = EvaluationOptions(
        baseline=baselines,
        runs=runs,
        bm25=bm25,
        dense=_dense_model(dense, others) if dense else None,
        search=chosen,
        backend=None if isinstance(subject, Searcher) else finder,
        hybrid=hybrid,
        fit_split=fit_split,
        idf_exponent=idf,
        reranker=Reranker(rerank, options=others) if rerank else None,
        rerank_depth=rerank_top,
        query=attach,
        measures=measures,
        compare_on=shown_first(measures),
        typos=typos,
        paraphrases=paraphrases,
        rephrase=settings.rephraser(llm, base_url, answers),
        analyze=analyze,
        cache=cache or unfinished_folder(),
        keep_cache=cache is not None,
    )
    judged: Path | Collection | None = data
    if marks is not None and isinstance(subject, Searcher):
        judged = marked_collection(marks, subject.engine)
    wanted = MeasurementOptions(
        data=judged,
        split=split,
        options=beside,
        nano_beir=nano_beir or (),
        tasks=mteb or (),
        languages=mteb_language or (),
        texts=looked_at if analyze_sparsity or texts else None,
        results=results,
    )
    with show_progress() as progress:
        found = measured(subject, wanted, name=_name(index, subject), progress=progress)
    other = baselines[0].loaded.model.name if baselines else ""
    marked = judged if isinstance(judged, Collection) else None
    make_page = partial(
        page,
        found,
        model or "tiny",
        data=data,
        marked=marked,
        index=index,
        baseline=other,
        dense=dense,
    )
    written.write(found, model or "tiny", per_query, make_page)
    if not written.on_stdout:
        measurement(found)
    written.say()
    if failures is not None and judged is not None and found.report is not None:
        first = found.report.systems[0]
        on = found.report.compared_on
        lost = write_failures(failures, first, judged, found.report.split, on, failures_below)
        console.note(f"{lost} queries below {on} {failures_below:g} written to {failures}")
    written.to_trackers(found, make_page)
    missed = []
    if found.report is not None:
        first = found.report.systems[0]
        missed = below_thresholds(first.figures, thresholds)
        if before is not None:
            verdict = worse_than(first, before, found.report.compared_on, worse_by)
            missed += [verdict] if verdict else []
    if missed:
        console.note("; ".join(missed))
        raise typer.Exit(3)
    if index is not None:
        console.next_command(f"splade query --index {index}")
        return
    with_dense = f" --dense {dense}" if dense else ""
    console.next_command(f"splade index DOCS -o index --model {model or 'tiny'}{with_dense}")


def _name(index: Path | None, subject: SpladeEmbedder | Searcher) -> str | None:
    """What a report calls what is ready: its folder, or the kind of its engine; a model has its own name."""
    from splade_cli.engines.remote.engine import RemoteEngine
    from splade_cli.model.embedder import SpladeEmbedder

    if isinstance(subject, SpladeEmbedder):
        return None
    if isinstance(subject.engine, RemoteEngine):
        return subject.engine.address.partition(":")[0]
    return None if index is None else index.name


def _trackers(named: list[str] | None) -> list[TrackedIn]:
    """The trackers of --track, which bring transformers along: only where one is named."""
    if not named:
        return []
    from splade_cli.training.tracking.measured import TrackedIn

    return [TrackedIn.parse(each) for each in named]


def _dense_model(name: str, opening: ModelOptions) -> DenseModel:
    from splade_cli.model.dense import DenseModel

    return DenseModel(name, opening)
