"""Damage to what is no index: model folders, training files, checkpoints, and the cache of what was paid for.

What must be: an error or a warning that names the damaged file, or what the undamaged file gives.
"""

from __future__ import annotations

import json
import random
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from reliability.damage.damaged_caches import damaged_caches
from reliability.damage.damaged_index import damage
from reliability.damage.model_folders import ARCHITECTURES, TEXTS, model_folder
from reliability.damage.warnings_told import Told
from reliability.forked import ANSWERED, REFUSED, Ending
from reliability.outcome import Outcome, Tries
from splade_cli.datasets.collections import load_collection
from splade_cli.datasets.examples import read_examples
from splade_cli.errors import SpladeError
from splade_cli.model.identity import identity_of
from splade_cli.storage.cache import key_of
from splade_cli.storage.checksums import CHECKSUMS, write_checksums
from splade_cli.training.loop.checkpoints import STATE, newest_checkpoint

COUNT = 100
OPENED = 20
"""Of so many damaged model folders one is opened and encodes; the others are asked for their identity."""


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """`count` damages of each kind of model folder, of training files, of checkpoints and of a cache."""
    count, seed = tries.count, tries.seed
    for name in ARCHITECTURES:
        outcome = Outcome(f"a damaged file of a model folder, {name}")
        if not tries.has(outcome.what):
            continue
        made = model_folder(folder / name, name)
        files = sorted(path for path in made.rglob("*") if path.is_file())
        _damaged(files, count, seed, lambda number, made=made: _model(made, number), outcome)
        yield outcome
    outcome = Outcome("a damaged training file")
    if tries.has(outcome.what):
        data = _training_files(folder / "data")
        _damaged([data / name for name in _written(data)], count, seed, lambda _: _rows(data), outcome)
        yield outcome
    outcome = Outcome("a damaged file of a checkpoint")
    if tries.has(outcome.what):
        run = _checkpoints(folder / "run")
        files = sorted((run / "checkpoint-20").iterdir())
        _damaged(files, count, seed, lambda _: _checkpoint(run), outcome)
        yield outcome
    for name, in_log in (("in its file", False), ("in its log", True)):
        outcome = Outcome(f"a damaged cache of vectors and answers, {name}")
        if tries.has(outcome.what):
            damaged_caches(folder / f"cache {name}", in_log, count, seed, outcome)
            yield outcome


def _damaged(
    files: list[Path], count: int, seed: int, answer: Callable[[int], str], outcome: Outcome
) -> None:
    """Damages one of the files at a time. An answer is what was read, and behind a line end what was told."""
    expected = {part: answer(part).partition("\n")[0] for part in (0, 1)}
    for number in range(count):
        dice = random.Random(f"{seed} {number}")
        path = dice.choice(files)
        content = path.read_bytes()
        what = "removed"
        if dice.random() < 0.1:
            path.unlink()
        else:
            what, changed = damage(content, dice)
            if changed == content:
                outcome.right("nothing changed")
                continue
            path.write_bytes(changed)
        try:
            ending = here(lambda number=number: answer(number))
        finally:
            path.write_bytes(content)
        note = f"--seed {seed}, try {number}: {what} in {path.name}"
        _count(ending, expected[min(1, number % OPENED)], path, note, outcome)


def _count(ending: Ending, expected: str, path: Path, note: str, outcome: Outcome) -> None:
    read, _, told = ending.text.partition("\n")
    if ending.kind == REFUSED and path.name in ending.text:
        outcome.right("found and named")
    elif ending.kind == REFUSED:
        outcome.failed("not named", f"{note}: {ending.text[:300]}")
    elif ending.kind != ANSWERED:
        outcome.failed(ending.kind, f"{note}: {ending.text[-600:]}")
    elif path.name in told:
        outcome.right("warned of by name")
    elif read == expected:
        outcome.right("the same")
    else:
        outcome.failed("silent", f"{note}: {read[:200]}")


