"""Collections with judgements: BEIR folders, documents with judgements, training files; TREC runs and qrels in and out.

corpus.jsonl {"_id", "title", "text"}   or documents/ (any folder of documents; ids are paths in it)
queries.jsonl {"_id", "text"}
qrels/<split>.tsv   query-id  corpus-id  score
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from splade_cli.corpus.documents import read_documents
from splade_cli.datasets.examples import read_examples
from splade_cli.errors import InputError, did_you_mean
from splade_cli.files import open_text, read_jsonl, replacing
from splade_cli.records import Document

Qrels = dict[str, dict[str, int]]
Run = dict[str, dict[str, float]]


@dataclass(frozen=True)
class Collection:
    """Documents, the judged queries of one split, and their grades ``qrels[query][document]``.

    `chunked` says that documents are to be split into chunks and scored by their best one.
    """

    name: str
    split: str
    documents: list[Document]
    queries: dict[str, str]
    qrels: Qrels
    chunked: bool = False


def load_collection(path: Path, split: str = "test") -> Collection:
    """A collection from a BEIR folder, a folder with documents/ beside queries.jsonl, or a training file.

    Of a training file every document in it is the corpus, and each row's positive is the relevant one.

    Raises:
        InputError: missing files, an unknown split, or no query with a relevant document in the corpus.
    """
    if path.is_file():
        return _from_examples(path)
    if not path.is_dir():
        raise InputError(f"no such file or folder: {path}", "give a BEIR folder or a training file")
    available = sorted(file.stem for file in (path / "qrels").glob("*.tsv"))
    if not (path / "queries.jsonl").is_file() or not available:
        raise InputError(
            f"{path} is no collection: it needs queries.jsonl and qrels/<split>.tsv",
            "the layout is BEIR's; `splade gen-data DOCS -o DIR` writes one",
        )
    if split not in available:
        raise InputError(
            f"{path} has no split '{split}', only {', '.join(available)}",
            did_you_mean(split, available) or f"add --split {available[0]}",
        )
    chunked = not (path / "corpus.jsonl").is_file()
    if chunked and not (path / "documents").is_dir():
        raise InputError(f"{path} has neither corpus.jsonl nor a folder documents/", "the layout is BEIR's")
    documents = (
        read_documents(path / "documents").documents if chunked else read_corpus(path / "corpus.jsonl")
    )
    qrels = read_qrels(path / "qrels" / f"{split}.tsv")
    queries = {
        row_id: text for row_id, text in read_queries(path / "queries.jsonl").items() if row_id in qrels
    }
    _check(path, split, {document.id for document in documents}, queries, qrels)
    return Collection(
        path.resolve().name, split, documents, queries, {query: qrels[query] for query in queries}, chunked
    )


def read_corpus(path: Path) -> list[Document]:
    """Documents of a BEIR corpus.jsonl; other keys become metadata. Raises InputError naming line and key."""
    documents = []
    for number, row in enumerate(read_jsonl(path), 1):
        if "_id" not in row or "text" not in row:
            missing = "_id" if "_id" not in row else "text"
            raise InputError(
                f"{path}: row {number} has no '{missing}', only {sorted(row)}", "BEIR rows: _id, title, text"
            )
        extra = {key: value for key, value in row.items() if key not in ("_id", "text", "title")}
        documents.append(Document(str(row["_id"]), row["text"] or "", row.get("title") or "", extra))
    if not documents:
        raise InputError(f"{path} is empty", "it needs one JSON object a line: _id, title, text")
    return documents


def read_queries(path: Path) -> dict[str, str]:
    """Query texts by id of a BEIR queries.jsonl."""
    queries = {}
    for number, row in enumerate(read_jsonl(path), 1):
        if "_id" not in row or "text" not in row:
            missing = "_id" if "_id" not in row else "text"
            raise InputError(
                f"{path}: row {number} has no '{missing}', only {sorted(row)}", "BEIR rows: _id, text"
            )
        queries[str(row["_id"])] = row["text"]
    return queries


def read_qrels(path: Path) -> Qrels:
    """Grades from BEIR's ``query-id corpus-id score`` (header line) or TREC's ``query 0 document grade``."""
    qrels: Qrels = {}
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            parts = line.split("\t") if "\t" in line else line.split()
            if not line.strip() or (number == 1 and parts[-1].strip() in ("score", "relevance")):
                continue
            try:
                query, document, grade = parts if len(parts) == 3 else (parts[0], parts[2], parts[3])
                qrels.setdefault(query, {})[document] = int(float(grade))
            except (ValueError, IndexError):
                raise InputError(f"{path}: line {number} is no judgement: {line.strip()!r}", _QRELS) from None
    return qrels


def write_qrels(path: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Writes BEIR's layout, header line first."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as out:
        out.write("query-id\tcorpus-id\tscore\n")
        for query, grades in qrels.items():
            out.writelines(f"{query}\t{document}\t{grade}\n" for document, grade in grades.items())


def read_run(path: Path) -> Run:
    """A TREC run: ``query Q0 document rank score tag``; the rank column is ignored, as trec_eval does."""
    run: Run = {}
    with open_text(path) as lines:
        for number, line in enumerate(lines, 1):
            parts = line.split()
            if not parts:
                continue
            try:
                run.setdefault(parts[0], {})[parts[2]] = float(parts[4])
            except (ValueError, IndexError):
                raise InputError(
                    f"{path}: line {number} is no TREC run line: {line.strip()!r}", _RUN
                ) from None
    return run


def write_run(path: Path, run: Mapping[str, Mapping[str, float]], tag: str = "splade") -> None:
    """Writes a TREC run, best score first, equal scores by document id descending as trec_eval ranks them."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as out:
        for query, scores in run.items():
            out.writelines(
                f"{query} Q0 {document} {rank} {score:.9g} {tag}\n"
                for rank, (document, score) in enumerate(ranked(scores.items()), 1)
            )


def ranked(scores: Iterable[tuple[str, float]]) -> list[tuple[str, float]]:
    """(document, score) pairs in trec_eval's order: score descending, then document id descending."""
    return sorted(scores, key=lambda pair: (pair[1], pair[0]), reverse=True)


def _from_examples(path: Path) -> Collection:
    examples = read_examples(path)
    numbers: dict[str, str] = {}
    queries: dict[str, str] = {}
    qrels: Qrels = {}
    ids: dict[str, str] = {}
    for example in examples:
        for text in (example.positive, *example.negatives):
            numbers.setdefault(text, f"d{len(numbers) + 1}")
        query = ids.setdefault(example.query, f"q{len(ids) + 1}")
        queries[query] = example.query
        qrels.setdefault(query, {})[numbers[example.positive]] = 1
    documents = [Document(number, text) for text, number in numbers.items()]
    return Collection(path.name, "file", documents, queries, qrels)


def _check(path: Path, split: str, known: set[str], queries: dict[str, str], qrels: Qrels) -> None:
    if not queries:
        raise InputError(
            f"no query of {path}/qrels/{split}.tsv is in queries.jsonl", "compare their query ids"
        )
    if not any(document in known for grades in qrels.values() for document in grades):
        example = next(iter(next(iter(qrels.values()))), "")
        raise InputError(
            f"no judged document of {path}/qrels/{split}.tsv is in the corpus, e.g. '{example}'",
            "compare the ids",
        )


_QRELS = "tab separated: query-id, corpus-id, score"
_RUN = "six columns: query Q0 document rank score tag"
