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

import copy
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from splade_cli.datasets.collections import Collection, load_collection
from splade_cli.deploy.export.card import add_section
from splade_cli.deploy.export.graph import Probes, write_graph, write_int8
from splade_cli.deploy.export.graph_model import LOGITS, WEIGHTS, Graph, OnnxGraph, loaded_graph
from splade_cli.deploy.export.model_folder import exact
from splade_cli.deploy.export.openvino import FOLDER, NAME, OpenVinoGraph, require_openvino, write_openvino
from splade_cli.deploy.export.query_graph import LogitsGraph, QueryGraph
from splade_cli.deploy.export.variant import MEASURE, QualityLoss, quality_loss
from splade_cli.errors import InputError, ModelError
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.folder.length_limit import write_length_limit
from splade_cli.model.layout import resolve
from splade_cli.model.load import load_splade_model
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.options import ModelOptions
from splade_cli.model.query_encoders.onnx import require
from splade_cli.progress import Progress, silent
from splade_cli.records import JsonValue
from splade_cli.storage import marks
from splade_cli.storage.claims import claimed
from splade_cli.storage.files import (
    claim_output,
    remove_leftovers,
    replacing_folder,
    temporary_folder,
    write_json,
)

RUNTIMES = ("onnx", "openvino")
TOLERANCE = 1e-4
_INSTEAD = "other runtimes cannot have this model; splade serve answers over HTTP"


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
class GraphFile:
    """One graph.

    Attributes:
        path: below the folder.
        output: ``logits`` [B, L, V] or ``weights`` [B, V].
        megabytes: its size.
        difference: the largest from the model over some texts, relative where a weight is above 1.
    """

    path: str
    output: str
    megabytes: float
    difference: float


@dataclass(frozen=True)
class GraphLoss:
    """What one graph loses on one collection."""

    path: str
    loss: QualityLoss


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
        raise InputError(f"unknown runtime '{options.to}'", f"one of {', '.join(RUNTIMES)}", option="to")
    require("onnx", "onnxscript", "onnxruntime")
    if options.to == "openvino":
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
            graphs = _write_graphs(loaded, temporary, options, progress)
            notes = _write_files(loaded, temporary)
            losses = _measure(loaded, temporary, graphs, collections, progress)
            limit = loaded.model.max_seq_length
            made = RuntimeFolder(output, model, limit, graphs, losses, tuple(notes))
            add_section(temporary, "Graphs for other runtimes", _card_paragraphs(made))
    return made


def _write_graphs(
    loaded: LoadedModel, folder: Path, options: RuntimeOptions, progress: Progress
) -> list[GraphFile]:
    """All graphs, in the order in which they are listed."""
    model = copy.deepcopy(loaded.splade).eval()
    model.max_active = None
    probes = Probes.of(loaded, model)
    (folder / "onnx").mkdir()
    logits = folder / "onnx" / "model.onnx"
    pooled = folder / "onnx" / "pooled.onnx"
    found = []
    steps = 2 * (1 + options.int8) + (options.to == "openvino")

    def note(path: Path, output: str, difference: float) -> None:
        size = sum(part.stat().st_size for part in path.parent.glob(f"{path.stem}.*"))
        name = path.relative_to(folder).as_posix()
        found.append(GraphFile(name, output, round(size / 1e6, 2), difference))
        progress("graph", len(found), steps)

    note(logits, LOGITS, write_graph(LogitsGraph(model), LOGITS, probes, logits, TOLERANCE, _INSTEAD))
    note(pooled, WEIGHTS, write_graph(QueryGraph(model), WEIGHTS, probes, pooled, TOLERANCE, _INSTEAD))
    if options.int8:
        for graph, output in ((logits, LOGITS), (pooled, WEIGHTS)):
            small = graph.with_name(f"{graph.stem}_quantized.onnx")
            note(small, output, write_int8(graph, small, probes, "export it without int8"))
    if options.to == "openvino":
        converted = folder / FOLDER / NAME
        write_openvino(logits, converted)
        difference, _ = probes.compare(OpenVinoGraph(converted))
        if not difference <= TOLERANCE:  # NaN as well
            reason = f"differs from torch by {difference:.3g}, tolerance is {TOLERANCE:.3g}"
            raise ModelError(
                f"{model.name} cannot be exported to OpenVINO ({reason})", "export it to onnx", option="to"
            )
        note(converted, LOGITS, difference)
    _link(logits, folder / "model.onnx")
    return found


