"""Many workers over one folder of Parquet files, by Ray Data or by Spark, which are to be installed besides.

Both give the files of a folder to workers, start a task anew where a worker is lost, and leave what is done.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from splade_cli.deploy.distributed.encoding import TableEncoder, encode_file, is_encoded
from splade_cli.deploy.distributed.tables import parts_of
from splade_cli.errors import InputError
from splade_cli.model.identity import identity_of
from splade_cli.model.layout import resolve

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class PartEncoder:
    """Encodes the files that a batch of paths names. Ray makes one of each worker."""

    def __init__(self, model: str, output: str) -> None:
        self._output = Path(output)
        self._encoder = TableEncoder(model)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        parts = [Path(part) for part in batch["part"].tolist()]
        made = [encode_file(part, self._output / part.name, self._encoder) for part in parts]
        return {"part": batch["part"], "made": made}


def encode_with_ray(
    chunks: str | Path, output: str | Path, model: str, *, workers: int, cpus: float = 1
) -> int:
    """Encodes all parts of a folder on a Ray cluster, the one that `ray.init` has found or made.

    Args:
        chunks: a folder that all workers read, `output` one that all write.
        workers: at a time, with so many `cpus` each.

    Returns:
        How many parts were encoded, those that were there before left out.

    Raises:
        InputError: Ray is not installed, or the folder has no parts.
    """
    try:
        import ray
        import ray.data
    except ImportError:
        raise InputError("Ray is not installed", 'pip install "ray[data]"') from None
    Path(output).mkdir(parents=True, exist_ok=True)
    parts = [str(part.resolve()) for part in parts_of(chunks)]
    rows = ray.data.from_items([{"part": part} for part in parts], override_num_blocks=len(parts))
    made = rows.map_batches(
        PartEncoder,
        fn_constructor_args=(model, str(Path(output).resolve())),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=cpus,
    )
    return sum(bool(row["made"]) for row in made.take_all())


def encode_with_spark(chunks: str | Path, output: str | Path, model: str, session: SparkSession) -> int:
    """The same on a Spark cluster, a task for each part.

    Args:
        session: of the cluster, whose workers have this package.

    Raises:
        InputError: the folder has no parts.
    """
    Path(output).mkdir(parents=True, exist_ok=True)
    parts = [str(part.resolve()) for part in parts_of(chunks)]
    target = str(Path(output).resolve())

    def encode_some(some: Iterator[str]) -> Iterator[bool]:
        encoder: TableEncoder | None = None
        for part in some:
            place = Path(target) / Path(part).name
            if encoder is None and is_encoded(part, place, identity_of(resolve(model))):
                yield False
                continue
            encoder = encoder or TableEncoder(model)
            yield encode_file(part, place, encoder)

    return sum(session.sparkContext.parallelize(parts, len(parts)).mapPartitions(encode_some).collect())
