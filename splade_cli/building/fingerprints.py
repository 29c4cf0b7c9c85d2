"""Fingerprints of a build: hashes of documents and settings, by which a stage knows that it stands."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from splade_cli.building.options import BuildOptions
from splade_cli.config.resolve import Resolved
from splade_cli.corpus.folders import list_files
from splade_cli.corpus.options import ReadingOptions
from splade_cli.errors import InputError
from splade_cli.generation.options import Judged, Llm, Rows
from splade_cli.model.identity import identity_of
from splade_cli.model.layout import resolve
from splade_cli.storage.checksums import file_checksum

OWN = ("training.output_dir", "datasets.train_file", "datasets.val_file", "datasets.marks.source")
"""Settings that a build decides by itself."""
_OF_PATTERNS = re.compile(r"([\\*?\[\]!# ])")


def key(*parts: object) -> str:
    """SHA-256 over values that JSON can hold."""
    written = json.dumps(parts, sort_keys=True, default=str, ensure_ascii=False)
    return sha256(written.encode("utf-8", "surrogatepass")).hexdigest()


def reading_of(options: BuildOptions) -> ReadingOptions:
    """How documents are read: without what the build itself writes, where it writes among them."""
    documents = options.documents.resolve()
    output = options.output.resolve()
    if not output.is_relative_to(documents):
        return ReadingOptions()
    inside = output.relative_to(documents).as_posix()
    return ReadingOptions(exclude=("/" + _OF_PATTERNS.sub(r"\\\1", inside) + "/",))


def of_documents(path: Path, reading: ReadingOptions) -> str:
    """Names and bytes of all files that may be read. Raises InputError where there is nothing."""
    if path.is_file():
        return key(path.name, file_checksum(path))
    if not path.is_dir():
        raise InputError(f"no such file or folder: {path}", "name a folder of documents")
    files, _ = list_files(path, reading)
    return key([(file.name, file_checksum(file.path)) for file in files])


def of_data(options: BuildOptions, documents: str, max_queries: int | None) -> str:
    """What training rows are made of; which server answers and how patiently it is asked decides nothing."""
    queries = asdict(options.queries)
    if isinstance(options.queries, Rows):
        queries["path"] = of_documents(Path(options.queries.path), ReadingOptions())
    if isinstance(options.queries, Judged):
        queries["judged"] = _of_judgements(options.documents)
    if isinstance(options.queries, Llm):
        for name in ("base_url", "concurrency", "rate_limit", "timeout", "limits", "answers"):
            queries.pop(name, None)
    kind = type(options.queries).__name__
    base = of_base(options.model)
    return key(documents, kind, queries, max_queries, base, options.teacher, options.seed)


def _of_judgements(folder: Path) -> dict[str, str]:
    """Queries and qrels of a folder in BEIR's layout, which are no documents."""
    files = [*sorted(folder.glob("queries.*")), *sorted((folder / "qrels").glob("*"))]
    return {file.name: file_checksum(file) for file in files if file.is_file()}


def of_training(resolved: Resolved, data: str, base: str) -> str:
    """What a model is made of: settings that were given, by a preset too, but where its files lie."""
    entries = resolved.entries()
    given = {name: entries[name][0] for name in resolved.origins if name in entries and name not in OWN}
    return key(given, data, base)


def of_base(name: str) -> str:
    """The base model: a hash of its files, or its hub id, whatever is fetched of it on the way."""
    source = resolve(name)
    return identity_of(source) if Path(source).is_dir() else source
