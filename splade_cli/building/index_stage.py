"""The index stage of a build: an index of the documents by the model in use, or the changes to one."""

from __future__ import annotations

from splade_cli.building import fingerprints
from splade_cli.building.building import Building
from splade_cli.building.dense_part import dense_part
from splade_cli.building.options import BuildOptions
from splade_cli.building.record import INDEX
from splade_cli.generation.options import Judged
from splade_cli.index.index import SpladeIndex
from splade_cli.indexing.add import add_documents
from splade_cli.indexing.build import index_documents
from splade_cli.indexing.models import embedder_of
from splade_cli.indexing.options import IndexOptions
from splade_cli.indexing.vocabulary_fit import misfit, models_for

SYNC = "sync"
MOST_GONE = 0.5
"""Share of an index's documents that may be missing in a folder before it is taken for another one."""


def documents_of(options: BuildOptions) -> str:
    """Where the documents to index are: of a collection in BEIR's layout its corpus, or its documents/."""
    folder = options.documents
    if isinstance(options.queries, Judged):
        for name in ("corpus.jsonl", "documents"):
            if (folder / name).exists():
                return str(folder / name)
    return str(folder)


def sync_index(building: Building) -> None:
    """Brings an index of an earlier build to what the folder holds now, before anything is made anew.

    One that is to be made by another model is left as it is until then.

    Raises:
        InputError: most of its documents are not there any more.
    """
    if INDEX not in building.record.stages or building.stands(INDEX, building.of_index):
        return
    if building.is_indexed_by_other_models:
        return
    building.stages.append(SYNC)
    folder = building.output / INDEX
    with building.watching.progress() as progress:
        added = add_documents(
            documents_of(building.options),
            folder,
            embedder=embedder_of(SpladeIndex.open(folder)),
            reading=fingerprints.reading_of(building.options),
            most_gone=MOST_GONE,
            progress=progress,
        )
    building.watching.say(
        f"index: {added.new} new documents, {added.changed} changed, {added.gone} gone, "
        f"{added.unchanged} as they were"
    )
    building.keep(building.record.with_stage(INDEX, building.of_index))


def make_index(building: Building) -> None:
    """Indexes the documents, unless an index of them by the model in use stands.

    Raises:
        InputError, ModelError: as `index_documents`.
    """
    if building.stands(INDEX, building.of_index):
        return
    building.stages.append(INDEX)
    with building.watching.progress() as progress, dense_part(building.dense, building.data) as dense:
        options = IndexOptions(reading=fingerprints.reading_of(building.options), dense=dense)
        made = index_documents(
            documents_of(building.options),
            building.output / INDEX,
            options,
            model=building.model,
            force=True,
            progress=progress,
        )
    if made.findings is not None:
        said = misfit(made.findings.vocabulary, made.findings.language)
        if said:
            other, _ = models_for(made.findings.language.name)
            building.watching.say(f"{said}: {other} is one of many languages")
    building.keep(building.record.with_stage(INDEX, building.of_index))
