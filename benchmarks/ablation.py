"""What each part of data generation is worth: nDCG@10 after training with another in its place.

Usage: python benchmarks/ablation.py WORK [--collections NAME ...] [--seeds 2] [--steps 40] [--only PART ...]
           [--llm MODEL --base-url URL]

Every setting trains `tiny` by the default recipe, but for the number of steps, on what `gen-data` makes. WORK keeps
the data and a line of results.jsonl for each run; what stands there is not run again. Settings with a language model
are run where one is named.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from learning.ablations import SETTINGS, USUAL, Setting, data_options
from learning.subsets import scifact
from protocol.measure import ROOT, SHARED

from splade_cli.corpus.chunks import BY_TOKENS, split_documents
from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.datasets.examples import read_examples, write_examples
from splade_cli.datasets.teacher_run import TEACHER_RUN
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.evaluation.significance import compare
from splade_cli.generation.options import GenerateOptions, Llm
from splade_cli.generation.pipeline import generate
from splade_cli.indexing.in_memory import index_chunks
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.records import Chunk
from splade_cli.search.searcher import Searcher
from splade_cli.training.trainer import SpladeTrainer

MEASURE = "nDCG@10"
CHUNKERS = ("fixed", "sentence", "semantic")
SAME = 0.5
"""Share of equal chunks from which on two chunkers are not compared: most documents are one chunk."""
SCIFACT_DOCUMENTS = 1000
LLM_DOCUMENTS = {"sample_docs": 8, "cranfield": 16, "scifact": 8}
"""Documents that a language model writes for: a small one on a CPU takes minutes for a dozen."""


class Collected:
    """One collection: its documents, the rows that are made of them, and the results so far."""

    def __init__(self, name: str, options: argparse.Namespace) -> None:
        self.name = name
        self.options = options
        self.work = Path(options.work) / name
        folder = ROOT / "sample_docs" if name == "sample_docs" else SHARED / name
        if name == "scifact":
            folder = self.work / "collection"
            if not folder.is_dir():
                scifact(folder, SCIFACT_DOCUMENTS, words=None)
        self.collection: Collection = load_collection(folder, "test")
        documents = folder / "documents"
        self.documents = documents if documents.is_dir() else folder / "corpus.jsonl"
        self.results = self.work / "results.jsonl"

    def rows(self, data: str) -> Path:
        """train.json of the rows called `data`, generated where it is not there yet."""
        output = self.work / "data" / data
        if not (output / "train.json").is_file():
            usual = GenerateOptions(self.documents, output, loading=ModelOptions(precision="bf16"))
            llm = None
            if self.options.llm:
                llm = Llm(
                    self.options.llm,
                    base_url=self.options.base_url,
                    queries_per_chunk=1,
                    negatives_per_query=1,
                    answer_tokens=220,
                    most_useless=200,
                    answers=self.work / "answers.sqlite3",
                )
            generate(data_options(data, usual, llm, LLM_DOCUMENTS[self.name]))
        return output / "train.json"

    def run(self, setting: Setting, seed: int) -> None:
        """Trains and measures one setting, unless it is done."""
        if any(row["setting"] == setting.name and row["seed"] == seed for row in self.done()):
            return
        if setting.data in CHUNKERS and self.shared_chunks(setting.data) > SAME:
            print(f"{self.name}: {setting.name} cuts as structure does: skipped", flush=True)
            return
        rows = [setting.change(row) for row in read_examples(self.rows(setting.data))]
        kept = [row for row in rows if row is not None]
        start = time.process_time()
        model = self.trained(kept, seed, setting)
        figures = self.measured(model, setting.data)
        row = {
            "setting": setting.name,
            "seed": seed,
            "rows": len(kept),
            "seconds": round(time.process_time() - start),
            **figures,
        }
        with self.results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(f"{self.name}: {setting.name}, seed {seed}: {row['mean']:.4f} ({row['seconds']} s)", flush=True)

    def trained(self, rows: list[Any], seed: int, setting: Setting) -> str:
        """The folder of `tiny`, trained on `rows`, beside which the teachers' run lies."""
        run = self.work / "run"
        folder = self.work / "rows"
        for old in (run, folder):
            shutil.rmtree(old, ignore_errors=True)
        folder.mkdir()
        for name in (TEACHER_RUN, "corpus.jsonl", "queries.jsonl"):
            shutil.copyfile(self.work / "data" / setting.data / name, folder / name)
        train_file = folder / "train.json"
        write_examples(train_file, rows)
        settings = {
            "training.max_steps": self.options.steps,
            "training.seed": seed,
            "training.bf16": True,
            "training.eval_strategy": "no",
            "training.tuned_share": 0.5,
            **setting.training,
        }
        SpladeTrainer("tiny", run, train_file, settings=settings).train()
        return str(run / "final")

    def measured(self, model: str, data: str) -> dict[str, Any]:
        """nDCG@10 of a model over the collection cut into chunks: the mean, and each query's."""
        embedder = SpladeEmbedder(model, ModelOptions(precision="bf16"))
        chunks = self.chunks(embedder, data if data in CHUNKERS else "structure")
        searcher = Searcher.over(index_chunks(chunks, embedder), embedder)
        judged = replace(self.collection, chunked=True)
        report = evaluate(searcher, judged, measures=[MEASURE], bm25=False)
        system = report.systems[0]
        return {"mean": system.figures[MEASURE], "values": system.values[MEASURE]}

    def chunks(self, embedder: SpladeEmbedder, chunker: str) -> list[Chunk]:
        """The collection as `embedder` reads it."""
        text_model = embedder.text_model
        chunking = replace(BY_TOKENS, chunker=chunker).read_by(text_model)
        return split_documents(self.collection.documents, chunking, text_model)

    def shared_chunks(self, chunker: str) -> float:
        """The share of a chunker's chunks that `structure` cuts as well."""
        embedder = SpladeEmbedder("tiny")
        usual = {chunk.text for chunk in self.chunks(embedder, "structure")}
        others = [chunk.text for chunk in self.chunks(embedder, chunker)]
        return sum(text in usual for text in others) / len(others)

    def done(self) -> list[dict[str, Any]]:
        """Results so far."""
        if not self.results.is_file():
            return []
        return [json.loads(line) for line in self.results.read_text(encoding="utf-8").splitlines()]


