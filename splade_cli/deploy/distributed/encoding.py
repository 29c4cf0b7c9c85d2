"""Encoding of a part: what each worker does, whoever starts it.

A part that is there is whole, and is not made again: a worker that is lost costs the part that it was at.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from splade_cli.deploy.distributed.tables import chunks_of_table, tables_of, vector_schema, with_vectors
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.storage.files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 512


class TableEncoder:
    """Puts vectors beside the chunks of a table; opens its model when it is made, once a worker.

    Args:
        model: ``tiny``, a hub id, or a folder that every worker can read.
        options: how it is opened; float32 by default, so that all workers encode alike.

    Attributes:
        dimensions: V.
    """

    def __init__(self, model: str, options: ModelOptions | None = None) -> None:
        self.embedder = SpladeEmbedder(model, options or ModelOptions(precision="fp32"))
        self.dimensions = self.embedder.loaded.model.dimensions

    def __call__(self, table: pa.Table) -> pa.Table:
        """The table with the columns ``indices`` and ``values``."""
        texts = [chunk.content for chunk in chunks_of_table(table)]
        return with_vectors(table, self.embedder.encode(texts))


def encode_file(part: str | Path, output: str | Path, encoder: TableEncoder) -> bool:
    """Encodes one Parquet file of chunks into another, which is whole or not there.

    Returns:
        Whether there was anything to do: a file that is there stays.
    """
    import pyarrow.parquet as pq

    output = Path(output)
    if output.is_file():
        return False
    with (
        replacing(output, alone=True) as temporary,
        pq.ParquetWriter(temporary, vector_schema(), compression="zstd") as writer,
    ):
        for table in tables_of(Path(part), ROWS_AT_ONCE):
            writer.write_table(encoder(table).cast(vector_schema()))
    return True
