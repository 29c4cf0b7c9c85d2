"""Collections on disk: corpus and queries in BEIR's layout, judgements as BEIR's or TREC's qrels.

corpus.jsonl {"_id", "title", "text"}, or a folder documents/ (ids are paths in it)
queries.jsonl {"_id", "text"}, or queries.tsv   query-id  text
qrels/<split>.tsv   query-id  corpus-id  score; or <split>.txt, .qrels or .trec as TREC has it
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from splade_cli.corpus.documents import read_documents
from splade_cli.datasets.collections.collection import Collection
from splade_cli.datasets.formats.beir import read_corpus, read_queries
from splade_cli.datasets.formats.trec import Qrels, read_qrels, read_topics
from splade_cli.datasets.splits import split_of
from splade_cli.errors import InputError, did_you_mean
from splade_cli.storage.checksums import warn_of_changes

TEST = "test"
CORPUS = "corpus.jsonl"
QUERIES = "queries.jsonl"
TOPICS = "queries.tsv"
DOCUMENTS = "documents"
_ENDINGS = (".tsv", ".txt", ".qrels", ".trec")
_ROWS = (".json", ".jsonl", ".csv", ".gz", ".parquet")


def from_folder(path: Path, split: str | None) -> Collection:
    """The collection in a folder; without a split that of tests, or where there is none that of validation.

    Raises:
        InputError: missing files, an unknown split, or no query with a judged document in the corpus.
    """
    files = _qrels_files(path)
    _check_files(path, files)
    notes: tuple[str, ...] = ()
    if split is None:
        split = _usual_split(files)
        if split != TEST and split in files:
            notes = (f"{path.name} has no split '{TEST}': measured on '{split}'",)
    if split not in files:
        raise InputError(
            f"{path} has no split '{split}', only {', '.join(files)}: no qrels/{split}.tsv",
            did_you_mean(split, files) or "name one of them",
        )
    _check_corpus(path)
    return _read(path, files[split], split, notes)


def is_qrels(path: Path) -> bool:
    """Whether a file is one of judgements: a corpus and queries are beside it, or in the folder above."""
    return path.suffix.lower() not in _ROWS and _corpus_folder(path) is not None


def corpus_folder(path: Path) -> Path:
    """The folder of the corpus that a qrels file, see `is_qrels`, judges."""
    folder = _corpus_folder(path)
    assert folder is not None
    return folder


def from_qrels(path: Path) -> Collection:
    """The collection of a qrels file, whose name is that of the split."""
    return _read(corpus_folder(path), path, path.stem, ())


def _read(path: Path, judgements: Path, split: str, notes: tuple[str, ...]) -> Collection:
    queries_file = _queries_file(path)
    assert queries_file is not None
    named = judgements.relative_to(path).as_posix() if judgements.is_relative_to(path) else judgements.name
    warn_of_changes(path, CORPUS, queries_file.name, named)
    chunked = not (path / CORPUS).is_file()
    if chunked:
        documents = read_documents(path / DOCUMENTS).documents
    else:
        documents = read_corpus(path / CORPUS)
    qrels = read_qrels(judgements)
    texts = read_topics(queries_file) if queries_file.name == TOPICS else read_queries(queries_file)
    queries = {query_id: text for query_id, text in texts.items() if query_id in qrels}
    check_ids(f"{judgements}", queries_file.name, {document.id for document in documents}, queries, qrels)
    judged = {query_id: qrels[query_id] for query_id in queries}
    return Collection(path.resolve().name, split, documents, queries, judged, chunked, notes)


def check_ids(
    judgements: str, queries_file: str, known: set[str], queries: dict[str, str], qrels: Qrels
) -> None:
    """Raises InputError where the ids of judgements are not those of the queries, or of the documents."""
    if not queries:
        raise InputError(f"no query of {judgements} is in {queries_file}", "compare their query ids")
    if not any(document in known for grades in qrels.values() for document in grades):
        example = next(iter(next(iter(qrels.values()))), "")
        raise InputError(
            f"no judged document of {judgements} is in the corpus, e.g. '{example}'",
            "compare the ids",
        )


def _qrels_files(path: Path) -> dict[str, Path]:
    """Files of judgements by split, in the order of their names; of several of a name the .tsv."""
    files = [file for file in (path / "qrels").glob("*") if file.suffix in _ENDINGS]
    found: dict[str, Path] = {}
    for file in sorted(files, key=lambda file: (file.stem, _ENDINGS.index(file.suffix))):
        found.setdefault(file.stem, file)
    return found


def _usual_split(files: Mapping[str, Path]) -> str:
    """``test``, or where there is none the first for validation; ``test`` where there is neither."""
    if TEST in files:
        return TEST
    return next((name for name in files if split_of(name) == "val"), TEST)


def _queries_file(path: Path) -> Path | None:
    for name in (QUERIES, TOPICS):
        if (path / name).is_file():
            return path / name
    return None


def _corpus_folder(file: Path) -> Path | None:
    for folder in (file.parent, file.parent.parent):
        has_corpus = (folder / CORPUS).is_file() or (folder / DOCUMENTS).is_dir()
        if has_corpus and _queries_file(folder) not in (None, file):
            return folder
    return None


def _check_files(path: Path, files: Mapping[str, Path]) -> None:
    if _queries_file(path) is None or not files:
        raise InputError(
            f"{path} is no collection: it needs {QUERIES} and qrels/<split>.tsv",
            "the layout is BEIR's; `splade gen-data DOCS -o data` writes one",
        )


def _check_corpus(path: Path) -> None:
    if not (path / CORPUS).is_file() and not (path / DOCUMENTS).is_dir():
        raise InputError(f"{path} has neither {CORPUS} nor a folder {DOCUMENTS}/", "the layout is BEIR's")
