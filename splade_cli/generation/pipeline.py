"""Data generation: documents to training files, by queries, teachers' rankings, mined negatives and a split.

Writes train.json, val.json and, where it is asked for, test.json, and the same as a BEIR folder. Answers of a
language model stay in cache.sqlite3, what a model encoded until all is written.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

from splade_cli.datasets.lost_queries import read_lost_queries
from splade_cli.errors import InputError, SpladeError
from splade_cli.generation.corpus import Corpus, Extent, chunked_corpus, extent
from splade_cli.generation.judge.models import (
    accounts,
    answers_file,
    estimated_calls,
    llm_writer,
    open_judge,
)
from splade_cli.generation.llm.writer import LlmWriter
from splade_cli.generation.options import GenerateOptions, Judged, Llm, Offline, Rows
from splade_cli.generation.output import (
    Done,
    MinedQuery,
    begin_output,
    end_output,
    write_training_files,
)
from splade_cli.generation.queries.judged_queries import JudgedCorpus, read_judged_rows, read_judged_split
from splade_cli.generation.queries.offline_writer import OfflineWriter
from splade_cli.generation.queries.query_sources import JudgedQueries, QuerySource, Writer, WrittenQueries
from splade_cli.generation.queries.rejected import CEILING
from splade_cli.generation.queries.weak_spots import WeakSpots
from splade_cli.generation.report import Generated, Plan
from splade_cli.generation.run_cache import answer_cache, earlier_answers, forget_vectors, run_cache
from splade_cli.generation.teachers import DEPTH, MANY, Models, Teachers, open_models
from splade_cli.generation.written_negatives import Checks, WrittenNegatives, add_written_negatives
from splade_cli.index.bm25.analyzer import stop_words
from splade_cli.progress import Progress, Say, bars, silent, unsaid
from splade_cli.storage.cache import Cache
from splade_cli.storage.claims import claimed

QUERIES_AT_ONCE = 256


def plan(options: GenerateOptions) -> Plan:
    """What `generate` would do: reads and cuts documents, writes nothing. Raises InputError as both do."""
    corpus, judged = _read(options)
    weak = _weak_spots(options, corpus)
    used = extent(options, corpus.chunks, corpus.chunks if weak is None else weak.chunks)
    queries = used.queries if judged is None else len(judged.queries)
    with earlier_answers(Path(options.output), answers_file(options)) as cache:
        estimate = estimated_calls(options, used.about, queries, cache)
    seconds = None
    if len(used.ranked) >= MANY:
        models = open_models(options, corpus.language, used.ranked)
        seconds = models.seconds_for(used.ranked, queries)
    return Plan(
        documents=len(corpus.documents),
        skipped=tuple(corpus.skipped),
        chunks=len(corpus.chunks),
        language=corpus.language,
        language_certainty=corpus.found.certainty,
        language_evidence=corpus.found.evidence,
        queries=queries,
        ranked=len(used.ranked),
        seconds=seconds,
        estimate=estimate,
    )


def generate(options: GenerateOptions, progress: Progress | None = None, say: Say = unsaid) -> Generated:
    """Makes training data from documents; a run that was stopped goes on where it was.

    Args:
        progress: told how far it is; a bar a stage where None.
        say: told what a user should see in between: waits for a server, and what a run has cost that fails.

    Raises:
        InputError: nothing to read, files in the way, another process that writes there, or no query that
            survives the filters.
        ModelError: a teacher or model that cannot be loaded.
        ServiceError: a language model that cannot be used; its answers so far are kept.
        LimitError: another call of a language model might exceed a limit; the answers so far are kept.
    """
    with bars(progress) as shown, claimed(Path(options.output)):
        return _generate(options, shown, say)


def _generate(options: GenerateOptions, progress: Progress, say: Say) -> Generated:
    output = Path(options.output)
    begin_output(options)
    corpus, judged = _read(options, progress)
    progress("chunk", len(corpus.chunks), len(corpus.chunks))
    weak = _weak_spots(options, corpus)
    used = extent(options, corpus.chunks, corpus.chunks if weak is None else weak.chunks)
    with run_cache(output) as cache, answer_cache(answers_file(options), cache) as answered:
        writer: Writer | None = None
        if judged is not None:
            source: QuerySource = JudgedQueries(judged, options.negatives, options.without)
        else:
            writer = _writer(options, corpus, used, answered, say)
            if weak is not None and weak.missing:
                say(f"{weak.missing} of the documents of lost queries are not here")
            source = WrittenQueries(
                corpus, writer, options.negatives, options.round_trip, weak, options.without, used.about
            )
        # before any query is written: a model that cannot be loaded must not cost a language model's answers
        models = open_models(options, corpus.language, used.ranked)
        if len(used.ranked) >= MANY:
            say(_expected(models, corpus, used))
        teachers = models.over(used.ranked, cache, progress)
        judge = open_judge(options, writer, answered, say)
        chunks_by_id = {chunk.id: chunk for chunk in corpus.chunks}
        with accounts(writer, judge, say):
            mined = _mined_queries(source, writer, teachers, options.seed, progress)
            if judge is not None and isinstance(source, WrittenQueries):
                mined = judge.usable(mined, chunks_by_id, source.rejected, progress)
            sides = source.split([each.query for each in mined], options.split_ratio, options.seed)
            rows = [replace(each, query=query) for query, each in zip(sides, mined, strict=True)]
            if judge is not None and options.judge is not None and options.judge.relabel:
                rows = judge.relabelled(rows, chunks_by_id, source.rejected, progress)
            made = WrittenNegatives(rows, {})
            if isinstance(writer, LlmWriter) and writer.negatives_per_query:
                checks = Checks(source.rejected, CEILING not in options.without)
                made = add_written_negatives(rows, corpus, writer, teachers, checks, progress)
        graded = dict(judge.counts) if judge else {}
        done = Done(tuple(models.names.values()), len(used.ranked), made.counts, graded)
        report = write_training_files(options, source, made.queries, done)
        forget_vectors(cache, options.keep_dense)
    end_output(output)
    llm = writer.run() if isinstance(writer, LlmWriter) else None
    if judge is not None:
        llm = judge.run(llm)
    return Generated(output, options.output_format, report, llm, models.advice)


def _read(options: GenerateOptions, progress: Progress = silent) -> tuple[Corpus, JudgedCorpus | None]:
    """The corpus, and the judged queries over it where queries are not written."""
    documents = Path(options.documents)
    if isinstance(options.queries, Judged):
        sides = ("val", "test") if options.test_ratio else ("val",)
        judged = read_judged_split(documents, options.queries.split, options.language, sides)
        return judged.corpus, judged
    if isinstance(options.queries, Rows):
        rows = Path(options.queries.path)
        judged = read_judged_rows(documents, rows, options.language, options.reading, progress)
        return judged.corpus, judged
    if isinstance(options.queries, Llm):
        # the language of the queries is for the model to write in, that of the documents is theirs
        return chunked_corpus(options, progress=progress), None
    return chunked_corpus(options, options.language, progress), None


def _weak_spots(options: GenerateOptions, corpus: Corpus) -> WeakSpots | None:
    """Where to write, where that is not everywhere."""
    if options.around is None:
        return None
    return WeakSpots.of(corpus, read_lost_queries(Path(options.around)))


def _expected(models: Models, corpus: Corpus, used: Extent) -> str:
    """What a run is going to rank, and how long that takes by a sample."""
    ranked = f"{len(used.ranked):,} chunks"
    if len(used.ranked) < len(corpus.chunks):
        ranked = f"{len(used.ranked):,} of {len(corpus.chunks):,} chunks"
    minutes = models.seconds_for(used.ranked, used.queries) / 60
    time = f"about {minutes:.0f} minutes" if minutes >= 1.5 else "about a minute"
    return f"{', '.join(models.names.values())} rank {ranked}: {time}, by a sample"


def _writer(
    options: GenerateOptions, corpus: Corpus, used: Extent, answers: Cache | None, say: Say
) -> Writer:
    queries = options.queries
    if isinstance(queries, Llm):
        return llm_writer(options, queries, answers, say)
    if isinstance(queries, Offline):
        return OfflineWriter(
            corpus.chunks,
            language=corpus.language,
            stop_words=stop_words(corpus.language, full=True),
            queries_per_chunk=used.queries_each or queries.queries_per_chunk,
            seed=options.seed,
            kinds=queries.kinds,
        )
    assert not isinstance(queries, Judged | Rows)
    return queries


def _mined_queries(
    source: QuerySource, writer: Writer | None, teachers: Teachers, seed: int, progress: Progress
) -> list[MinedQuery]:
    """The queries of a source with negatives beside each relevant chunk, without those that are dropped."""
    queries = source.queries(progress)
    if not queries:
        raise _no_query(source, writer)
    results: list[MinedQuery] = []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        part = queries[start : start + QUERIES_AT_ONCE]
        rankings = teachers.rank([query.text for query in part])
        for query, (ranking, agreement) in zip(part, rankings, strict=True):
            mined = [source.mine(query, positive, ranking, seed) for positive in query.relevant]
            usable = tuple(each for each in mined if each is not None)
            if usable:
                first = dict(islice(ranking.items(), DEPTH))
                results.append(MinedQuery(query, usable, first, agreement))
        progress("mine negatives", start + len(part), len(queries))
    if not results:
        _expire(source, writer)
        raise InputError(
            f"none of {len(queries)} queries finds its own chunk again",
            "let it be further down the results (round_trip), or write better queries",
        )
    return results


def _no_query(source: QuerySource, writer: Writer | None) -> SpladeError:
    """Why there is no query at all: the language model's doing, the filters', or the documents'."""
    if isinstance(writer, LlmWriter) and writer.failed:
        return writer.failure()
    if source.rejected.queries:
        _expire(source, writer)
        rejected = ", ".join(f"{count} {reason}" for reason, count in source.rejected.queries.items())
        return InputError(f"all queries were left out: {rejected}", "write better queries: another model may")
    return InputError(
        "no query could be written for these documents", "are they long enough to hold a sentence?"
    )


def _expire(source: QuerySource, writer: Writer | None) -> None:
    """Lets a language model be asked again where nothing came of any of its answers."""
    if isinstance(writer, LlmWriter):
        writer.expire(source.corpus.chunks)
