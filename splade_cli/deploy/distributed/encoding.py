"""Encoding of a part: what each worker does, whoever starts it.

A part that is there is whole, and is not made again where its metadata name the same model and the same
chunks: a worker that is lost costs the part that it was at.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.deploy.distributed.tables import chunks_of_table, tables_of, vector_schema, with_vectors
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.storage.checksums import file_checksum
from splade_cli.storage.files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 512
MODEL, CHUNKS, HOW = b"splade.model", b"splade.chunks", b"splade.how"
"""Metadata of a file of vectors: the identity of the model, the SHA-256 of the file of chunks, and precision
and length that texts were encoded in."""
USUAL = ModelOptions(precision="fp32")
"""All workers encode alike."""


class TableEncoder:
    """Puts vectors beside the chunks of a table; opens its model when it is made, once a worker.

    Args:
        model: ``tiny``, a hub id, or a folder that every worker can read.
        options: how it is opened.

    Attributes:
        dimensions: V.
        identity: of the model, see `model.identity`.
        options: how it was opened.
    """

    def __init__(self, model: str, options: ModelOptions = USUAL) -> None:
        self.options = options
        self.embedder = SpladeEmbedder(model, options)
        self.identity = self.embedder.loaded.model.identity
        self.dimensions = self.embedder.loaded.model.dimensions

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the columns ``indices`` and ``values``."""
        texts = [chunk.content for chunk in chunks_of_table(table)]
        return with_vectors(table, self.embedder.encode(texts))


def encode_file(part: str | Path, output: str | Path, encoder: TableEncoder) -> bool:
    """Encodes one Parquet file of chunks into another, which is whole or not there.

    Returns:
        Whether there was anything to do: a file that `is_encoded` stays.
    """
    import pyarrow.parquet as pq

    output = Path(output)
    if is_encoded(part, output, encoder.identity, encoder.options):
        return False
    schema = vector_schema().with_metadata(_mark(Path(part), encoder.identity, encoder.options))
    with (
        replacing(output, alone=True) as temporary,
        pq.ParquetWriter(temporary, schema, compression="zstd") as writer,
    ):
        for table in tables_of(Path(part), ROWS_AT_ONCE):
            writer.write_table(encoder(table).cast(schema))
    return True


def is_encoded(part: str | Path, output: str | Path, identity: str, options: ModelOptions = USUAL) -> bool:
    """Whether a file holds the vectors of this file of chunks, by the model of this identity, opened so."""
    return Path(output).is_file() and _mark_of(Path(output)) == _mark(Path(part), identity, options)


def model_of(output: Path) -> str:
    """The identity of the model that made a file of vectors, empty where the file does not say."""
    return _mark_of(output).get(MODEL, b"").decode()


def made_how(output: Path) -> str:
    """Precision and length that a file of vectors says, empty where it does not."""
    return _mark_of(output).get(HOW, b"").decode()


def _mark(part: Path, identity: str, options: ModelOptions) -> dict[bytes, bytes]:
    # the model's own length is part of its identity
    how = f"{options.precision}, {options.max_seq_length or 'the length of the model'}"
    return {MODEL: identity.encode(), CHUNKS: file_checksum(part).encode(), HOW: how.encode()}


def _mark_of(output: Path) -> dict[bytes, bytes]:
    import pyarrow.parquet as pq

    metadata = pq.read_schema(output).metadata or {}
    return {name: metadata[name] for name in (MODEL, CHUNKS, HOW) if name in metadata}
