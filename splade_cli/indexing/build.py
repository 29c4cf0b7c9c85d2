"""Building an index: documents are read, cut, encoded and written as one stream, to a folder or in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from splade_cli.corpus.documents import Skipped
from splade_cli.errors import InputError
from splade_cli.index.bm25.language import required_language
from splade_cli.index.index import SpladeIndex
from splade_cli.index.vectors.impacts import check_bits
from splade_cli.indexing.in_memory import index_in_memory
from splade_cli.indexing.on_disk import write_index
from splade_cli.indexing.options import IndexOptions
from splade_cli.indexing.pipeline import Findings
from splade_cli.indexing.reading import ChunkReader
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.progress import Progress, bars

DEFAULT = IndexOptions()


@dataclass(frozen=True)
class Indexed:
    """An index that was made.

    Attributes:
        documents: how many were read.
        skipped: what gave no document.
        precision: what documents were encoded in, and why.
        findings: what a sample of the chunks told: their language, and how the model fits them; None of an
            index in memory.
    """

    index: SpladeIndex
    documents: int
    skipped: list[Skipped]
    precision: str = ""
    findings: Findings | None = None


def index_documents(
    documents: str | Path,
    output_dir: str | Path | None = None,
    options: IndexOptions = DEFAULT,
    *,
    model: str = "tiny",
    embedder: SpladeEmbedder | None = None,
    force: bool = False,
    progress: Progress | None = None,
) -> Indexed:
    """Indexes a file or folder of documents.

    What was encoded is kept in a cache beside `output_dir` until the index stands; the same call goes on from
    there.

    Args:
        documents: see `corpus.documents.read_documents`.
        output_dir: where the index folder goes; None keeps it in memory.
        options: what the index is to hold.
        model: used where no `embedder` is given.
        force: replace an index that is there.
        progress: is told how far it is; bars are drawn where None.

    Raises:
        InputError, ModelError: as reading, chunking, loading and encoding raise; another process is writing
            to `output_dir`; other bits than 8 and 16, or negative weights with `impacts`; an unknown
            language.
    """
    options.chunking.check()
    if options.impacts is not None:
        check_bits(options.impacts)
    if options.language is not None:
        required_language(options.language)
    embedder = embedder or SpladeEmbedder(model)
    with bars(progress) as report:
        text_model = embedder.text_model
        options = replace(options, chunking=options.chunking.read_by(text_model))
        reader = ChunkReader(Path(documents), options.chunking, report, options.reading, text_model)
        findings = None
        if output_dir is None:
            if options.query is not None:
                raise InputError("only an index on disk carries a query encoder", "name a folder: output_dir")
            index = index_in_memory(reader, embedder, options, report)
        else:
            findings = write_index(reader, Path(output_dir), embedder, options, force=force, progress=report)
            index = SpladeIndex.open(output_dir)
    device = embedder.loaded.device
    precision = f"{device.precision} ({device.reason})"
    return Indexed(index, reader.documents, reader.skipped, precision, findings)
