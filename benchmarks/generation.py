"""Training data from many documents: wall and CPU time of `splade gen-data`, its memory, and what it said beforehand.

    python benchmarks/generation.py [--files 1000] [--size 20000] [-- OPTIONS OF gen-data]

The files are Markdown, made of sentences of SciFact's abstracts in an order of their own, or of sample_docs where
../shared/data has no scifact. The run is a process of its own; its peak is the resident size, as the kernel counts it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from protocol.measure import ROOT, SHARED

SENTENCE = re.compile(r"(?<=[.!?])\s+")


def sentences() -> list[str]:
    corpus = SHARED / "scifact" / "corpus.jsonl"
    if corpus.is_file():
        texts = [json.loads(line)["text"] for line in corpus.read_text(encoding="utf-8").splitlines()]
    else:
        documents = sorted((ROOT / "sample_docs" / "documents").rglob("*.md"))
        texts = [path.read_text(encoding="utf-8") for path in documents]
    return [
        part for text in texts for part in SENTENCE.split(" ".join(text.split())) if len(part.split()) > 4
    ]


def write_files(folder: Path, files: int, size: int) -> None:
    """Markdown of about `size` bytes a file: sections of three paragraphs of four sentences."""
    draw = random.Random(7)
    known = sentences()
    for number in range(files):
        parts = [f"# {' '.join(draw.choice(known).split()[:6])}"]
        while sum(map(len, parts)) < size:
            parts.append(f"## {' '.join(draw.choice(known).split()[:4])}")
            parts += [" ".join(draw.sample(known, 4)) for _ in range(3)]
        (folder / f"{number:05}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def run(documents: Path, output: Path, options: Sequence[str]) -> tuple[float, float, float, str]:
    """Seconds of wall, CPU seconds, peak MB, and standard error of one run."""
    command = [sys.executable, "-m", "splade_cli", "gen-data", str(documents), "-o", str(output), *options]
    started = time.perf_counter()
    with tempfile.TemporaryFile("w+") as told:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        told.seek(0)
        text = told.read()
    if status:
        sys.exit(text)
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--size", type=int, default=20_000)
    parser.add_argument("options", nargs="*")
    settings = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        documents = Path(folder) / "documents"
        documents.mkdir()
        write_files(documents, settings.files, settings.size)
        wall, cpu, peak, told = run(documents, Path(folder) / "data", settings.options)
        report = json.loads((Path(folder) / "data" / "report.json").read_text(encoding="utf-8"))
    rows = report["train"] + report["val"]
    print(
        f"{settings.files} files, {report['chunks']:,} chunks, {rows:,} rows, {', '.join(report['teachers'])}"
    )
    print(f"wall {wall:.0f} s, CPU {cpu:.0f} s, peak {peak:,.0f} MB")
    print(*(line for line in told.splitlines() if "about" in line), sep="\n")


if __name__ == "__main__":
    main()
