"""nDCG@10 of LASPAR before and after training by its preset: real commands, held-out queries, several seeds."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from learning.subsets import SUBSETS

VARIANTS = ("attention", "sum")
REGULARIZERS = ("equipartition", "flops")
TOKENS = 128
BATCH = 16


class Learned(NamedTuple):
    """One run: nDCG@10 of the untrained start and of the trained model, mean loss of the first and last steps."""

    start: float
    end: float
    first_loss: float
    last_loss: float
    seconds: float


def splade(*arguments: object) -> None:
    """A command of this package, in this process: its imports take longer than some of its work."""
    from splade_cli.cli.main import app

    app([str(argument) for argument in arguments], standalone_mode=False)


def learn(data: Path, run: Path, settings: list[str], options: Any, seed: int) -> Learned:
    """Trains and measures; the guard collection of the run is the held-out one, whose start it measures."""
    started = time.perf_counter()
    sets = [f"datasets.rows.source={data / 'train'}", f"model.latent_dimensions={options.dimensions[0]}"]
    sets += [f"datasets.rows.max_rows={BATCH * options.steps}", f"training.mini_batch_size={BATCH}"]
    sets += ["training.eval_strategy=no", "training.save_strategy=no", "training.logging_steps=5", *settings]
    flags = [flag for setting in sets for flag in ("--set", setting)]
    splade("train", "--preset", "laspar", "--model", "all-MiniLM-L6-v2", "--guard", data, "--output", run,
           "--batch-size", BATCH, "--max-length", TOKENS, "--max-steps", options.steps, "--seed", seed, *flags)  # fmt: skip
    seconds = time.perf_counter() - started
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    losses = [row["base_loss"] for row in rows if "base_loss" in row]
    start = next(row["guard_nDCG@10"] for row in rows if "guard_nDCG@10" in row)
    splade("evaluate", "--data", data, "--model", run / "final", "--no-bm25", "--max-length", TOKENS,
           "--measure", "nDCG@10", "--report", run / "report.json")  # fmt: skip
    report = json.loads((run / "report.json").read_text(encoding="utf-8"))
    end = report["systems"][0]["measures"]["nDCG@10"]
    return Learned(start, end, losses[0], losses[-1], seconds)


def _in_turn(collections: Sequence[str]) -> list[tuple[str, str, str]]:
    """All combinations; half way through, each collection has seen each variant and each regulariser."""
    found = []
    for turn in range(2):
        for row, name in enumerate(collections):
            for column, variant in enumerate(VARIANTS):
                found.append((name, variant, REGULARIZERS[(row + column + turn) % 2]))
    return found


def table(options: Any, folder: Path) -> None:
    """A line a run as it ends, then the means over seeds."""
    found: dict[tuple[str, str, str], list[Learned]] = {}
    for name in options.collections:
        SUBSETS[name](folder / name, options.documents)
    for seed, (name, variant, regularizer) in product(range(options.seeds), _in_turn(options.collections)):
        settings = [f"model.latent_variant={variant}", f"loss.document_regularizer={regularizer}"]
        run = folder / "runs" / f"{name}-{variant}-{regularizer}-{seed}"
        result = learn(folder / name, run, settings, options, seed)
        found.setdefault((name, variant, regularizer), []).append(result)
        print(f"{run.name}: {json.dumps(result._asdict())}", flush=True)
    print("\n| | variant | regulariser | start | trained | each seed | loss, first and last 5 steps | s |")
    print("|---|---|---|---|---|---|---|---|")
    for (name, variant, regularizer), runs in found.items():
        each = ", ".join(f"{run.end - run.start:+.4f}" for run in runs)
        losses = f"{mean(run.first_loss for run in runs):.2f}, {mean(run.last_loss for run in runs):.2f}"
        cells = [name, variant, regularizer, f"{mean(run.start for run in runs):.4f}"]
        cells += [f"{mean(run.end for run in runs):.4f}", each, losses]
        print("| " + " | ".join([*cells, f"{mean(run.seconds for run in runs):.0f}"]) + " |")
