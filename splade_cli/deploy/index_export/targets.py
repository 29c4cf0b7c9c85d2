"""Destinations of an index as files: what each takes, what is written for it, how its page is called."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splade_cli.deploy.index_export import anserini, ciff, pgvector, plain, servers
from splade_cli.deploy.index_export.parquet import write_parquet
from splade_cli.deploy.index_export.source import Source
from splade_cli.engines.remote.limits import Limits
from splade_cli.engines.web.lucene import elasticsearch, opensearch
from splade_cli.engines.web.names import IDS, KINDS
from splade_cli.engines.web.qdrant import bodies as qdrant
from splade_cli.engines.web.vespa import bodies as vespa
from splade_cli.errors import OptionError, did_you_mean


@dataclass(frozen=True)
class Target:
    """A destination.

    Attributes:
        limits: what it takes.
        write: writes all files but the page into a folder.
        names: kinds of names that it can have.
        dots: whether names of features may have dots.
        blanks: whether ids may have white space.
        whole: whether weights are whole numbers.
    """

    limits: Limits
    write: Callable[[Source, Path], None]
    names: tuple[str, ...] = KINDS
    dots: bool = True
    blanks: bool = True
    whole: bool = False


TARGETS = {
    "jsonl": Target(Limits("JSONL"), plain.write_jsonl),
    "parquet": Target(Limits("Parquet", dimensions=(1 << 31) - 1), write_parquet),
    "anserini": Target(anserini.LIMITS, anserini.write_anserini, blanks=False, whole=True),
    "ciff": Target(ciff.LIMITS, ciff.write_ciff, blanks=False, whole=True),
    "opensearch": Target(opensearch.LIMITS, servers.write_opensearch, dots=opensearch.DOTS),
    "opensearch-seismic": Target(opensearch.LIMITS, servers.write_seismic, names=(IDS,)),
    "elasticsearch": Target(elasticsearch.LIMITS, servers.write_elasticsearch, dots=elasticsearch.DOTS),
    "vespa": Target(vespa.LIMITS, servers.write_vespa),
    "qdrant": Target(qdrant.LIMITS, servers.write_qdrant, names=(IDS,)),
    "pgvector": Target(pgvector.LIMITS, pgvector.write_pgvector, names=(IDS,)),
}


def target_named(name: str) -> Target:
    """A destination by its name. Raises InputError for another."""
    target = TARGETS.get(name)
    if target is None:
        hint = did_you_mean(name, TARGETS) or f"one of {', '.join(TARGETS)}"
        raise OptionError(f"an index goes to no '{name}'", hint, option="to")
    return target
