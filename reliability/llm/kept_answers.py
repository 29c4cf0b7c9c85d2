"""A run over many answers that an earlier one has paid for: all of them are found, and none is asked for."""

from __future__ import annotations

import json
import random
import resource
from collections.abc import Iterator
from pathlib import Path

from reliability.commands import Ended, run, splade
from reliability.llm.call import queries_for
from reliability.llm.faults import SUBJECTS
from reliability.outcome import Outcome, Tries
from splade_cli.generation.corpus import chunked_corpus
from splade_cli.generation.llm.answers import SPACE, Answer
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.writer import LlmWriter
from splade_cli.generation.options import GenerateOptions
from splade_cli.storage.cache import Cache

COUNT = 4_000
"""Documents of a bounded run, one answer each."""
MODEL = "m"
NOBODY = "http://127.0.0.1:9/v1"
"""Where no server is, for a run that is to ask none."""
ANSWERS_AT_ONCE = 1_000
LIMIT = 3600.0


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """Reads an answer for each of `tries.count` documents out of a cache, by the command that plans a run."""
    documents = folder / "documents.jsonl"
    answers = folder / "answers.sqlite3"
    _write_documents(documents, tries)
    count = _fill(answers, documents)
    outcome = Outcome(f"`gen-data --llm --dry-run`, {count:,} answers in the cache")
    words = ["gen-data", documents, "-o", folder / "none", "--llm", MODEL, "--base-url", NOBODY]
    before = _seconds()
    ended = run(splade(*words, "--answers", answers, "--dry-run", "--json"), folder, LIMIT)
    used = _seconds() - before
    if _found(ended) == count:
        outcome.right(f"all read, {used:.0f} s of processor time")
    else:
        outcome.failed("not found", f"{ended.code}: {ended.stdout[-300:]} {ended.stderr[-300:]}")
    yield outcome


def _write_documents(path: Path, tries: Tries) -> None:
    """Documents of one chunk, no two of them the same."""
    vocabulary = " ".join(SUBJECTS).split()
    chance = random.Random(tries.seed)
    with open(path, "w", encoding="utf-8") as out:
        for number in range(tries.count):
            text = f"{' '.join(chance.choices(vocabulary, k=60))}, number {number}."
            out.write(json.dumps({"_id": f"d{number}", "text": text}) + "\n")


def _fill(answers: Path, documents: Path) -> int:
    """Puts an answer for each chunk into a new cache, many at a time. Returns how many."""
    llm = Llm(MODEL, base_url=NOBODY, answers=answers)
    chunks = chunked_corpus(GenerateOptions(documents, answers.parent / "none", llm)).chunks
    with Cache(answers) as cache:
        kept = LlmWriter(llm, cache).answers
        for start in range(0, len(chunks), ANSWERS_AT_ONCE):
            items = {}
            for chunk in chunks[start : start + ANSWERS_AT_ONCE]:
                said = json.dumps({"queries": queries_for(chunk.text)})
                items[kept.content_key(chunk)] = Answer(said, 600, 40, "stop").to_json()
            cache.put(SPACE, items)
    return len(chunks)


def _found(ended: Ended) -> int:
    """Of how many chunks a plan has the answers; -1 where it would ask for one, or was not made."""
    if ended.code != 0:
        return -1
    facts = json.loads(ended.stdout)
    return int(facts["cached"]) if facts["calls"] == 0 else -1


def _seconds() -> float:
    """Processor time of the commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
