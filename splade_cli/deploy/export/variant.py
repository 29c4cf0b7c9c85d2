"""A smaller variant of a model, and what it loses on judged queries; the Python twin of `splade export`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from splade_cli.corpus.chunks import split_documents
from splade_cli.corpus.documents import Skipped, read_documents
from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.deploy.export.card import add_section
from splade_cli.deploy.export.model_folder import source_folder
from splade_cli.errors import InputError
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.options import ModelOptions
from splade_cli.progress import Progress, silent
from splade_cli.records import JsonValue
from splade_cli.storage import marks
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import claim_output, remove_leftovers, replacing_folder

MEASURE = "nDCG@10"


@dataclass(frozen=True)
class ExportOptions:
    """How a variant is made and measured.

    Attributes:
        vocabulary_size: tokens at most, `size` of `vocabulary_pruning.tokens_to_keep`.
        weight_share: share of all weight that must stay, `share` of the same.
        data: collections on which model and variant are compared, see `datasets.collections.load_collection`.
        split: which of their qrels.
        model: how both are opened.
        force: replace the output.
    """

    vocabulary_size: int | None = None
    weight_share: float | None = None
    data: Sequence[str | Path] = ()
    split: str = "test"
    model: ModelOptions = field(default_factory=ModelOptions)
    force: bool = False


@dataclass(frozen=True)
class QualityLoss:
    """nDCG@10 of base and variant on one collection; `difference` is variant minus base."""

    collection: str
    queries: int
    base: float
    variant: float
    difference: float
    p_value: float


@dataclass(frozen=True)
class Variant:
    """A folder that was written.

    Attributes:
        folder: where it is; `base` is the model that it was made of.
        done: what was done, in words.
        vocabulary, megabytes: tokens, and size of the weights, as (before, after).
        losses: one for each collection.
        skipped: documents of the corpus that could not be read.
    """

    folder: Path
    base: str
    done: tuple[str, ...]
    vocabulary: tuple[int, int]
    megabytes: tuple[float, float]
    losses: list[QualityLoss] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def as_dict(self) -> dict[str, JsonValue]:
        """JSON-ready."""
        return {**asdict(self), "folder": str(self.folder)}


def export_variant(
    model: str,
    output: str | Path,
    corpus: str | Path,
    options: ExportOptions | None = None,
    *,
    progress: Progress = silent,
) -> Variant:
    """Writes a model whose vocabulary is what a corpus needs.

    Args:
        model: ``tiny`` or a model folder.
        output: where the variant goes.
        corpus: the documents, see `corpus.documents.read_documents`.
        options: how small, and what it is measured on.

    Raises:
        InputError: `output` is taken, is the model itself, or is being written by another process; or
            documents or data cannot be used.
        ModelError: as `vocabulary_pruning.prune_vocabulary`.
    """
    options = options or ExportOptions()
    output = Path(output)
    source = source_folder(model)
    if output.resolve() in (source.resolve(), *source.resolve().parents):
        raise InputError(f"{output} is or holds the model {model}", "name another output", option="output")
    with claimed(output):
        claim_output(output, options.force, marks.SMALLER_MODEL)
        remove_leftovers(output)
        return _export(model, source, output, Path(corpus), options, progress)


def _export(
    model: str, source: Path, output: Path, corpus: Path, options: ExportOptions, progress: Progress
) -> Variant:
    """Makes and measures the variant, which takes its place when its card is written as well."""
    from splade_cli.deploy.export.vocabulary_pruning import prune_vocabulary, tokens_to_keep

    collections = [load_collection(Path(path), options.split) for path in options.data]
    base = SpladeEmbedder(model, options.model)
    with replacing_folder(output) as temporary:
        reading = read_documents(corpus)
        texts = [chunk.content for chunk in split_documents(reading.documents)]
        keep = tokens_to_keep(
            base.loaded, texts, share=options.weight_share, size=options.vocabulary_size, progress=progress
        )
        pruned = prune_vocabulary(model, temporary, keep, options.model)
        done = [f"vocabulary pruned to what {len(reading.documents)} documents need"]
        if options.vocabulary_size:
            done.append(f"at most {options.vocabulary_size} tokens")
        if options.weight_share:
            done.append(f"{options.weight_share} of the weight")
        small = SpladeEmbedder(temporary, options.model)
        variant = Variant(
            folder=output,
            base=model,
            done=tuple(done),
            vocabulary=(pruned.before, small.loaded.model.dimensions),
            megabytes=(weights_megabytes(source), weights_megabytes(temporary)),
            losses=[quality_loss(base, small, one, progress=progress) for one in collections],
            skipped=reading.skipped,
        )
        add_section(temporary, "What it is, and what it costs", _cost_paragraphs(variant))
        del small  # which maps its weights: some systems move no folder of open files
    return variant


def quality_loss(
    base: SpladeEmbedder,
    variant: SpladeEmbedder,
    collection: Collection,
    *,
    cache: Path | None = None,
    progress: Progress = silent,
) -> QualityLoss:
    """What a variant loses against its base on one collection.

    Args:
        cache: a folder that keeps what is encoded, for the next variant of the same base.
    """
    report = evaluate(
        variant,
        collection,
        baseline=base,
        bm25=False,
        measures=[MEASURE],
        cache=cache,
        keep_cache=cache is not None,
        progress=progress,
    )
    after, before = report.systems
    assert before.versus is not None
    return QualityLoss(
        collection=report.collection,
        queries=report.queries,
        base=before.figures[MEASURE],
        variant=after.figures[MEASURE],
        difference=before.versus.difference,
        p_value=before.versus.p_value,
    )


def weights_megabytes(folder: Path) -> float:
    """Size of a model folder's weights: safetensors, or pickles where there are none."""
    files = list(folder.glob("*.safetensors")) or list(folder.glob("*.bin"))
    return round(sum(path.stat().st_size for path in files) / 1e6, 2)


def _cost_paragraphs(variant: Variant) -> list[str]:
    """What was done, and a table of what it saves and costs."""
    tokens = [f"{size:,}" for size in variant.vocabulary]
    megabytes = [f"{size:.2f}" for size in variant.megabytes]
    rows = [
        ["", f"`{variant.base}`", "this"],
        ["---", "---", "---"],
        ["tokens", *tokens],
        ["weights, MB", *megabytes],
    ]
    for loss in variant.losses:
        name = f"{MEASURE} on {loss.collection} ({loss.queries} queries)"
        after = f"{loss.variant:.4f} ({loss.difference:+.4f}, p = {loss.p_value:.3f})"
        rows.append([name, f"{loss.base:.4f}", after])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return [f"Made of `{variant.base}` by `splade export`: {', '.join(variant.done)}.", table]
