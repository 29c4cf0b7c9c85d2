"""Pipeline of indexing: chunks to batches with sparse and dense vectors, a window at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from splade_cli.index.bm25.language import Language, identify_language, required_language
from splade_cli.index.store.batches import Batch
from splade_cli.index.vectors.pruning import Pruning
from splade_cli.indexing.dense import DenseEncoder, DenseWindows, KeptDense
from splade_cli.indexing.options import IndexOptions
from splade_cli.indexing.vocabulary_fit import VocabularyFit, vocabulary_fit
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.encoding.truncation import Truncation
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk
from splade_cli.storage.cache import Cache

OPENING = 4096
AUTOMATIC_FROM = 1024
"""Chunks from which on a lower precision is tried where it is ``auto``: below, nothing is to be gained."""
PRECISION_SAMPLE = 96, 192
"""Of a tenth of the chunks, fewest and most that try it."""
LANGUAGE_SAMPLE = 200
TRUNCATION_SAMPLE = 500


@dataclass(frozen=True)
class Findings:
    """What a sample of the chunks tells of all of them.

    Attributes:
        language: of the texts, as given or guessed.
        truncation: how much of them the model does not read.
        vocabulary: how the model's vocabulary fits them.
    """

    language: Language
    truncation: Truncation
    vocabulary: VocabularyFit


class Opening:
    """The first chunks of a stream, at most OPENING, by which is decided how all of it is treated.

    Attributes:
        first: those chunks.
        total: of the whole stream, None where it goes on.
    """

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        self._rest = iter(chunks)
        self.first = list(islice(self._rest, OPENING))
        self.total: int | None = None
        if len(self.first) < OPENING:
            self.total = len(self.first)

    def settle_precision(
        self, embedder: SpladeEmbedder, dense: DenseEncoder | None = None, cache: Cache | None = None
    ) -> None:
        """Lets both choose their precision by a sample, from AUTOMATIC_FROM chunks on.

        What a cache holds in one precision is taken as it is.
        """
        is_kept = self.take_kept_precision(embedder, cache)
        if len(self.first) >= AUTOMATIC_FROM:
            fewest, most = PRECISION_SAMPLE
            sample = self.sample(min(most, max(fewest, len(self.first) // 10)))
            if not is_kept:
                embedder.settle_precision(sample)
            if dense is not None:
                dense.settle_precision(sample)

    def take_kept_precision(self, embedder: SpladeEmbedder, cache: Cache | None) -> bool:
        """Whether a cache holds the first window; see `SpladeEmbedder.take_kept_precision`."""
        if cache is None:
            return False
        return embedder.take_kept_precision((chunk.content for chunk in self.first), cache)

    def truncation(self, embedder: SpladeEmbedder) -> Truncation:
        """How much of a sample the embedder does not read; of fewer chunks than twice that, of all."""
        return embedder.truncation(self.sample(TRUNCATION_SAMPLE))

    def language(self, given: str | None = None) -> Language:
        """The language `given`, or else that of a sample. Raises InputError for an unknown one."""
        if given is not None:
            return required_language(given)
        return identify_language(self.sample(LANGUAGE_SAMPLE))

    def findings(self, embedder: SpladeEmbedder, language: str | None = None) -> Findings:
        """What samples tell; `language` where it is known. Raises InputError as `language` does."""
        fit = vocabulary_fit(embedder.loaded.tokenizer, self.sample(LANGUAGE_SAMPLE))
        return Findings(self.language(language), self.truncation(embedder), fit)

    def sample(self, size: int) -> list[str]:
        """What is read of about `size` of the first chunks, evenly spaced."""
        step = max(1, len(self.first) // size)
        return [chunk.content for chunk in self.first[::step]]

    def __iter__(self) -> Iterator[Chunk]:
        """All chunks of the stream, once."""
        return chain(self.first, self._rest)


@dataclass(frozen=True)
class Pipeline:
    """What encodes the chunks of an index.

    Attributes:
        embedder: makes the sparse vectors.
        dense: makes the dense ones, where there are any.
        pruning: of the sparse vectors.
        workers: encoding processes.
        cache: where encoded windows are looked up and kept.
    """

    embedder: SpladeEmbedder
    dense: DenseWindows | None = None
    pruning: Pruning = field(default_factory=Pruning)
    workers: int = 1
    cache: Cache | None = None

    @classmethod
    def of(cls, embedder: SpladeEmbedder, options: IndexOptions, cache: Cache | None) -> Pipeline:
        """What encodes for an index of these options."""
        dense = None
        if options.dense is not None:
            has_own = isinstance(options.dense, KeptDense)
            dense = DenseWindows(options.dense, None if has_own else cache)
        return cls(embedder, dense, options.pruning, options.workers, cache)

    def batches(
        self,
        chunks: Iterable[Chunk],
        *,
        count: Callable[[list[str]], None] | None = None,
        total: int | None = None,
        progress: Progress = silent,
    ) -> Generator[Batch, None, None]:
        """Encoded windows, in the order of the chunks.

        Args:
            chunks: read once, some windows ahead where there are several workers.
            count: is given what is read of each window's chunks.
            total: how many chunks there are, for `progress`.
        """
        waiting: deque[tuple[Chunk, str]] = deque()

        def texts() -> Iterator[str]:
            for chunk in chunks:
                content = chunk.content
                waiting.append((chunk, content))
                yield content

        encoded = self.embedder.encode_windows(
            texts(), self.cache, workers=self.workers, total=total, progress=progress
        )
        done = 0
        for vectors in encoded:
            batch: list[Chunk] = []
            window: list[str] = []
            for _ in range(vectors.shape[0]):
                chunk, content = waiting.popleft()
                batch.append(chunk)
                window.append(content)
            if count is not None:
                count(window)
            dense = None
            if self.dense is not None:
                dense = self.dense.encode(window, _counted_on(progress, done, total))
            done += len(window)
            yield Batch(batch, self.pruning.applied(vectors), dense)


def _counted_on(progress: Progress, before: int, total: int | None) -> Progress:
    """Tells `progress` of a window as part of all."""
    return lambda stage, done, _: progress(stage, before + done, total)
