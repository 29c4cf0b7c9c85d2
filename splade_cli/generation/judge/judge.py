"""A judge of rows: written queries below a grade are rejected, mined negatives that answer are relabelled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from splade_cli.errors import InputError
from splade_cli.generation.judge.grade_question import GradeQuestion, Pair
from splade_cli.generation.judge.options import Judge
from splade_cli.generation.judge.reading_grades import Grade
from splade_cli.generation.llm.accounts import CallEstimate, LlmRun, Outcome
from splade_cli.generation.llm.asking import Asking
from splade_cli.generation.llm.budget import Budget
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.negatives import Mined
from splade_cli.generation.output import MinedQuery
from splade_cli.generation.queries.judged_queries import JudgedQuery
from splade_cli.generation.queries.rejected import JUDGE, Rejected, Rejections
from splade_cli.progress import Progress, Say
from splade_cli.records import Chunk
from splade_cli.storage.cache import Cache

NO_GRADE = "without a grade"
ANSWERS = "negatives that answer"
POSITIVES = "of them made positives"
ASSUMED = "?" * 60
"""Stands for a query that is not written yet, where calls are counted."""


class RowJudge:
    """Grades rows by `options`.

    Args:
        options: the least grade, and whether negatives are graded.
        llm: the model, and how it is asked.
        cache: keeps the answers, and has those of earlier runs; None for neither.
        budget: what the run has spent so far, and its limits.
        seed: of the sampling; None sends none.
        say: told of waits.

    Attributes:
        counts: pairs by their grade, and what became of negatives.

    Raises:
        InputError: no address.
    """

    def __init__(
        self, options: Judge, llm: Llm, cache: Cache | None, budget: Budget, seed: int | None, say: Say
    ) -> None:
        # the same pair gets the same grade, as far as a server can
        asked = replace(llm, temperature=0.0)
        self.counts: Counter[str] = Counter()
        self.budget = budget
        self._options = options
        self._asking: Asking[Pair, Grade] = Asking(GradeQuestion(asked), asked, cache, budget, seed, say)

    def usable(
        self,
        queries: Sequence[MinedQuery],
        chunks: Mapping[str, Chunk],
        rejected: Rejections,
        progress: Progress,
    ) -> list[MinedQuery]:
        """The queries whose pairs have the least grade, or none.

        Args:
            chunks: by id.
            rejected: gets the others.

        Raises:
            ServiceError, LimitError: as `Asking.ask`.
            InputError: where nothing is left.
        """
        pairs = [Pair(each.query.text, chunks[mined.positive].content) for each, mined in _rows(queries)]
        grades = self._graded(pairs, progress)
        left = []
        for each in queries:
            kept = []
            for mined in each.mined:
                grade = grades.get(Pair(each.query.text, chunks[mined.positive].content))
                self.counts[NO_GRADE if grade is None else f"grade {grade.grade}"] += 1
                if grade is None or grade.grade >= self._options.least_grade:
                    kept.append(mined)
                else:
                    row = Rejected(each.query.text, mined.positive, JUDGE, str(grade))
                    rejected.add("graded too low", row)
            if kept:
                left.append(replace(each, mined=tuple(kept)))
        if not left:
            counts = ", ".join(f"{name} {count}" for name, count in sorted(self.counts.items()))
            least = self._options.least_grade
            raise InputError(
                f"none of {len(queries)} queries has a grade of {least} or more: {counts}",
                "let another model judge, or one write better queries; what was answered is kept",
            )
        return left

    def relabelled(
        self,
        queries: Sequence[MinedQuery],
        chunks: Mapping[str, Chunk],
        rejected: Rejections,
        progress: Progress,
    ) -> list[MinedQuery]:
        """The queries without negatives of the least grade, which are further positives where they may be.

        Such a document is one that has rows on the query's side of the split, and on no other: what is held
        out stays so. Raises as `Asking.ask`.
        """
        pairs = []
        for each, mined in _rows(queries):
            pairs += [Pair(each.query.text, chunks[name].content) for name in mined.negatives]
        grades = self._graded(pairs, progress)
        sides = _sides_of_documents(queries, chunks)
        results = []
        for each in queries:
            answers: dict[str, float] = {}
            for mined in each.mined:
                for name, score in zip(mined.negatives, mined.scores[1:], strict=False):
                    grade = grades.get(Pair(each.query.text, chunks[name].content))
                    if grade is None or grade.grade < self._options.least_grade:
                        continue
                    # what a person has judged stays as it is
                    if name not in answers and name not in each.query.grades:
                        answers[name] = score
                        row = Rejected(each.query.text, mined.positive, JUDGE, str(grade), negative=name)
                        rejected.add("graded as an answer", row)
            self.counts[ANSWERS] += len(answers)
            may_train = [name for name in answers if sides[chunks[name].document_id] == {each.query.side}]
            self.counts[POSITIVES] += len(may_train)
            results.append(_without_negatives(each, answers, may_train))
        return results

    def estimate(self, pairs: Iterable[Pair]) -> CallEstimate:
        """What grading `pairs` would take, by counting characters."""
        return self._asking.estimate(pairs)

    def run(self, written: LlmRun | None) -> LlmRun:
        """What came of it beside `written`, what a model has cost that wrote; and what all has cost."""
        grades = self._asking.outcome()
        if written is not None:
            return replace(written, grades=grades)
        none = Outcome(0, 0, "", {})
        return LlmRun(self.budget.usage, self.budget.spent(), self.budget.cost, none, grades=grades)

    def _graded(self, pairs: Sequence[Pair], progress: Progress) -> dict[Pair, Grade]:
        """Grades by pair, each asked for once."""
        asked = list(dict.fromkeys(pairs))
        return {pair: found[0] for pair, found in self._asking.ask(asked, progress) if found}


def likely_pairs(passages: Iterable[str], queries_per_passage: int, negatives: int = 0) -> Iterable[Pair]:
    """Pairs that would be graded at most: queries of usual length, negatives as long as their positive."""
    for passage in passages:
        for number in range(queries_per_passage):
            for _ in range(1 + negatives):
                yield Pair(f"{number}{ASSUMED}", passage)


def _rows(queries: Iterable[MinedQuery]) -> list[tuple[MinedQuery, Mined]]:
    return [(each, mined) for each in queries for mined in each.mined]


def _sides_of_documents(
    queries: Iterable[MinedQuery], chunks: Mapping[str, Chunk]
) -> Mapping[str, set[str | None]]:
    """By document the sides on which it has rows; a document without any has none."""
    sides: dict[str, set[str | None]] = {chunk.document_id: set() for chunk in chunks.values()}
    for each, mined in _rows(queries):
        sides[chunks[mined.positive].document_id].add(each.query.side)
    return sides


def _without_negatives(
    each: MinedQuery, answers: Mapping[str, float], may_train: Sequence[str]
) -> MinedQuery:
    """A query whose `answers` are no negatives; those that `may_train` are positives beside its own."""
    if not answers:
        return each
    rows = []
    for mined in each.mined:
        kept = [number for number, name in enumerate(mined.negatives) if name not in answers]
        scores = (mined.scores[0], *(mined.scores[1 + number] for number in kept))
        names = tuple(mined.negatives[number] for number in kept)
        rows.append(replace(mined, negatives=names, scores=scores))
    first = rows[0]
    for name in may_train:
        rows.append(Mined(name, first.negatives, (answers[name], *first.scores[1:]), 0))
    query: JudgedQuery = replace(each.query, grades={**each.query.grades, **dict.fromkeys(may_train, 1)})
    return replace(each, query=query, mined=tuple(rows))
