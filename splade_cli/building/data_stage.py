"""The data stage of a build: queries with mined negatives to train on, and queries that are held out."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from splade_cli.building import fingerprints
from splade_cli.building.building import Building
from splade_cli.building.options import BuildOptions
from splade_cli.building.record import DATA, TRAIN
from splade_cli.errors import InputError
from splade_cli.generation.options import MAX_QUERIES, GenerateOptions, Llm, Offline
from splade_cli.generation.pipeline import generate
from splade_cli.generation.report import doubts_of_rows

QUERIES_A_MINUTE = 300
"""Written queries that a budget allows for each of its minutes."""


def max_queries(options: BuildOptions) -> int:
    """Queries that are written at most."""
    if options.minutes is None or not isinstance(options.queries, Offline | Llm):
        return MAX_QUERIES
    return max(1, min(MAX_QUERIES, round(QUERIES_A_MINUTE * options.minutes)))


def generation_of(options: BuildOptions) -> GenerateOptions:
    """How the rows are made."""
    return GenerateOptions(
        documents=options.documents,
        output=options.output / DATA,
        queries=options.queries,
        max_queries=max_queries(options),
        chunk_for=options.model,
        reading=fingerprints.reading_of(options),
        teacher=options.teacher,
        keep_dense=options.dense == "auto",
        seed=options.seed,
        force=True,
    )


def make_data(building: Building) -> None:
    """Makes the rows, unless they stand. Raises as `generate` does; paid answers are kept."""
    options = building.options
    wanted = fingerprints.of_data(options, building.documents, max_queries(options))
    if building.stands(DATA, wanted):
        return
    building.stages.append(DATA)
    with building.watching.progress() as progress:
        made = generate(generation_of(options), progress, building.watching.say)
    if made.advice:
        building.watching.say(f"no dense teacher: {made.advice}")
    building.keep(replace(building.record.without(TRAIN).with_stage(DATA, wanted), budget={}))


def held_out_rows(building: Building) -> int:
    """How many rows of the data are held out. Raises InputError where its report is damaged."""
    return _made(building).held_out


def doubts(building: Building) -> tuple[str, ...]:
    """What the report of the rows says against trusting them. Raises InputError where it is damaged."""
    if DATA not in building.record.stages:
        return ()
    made = _made(building)
    return doubts_of_rows(made.agreement, made.teachers)


@dataclass(frozen=True)
class _Made:
    """What a build asks of the report of its rows."""

    held_out: int
    agreement: float | None
    teachers: tuple[str, ...]


def _made(building: Building) -> _Made:
    path = building.data / "report.json"
    try:
        report: Any = json.loads(path.read_text(encoding="utf-8"))
        agreement = report.get("agreement")
        return _Made(
            int(report["val"]),
            None if agreement is None else float(agreement),
            tuple(map(str, report.get("teachers", ()))),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is damaged", "build it anew", option="force") from None
