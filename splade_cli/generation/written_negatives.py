"""Hard negatives that a language model writes, checked by the teachers, beside those that were mined.

A written negative that the teachers score about as high as the positive may answer the query, and is dropped.
Only rows to train on get written negatives: validation and test rank documents of the user's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from splade_cli.generation.corpus import Corpus
from splade_cli.generation.llm.negative_question import NegativeRequest, requests_for
from splade_cli.generation.llm.writer import LlmWriter
from splade_cli.generation.negatives import Mined
from splade_cli.generation.output import MinedQuery
from splade_cli.generation.queries.rejected import CEILING as FILTER
from splade_cli.generation.queries.rejected import Rejected, Rejections
from splade_cli.generation.teachers import Teachers
from splade_cli.progress import Progress
from splade_cli.records import Chunk, WrittenNegative

QUERIES_AT_ONCE = 256
CEILING = 0.95
"""Share of the positive's score above which a written negative may be an answer, see `MiningRules`."""
NO_ANSWER = "no usable answer"
REPEATED = "repeated"
AS_GOOD = "as relevant as the positive"
USED = "used"


@dataclass(frozen=True)
class WrittenNegatives:
    """Queries with written negatives beside the mined ones; `counts` has what became of each, by outcome."""

    queries: Sequence[MinedQuery]
    counts: Mapping[str, int]


@dataclass(frozen=True)
class Checks:
    """What written negatives go through.

    Attributes:
        rejected: gets those that are rejected.
        has_ceiling: whether one that may answer the query is.
        counts: what became of each, by outcome.
    """

    rejected: Rejections
    has_ceiling: bool = True
    counts: Counter[str] = field(default_factory=Counter)


def add_written_negatives(
    queries: Sequence[MinedQuery],
    corpus: Corpus,
    writer: LlmWriter,
    teachers: Teachers,
    checks: Checks,
    progress: Progress,
) -> WrittenNegatives:
    """Has negatives written for each query of the training side, and checks them.

    Which ones were mined does not change. The scores of a row that gets some are those of a ranking of the
    corpus and of all that was written together.

    Raises:
        ServiceError, LimitError: as `Asking.ask`.
    """
    passages = {chunk.id: chunk.content for chunk in corpus.chunks}
    of_pair: dict[tuple[str, str], list[NegativeRequest]] = {}
    for each in queries:
        for mined in each.mined:
            if each.query.side == "train":
                pair = (each.query.text, mined.positive)
                of_pair[pair] = requests_for(pair[0], passages[pair[1]], writer.negatives_per_query)
    counts = checks.counts
    written: dict[NegativeRequest, WrittenNegative] = {}
    requests = [request for wanted in of_pair.values() for request in wanted]
    for request, found in writer.negatives.ask(requests, progress):
        if found:
            written[request] = found[0]
        else:
            counts[NO_ANSWER] += 1
    if not written:
        return WrittenNegatives(queries, dict(counts))
    judges = teachers.with_texts([Chunk(_id(one), "", written[one].text) for one in written])
    results: list[MinedQuery] = []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        part = queries[start : start + QUERIES_AT_ONCE]
        rankings = judges.rank([each.query.text for each in part])
        for each, (ranking, _) in zip(part, rankings, strict=True):
            rows = []
            for mined in each.mined:
                wanted = of_pair.get((each.query.text, mined.positive), [])
                answers = {_id(request): written[request] for request in wanted if request in written}
                rows.append(_with_written(each.query.text, mined, answers, ranking, checks))
            results.append(replace(each, mined=tuple(rows)))
        progress("check negatives", start + len(part), len(queries))
    return WrittenNegatives(results, dict(counts))


def _id(request: NegativeRequest) -> str:
    """An id that no chunk has: those end in a number."""
    return f"written {request.content}"


def _with_written(
    query: str,
    mined: Mined,
    written: Mapping[str, WrittenNegative],
    ranking: Mapping[str, float],
    checks: Checks,
) -> Mined:
    """`mined` with those of the written negatives, by id, that pass, and then all scores by `ranking`."""
    positive = ranking.get(mined.positive, 0.0)
    used: dict[str, WrittenNegative] = {}
    scores: list[float] = []
    for written_id, negative in written.items():
        score = ranking.get(written_id, 0.0)
        if negative.text in used:
            checks.counts[REPEATED] += 1
        elif checks.has_ceiling and score > CEILING * positive:
            checks.counts[AS_GOOD] += 1
            reason = f"scores {score:.3f}, the positive {positive:.3f}"
            rejected = Rejected(query, mined.positive, FILTER, reason, negative=negative.text)
            checks.rejected.add(AS_GOOD, rejected)
        else:
            checks.counts[USED] += 1
            used[negative.text] = negative
            scores.append(score)
    if not used:
        return mined
    of_mined = [ranking.get(chunk_id, 0.0) for chunk_id in mined.negatives]
    return replace(mined, scores=(positive, *of_mined, *scores), written=tuple(used.values()))
