"""Test collections: documents, queries and relevance judgements, by a path or an id.

Read are folders in BEIR's layout, qrels of TREC beside a corpus, training files, and ids of ir_datasets.
"""

from __future__ import annotations

from pathlib import Path

from splade_cli.datasets import OF_IR_DATASETS
from splade_cli.datasets.collections.collection import Collection, require_relevant
from splade_cli.datasets.collections.folder import TEST, corpus_folder, from_folder, from_qrels, is_qrels
from splade_cli.datasets.collections.ir_datasets import from_ir_datasets
from splade_cli.datasets.collections.teachers import judged_by_teachers
from splade_cli.datasets.collections.training_file import from_examples
from splade_cli.errors import InputError

__all__ = ["Collection", "load_collection"]


def load_collection(path: Path | str, split: str | None = TEST) -> Collection:
    """A collection from a folder, a qrels file beside its corpus, a training file, or ``irds:<id>``.

    Queries that were written for training data are judged by their teachers, see `judged_by_teachers`.

    Args:
        split: of a folder, qrels/<split>.tsv; None for ``test``, or where there is none that of validation,
            which the collection's notes then say.

    Raises:
        InputError: missing files, an unknown split, no judged query or document that is known, or no
            judgement with a grade above 0.
    """
    name = str(path)
    if name.startswith(OF_IR_DATASETS):
        return require_relevant(from_ir_datasets(name.removeprefix(OF_IR_DATASETS)))
    path = Path(path)
    if path.is_dir():
        return require_relevant(judged_by_teachers(from_folder(path, split), path))
    if not path.is_file():
        raise InputError(
            f"no such file or folder: {path}", "give a BEIR folder, a qrels file in one, or a training file"
        )
    if is_qrels(path):
        return require_relevant(judged_by_teachers(from_qrels(path), corpus_folder(path)))
    return from_examples(path)
