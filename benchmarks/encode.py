"""Encoding and a training step: ours and sentence-transformers' SparseEncoder, interleaved on the same texts.

    python benchmarks/encode.py [--rounds 5] [--threads 1]

Prints medians and the ratio (theirs over ours) for short and long texts, and checks that the vectors are equal.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import torch
from sentence_transformers import SparseEncoder
from sentence_transformers.sparse_encoder.losses import SparseMultipleNegativesRankingLoss, SpladeLoss

from splade_cli.model.encode import encode
from splade_cli.model.load import load_for_training, load_splade_model, resolve

TEXT = "the laser cutter needs a clean lens before each job because dust on the glass makes the beam weak and wide"
WORDS = tuple(TEXT.split())


def text_of(words: int, shift: int) -> str:
    """A text of so many words, different for each `shift`."""
    return " ".join(WORDS[(number * (shift % 7 + 1) + shift) % len(WORDS)] for number in range(words))


def interleaved(ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Median CPU seconds of this process for each, one after the other in every round."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for place, run in enumerate((ours, theirs)):
            start = time.process_time()
            run()
            if number:
                times[place].append(time.process_time() - start)
    return statistics.median(times[0]), statistics.median(times[1])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    settings = parser.parse_args()
    torch.set_num_threads(settings.threads)
    loaded = load_splade_model("tiny", device="cpu")
    stock = SparseEncoder(resolve("tiny"), device="cpu", model_kwargs={"dtype": torch.float32})
    print(f"tiny, batch 32, fp32, {settings.threads} thread(s), CPU seconds, median of {settings.rounds}")
    for name, words in (("~20 tokens", 18), ("256 tokens", 300)):
        texts = [text_of(words, shift) for shift in range(64)]
        difference = abs(encode(loaded, texts).toarray() - stock.encode_document(texts).to_dense().numpy()).max()
        ours, theirs = interleaved(
            lambda texts=texts: encode(loaded, texts, batch_size=32),
            lambda texts=texts: stock.encode_document(texts, batch_size=32),
            settings.rounds,
        )
        figures = f"ours {ours:7.3f}  sentence-transformers {theirs:7.3f}  {theirs / ours:5.2f}x"
        print(f"encode 64 texts, {name:<10}  {figures}  max difference {difference:.1e}")
    fused, _ = load_for_training("tiny", loaded)

    def step(model: SparseEncoder, texts: list[str]) -> Callable[[], None]:
        loss = SpladeLoss(
            model,
            SparseMultipleNegativesRankingLoss(model),
            document_regularizer_weight=1e-3,
            query_regularizer_weight=1e-3,
        )
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
        columns = [model.preprocess(texts[:32]), model.preprocess(texts[32:])]

        def run() -> None:
            model.train()
            sum(loss([dict(column) for column in columns], None).values()).backward()
            optimizer.step()
            optimizer.zero_grad()

        return run

    for name, words in (("~20 tokens", 18), ("128 tokens", 120)):
        texts = [text_of(words, shift) for shift in range(64)]
        ours, theirs = interleaved(step(fused, texts), step(stock, texts), settings.rounds)
        print(
            f"step, 32 pairs,  {name:<10}  ours {ours:7.3f}  sentence-transformers {theirs:7.3f}  {theirs / ours:5.2f}x"
        )


if __name__ == "__main__":
    main()
