"""The report of `splade evaluate` for readers: its page, with a command to go on with."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.evaluation.pages.words import is_worse
from splade_cli.reports.page import NextStep

if TYPE_CHECKING:
    from splade_cli.datasets.collections import Collection
    from splade_cli.evaluation.measurement import Measurement
    from splade_cli.reports.page import Page


def page(
    measured: Measurement,
    model: str,
    *,
    data: Path | None = None,
    marked: Collection | None = None,
    index: Path | None = None,
    baseline: str = "",
    dense: str | None = None,
) -> Page:
    """What was measured, with the hits of its collection, and the curves of the model's training.

    Args:
        model: a folder, or another name.
        marked: in place of `data`.
        index: what was measured in place of a model.
        baseline: as the report names it.
        dense: a dense model that was fused.
    """
    from splade_cli.datasets.collections import load_collection
    from splade_cli.evaluation.pages.page import evaluation_page
    from splade_cli.reports.curves import curves, metrics_of

    rows = metrics_of(Path(model)) if Path(model).is_dir() else []
    collection = marked
    if data is not None and measured.report is not None:
        collection = load_collection(data, measured.report.split)
    return evaluation_page(
        measured,
        collection,
        baseline=baseline,
        next_step=next_step(measured, model, data, index, dense),
        curves=curves(rows),
    )


def next_step(
    measured: Measurement, model: str, data: Path | None, index: Path | None, dense: str | None
) -> NextStep:
    """To search what is ready, to train a model that loses, or to index with one that does not."""
    if index is not None:
        return NextStep("Ask it yourself:", f"splade query --index {shlex.quote(str(index))}")
    documents = _documents(data)
    if measured.report is not None and is_worse(measured.report):
        return NextStep(
            "Something else finds more. Train the model on these documents; first write queries for them:",
            f"splade gen-data {documents} -o data",
        )
    command = f"splade index {documents} -o index --model {shlex.quote(model)}"
    if dense is not None:
        command += f" --dense {shlex.quote(dense)}"
    return NextStep("Index the documents with it; splade query --index index then searches them.", command)


def _documents(data: Path | None) -> str:
    """Where the documents of a collection are, as a word of a command."""
    for name in ("documents", "corpus.jsonl"):
        if data is not None and (data / name).exists():
            return shlex.quote(str(data / name))
    return "DOCS"
