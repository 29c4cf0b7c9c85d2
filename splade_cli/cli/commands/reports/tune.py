"""`splade tune`: what each way to make an index smaller costs in ranking, on judged queries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

import typer

from splade_cli.cli.options import checks, machine, outputs


def tune(
    index: Annotated[Path, typer.Option("--index", "-i", help="Index folder of `splade index`, a full one.")],
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            "-d",
            help="Judged queries about its documents: BEIR folder, documents/ beside queries.jsonl.",
        ),
    ],
    split: Annotated[str, typer.Option("--split", help="Which qrels/<split>.tsv.")] = "test",
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="The index's model, where it has moved.", show_default="as indexed"
        ),
    ] = None,
    batch_size: machine.BatchSize = 64,
    device: machine.Device = "auto",
    trust_remote_code: machine.TrustRemoteCode = False,
    allow_pickle: machine.AllowPickle = False,
    report_file: outputs.Report = None,
    json_output: outputs.Json = False,
) -> None:
    """Measure what pruning, rounding and two-step search cost an index: quality, size, milliseconds."""
    checks.positive(batch_size=batch_size)
    checks.require_report(report_file)
    checks.require_index(index)
    checks.require_collection(data)
    checks.require_models(model)

    from splade_cli.cli.render import console, tuning
    from splade_cli.cli.render.progress import show_progress
    from splade_cli.datasets.collections import load_collection
    from splade_cli.engines.base import Catalog
    from splade_cli.evaluation.tuning.tune import tune as measured
    from splade_cli.model.options import ModelOptions
    from splade_cli.search.searcher import Searcher

    collection = load_collection(data, split)
    opening = ModelOptions(
        device=device, batch_size=batch_size, trust_remote_code=trust_remote_code, allow_pickle=allow_pickle
    )
    searcher = Searcher.open(index, model=model, model_options=opening)
    with show_progress() as progress:
        tuned = measured(searcher, collection, progress=progress)
    recommended = tuning.flags(tuned.cheapest.setting)
    if json_output:
        where = {"collection": collection.name, "split": split, "index": str(index)}
        rows = [{"flags": tuning.flags(row.setting), **row.to_json()} for row in tuned.rows]
        said = {"recommended": recommended, "sentence": tuning.advice(tuned)}
        console.json_document({**where, **tuned.to_json(), "rows": rows, **said})
    else:
        tuning.tuning(tuned, f"{collection.name} ({split})")
    step = f"splade query --index {index}"
    if recommended:
        smaller = index.resolve().with_name(f"{index.resolve().name}-smaller")
        made_by = model or cast(Catalog, searcher.engine).describe()["model"]
        step = f"splade index DOCS -o {smaller} --model {made_by} {recommended}"
    if report_file is not None:
        from splade_cli.evaluation.tuning.page import tuning_page
        from splade_cli.reports.outputs import write_page
        from splade_cli.reports.page import NextStep

        sentence = "Index the documents so:" if recommended else "Search it as it is:"
        verdict = f"{tuning.verdict(tuned)}{tuning.faster(tuned)}."
        page = tuning_page(tuned, collection.name, verdict, NextStep(sentence, step))
        write_page(report_file, page)
        console.note(f"report written to {report_file}")
    console.next_command(step)