def _link(path: Path, other: Path) -> None:
    """The same file under a second name, a copy where the file system has no such links."""
    try:
        os.link(path, other)
    except OSError:
        shutil.copyfile(path, other)


def _write_files(loaded: LoadedModel, folder: Path) -> list[str]:
    """Tokenizer, configuration and weights of query tokens; returns what other runtimes do not do."""
    model = loaded.splade
    config = copy.deepcopy(model.masked_lm.config)
    config.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    write_json(folder / "special_tokens_map.json", loaded.tokenizer.special_tokens_map)
    write_json(folder / "sentence_bert_config.json", {"transformer_task": "fill-mask"})
    write_length_limit(folder, model.max_seq_length)
    pooling = folder / "1_SpladePooling"
    pooling.mkdir()
    # of two logarithms one is in the graph, see LogitsGraph
    settings = {
        "pooling_strategy": model.pooling,
        "activation_function": "relu",
        "embedding_dimension": model.dimensions,
    }
    write_json(pooling / "config.json", settings)
    modules = []
    for number, (path, kind) in enumerate(
        (
            ("", "sentence_transformers.base.modules.transformer.Transformer"),
            (
                pooling.name,
                "sentence_transformers.sparse_encoder.modules.splade_pooling.SpladePooling",
            ),
        )
    ):
        modules.append({"idx": number, "name": str(number), "path": path, "type": kind})
    write_json(folder / "modules.json", modules)
    outer: dict[str, JsonValue] = {
        "model_type": "SparseEncoder",
        "prompts": dict(model.prompts),
        "similarity_fn_name": "dot",
    }
    if model.max_active is not None:
        outer["max_active_dims"] = model.max_active
    write_json(folder / "config_sentence_transformers.json", outer)
    notes = []
    if model.pooling != "max":
        notes.append(
            "it pools by a sum: fastembed and text-embeddings-inference pool the logits by the maximum"
        )
    if any(model.prompts.values()):
        notes.append("it has prompts, which other runtimes put before no text by themselves")
    if model.max_active is not None:
        notes.append(f"it keeps the {model.max_active} largest weights of a text, other runtimes keep all")
    if model.query_table is not None:
        names = {number: token for token, number in loaded.tokenizer.get_vocab().items()}
        weights = {names[int(one)]: float(model.query_table[one]) for one in model.query_table.nonzero()[0]}
        write_json(folder / "idf.json", weights)
        notes.append(
            "the graphs are for documents: a query is its distinct tokens with the weights of idf.json"
        )
    return notes


def _measure(
    loaded: LoadedModel,
    folder: Path,
    graphs: Sequence[GraphFile],
    collections: Sequence[Collection],
    progress: Progress,
) -> list[GraphLoss]:
    """Each graph against the model on each collection; the model's own vectors are computed once."""
    losses = []
    base = SpladeEmbedder.from_loaded(loaded)
    base.options = exact(base.options)
    with temporary_folder() as cache:
        for collection in collections:
            for graph in graphs:
                opened = loaded_graph(_open(folder, graph), loaded, graph.path)
                variant = SpladeEmbedder.from_loaded(opened)
                variant.options = exact(variant.options)
                loss = quality_loss(base, variant, collection, cache=cache, progress=progress)
                losses.append(GraphLoss(graph.path, loss))
    return losses


def _open(folder: Path, graph: GraphFile) -> Graph:
    if graph.path.startswith(FOLDER):
        return OpenVinoGraph(folder / graph.path)
    return OnnxGraph(folder / graph.path)


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
