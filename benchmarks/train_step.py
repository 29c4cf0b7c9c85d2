"""A training step (SpladeLoss, AdamW): our head and products in a SparseEncoder against an untouched one,
interleaved.

python benchmarks/train_step.py [--rounds 5]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from protocol.measure import both_clocks, for_each_model, short_texts, stock_encoder
from sentence_transformers.sparse_encoder.losses import SparseMultipleNegativesRankingLoss, SpladeLoss

from splade_cli.config.schema import ModelSection
from splade_cli.model.layout import resolve
from splade_cli.model.options import ModelOptions
from splade_cli.training.trainable import open_trainable


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
    fused = open_trainable(ModelSection(base_model=str(folder)), ModelOptions(device="cpu")).encoder
    stock = stock_encoder(resolve(folder))
    texts = short_texts(64)
    both_clocks(f"step, 32 pairs, {name}, ~20 tokens", step(fused, texts), step(stock, texts), rounds)


if __name__ == "__main__":
    for_each_model(compare)
