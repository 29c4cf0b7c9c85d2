"""Language models of a run: the one that writes, the one that judges, one budget and one cache for both."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from splade_cli.errors import LimitError
from splade_cli.generation.judge.judge import RowJudge, likely_pairs
from splade_cli.generation.llm.accounts import CallEstimate
from splade_cli.generation.llm.budget import Budget
from splade_cli.generation.llm.options import Llm
from splade_cli.generation.llm.writer import LlmWriter
from splade_cli.generation.options import GenerateOptions
from splade_cli.generation.queries.query_sources import Writer
from splade_cli.progress import Say, unsaid
from splade_cli.records import Chunk
from splade_cli.storage.cache import Cache


@contextmanager
def accounts(writer: Writer | None, judge: RowJudge | None, say: Say) -> Iterator[None]:
    """Says what language models have cost where the run ends early."""
    budget = writer.budget if isinstance(writer, LlmWriter) else None
    if judge is not None:
        budget = judge.budget
    try:
        yield
    except LimitError:
        raise  # its message says so
    except BaseException:
        if budget is not None and budget.sent:
            say(f"this run: {budget.spent()}; every answer is kept")
        raise


def _asked(options: GenerateOptions) -> list[Llm]:
    """Language models that are asked: the one that writes first, then the judge where it is another one."""
    judge = options.judge.llm if options.judge is not None else None
    return [llm for llm in (options.queries, judge) if isinstance(llm, Llm)]


def answers_file(options: GenerateOptions) -> Path | None:
    """Where the answers of language models are kept, if not beside the training files."""
    for llm in _asked(options):
        if llm.answers is not None:
            return Path(llm.answers)
    return None


def open_judge(
    options: GenerateOptions, writer: Writer | None, answers: Cache | None, say: Say
) -> RowJudge | None:
    """The judge of a run; it spends what is left of the writer's budget."""
    if options.judge is None:
        return None
    asked = _asked(options)
    budget = (
        writer.budget if isinstance(writer, LlmWriter) else Budget(asked[0].limits, asked[0].answer_tokens)
    )
    return RowJudge(options.judge, asked[-1], answers, budget, options.seed, say)


def estimated_calls(
    options: GenerateOptions, chunks: Sequence[Chunk], queries: int | None, answers: Cache | None
) -> CallEstimate | None:
    """What language models would be asked; None where there is none."""
    estimate = None
    if isinstance(options.queries, Llm):
        estimate = llm_writer(options, options.queries, answers, unsaid).estimate(chunks)
    judge = open_judge(options, None, answers, unsaid)
    if judge is None or options.judge is None:
        return estimate
    negatives = options.negatives if options.judge.relabel else 0
    a_chunk = math.ceil((queries or len(chunks)) / max(1, len(chunks)))
    grading = judge.estimate(likely_pairs([chunk.content for chunk in chunks], a_chunk, negatives))
    if estimate is None:
        return replace(grading, judge_calls=grading.calls)
    both = estimate.and_also(grading, _asked(options)[0].limits)
    return replace(both, negative_calls=estimate.negative_calls, judge_calls=grading.calls)


def llm_writer(options: GenerateOptions, llm: Llm, answers: Cache | None, say: Say) -> LlmWriter:
    """The writer of queries that a run asks."""
    return LlmWriter(llm, answers, language=options.language, seed=options.seed, say=say)
