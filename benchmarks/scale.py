"""`splade index` on 1,000, 10,000 and 100,000 documents: time, memory and bytes, each in its own process.

    python benchmarks/scale.py [--counts 1000 10000 100000] [--workers 1]

Documents are slices of sample_docs, 8 to 24 words each. Memory that is the process's own (anonymous) is told
apart from pages of the index files, which the system may drop.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from protocol.measure import short_texts


def child(documents: Path, output: Path, workers: int) -> None:
    from splade_cli.indexing.build import index_documents
    from splade_cli.indexing.options import IndexOptions
    from splade_cli.model.embedder import SpladeEmbedder

    embedder = SpladeEmbedder("tiny", device="cpu", precision="fp32", batch_size=64)
    embedder.encode(["warm"])
    peaks, stop = [0.0], threading.Event()

    def watch() -> None:
        while not stop.wait(0.02):
            status = Path("/proc/self/status").read_text(encoding="ascii")
            peaks[0] = max(peaks[0], int(status.split("RssAnon:")[1].split()[0]) / 1024)

    watcher = threading.Thread(target=watch)
    watcher.start()
    stages: dict[str, float] = {}
    start = time.perf_counter()

    def progress(stage: str, done: int, total: int | None) -> None:
        stages[stage] = time.perf_counter() - start

    made = index_documents(
        documents, output, IndexOptions(workers=workers), embedder=embedder, progress=progress
    )
    seconds = time.perf_counter() - start
    stop.set()
    watcher.join()
    megabytes = sum(path.stat().st_size for path in output.rglob("*") if path.is_file()) / 1e6
    print(
        json.dumps(
            {
                "seconds": seconds,
                "anonymous": peaks[0],
                "rows": len(made.index),
                "stages": stages,
                "megabytes": megabytes,
            }
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--counts", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--child", nargs=2, type=Path)
    settings = parser.parse_args()
    if settings.child:
        child(*settings.child, settings.workers)
        return
    with tempfile.TemporaryDirectory() as place:
        for count in settings.counts:
            documents, output = Path(place) / f"{count}.jsonl", Path(place) / f"index-{count}"
            with open(documents, "w", encoding="utf-8") as out:
                for number, text in enumerate(short_texts(count)):
                    out.write(json.dumps({"id": str(number), "text": text}) + "\n")
            command = [
                sys.executable,
                __file__,
                "--workers",
                str(settings.workers),
                "--child",
                documents,
                output,
            ]
            printed = subprocess.run(
                list(map(str, command)), capture_output=True, text=True, check=True
            ).stdout
            found = json.loads(printed.splitlines()[-1])
            stages = ", ".join(f"{stage} by {at:.1f} s" for stage, at in found["stages"].items())
            print(
                f"{found['rows']:>7} documents: {found['seconds']:7.1f} s, "
                f"{found['rows'] / found['seconds']:5.0f} a second, "
                f"largest memory of its own {found['anonymous']:.0f} MB, "
                f"index folder {found['megabytes']:.1f} MB ({stages})",
                flush=True,
            )


if __name__ == "__main__":
    main()
