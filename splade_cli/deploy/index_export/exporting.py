"""Export of an index as files for another engine; the Python twin of `splade export INDEX`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from splade_cli.deploy.index_export.load_page import write_load_page
from splade_cli.deploy.index_export.source import Query, Source
from splade_cli.deploy.index_export.targets import Target, target_named
from splade_cli.deploy.query_file import read_queries
from splade_cli.engines.remote.limits import check
from splade_cli.engines.web.names import FeatureNames
from splade_cli.errors import InputError, OptionError, require_positive
from splade_cli.index.index import SpladeIndex
from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.records import JsonValue
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import claim_output, remove_leftovers, replacing_folder
from splade_cli.storage.marks import EXPORTED_INDEX

(PAGE,) = EXPORTED_INDEX
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class IndexExportOptions:
    """How an index is exported.

    Attributes:
        names: what dimensions are called, ``ids`` or ``tokens``.
        scale: what a weight of 1 becomes where weights are whole numbers.
        name: of the index, table or collection at its destination.
        queries: file of queries to encode and write along: JSONL of ``_id`` and ``text``, or one a line.
        model: how the model is opened, where queries need it.
        force: replace the output.
    """

    names: str = "ids"
    scale: int = 100
    name: str = "docs"
    queries: Path | None = None
    model: ModelOptions = field(default_factory=ModelOptions)
    force: bool = False


@dataclass(frozen=True)
class ExportedIndex:
    """A folder that was written.

    Attributes:
        folder: where it is; `page` in it says how to load it.
        to: the destination.
        rows: texts; `empty` of them have no active dimension, and no query finds them.
        queries: that were written along.
        files, bytes: in the folder.
    """

    folder: Path
    page: str
    to: str
    rows: int
    empty: int
    queries: int
    files: int
    bytes: int

    def as_dict(self) -> dict[str, JsonValue]:
        """JSON-ready."""
        return {**asdict(self), "folder": str(self.folder)}


def export_index(
    index: str | Path | SpladeIndex,
    output: str | Path,
    to: str,
    options: IndexExportOptions | None = None,
    *,
    progress: Progress = silent,
) -> ExportedIndex:
    """Writes an index as files for another engine. Limits of that engine are checked before anything is
    written, and the folder is whole or not there.

    Args:
        index: an index, or its folder.
        output: the folder that is written.
        to: the destination, a key of `targets.TARGETS`.

    Raises:
        InputError: `output` is taken, or the destination would not take what is in the index.
        IndexFolderError: the index is damaged.
    """
    options = options or IndexExportOptions()
    target = target_named(to)
    output = Path(output)
    opened = index if isinstance(index, SpladeIndex) else SpladeIndex.open(index)
    _require_apart(opened, output)
    names = _names(opened, target, to, options)
    require_positive(scale=options.scale)
    if not NAME.fullmatch(options.name):
        raise OptionError(
            f"'{options.name}' is no name that every engine takes",
            "lower case letters, digits and underscores, e.g. docs",
            option="name",
        )
    checked = check(opened, target.limits)
    if not target.blanks:
        _require_no_blanks(opened, target.limits.engine)
    queries = _encoded(opened, options)
    source = Source(opened, checked, names, options.scale, options.name, queries, progress)
    with claimed(output):
        claim_output(output, options.force, EXPORTED_INDEX)
        remove_leftovers(output)
        with replacing_folder(output) as temporary:
            target.write(source, temporary)
            write_load_page(temporary / PAGE, to, source)
            files = [path for path in temporary.rglob("*") if path.is_file()]
            size = sum(path.stat().st_size for path in files)
    return ExportedIndex(output, PAGE, to, checked.rows, checked.empty, len(queries), len(files), size)


def _require_apart(index: SpladeIndex, output: Path) -> None:
    if index.folder is None:
        return
    folder = index.folder.resolve()
    if output.resolve() in (folder, *folder.parents):
        raise InputError(f"{output} is or holds the index", "name another output", option="output")


def _names(index: SpladeIndex, target: Target, to: str, options: IndexExportOptions) -> FeatureNames:
    names = FeatureNames(options.names, index.vocabulary)
    if names.kind not in target.names:
        raise OptionError(
            f"{to} numbers its dimensions, and knows no names of them", "leave names as ids", option="names"
        )
    names.require(target.limits.engine, dots=target.dots)
    return names


def _require_no_blanks(index: SpladeIndex, engine: str) -> None:
    """Raises InputError for an id that a line of a TREC run would cut in two."""
    for row in index.live_rows().tolist():
        name = index.ids[row]
        if not name or len(name.split()) != 1 or name != name.strip():
            raise InputError(
                f"{engine} takes no blanks in ids, such as {name!r}",
                "give the documents other names or ids, and index them again",
            )


def _encoded(index: SpladeIndex, options: IndexExportOptions) -> Sequence[Query]:
    """The queries of a file with their vectors, by what the index encodes queries with."""
    if options.queries is None:
        return ()
    if index.folder is None:
        raise InputError("queries are encoded by what an index folder names", "save the index first")
    from splade_cli.search.opening import open_folder
    from splade_cli.search.options import SearchOptions

    given = read_queries(options.queries)
    parts = open_folder(index.folder, None, SearchOptions(mode="sparse"), None, options.model)
    vectors = parts.encoder.encode([text for _, text in given])
    queries = []
    for number, (name, text) in enumerate(given):
        span = slice(vectors.indptr[number], vectors.indptr[number + 1])
        queries.append(Query(name, text, vectors.indices[span], vectors.data[span]))
    return queries
