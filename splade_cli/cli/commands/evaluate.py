"""`splade evaluate`: a model, or an index, against judgements over the whole corpus."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from splade_cli.cli import options

if TYPE_CHECKING:
    from splade_cli.model.dense import DenseModel
    from splade_cli.model.options import ModelOptions


STDOUT = Path("-")


def evaluate(
    data: Annotated[
        Path,
        typer.Option(
            "--data", "-d", help="BEIR folder, folder with documents/ and queries.jsonl, or training file."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            help="'tiny' (in this package), a model folder, or a hub id; of --index, where it has moved.",
            show_default="tiny",
        ),
    ] = None,
    index: Annotated[
        Path | None,
        typer.Option(
            "--index",
            "-i",
            help="Measure this index folder as it is, in place of a model.",
            show_default=False,
        ),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Which qrels/<split>.tsv.")] = "test",
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", help="Another model to stand beside, e.g. the one before training."),
    ] = None,
    bm25: Annotated[bool, typer.Option("--bm25/--no-bm25", help="BM25 beside it.")] = True,
    dense: Annotated[
        str | None,
        typer.Option("--dense", help="A dense model too, e.g. all-MiniLM-L6-v2, and hybrids of all."),
    ] = None,
    hybrid: Annotated[
        bool | None,
        typer.Option(
            "--hybrid/--no-hybrid",
            help="All fused, as --mode hybrid of a search does, and by RRF.",
            show_default="with --index, --dense or --fit-split",
        ),
    ] = None,
    fit_split: Annotated[
        str | None,
        typer.Option("--fit-split", help="Fit fusion weights on qrels/<split>.tsv and fuse by them too."),
    ] = None,
    mode: options.Mode = "sparse",
    filter: options.Filter = None,
    expand: options.Expand = None,
    group: options.Group = True,
    weights: options.Weights = None,
    backend: options.Backend = None,
    idf: options.Idf = 0.0,
    rerank: options.Rerank = None,
    rerank_top: options.RerankTop = 50,
    query: options.Query = "full",
    measure: Annotated[
        list[str] | None,
        typer.Option("--measure", help="e.g. nDCG@20; may be repeated.", show_default="the usual nine"),
    ] = None,
    run_file: Annotated[
        Path | None,
        typer.Option("--run", help="Write the ranking as a TREC run file; - is standard output."),
    ] = None,
    report_file: Annotated[
        Path | None,
        typer.Option(
            "--report",
            help="Write the report as JSON, values of each query included; - is standard output.",
        ),
    ] = None,
    fail_under: Annotated[
        list[str] | None, typer.Option("--fail-under", help="MEASURE=VALUE: exit 3 if the model stays below.")
    ] = None,
    per_query: Annotated[
        bool, typer.Option("--per-query", help="Values of each query too (with --json).")
    ] = False,
    max_length: options.MaxLength = None,
    batch_size: options.BatchSize = 64,
    device: options.Device = "auto",
    precision: options.Precision = "auto",
    trust_remote_code: options.TrustRemoteCode = False,
    allow_pickle: options.AllowPickle = False,
    json_output: options.Json = False,
) -> None:
    """Measure a model: ranking, sparsity, FLOPS, latency, size; BM25, dense and hybrid search beside it."""
    from splade_cli.cli.render import console
    from splade_cli.cli.render import report as figures
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.datasets.formats.trec import run_lines, write_run
    from splade_cli.evaluation.evaluate import evaluate as measured
    from splade_cli.evaluation.metrics import MEASURES, below_thresholds, parse_measure, parse_thresholds
    from splade_cli.evaluation.options import EvaluationOptions
    from splade_cli.model.embedder import SpladeEmbedder
    from splade_cli.model.options import ModelOptions
    from splade_cli.search.options import RERANK_DEPTH
    from splade_cli.search.ranking.rerank import Reranker
    from splade_cli.search.searcher import Searcher

    options.positive(batch_size=batch_size, max_length=max_length, rerank_top=rerank_top)
    _require_outputs(run_file, report_file, json_output)  # before hours of measuring
    options.weights_need_hybrid(weights, mode)
    # the IDF and the reranker have rows of their own beside the first
    chosen = options.search_options(mode, filter, 0.0, expand, group, None, RERANK_DEPTH, weights)
    engine = options.backend_name(backend)
    attach = options.query_encoder(query)
    thresholds = parse_thresholds(fail_under or [])
    measures = list(dict.fromkeys([*(measure or MEASURES), *thresholds]))
    for name in measures:
        parse_measure(name)
    opening = ModelOptions(
        device=device,
        precision=precision,
        batch_size=batch_size,
        max_seq_length=max_length,
        trust_remote_code=trust_remote_code,
        allow_pickle=allow_pickle,
    )
    subject: SpladeEmbedder | Searcher
    if index is None:
        subject = SpladeEmbedder(model or "tiny", opening)
    else:
        subject = Searcher.open(index, model=model, options=chosen, backend=engine, model_options=opening)
    others = ModelOptions(device=device, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle)
    wanted = EvaluationOptions(
        baseline=SpladeEmbedder(baseline, opening) if baseline else None,
        bm25=bm25,
        dense=_dense_model(dense, others) if dense else None,
        search=chosen,
        backend=engine if index is None else None,
        hybrid=hybrid,
        fit_split=fit_split,
        idf_exponent=idf,
        reranker=Reranker(rerank, options=others) if rerank else None,
        rerank_depth=rerank_top,
        query=attach,
        measures=measures,
        cache=Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "splade" / "unfinished",
    )
    with show_progress() as progress:
        report = measured(
            subject, data, split, wanted, name=None if index is None else index.name, progress=progress
        )
    if run_file == STDOUT:
        console.lines(list(run_lines(report.systems[0].run)))
    elif run_file is not None:
        write_run(run_file, report.systems[0].run)
    if report_file == STDOUT:
        console.json_document(report.to_json())
    elif report_file is not None:
        report.write(report_file)
    if json_output:
        console.json_document(report.to_json(per_query))
    elif STDOUT not in (run_file, report_file):
        figures.report(report)
    for what, path in (("run", run_file), ("report", report_file)):
        if path is not None and path != STDOUT:
            console.note(f"{what} written to {path}")
    missed = below_thresholds(report.systems[0].figures, thresholds)
    if missed:
        console.note("; ".join(missed))
        raise typer.Exit(3)
    if index is not None:
        console.next_command(f"splade query --index {index}")
        return
    beside = f" --dense {dense}" if dense else ""
    console.next_command(f"splade index DOCS -o index --model {model or 'tiny'}{beside}")


def _require_outputs(run: Path | None, report: Path | None, json_output: bool) -> None:
    """Raises InputError where nothing can be written, or more than one thing would be on standard output."""
    from splade_cli.errors import InputError
    from splade_cli.storage.outputs import output_file

    if [run == STDOUT, report == STDOUT, json_output].count(True) > 1:
        raise InputError(
            "only one of --run -, --report - and --json can be on standard output",
            "name files for the others",
        )
    for path in (run, report):
        if path is not None and path != STDOUT:
            output_file(path)


def _dense_model(name: str, opening: ModelOptions) -> DenseModel:
    from splade_cli.model.dense import DenseModel

    return DenseModel(name, opening)
