"""The head alone (max over tokens of hidden states times decoder) against square matrix products of this
machine.

    python benchmarks/head.py [--rounds 7]

Two squares: PyTorch's own product, and the faster of that and oneDNN's, which our head uses where it is
faster.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from splade_cli.model.kernels.linear import QuantizedMatrix, product
from splade_cli.model.splade.max_pooling import max_logits

SQUARE, VOCABULARY = 2048, 30522


def rate(run: Callable[[], object], operations: float) -> float:
    start = time.process_time()
    run()
    return operations / (time.process_time() - start) / 1e9


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    left, right = torch.randn(SQUARE, SQUARE), torch.randn(SQUARE, SQUARE)
    runs: dict[str, tuple[Callable[[], object], float]] = {
        "square, torch": (lambda: left @ right.T, 2.0 * SQUARE**3),
        "square, fastest": (lambda: product(left, right), 2.0 * SQUARE**3),
    }
    for width in (128, 384):
        for tokens in (20, 256):
            texts = 1280 // tokens
            hidden = torch.randn(texts, tokens, width)
            weight, bias = torch.randn(VOCABULARY, width), torch.randn(VOCABULARY)
            mask = torch.ones(texts, tokens, dtype=torch.long)
            for kind, matrix in (("fp32", weight), ("int8", QuantizedMatrix.of(weight))):

                def run(h=hidden, m=mask, w=matrix, b=bias):  # type: ignore[no-untyped-def]
                    return max_logits(h, m, w, b)

                runs[f"head {kind}, d {width}, {tokens} tokens"] = (
                    run,
                    2.0 * texts * tokens * width * VOCABULARY,
                )
    rates: dict[str, list[float]] = {name: [] for name in runs}
    with torch.inference_mode():
        for number in range(rounds + 1):
            for name, (run, operations) in runs.items():
                found = rate(run, operations)
                if number:
                    rates[name].append(found)
    medians = {name: statistics.median(found) for name, found in rates.items()}
    for name, found in medians.items():
        own, fastest = found / medians["square, torch"], found / medians["square, fastest"]
        print(
            f"{name:<32} {found:7.1f} GFLOP/s  {own:6.1%} of torch's square  {fastest:6.1%} of the fastest square"
        )


if __name__ == "__main__":
    main()
