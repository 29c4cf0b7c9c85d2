"""A SPLADE model for other runtimes: graphs and tokenizer in one folder; the twin of `splade export --to`.

model.onnx                    logits [B, L, V]; fastembed looks here
onnx/model.onnx               the same; transformers.js, text-embeddings-inference, sentence-transformers
onnx/model_quantized.onnx     the same in int8, which transformers.js calls q8
onnx/pooled.onnx              weights [B, V], pooled inside, which no logits leave; _quantized in int8
openvino/openvino_model.xml   the logits for OpenVINO
idf.json                      weights of query tokens, where the model is inference-free
tokenizer.json ...            one length limit in all of them
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from splade_cli.datasets.collections import load_collection
from splade_cli.deploy.export.card import add_section
from splade_cli.deploy.export.model_folder import exact
from splade_cli.deploy.export.openvino import require_openvino
from splade_cli.deploy.export.runtime.graphs import OPENVINO, GraphFile, GraphLoss, measure, write_graphs
from splade_cli.deploy.export.runtime.loader_files import write_loader_files
from splade_cli.deploy.export.variant import MEASURE
from splade_cli.errors import InputError, OptionError
from splade_cli.model.layout import resolve
from splade_cli.model.load import load_splade_model
from splade_cli.model.options import ModelOptions
from splade_cli.model.query_encoders.onnx import require
from splade_cli.progress import Progress, silent
from splade_cli.records import JsonValue
from splade_cli.storage import marks
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import claim_output, remove_leftovers, replacing_folder

RUNTIMES = ("onnx", OPENVINO)


@dataclass(frozen=True)
class RuntimeOptions:
    """What is written, and what it is measured on.

    Attributes:
        to: ``onnx``, or ``openvino`` beside it.
        int8: write the int8 form of each graph too.
        data: collections on which each graph is compared with the model.
        split: which of their qrels.
        model: whom to trust, and tokens read of a text; graphs are made in float32 on the CPU.
        force: replace the output.
    """

    to: str = "onnx"
    int8: bool = True
    data: Sequence[str | Path] = ()
    split: str = "test"
    model: ModelOptions = field(default_factory=ModelOptions)
    force: bool = False


@dataclass(frozen=True)
class RuntimeFolder:
    """What was written.

    Attributes:
        max_seq_length: tokens read of a text, by each file that says it.
        notes: what other runtimes do not do by themselves, in sentences.
    """

    folder: Path
    base: str
    max_seq_length: int
    graphs: list[GraphFile]
    losses: list[GraphLoss] = field(default_factory=list)
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, JsonValue]:
        """JSON-ready."""
        return {**asdict(self), "folder": str(self.folder)}


def export_runtime(
    model: str,
    output: str | Path,
    options: RuntimeOptions | None = None,
    *,
    progress: Progress = silent,
) -> RuntimeFolder:
    """Writes graphs of a SPLADE model that were compared with it, and what loaders want beside them.

    Args:
        model: ``tiny``, a model folder or a hub id.
        output: where the folder goes.
        options: see there.

    Raises:
        InputError: a library is not installed; `output` is taken or is the model itself; data cannot be used.
        ModelError: no SPLADE model, or one that cannot be exported exactly.
    """
    options = options or RuntimeOptions()
    output = Path(output)
    if options.to not in RUNTIMES:
        raise OptionError(f"unknown runtime '{options.to}'", f"one of {', '.join(RUNTIMES)}", option="to")
    require("onnx", "onnxscript", "onnxruntime")
    if options.to == OPENVINO:
        require_openvino()
    source = Path(resolve(model))
    if source.is_dir() and output.resolve() in (source.resolve(), *source.resolve().parents):
        raise InputError(f"{output} is or holds the model {model}", "name another output", option="output")
    with claimed(output):
        claim_output(output, options.force, marks.GRAPHS)
        remove_leftovers(output)
        collections = [load_collection(Path(path), options.split) for path in options.data]
        opening = exact(options.model, max_seq_length=options.model.max_seq_length)
        loaded = load_splade_model(model, opening)
        with replacing_folder(output) as temporary:
            graphs = write_graphs(loaded, temporary, options.to, progress, int8=options.int8)
            notes = write_loader_files(loaded, temporary)
            losses = measure(loaded, temporary, graphs, collections, progress)
            limit = loaded.model.max_seq_length
            made = RuntimeFolder(output, model, limit, graphs, losses, tuple(notes))
            add_section(temporary, "Graphs for other runtimes", _card_paragraphs(made))
    return made


def _card_paragraphs(made: RuntimeFolder) -> list[str]:
    """What is what, and what it costs."""
    rows = ["| graph | output | MB | largest difference |", "|---|---|---|---|"]
    for graph in made.graphs:
        rows.append(f"| `{graph.path}` | {graph.output} | {graph.megabytes} | {graph.difference:.2g} |")
    paragraphs = [
        f"Made of `{made.base}` by `splade export`. {made.max_seq_length} tokens are read of a text.",
        "\n".join(rows),
    ]
    for one in made.losses:
        loss = one.loss
        paragraphs.append(
            f"{MEASURE} of `{one.path}` on {loss.collection} ({loss.queries} queries): {loss.variant:.4f}, "
            f"the model {loss.base:.4f} ({loss.difference:+.4f}, p = {loss.p_value:.3f})."
        )
    return [*paragraphs, *(f"Note: {note}." for note in made.notes)]