def here(action: Callable[[], str]) -> Ending:
    """As `forked.tried`, in this process: for plain Python, and for torch, whose threads a fork lacks."""
    try:
        return Ending(ANSWERED, action())
    except SpladeError as error:
        return Ending(REFUSED, f"{error.message} | {error.hint}")
    except Exception:
        return Ending("traceback", traceback.format_exc())


def _model(folder: Path, number: int) -> str:
    """The identity of a model folder, or for one of OPENED its vectors."""
    if number % OPENED:
        return identity_of(str(folder))
    from splade_cli.model.embedder import SpladeEmbedder
    from splade_cli.model.options import ModelOptions

    vectors = SpladeEmbedder(str(folder), ModelOptions(device="cpu", precision="fp32")).encode(TEXTS)
    return str([vectors.indices.tolist(), vectors.data.tolist()])


def _rows(folder: Path) -> str:
    """What is read from all training files, and the warnings."""
    with Told() as told:
        read = [repr(read_examples(folder / name)) for name in ("train.json", "val.json")]
        read += [repr(load_collection(folder, split)) for split in ("train", "val")]
    return f"{key_of(*read).hex()}\n{told.lines}"


def _checkpoint(run: Path) -> str:
    """The newest checkpoint that is whole by its content, and the warnings."""
    with Told() as told:
        found = newest_checkpoint(run)
    if found is None:
        return "none"
    if found.name == "checkpoint-10" and not (run / "checkpoint-20" / STATE).exists():
        return f"cut short\n{STATE}"
    files = [path for path in sorted(found.iterdir()) if path.name != CHECKSUMS]
    content = [part for path in files for part in (path.name, path.read_bytes())]
    return f"{key_of(*content).hex()}\n{told.lines}"


def _written(data: Path) -> list[str]:
    names = [path.relative_to(data).as_posix() for path in sorted(data.rglob("*")) if path.is_file()]
    return [name for name in names if name != CHECKSUMS] + [CHECKSUMS] * (data / CHECKSUMS).is_file()


def _training_files(folder: Path) -> Path:
    """Training files and a collection of them, with their checksums."""
    (folder / "qrels").mkdir(parents=True)
    documents = [
        f"Passage {number} tells of the harbour, its lantern, and winter {number}." for number in range(80)
    ]
    rows = []
    for number in range(60):
        negatives = [documents[(number + step) % 80] for step in (3, 7)]
        row = {"query": f"which harbour has lantern {number}", "positive_document": documents[number]}
        rows.append({**row, "negative_documents": negatives, "scores": [9.5, 1.25, 0.5]})
    (folder / "train.json").write_text(json.dumps(rows[:50], indent=2))
    (folder / "val.json").write_text(json.dumps(rows[50:], indent=2))
    corpus = [{"_id": f"d{number}", "title": "", "text": text} for number, text in enumerate(documents)]
    queries = [{"_id": f"q{number}", "text": row["query"]} for number, row in enumerate(rows)]
    for name, lines in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    for name, part in (("train", range(50)), ("val", range(50, 60))):
        judged = "".join(f"q{number}\td{number}\t1\n" for number in part)
        (folder / "qrels" / f"{name}.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    write_checksums(folder, _written(folder))
    return folder


def _checkpoints(folder: Path) -> Path:
    """Two checkpoints of a run; the tensors are random bytes, for nobody looks into them here."""
    for step in (10, 20):
        checkpoint = folder / f"checkpoint-{step}"
        checkpoint.mkdir(parents=True)
        dice = random.Random(step)
        for name in ("model.safetensors", "optimizer.pt", "scheduler.pt", "rng_state.pth", "tokenizer.json"):
            (checkpoint / name).write_bytes(dice.randbytes(20_000))
        (checkpoint / STATE).write_text(json.dumps({"global_step": step, "log_history": []}))
        write_checksums(checkpoint, sorted(path.name for path in checkpoint.iterdir()))
    return folder
