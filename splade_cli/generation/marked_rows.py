"""Training rows of relevance feedback: hits that people called good, with negatives of the same search.

A good hit alone teaches nothing where its batch holds no other text. So each gets what the search that was
marked ranks beside it: the hits that were called bad, then others, positive-aware as in `negatives`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from splade_cli.generation.negatives import MiningRules, mine, mine_judged
from splade_cli.records import Chunk, JsonValue
from splade_cli.search.options import SearchOptions
from splade_cli.search.searcher import Searcher
from splade_cli.search.session.marks import SOURCE, Mark

RULES = MiningRules(count=5)
_SEARCHED = SearchOptions(explain=False)


def marked_rows(
    marks: Sequence[Mark], searcher: Searcher, rules: MiningRules = RULES
) -> list[Mapping[str, JsonValue]]:
    """A row for each good mark, in their order; bad ones are negatives of the good ones of their query.

    Args:
        searcher: over the index whose hits were marked. A text that is no longer there is a row all the same.
        rules: how many negatives, and how deep they are looked for.
    """
    of_query: dict[str, list[Mark]] = defaultdict(list)
    for mark in marks:
        of_query[mark.query].append(mark)
    queries = [query for query, given in of_query.items() if any(mark.verdict == "good" for mark in given)]
    found = searcher.search(queries, 2 * rules.depth, _SEARCHED) if queries else []
    rows: list[Mapping[str, JsonValue]] = []
    for query, hits in zip(queries, found, strict=True):
        scores = {hit.id: float(hit.score) for hit in hits}
        chunks = {chunk.id: chunk for chunk in searcher.engine.fetch(list(scores))}
        rows += _rows(of_query[query], scores, chunks, rules)
    return rows


def _rows(
    marks: Sequence[Mark], scores: Mapping[str, float], chunks: Mapping[str, Chunk], rules: MiningRules
) -> list[Mapping[str, JsonValue]]:
    """The rows of one query.

    Args:
        scores: of the chunks that its search found, best first.
        chunks: these.
    """
    good = {mark.id for mark in marks if mark.verdict == "good"}
    bad = {mark.id: mark.text for mark in marks if mark.verdict == "bad"}
    rows: list[Mapping[str, JsonValue]] = []
    for mark in marks:
        if mark.verdict != "good":
            continue
        known = good | bad.keys() | _overlapping(mark.id, chunks)
        mined = mine(scores, mark.id, rules, excluded=known)
        if mined is None or not mined.negatives:
            # it is not found any more, or nothing else is as far below it: what stands last
            mined = mine_judged(scores, mark.id, rules, excluded=known)
        texts = [chunks[name].content for name in mined.negatives]
        others: list[JsonValue] = [text for text in texts if text != mark.text]
        negatives: list[JsonValue] = [*bad.values(), *others][: max(len(bad), rules.count)]
        rows.append(
            {
                "query": mark.query,
                "positive_document": mark.text,
                "negative_documents": negatives,
                "source": SOURCE,
                "chunk_id": mark.id,
            }
        )
    return rows


def _overlapping(name: str, chunks: Mapping[str, Chunk]) -> set[str]:
    """Those of `chunks` that share a piece of their document with the one of that name: no wrong answers."""
    one = chunks.get(name)
    if one is None:
        return set()
    return {
        other.id
        for other in chunks.values()
        if other.document_id == one.document_id and other.start < one.end and one.start < other.end
    } - {name}
