"""A model in, a smaller model folder out with what it loses on judged queries; the Python twin of `splade export`.

Reads a corpus, chooses the tokens, prunes, quantises, measures; how each is done is for `model` and `evaluation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from splade_cli.corpus.chunks import split_documents
from splade_cli.corpus.documents import Skipped, read_documents
from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.errors import InputError
from splade_cli.evaluation.evaluate import evaluate
from splade_cli.files import claim_output, replacing_folder
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.records import Progress, silent

MEASURE = "nDCG@10"


@dataclass(frozen=True)
class Loss:
    """nDCG@10 of `base` and `variant` on one collection; `difference` is variant minus base, see `Comparison`."""

    collection: str
    queries: int
    base: float
    variant: float
    difference: float
    p_value: float


@dataclass(frozen=True)
class Variant:
    """A folder that was written: what was `done`, tokens and megabytes of weights as (before, after), and the loss."""

    folder: Path
    base: str
    done: tuple[str, ...]
    vocabulary: tuple[int, int]
    megabytes: tuple[float, float]
    losses: list[Loss] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {**asdict(self), "folder": str(self.folder)}


def export_variant(
    model: str,
    output: str | Path,
    *,
    corpus: str | Path | None = None,
    vocabulary_size: int | None = None,
    weight_share: float | None = None,
    int8: bool = False,
    data: Sequence[str | Path] = (),
    split: str = "test",
    force: bool = False,
    progress: Progress = silent,
    **options: Any,
) -> Variant:
    """Writes a smaller variant of a model.

    Args:
        model: ``tiny`` or a model folder.
        output: where the variant goes.
        corpus: prune the vocabulary to what these documents need; see `corpus.documents.read_documents`.
        vocabulary_size, weight_share: `size` and `share` of `model.pruning.tokens_to_keep`.
        int8: store weights as int8; sentence-transformers cannot open such a folder, see `model.quantization`.
        data, split: collections on which model and variant are compared; see `corpus.collections.load_collection`.
        force: replace `output`.
        options: of `search.encoder.SpladeEmbedder`.

    Raises:
        InputError: nothing to do, `output` is taken or is the model itself, or documents or data cannot be used.
        ModelError: as `model.pruning.prune_vocabulary` and `model.quantization.save_int8`.
    """
    from splade_cli.deploy.export.pruning import prune_vocabulary, tokens_to_keep
    from splade_cli.deploy.export.variant import source_folder
    from splade_cli.model.quantization import save_int8

    if corpus is None and not int8:
        raise InputError(
            "nothing to do: neither a smaller vocabulary nor smaller weights were asked for",
            "add --prune-vocabulary --corpus DOCS, or --int8, or both",
        )
    source, output = source_folder(model), Path(output)
    if output.resolve() in (source.resolve(), *source.resolve().parents):
        raise InputError(f"{output} is or holds the model {model}", "choose another -o")
    claim_output(output, force, ("modules.json", "config.json"))
    collections, base = (
        [load_collection(Path(path), split) for path in data],
        SpladeEmbedder(model, **options),
    )
    trust = {name: options[name] for name in ("trust_remote_code", "allow_pickle") if name in options}
    done, skipped, before = [], [], None
    with replacing_folder(output) as temporary, TemporaryDirectory(prefix="splade-") as between:
        step = model
        if corpus is not None:
            reading = read_documents(Path(corpus))
            skipped = reading.skipped
            texts = [chunk.content for chunk in split_documents(reading.documents)]
            keep = tokens_to_keep(
                base.loaded, texts, share=weight_share, size=vocabulary_size, progress=progress
            )
            pruned = prune_vocabulary(model, Path(between) / "pruned" if int8 else temporary, keep, **trust)
            step, before = str(pruned.folder), pruned.before
            done.append(f"vocabulary pruned to what {len(reading.documents)} documents need")
            done += [f"at most {vocabulary_size} tokens"] if vocabulary_size else []
            done += [f"{weight_share} of the weight"] if weight_share else []
        if int8:
            save_int8(step, temporary, **trust)
            done.append("weights stored as int8")
    small = SpladeEmbedder(output, **options)
    tokens, megabytes = small.loaded.model.dimensions, (weights_megabytes(source), weights_megabytes(output))
    losses = _losses(base, small, collections, progress)
    variant = Variant(output, model, tuple(done), (before or tokens, tokens), megabytes, losses, skipped)
    _write_card(variant)
    return variant


def _losses(
    base: SpladeEmbedder, variant: SpladeEmbedder, collections: list[Collection], show: Progress
) -> list[Loss]:
    losses = []
    for collection in collections:
        report = evaluate(variant, collection, baseline=base, bm25=False, measures=[MEASURE], progress=show)
        before, after = report.systems[1].figures[MEASURE], report.systems[0].figures[MEASURE]
        versus = report.systems[1].versus
        assert versus is not None
        losses.append(
            Loss(report.collection, report.queries, before, after, versus.difference, versus.p_value)
        )
    return losses


def weights_megabytes(folder: Path) -> float:
    """Size of a model folder's weights: safetensors, or pickles where there are none."""
    files = list(folder.glob("*.safetensors")) or list(folder.glob("*.bin"))
    return round(sum(path.stat().st_size for path in files) / 1e6, 2)


def _write_card(variant: Variant) -> None:
    from splade_cli.deploy.export.variant import add_to_card

    tokens, weights = (
        (f"{size:,}" for size in variant.vocabulary),
        (f"{size:.2f}" for size in variant.megabytes),
    )
    rows = [["", f"`{variant.base}`", "this"], ["---"] * 3, ["tokens", *tokens], ["weights, MB", *weights]]
    for loss in variant.losses:
        name = f"{MEASURE} on {loss.collection} ({loss.queries} queries)"
        rows.append(
            [name, f"{loss.base:.4f}", f"{loss.variant:.4f} ({loss.difference:+.4f}, p = {loss.p_value:.3f})"]
        )
    done = f"Made of `{variant.base}` by `splade export`: {', '.join(variant.done)}."
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    add_to_card(variant.folder, "What it is, and what it costs", [done, table])