def table(collections: list[Collected]) -> None:
    """A line a setting: nDCG@10 with each seed; p of the mean over seeds against the default's."""
    print("| part | setting | " + " | ".join(each.name for each in collections) + " |")
    print("|---|---|" + "---|" * len(collections))
    names = [("", "untrained"), *((setting.part, setting.name) for setting in SETTINGS)]
    for part, name in names:
        cells = [part, name]
        for each in collections:
            runs = [row for row in each.done() if row["setting"] == name]
            usual = [row for row in each.done() if row["setting"] == SETTINGS[0].name]
            if not runs:
                cells.append("")
                continue
            means = ", ".join(f"{row['mean']:.4f}" for row in runs)
            p = compare(_mean_values(runs), _mean_values(usual)).p_value
            cells.append(f"{means} ({runs[0]['rows']:,} rows, p {p:.2f})")
        print("| " + " | ".join(cells) + " |")


def _mean_values(runs: list[dict[str, Any]]) -> dict[str, float]:
    values: dict[str, list[float]] = defaultdict(list)
    for row in runs:
        for query, value in row["values"].items():
            values[query].append(value)
    return {query: statistics.fmean(each) for query, each in values.items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("work")
    parser.add_argument("--collections", nargs="+", default=["sample_docs", "cranfield", "scifact"])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--only", nargs="+", default=[])
    parser.add_argument("--llm", default="")
    parser.add_argument("--base-url")
    options = parser.parse_args()
    collections = []
    for name in options.collections:
        if name != "sample_docs" and not (SHARED / name).is_dir():
            print(f"{name} is not here: skipped")
            continue
        (Path(options.work) / name).mkdir(parents=True, exist_ok=True)
        collections.append(Collected(name, options))
    for each in collections:
        if not any(row["setting"] == "untrained" for row in each.done()):
            row = {"setting": "untrained", "seed": 0, "rows": 0, **each.measured("tiny", USUAL)}
            with each.results.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row) + "\n")
    for seed in range(options.seeds):
        for setting in SETTINGS:
            if options.only and setting.part not in options.only:
                continue
            for each in collections:
                try:
                    each.run(setting, seed)
                except LookupError:
                    print(f"{each.name}: {setting.name} needs a language model: skipped")
    table(collections)


if __name__ == "__main__":
    main()
