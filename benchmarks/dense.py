"""Dense encoding: all-MiniLM-L6-v2 by ours and by sentence-transformers, float32 and bfloat16, in turn on the same chunks.

    python benchmarks/dense.py [--texts 96] [--rounds 3]

The chunks are those of sample_docs, evenly spaced. sentence-transformers sorts by length as well; of its batch sizes the
one that is fastest in a round that does not count is taken, for each precision. One thread, CPU time, medians.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import torch
from protocol.measure import chunks, fastest_batch, print_machine, seconds

from splade_cli.model.dense import DenseModel
from splade_cli.model.options import ModelOptions
from splade_cli.model.splade.automatic_precision import neighbours_in_common


def stock(source: str, texts: list[str], **options: Any) -> Callable[[], Any]:
    """sentence-transformers at its best batch size."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(source, device="cpu", **options)

    def encode(size: int) -> Any:
        return model.encode(texts, batch_size=size, show_progress_bar=False)

    best = fastest_batch(encode)
    return lambda: encode(best)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--texts", type=int, default=96)
    parser.add_argument("--rounds", type=int, default=3)
    settings = parser.parse_args()
    torch.set_num_threads(1)
    print_machine()
    texts = chunks(settings.texts)
    exact, low = (DenseModel("all-MiniLM-L6-v2", ModelOptions(device="cpu")) for _ in range(2))
    low.device = low.device._replace(precision="bf16")
    runs = {
        "ours, float32": lambda: exact.encode(texts),
        "ours, bfloat16": lambda: low.encode(texts),
        "sentence-transformers, float32": stock(exact.source, texts),
        "sentence-transformers, bfloat16": stock(exact.source, texts, model_kwargs={"dtype": torch.bfloat16}),
    }
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(settings.rounds + 1):
        for name, run in runs.items():
            taken = seconds(run)
            if number:
                times[name].append(taken)
    for name, found in times.items():
        print(
            f"{name:<32} {len(texts) / statistics.median(found):6.1f} chunks a second of CPU time", flush=True
        )
    common = neighbours_in_common(exact.encode(texts), low.encode(texts))
    print(f"of the ten nearest of {len(texts)} chunks {common:.1%} are the same in bfloat16")


if __name__ == "__main__":
    main()
