"""`splade export`: a model to a smaller one, with what it loses; an index to files for another engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from splade_cli.cli import settings
from splade_cli.cli.options import checks, machine, outputs


def export(
    source: Annotated[
        str,
        typer.Argument(
            help="'tiny' (in this package), a model folder, or an index folder.", show_default=False
        ),
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder that is written.")] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            help="Of a model: onnx or openvino. Of an index: jsonl, parquet, anserini, ciff, opensearch, "
            "opensearch-seismic, elasticsearch, vespa, qdrant or pgvector.",
            show_default=False,
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option("--names", help="Names of an index's dimensions: ids or tokens.", show_default="ids"),
    ] = None,
    scale: Annotated[
        int | None,
        typer.Option(
            "--scale",
            help="What a weight of 1 becomes where an engine wants whole numbers.",
            show_default="100",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option("--name", help="Of the index, table or collection over there.", show_default="docs"),
    ] = None,
    queries: Annotated[
        Path | None,
        typer.Option("--queries", help="Queries to encode and write along: JSONL, or one a line."),
    ] = None,
    int8: Annotated[
        bool, typer.Option("--int8/--no-int8", help="Of --to onnx and openvino: write int8 graphs too.")
    ] = True,
    prune_vocabulary: Annotated[
        bool, typer.Option("--prune-vocabulary", help="Keep the tokens that --corpus needs, and no others.")
    ] = False,
    corpus: Annotated[
        Path | None, typer.Option("--corpus", help="Documents that the variant is for: a file or folder.")
    ] = None,
    vocabulary_size: Annotated[
        int | None,
        typer.Option("--vocabulary-size", help="Tokens at most.", show_default="all that the corpus needs"),
    ] = None,
    weight_share: Annotated[
        float | None,
        typer.Option(
            "--weight-share",
            help="Drop the weakest tokens that the model adds, down to this share of weight.",
        ),
    ] = None,
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", "-d", help="Measure model and variant on this collection; may be repeated."),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Which qrels/<split>.tsv.")] = "test",
    max_length: machine.MaxLength = None,
    batch_size: machine.BatchSize = 64,
    device: machine.Device = "auto",
    precision: machine.Precision = "auto",
    trust_remote_code: machine.TrustRemoteCode = False,
    allow_pickle: machine.AllowPickle = False,
    force: outputs.Force = False,
    json_output: outputs.Json = False,
) -> None:
    """Write a model or an index for other programs, or make a model smaller, and measure what that costs."""
    from splade_cli.cli.commands.exports.index_files import IndexFlags, export_index
    from splade_cli.cli.commands.exports.runtime import FORMATS, export_runtime, require_runtime
    from splade_cli.cli.usage import UsageError
    from splade_cli.model.layout import is_model
    from splade_cli.storage.files import claim_output
    from splade_cli.storage.marks import SMALLER_MODEL, is_index

    model_options = settings.model_options(
        device,
        trust_remote_code,
        allow_pickle,
        batch_size=batch_size,
        precision=precision,
        max_length=max_length,
    )
    for_index = IndexFlags(names, scale, name, queries)
    if not is_index(source):
        checks.require_models(source)
    checks.require_there(corpus)
    if to in FORMATS and not is_index(source):
        for_index.require_none(source)
        if prune_vocabulary:
            raise UsageError(
                f"--prune-vocabulary with --to {to}", "first the one, then the other of its output"
            )
        folder = require_runtime(source, output, to, force)
        from splade_cli.deploy.export.runtime.folder import RuntimeOptions

        runtime = RuntimeOptions(
            to=to, int8=int8, data=tuple(data or ()), split=split, model=model_options, force=force
        )
        export_runtime(source, folder, runtime, json_output=json_output)
        return
    if to is not None and not is_index(source) and is_model(source):
        from splade_cli.deploy.index_export.targets import TARGETS

        if to in TARGETS:
            raise UsageError(
                f"{source} is a model, --to {to} takes an index",
                f"models go to {', '.join(FORMATS)}; an index: splade index DOCS -o index --model {source}",
            )
    if to is not None or is_index(source):
        export_index(source, output, to, for_index, model_options, force=force, json_output=json_output)
        return
    for_index.require_none(source)
    example = (
        f"splade export {source} -o {output or 'smaller'} --prune-vocabulary --corpus {corpus or 'DOCS'}"
    )
    if output is None:
        raise UsageError("splade export needs an output folder", example)
    flags = {"--corpus": corpus, "--vocabulary-size": vocabulary_size, "--weight-share": weight_share}
    given = [flag for flag, value in flags.items() if value is not None]
    if given and not prune_vocabulary:
        raise UsageError(f"{given[0]} does nothing without --prune-vocabulary", example)
    if not prune_vocabulary:
        raise UsageError("nothing to do: no smaller vocabulary was asked for", example)
    if corpus is None:
        raise UsageError("--prune-vocabulary needs documents to choose tokens by", "add --corpus DOCS")
    checks.positive(batch_size=batch_size, max_length=max_length, vocabulary_size=vocabulary_size)
    claim_output(output, force, SMALLER_MODEL)

    from splade_cli.cli.render import console
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.deploy.export.variant import MEASURE, ExportOptions, export_variant

    chosen = ExportOptions(
        vocabulary_size=vocabulary_size,
        weight_share=weight_share,
        data=tuple(data or ()),
        split=split,
        model=model_options,
        force=force,
    )
    with show_progress() as progress:
        made = export_variant(source, output, corpus, chosen, progress=progress)
    console.skipped(made.skipped)
    if json_output:
        console.json_document(made.as_dict())
    else:
        facts = {
            "written to": str(made.folder),
            "done": "; ".join(made.done),
            "tokens": f"{made.vocabulary[0]} -> {made.vocabulary[1]}",
            "weights": f"{made.megabytes[0]:.2f} MB -> {made.megabytes[1]:.2f} MB",
        }
        for loss in made.losses:
            facts[f"{MEASURE} on {loss.collection}"] = (
                f"{loss.base:.4f} -> {loss.variant:.4f} ({loss.difference:+.4f}, p = {loss.p_value:.4f}, "
                f"{loss.queries} queries)"
            )
        console.facts(facts, as_json=False)
    if not made.losses:
        measure = f"splade evaluate --data COLLECTION --model {output} --baseline {source}"
        console.note(f"its loss was not measured: {measure}")
    console.next_command(f"splade index DOCS -o index --model {output}")
