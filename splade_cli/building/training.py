"""The training stage of a build: a run in a folder of its own, whose model is promoted if it is no worse."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from splade_cli.building import fingerprints
from splade_cli.building.building import Building
from splade_cli.building.data_stage import held_out_rows
from splade_cli.building.measuring import Contest, contest, held_out
from splade_cli.building.options import BuildOptions
from splade_cli.building.record import DATA, INDEX, TRAIN, run_folder
from splade_cli.config.origins import FLAG, error_of
from splade_cli.config.resolve import Resolved, resolve
from splade_cli.errors import OptionError
from splade_cli.generation.marked_rows import marked_rows
from splade_cli.records import JsonValue
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.marks import MARKS, SOURCE, Marks
from splade_cli.storage.checksums import file_checksum
from splade_cli.storage.files import read_jsonl, write_jsonl
from splade_cli.training.averaging import WITH_VOCABULARY
from splade_cli.training.loop.prerequisites import require_prerequisites
from splade_cli.training.run_folder import FINAL
from splade_cli.training.trainer import SpladeTrainer

MARKED = "datasets.marks.source"
MARKED_ROWS = "marked.jsonl"
SHARE = 0.6
"""Of the time that is left which steps may take; validations, indexing and measuring need the rest."""


def configured(
    options: BuildOptions, run: Path, *, validated: bool = True, max_steps: float | None = None
) -> Resolved:
    """The configuration of a run.

    Args:
        validated: there are rows that are held out.
        max_steps: that a budget allows, None where there is none or it allows all.

    Raises:
        OptionError: as `resolve`; a setting of `fingerprints.OWN`; a model that is not sparse.
    """
    flags: dict[str, Any] = {
        "training.output_dir": str(run),
        "datasets.train_file": str(options.output / DATA / "train.json"),
        "datasets.val_file": str(options.output / DATA / "val.json") if validated else None,
        "model.base_model": options.model,
        "training.seed": options.seed,
    }
    settings = list(options.settings)
    if good_marks(options.output):
        flags[MARKED] = str(options.output / DATA / MARKED_ROWS)
        # an epoch in turns would else end with the few marks
        settings.insert(0, "datasets.round_robin_until=all_used_up")
    if max_steps is not None:
        settings.append(f"training.max_steps={max_steps:.0f}")
    resolved = resolve(preset=options.preset, environment=options.environment, flags=flags, settings=settings)
    for name in fingerprints.OWN:
        if resolved.origins.get(name, FLAG) != FLAG:
            raise error_of(resolved.origins[name])(
                f"{name} is decided by the build", "leave it out, or use splade train"
            )
    if not resolved.config.model.latent_sparse:
        raise OptionError("model.latent_sparse false makes a dense model", "leave it out")
    require_prerequisites(resolved.config)
    return resolved


def good_marks(output: Path) -> int:
    """How many hits were called good in sessions over the index of a build, whose marks lie beside it.

    Raises:
        InputError: the file of marks cannot be read.
    """
    return Marks(output / MARKS).counts()["good"]


def train(building: Building) -> Contest | None:
    """Trains a model of the rows, unless it stands; gives how it compares with the one in use.

    A run that was stopped goes on where it was, as long as nothing that it is made of has changed.

    Raises:
        InputError, ModelError: as `SpladeTrainer.train`.
        KeyboardInterrupt: after a checkpoint was written.
    """
    options = building.options
    record = building.record
    validated = held_out_rows(building) > 0
    resolved = configured(options, run_folder(building.output, 1), validated=validated)
    base = fingerprints.of_base(options.model)
    of_training = fingerprints.of_training(resolved, record.stages[DATA], base)
    wanted = fingerprints.key(of_training, options.minutes)
    marked = good_marks(building.output)
    if marked:
        wanted = fingerprints.key(wanted, file_checksum(building.output / MARKS))
    if building.stands(TRAIN, wanted):
        return None
    building.stages.append(TRAIN)
    if marked:
        building.watching.say(f"{marked} hits that were called good in sessions are training rows as well")
    number = record.last_run
    if record.begun != wanted or number == record.run:
        number += 1
        shutil.rmtree(run_folder(building.output, number), ignore_errors=True)
        building.keep(replace(record, begun=wanted, last_run=number, budget={}))
    run = run_folder(building.output, number)
    if marked:
        _write_marked_rows(building)
    resolved = configured(options, run, validated=validated)
    if options.minutes is not None:
        _fit_steps(building, resolved)
        steps = building.record.budget.get("steps")
        resolved = configured(options, run, validated=validated, max_steps=steps)
    with building.watching.training() as listener:
        trained = SpladeTrainer(resolved=resolved, resume=True, listener=listener).train()
    found = _against_the_one_in_use(building, str(run / FINAL), resolved)
    record = replace(building.record, chosen=found.sentence)
    if found.promoted:
        record = replace(record, run=number, doubts=trained.doubts)
    building.keep(record.with_stage(TRAIN, wanted))
    return found


def _write_marked_rows(building: Building) -> None:
    """Writes rows of what was called good; negatives are of the search that was marked, where it is there."""
    rows: list[Mapping[str, JsonValue]] = [
        row for row in read_jsonl(building.output / MARKS) if "label" not in row
    ]
    if INDEX in building.record.stages:
        searcher = Searcher.open(building.output / INDEX)
        mined = marked_rows(Marks(building.output / MARKS).every(), searcher)
        rows = [*mined, *(row for row in rows if row.get("source") != SOURCE)]
    write_jsonl(building.data / MARKED_ROWS, rows)


def _fit_steps(building: Building, resolved: Resolved) -> None:
    """Notes how many steps the budget allows, by a few that are tried; once, so that the run can go on."""
    if "minutes" in building.record.budget:
        return
    estimate = SpladeTrainer(resolved=resolved).estimate()
    allowed = max(1.0, SHARE * building.seconds_left // max(estimate.seconds_per_step, 1e-6))
    budget: dict[str, float] = {"minutes": building.options.minutes or 0.0}
    if allowed < estimate.steps:
        budget |= {"steps": allowed, "planned": float(estimate.steps)}
    building.keep(replace(building.record, budget=budget))


def _against_the_one_in_use(building: Building, candidate: str, resolved: Resolved) -> Contest:
    collection = building.judged or held_out(building.data)
    if not building.record.run and resolved.config.model.architecture not in WITH_VOCABULARY:
        collection = None  # the base is no sparse encoder
    with building.watching.progress() as progress:
        return contest(candidate, building.model, collection, building.measured, progress)
