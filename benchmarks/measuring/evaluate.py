"""`splade evaluate` on 100,000 documents and 1,000 queries, all encoded before: CPU seconds of the whole command.

    python benchmarks/measuring/evaluate.py WORK [--documents 100000] [--queries 1000] [--rounds 3] [FLAGS ...]

Documents are sentences of the collections beside the repository, repeated in pairs where there are too few; a
query is a span of a sentence, which is relevant to it. The first run encodes and is not counted; what it kept in
WORK/cache serves the others. FLAGS go to `splade evaluate`, e.g. --no-bm25, --dense all-MiniLM-L6-v2 or --json.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
SAMPLE = Path(__file__).resolve().parents[2] / "sample_docs" / "documents"
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def sentences() -> Iterator[str]:
    """Sentences of 8 to 40 words: of the sample, and of the collections that are there."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(SAMPLE.rglob("*.md"))]
    for corpus in sorted(SHARED.glob("*/corpus.jsonl")):
        for line in corpus.read_text(encoding="utf-8").splitlines():
            texts.append(json.loads(line)["text"])
    seen: set[str] = set()
    for text in texts:
        for sentence in SENTENCE_END.split(" ".join(text.split())):
            if 8 <= len(sentence.split()) <= 40 and sentence not in seen:
                seen.add(sentence)
                yield sentence


def make(folder: Path, documents: int, queries: int) -> None:
    """Writes the collection in BEIR's layout."""
    found: list[str] = []
    for sentence in sentences():
        found.append(sentence)
        if len(found) == documents:
            break
    own = len(found)
    for number in range(documents - own):
        found.append(f"{found[number % own]} {found[(number * 7 + 1) % own]}")
    (folder / "qrels").mkdir(parents=True)
    rows = (json.dumps({"_id": f"d{number}", "text": text}) for number, text in enumerate(found))
    (folder / "corpus.jsonl").write_text("\n".join(rows), encoding="utf-8")
    asked = []
    judged = ["query-id\tcorpus-id\tscore"]
    for number in range(queries):
        document = number * (own // queries)
        words = found[document].split()
        start = number % max(1, len(words) - 6)
        asked.append(json.dumps({"_id": f"q{number}", "text": " ".join(words[start : start + 6])}))
        judged.append(f"q{number}\td{document}\t1")
    (folder / "queries.jsonl").write_text("\n".join(asked), encoding="utf-8")
    (folder / "qrels" / "test.tsv").write_text("\n".join(judged), encoding="utf-8")
    print(f"{documents:,} documents ({own:,} sentences), {queries:,} queries", flush=True)


def seconds(command: list[str]) -> tuple[float, float]:
    """CPU and wall seconds of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return used, wall


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("work", type=Path)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=3)
    given, flags = parser.parse_known_args()
    collection = given.work / f"{given.documents}x{given.queries}"
    if not collection.is_dir():
        make(collection, given.documents, given.queries)
    command = [sys.executable, "-m", "splade_cli", "evaluate", "--data", str(collection)]
    command += ["--cache", str(given.work / "cache"), *flags]
    for number in range(given.rounds + 1):
        used, wall = seconds(command)
        what = "encoding" if not number else f"round {number}"
        print(f"{what:<10} {used:8.1f} s of CPU  {wall:8.1f} s", flush=True)


if __name__ == "__main__":
    main()
