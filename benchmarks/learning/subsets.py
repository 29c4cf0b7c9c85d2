"""Parts of collections as BEIR folders, small enough for minutes of CPU.

Documents are cut to their first WORDS words where teacher and student are to read the same of them.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from protocol.measure import SHARED

Judged = dict[str, dict[str, int]]
QUERIES = 200
WORDS = 90


def scifact(folder: Path, documents: int, words: int | None = WORDS) -> None:
    """QUERIES test queries over their documents, and others at random, beside those of the training queries.

    Args:
        words: of a document at most; None leaves them whole.
    """
    source = SHARED / "scifact"
    generator = random.Random(0)
    test = _judged(source, "test")
    test = {query: test[query] for query in sorted(generator.sample(sorted(test), QUERIES))}
    train = _judged(source, "train")
    corpus = _rows(source / "corpus.jsonl")
    needed = {document for judged in test.values() for document in judged}
    others = sorted(set(corpus) - needed)
    generator.shuffle(others)
    kept = [*sorted(needed), *others[: max(0, documents - len(needed))]]
    _write(folder, source, [corpus[each] for each in kept], {"test": test}, words)
    # training rows bring their documents themselves: the corpus that is searched stays small
    wanted = {document for judged in train.values() for document in judged}
    _write(folder / "train", source, [corpus[each] for each in sorted(wanted)], {"train": train}, words)


def medquad(folder: Path, documents: int) -> None:
    """All answers about the diseases with most of them, so that what is asked decides, not the disease.

    QUERIES of their questions are held out, those of the test and dev splits first; the others train. Three
    times `documents` are taken, since half of them are asked about by nobody.
    """
    documents *= 3
    source = SHARED / "medquad"
    corpus = _rows(source / "corpus.jsonl")
    answers: dict[str, list[str]] = defaultdict(list)
    for name, row in corpus.items():
        if title := str(row["title"]).strip().lower():
            answers[title].append(name)
    kept: list[str] = []
    for title in sorted(answers, key=lambda title: (-len(answers[title]), title)):
        if len(kept) + len(answers[title]) > documents:
            break
        kept += answers[title]
    known = set(kept)
    questions: list[tuple[str, dict[str, int]]] = []
    for split in ("test", "dev", "train"):
        part = {query: each for query, each in _judged(source, split).items() if each.keys() <= known}
        shuffled = sorted(part.items())
        random.Random(0).shuffle(shuffled)
        questions += shuffled
    _write(folder, source, [corpus[each] for each in kept], {"test": dict(questions[:QUERIES])})
    _write(folder / "train", source, [corpus[each] for each in kept], {"train": dict(questions[QUERIES:])})


SUBSETS = {"scifact": scifact, "medquad": medquad}


def _rows(path: Path) -> dict[str, dict[str, object]]:
    with path.open(encoding="utf-8") as file:
        return {row["_id"]: row for row in map(json.loads, file)}


def _judged(source: Path, split: str) -> Judged:
    judged: Judged = defaultdict(dict)
    for line in (source / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        if int(grade) > 0:
            judged[query][document] = int(grade)
    return dict(judged)


def _write(
    folder: Path,
    source: Path,
    documents: Sequence[Mapping[str, object]],
    splits: Mapping[str, Judged],
    words: int | None = WORDS,
) -> None:
    """A BEIR folder."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    asked = _rows(source / "queries.jsonl")
    lines = [json.dumps({**row, "text": " ".join(str(row["text"]).split()[:words])}) for row in documents]
    (folder / "corpus.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    wanted = [query for judged in splits.values() for query in judged]
    lines = [json.dumps(asked[query]) for query in wanted]
    (folder / "queries.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    for split, judged in splits.items():
        rows = [
            f"{query}\t{each}\t{grade}" for query, grades in judged.items() for each, grade in grades.items()
        ]
        table = "\n".join(["query-id\tcorpus-id\tscore", *rows]) + "\n"
        (folder / "qrels" / f"{split}.tsv").write_text(table, encoding="utf-8")
