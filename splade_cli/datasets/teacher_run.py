"""A teacher's run: what it ranks first for each training query, in TREC's format beside the training rows.

Rows say what a teacher thinks of a query's own documents. The run says it of any document of the collection,
by the ids of queries.jsonl and corpus.jsonl in the same folder, which have the texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from splade_cli.datasets.formats.trec import as_word, read_run
from splade_cli.storage.files import read_jsonl

TEACHER_RUN = "teacher.trec"
HUMAN = "human"
"""Kind of a query that a person asked, in rows and queries.jsonl; those that were written have another."""
ASPECT = "aspect"
"""Kind of a written query that its own chunk answers better than others do: a title, and what sets the chunk
apart from others of that title."""
FIRST = 10
"""Documents of a teacher's ranking that stand for what is relevant, where nobody has judged."""


def is_for_others(kind: str) -> bool:
    """Whether what the teachers rank beside its own chunk is what a query of some kind is good for.

    So it is for one that was written from a chunk, with which it shares words as no person's query does; not
    for a person's, and not for one whose words are what tells the chunk from its like.
    """
    return kind not in ("", HUMAN, ASPECT)


@dataclass(frozen=True)
class TeacherRun:
    """Scores float32 [queries, documents], 0 where the teacher ranked no such document.

    Attributes:
        queries: row of a query by its text.
        documents: column of a document by its text.
    """

    scores: sp.csr_matrix
    queries: dict[str, int]
    documents: dict[str, int]

    @cached_property
    def texts(self) -> dict[int, str]:
        """Text of a document by its column."""
        return {column: text for text, column in self.documents.items()}

    def first(self, query: str, without: str = "") -> dict[str, float]:
        """The teacher's scores of its first `FIRST` documents of a query, by text, best first.

        Args:
            without: a document that is left out.
        """
        row = self.scores[self.queries[query]]
        order = np.lexsort((row.indices, -row.data))
        found: dict[str, float] = {}
        for place in order:
            text = self.texts.get(int(row.indices[place]), without)
            if text != without and row.data[place] > 0:
                found[text] = float(row.data[place])
            if len(found) == FIRST:
                break
        return found


def teacher_run_beside(train_file: Path) -> TeacherRun | None:
    """The run in the folder of a training file; None where there is none, or not the texts that it speaks of.

    Raises:
        InputError: a line of another shape; its number is named.
    """
    folder = train_file.parent
    files = (TEACHER_RUN, "corpus.jsonl", "queries.jsonl")
    if not all((folder / name).is_file() for name in files):
        return None
    query_ids, queries = _numbered(folder / "queries.jsonl")
    document_ids, documents = _numbered(folder / "corpus.jsonl")
    rows: list[int] = []
    columns: list[int] = []
    scores: list[float] = []
    for query, ranking in read_run(folder / TEACHER_RUN).items():
        if query not in query_ids:
            continue
        known = {document: score for document, score in ranking.items() if document in document_ids}
        rows += [query_ids[query]] * len(known)
        columns += [document_ids[document] for document in known]
        scores += known.values()
    shape = (len(query_ids), len(document_ids))
    values = np.asarray(scores, dtype=np.float32)
    return TeacherRun(sp.csr_matrix((values, (rows, columns)), shape=shape), queries, documents)


def _numbered(path: Path) -> tuple[dict[str, int], dict[str, int]]:
    """Numbers of a file's rows, by the id as a run writes it, and by the text."""
    by_id: dict[str, int] = {}
    by_text: dict[str, int] = {}
    for row in read_jsonl(path):
        number = by_id.setdefault(as_word(str(row["_id"])), len(by_id))
        by_text.setdefault(str(row["text"]), number)
    return by_id, by_text
