"""Weak spots of a model: the documents behind queries that it lost, and which it takes for which.

Queries are written for the relevant documents of a lost query, and for those that stood above them. Each has
the other side as hard negatives by name. The lost query itself is one of a test, and never becomes a row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cached_property

from splade_cli.datasets.lost_queries import LostQuery
from splade_cli.errors import InputError
from splade_cli.generation.corpus import Corpus
from splade_cli.generation.dedupe import query_key
from splade_cli.generation.negatives import Mined
from splade_cli.records import Chunk, Document


@dataclass(frozen=True)
class WeakSpots:
    """What to write about, and what to hold against it.

    Attributes:
        chunks: of the documents behind lost queries, in the order of the corpus.
        confused: by the id of a document, the ids of those that it is taken for.
        asked: keys of the lost queries, see `dedupe.query_key`.
        missing: documents of lost queries that are not in the corpus.
    """

    chunks: Sequence[Chunk]
    confused: Mapping[str, Set[str]]
    asked: Set[str]
    missing: int

    @classmethod
    def of(cls, corpus: Corpus, lost: Iterable[LostQuery]) -> WeakSpots:
        """Those of a corpus. Raises InputError where it has none of the documents."""
        known = {document.id for document in corpus.documents}
        confused: dict[str, set[str]] = {}
        asked: set[str] = set()
        missing: set[str] = set()
        for query in lost:
            asked.add(query_key(query.query))
            relevant = _ids(query.relevant)
            above = _ids(query.ranked_above)
            missing |= (relevant | above) - known
            for here, there in ((relevant, above), (above, relevant)):
                for name in here & known:
                    confused.setdefault(name, set()).update(there & known)
        if not confused:
            example = next(iter(sorted(missing)), "none")
            raise InputError(
                f"no document of the lost queries is among these, e.g. '{example}'",
                "take the documents that were evaluated, from the same folder or file",
            )
        chunks = [chunk for chunk in corpus.chunks if chunk.document_id in confused]
        return cls(chunks, confused, asked, len(missing))

    @cached_property
    def _by_document(self) -> dict[str, list[str]]:
        """Ids of the chunks of each document; a blank one has none."""
        chunks: dict[str, list[str]] = {name: [] for name in self.confused}
        for chunk in self.chunks:
            chunks[chunk.document_id].append(chunk.id)
        return chunks

    def named_first(
        self, mined: Mined, chunk: Chunk, teacher: Mapping[str, float], excluded: Set[str], count: int
    ) -> Mined:
        """`mined` with negatives of the documents that a chunk's is taken for, before the mined ones.

        Of each such document its best chunk by the teacher, at most `count` negatives in all.
        """
        named: list[str] = []
        for document_id in self.confused[chunk.document_id] - {chunk.document_id}:
            candidates = [name for name in self._by_document[document_id] if name not in excluded]
            if candidates:
                named.append(max(candidates, key=lambda name: teacher.get(name, 0.0)))
        named.sort(key=lambda name: (-teacher.get(name, 0.0), name))
        negatives = list(dict.fromkeys([*named, *mined.negatives]))[:count]
        scores = [teacher.get(name, 0.0) for name in negatives]
        return replace(mined, negatives=tuple(negatives), scores=(mined.scores[0], *scores))


def _ids(documents: Iterable[Document]) -> set[str]:
    return {document.id for document in documents}
