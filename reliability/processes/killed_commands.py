"""The commands that `kills` kills: what goes before each, what is typed, and what it must come to."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from reliability.commands import ROOT
from reliability.hub import REPOSITORY

SAMPLES = ROOT / "sample_docs" / "documents"
FILES = 6
"""Documents of the corpus; a command over it takes a second or two once Python has imported all."""
MODEL = "stub"
CONCURRENCY = 2


@dataclass(frozen=True)
class Killed:
    """A command that is killed and typed again.

    Attributes:
        name: as the table has it.
        before: commands that are run to their end first.
        words: what is typed; ``{url}`` becomes the address of a language model.
        again: words that are added when it is typed again.
        output: what it writes, below its folder.
        result: of its output, equal to that of an undisturbed run.
    """

    name: str
    words: tuple[str, ...]
    output: str
    result: Callable[[Path], Any]
    before: tuple[tuple[str, ...], ...] = ()
    again: tuple[str, ...] = ()


def write_inputs(folder: Path) -> None:
    """docs/, more/ (to add), rows.jsonl (to train on) and judged/ (to evaluate on) of sample_docs."""
    files = sorted(SAMPLES.rglob("*.md"))[: FILES + 3]
    for name, part in (("docs", files[:FILES]), ("more", files[FILES:])):
        (folder / name).mkdir()
        for path in part:
            (folder / name / path.name).write_bytes(path.read_bytes()[:3000])
    rows = []
    for number, path in enumerate(sorted(SAMPLES.rglob("*.md"))[:24]):
        text = path.read_text(encoding="utf-8")
        title, _, rest = text.partition("\n")
        rows.append({"query": title.strip("# "), "positive_document": rest.strip()[:300], "id": number})
    _write_lines(folder / "rows.jsonl", rows)
    judged = folder / "judged"
    (judged / "qrels").mkdir(parents=True)
    _write_lines(
        judged / "corpus.jsonl", [{"_id": f"d{row['id']}", "text": row["positive_document"]} for row in rows]
    )
    _write_lines(judged / "queries.jsonl", [{"_id": f"q{row['id']}", "text": row["query"]} for row in rows])
    grades = "".join(f"q{row['id']}\td{row['id']}\t1\n" for row in rows)
    (judged / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{grades}", encoding="utf-8")


def _write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")


def bytes_of(folder: Path) -> Any:
    """Every file below a folder by its hash."""
    return {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def training_files(folder: Path) -> Any:
    """The files of gen-data, without the answers that are kept beside them."""
    return {name: each for name, each in bytes_of(folder).items() if not name.startswith("cache.sqlite3")}


def weights(folder: Path) -> Any:
    """The model that a run ended with, but for the card, which tells times."""
    found = bytes_of(folder / "final")
    model: dict[str, Any] = {
        name: each for name, each in found.items() if name.endswith((".safetensors", ".json"))
    }
    model["training.json"] = json.loads((folder / "final" / "training.json").read_text(encoding="utf-8"))
    return model


def rows(folder: Path) -> Any:
    """The living rows of an index, all of it verified: ids, texts and vectors, and what each vector finds."""
    from splade_cli.index.index import SpladeIndex

    index = SpladeIndex.open(folder, verify=True)
    found: dict[str, Any] = {"": str(index.info.bm25)}
    for row in index.live_rows().tolist():
        vector = index.vector(row)
        terms = sorted(zip(vector.indices.tolist(), vector.data.tolist(), strict=True))
        found[index.ids[row]] = [index.chunks[row].text, terms, index.search(vector, 5)[0]]
    return found


def figures(folder: Path) -> Any:
    """The run and the quality of an evaluation, without what a clock says."""
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    measured = [[system["name"], system["measures"]] for system in report["systems"]]
    return [sha256((folder / "run.trec").read_bytes()).hexdigest(), measured]


def engine(folder: Path) -> Any:
    """All that a build made, without what a clock says: rows, model, index, and what was measured."""
    record = json.loads((folder / "build.json").read_text(encoding="utf-8"))
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    measured = [[system["name"], system["measures"]] for system in report["systems"]]
    model = weights(folder / f"run-{record['run']}") if record["run"] else None
    return [
        training_files(folder / "data"),
        model,
        rows(folder / "index"),
        measured,
        sorted(record["stages"]),
    ]


_BUILD = ("index", "docs", "-o", "work/index")
_ADDED = ("index", "add", "more", "--index", "work/index")
_DATA = ("gen-data", "docs", "-o", "work/data", "--teacher", "none", "--queries-per-chunk", "2")
_TRAIN = (
    "train", "--train-file", "rows.jsonl", "-o", "work/run", "--model", "tiny", "--max-steps", "8",
    "--batch-size", "4", "--precision", "fp32",
    "--set", "training.save_steps=2", "--set", "training.save_strategy=steps",
)  # fmt: skip

COMMANDS = (
    Killed("splade index", _BUILD, "index", rows),
    Killed("splade index --force", (*_BUILD, "--no-bm25", "--force"), "index", rows, before=(_BUILD,)),
    Killed("splade index add", _ADDED, "index", rows, before=(_BUILD,)),
    Killed(
        "splade index remove",
        ("index", "remove", "{document}", "--index", "work/index"),
        "index",
        rows,
        before=(_BUILD,),
    ),
    Killed(
        "splade index merge",
        ("index", "merge", "--index", "work/index"),
        "index",
        rows,
        before=(_BUILD, _ADDED),
    ),
    Killed("splade gen-data", _DATA, "data", training_files),
    Killed(
        "splade gen-data --llm",
        (*_DATA, "--llm", MODEL, "--base-url", "{url}", "--concurrency", str(CONCURRENCY)),
        "data",
        training_files,
    ),
    Killed("splade train", _TRAIN, "run", weights, again=("--resume",)),
    Killed(
        "splade build",
        (
            "build",
            "docs",
            "-o",
            "work/engine",
            "--dense",
            "none",
            "--set",
            "training.max_steps=6",
            "--set",
            "training.per_device_train_batch_size=4",
            "--set",
            "training.save_steps=2",
        ),
        "engine",
        engine,
    ),
    Killed(
        "splade export",
        ("export", "tiny", "-o", "work/small", "--prune-vocabulary", "--corpus", "docs"),
        "small",
        bytes_of,
    ),
    Killed(
        "splade evaluate --run --report",
        ("evaluate", "--data", "judged", "--run", "work/run.trec", "--report", "work/report.json"),
        "",
        figures,
    ),
)
PUSH = Killed(
    "splade push",
    ("push", "work/small", "--repo-id", REPOSITORY),
    "hub",
    bytes_of,
    before=(("export", "tiny", "-o", "work/small", "--prune-vocabulary", "--corpus", "docs"),),
)
"""Needs a `reliability.hub` that keeps its commits in ``work/hub``."""
