"""Documents of a file or folder as a stream of chunks, counted while they pass."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from splade_cli.corpus.chunks import Chunking, iterate_chunks
from splade_cli.corpus.documents import Skipped, iterate_documents
from splade_cli.corpus.options import DEFAULT_READING, ReadingOptions
from splade_cli.corpus.segmentation.text_model import NO_MODEL, TextModel
from splade_cli.errors import InputError
from splade_cli.progress import Progress, silent
from splade_cli.records import Chunk, Document


class ChunkReader:
    """Reads and cuts documents, one in memory at a time; each iteration reads them anew.

    Args:
        model: the one that is to read the chunks.

    Attributes:
        documents, chunks: read and cut so far.
        skipped: what gave no document.
    """

    def __init__(
        self,
        source: Path,
        chunking: Chunking,
        progress: Progress = silent,
        options: ReadingOptions = DEFAULT_READING,
        model: TextModel = NO_MODEL,
    ) -> None:
        self.documents = 0
        self.chunks = 0
        self.skipped: list[Skipped] = []
        self._source = source
        self._chunking = chunking
        self._progress = progress
        self._options = options
        self._model = model

    def again(self) -> ChunkReader:
        """A reader of the same that reports nothing."""
        return ChunkReader(self._source, self._chunking, options=self._options, model=self._model)

    def __iter__(self) -> Iterator[Chunk]:
        """The chunks of all documents.

        Raises:
            InputError: nothing there that can be read, sizes of chunks that do not fit together; at the end,
                where there was not a single document, or no text in them.
        """
        self.documents = 0
        self.chunks = 0
        self.skipped = []
        for chunk in iterate_chunks(self._read(), self._chunking, self._model):
            self.chunks += 1
            yield chunk
        self._progress("read", self.documents, self.documents)
        if not self.chunks:
            raise InputError(f"no text in {self._source}", "its documents hold nothing but blanks")

    def _read(self) -> Iterator[Document]:
        for document in iterate_documents(self._source, self._options, self._progress):
            if isinstance(document, Skipped):
                self.skipped.append(document)
                continue
            self.documents += 1
            self._progress("read", self.documents, None)
            yield document
