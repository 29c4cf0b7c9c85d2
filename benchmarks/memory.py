"""Peak memory of encoding and of a training step, 32 texts of 256 tokens, ours and the peer each in its own
process.

    python benchmarks/memory.py

Ours trains a second time with activation checkpointing (``hardware.gradient_checkpointing``). Prints the peak
resident size of each process, and what it rises above the process with libraries and model loaded.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
from typing import Any

import torch
from protocol.measure import long_texts, stock_encoder

TEXTS, TOKENS = 32, 256


def peak() -> float:
    """Largest resident size of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)


def child(side: str, task: str) -> None:
    from splade_cli.config.schema import ModelSection
    from splade_cli.model.encode import encode
    from splade_cli.model.layout import resolve
    from splade_cli.model.load import load_splade_model
    from splade_cli.model.options import ModelOptions
    from splade_cli.training.trainable import open_trainable

    texts = long_texts(2 * TEXTS)
    loaded: Any = None
    if side != "theirs":
        loaded = load_splade_model("tiny", device="cpu", precision="fp32", max_seq_length=TOKENS)
    if task == "encode":
        encoder = loaded or stock_encoder(resolve("tiny"))
        run = (
            (lambda: encode(loaded, texts[:TEXTS], batch_size=TEXTS))
            if loaded
            else (lambda: encoder.encode_document(texts[:TEXTS], batch_size=TEXTS))
        )
        warm = (lambda: encode(loaded, ["warm"])) if loaded else (lambda: encoder.encode_document(["warm"]))
    else:
        from train_step import step

        encoder = (
            open_trainable(ModelSection(), ModelOptions(device="cpu")).encoder
            if loaded
            else stock_encoder(resolve("tiny"))
        )
        encoder.max_seq_length = TOKENS
        if side == "checkpointed":
            encoder[0].model.gradient_checkpointing_enable()
        run, warm = step(encoder, texts), step(encoder, ["warm up"] * 2 * TEXTS)
    warm()
    before = peak()
    run()
    print(before, peak())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--child", nargs=2)
    settings = parser.parse_args()
    if settings.child:
        torch.set_num_threads(1)
        child(*settings.child)
        return
    for task, mine in (("encode", "ours"), ("train", "ours"), ("train", "checkpointed")):
        found = {}
        for side in (mine, "theirs"):
            command = [sys.executable, __file__, "--child", side, task]
            printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            before, after = map(float, printed.split()[-2:])
            found[side] = (after, after - before)
        whole, rise = ([found[side][place] for side in (mine, "theirs")] for place in (0, 1))
        texts = f"{TEXTS} texts" if task == "encode" else f"{TEXTS} pairs"
        print(
            f"{task} {texts} of {TOKENS} tokens, {mine}: peak {whole[0]:.0f} MB, theirs {whole[1]:.0f} MB "
            f"({whole[1] / whole[0]:.1f}x less); above the loaded process {rise[0]:.0f} MB, "
            f"theirs {rise[1]:.0f} MB ({rise[1] / max(1.0, rise[0]):.1f}x less)",
            flush=True,
        )


if __name__ == "__main__":
    main()
