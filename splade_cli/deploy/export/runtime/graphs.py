"""Graphs of a SPLADE model in ONNX and OpenVINO, each compared with the model and measured."""

from __future__ import annotations

import copy
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from splade_cli.datasets.collections import Collection
from splade_cli.deploy.export.graph import Probes, write_graph, write_int8
from splade_cli.deploy.export.graph_model import LOGITS, WEIGHTS, Graph, OnnxGraph, loaded_graph
from splade_cli.deploy.export.model_folder import exact
from splade_cli.deploy.export.openvino import FOLDER, NAME, OpenVinoGraph, write_openvino
from splade_cli.deploy.export.query_graph import LogitsGraph, QueryGraph
from splade_cli.deploy.export.variant import QualityLoss, quality_loss
from splade_cli.errors import ModelError
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.loaded import LoadedModel
from splade_cli.progress import Progress
from splade_cli.storage.files import temporary_folder

OPENVINO = "openvino"
TOLERANCE = 1e-4
_INSTEAD = "other runtimes cannot have this model; splade serve answers over HTTP"


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


def write_graphs(
    loaded: LoadedModel, folder: Path, to: str, progress: Progress, *, int8: bool
) -> list[GraphFile]:
    """All graphs, in the order in which they are listed.

    Args:
        to: ``onnx``, or ``openvino`` beside it.
        int8: the int8 form of each as well.

    Raises:
        ModelError: one that differs from the model by more than `TOLERANCE`.
    """
    model = copy.deepcopy(loaded.splade).eval()
    model.max_active = None
    probes = Probes.of(loaded, model)
    (folder / "onnx").mkdir()
    logits = folder / "onnx" / "model.onnx"
    pooled = folder / "onnx" / "pooled.onnx"
    found = []
    steps = 2 * (1 + int8) + (to == OPENVINO)

    def note(path: Path, output: str, difference: float) -> None:
        size = sum(part.stat().st_size for part in path.parent.glob(f"{path.stem}.*"))
        name = path.relative_to(folder).as_posix()
        found.append(GraphFile(name, output, round(size / 1e6, 2), difference))
        progress("graph", len(found), steps)

    note(logits, LOGITS, write_graph(LogitsGraph(model), LOGITS, probes, logits, TOLERANCE, _INSTEAD))
    note(pooled, WEIGHTS, write_graph(QueryGraph(model), WEIGHTS, probes, pooled, TOLERANCE, _INSTEAD))
    if int8:
        for graph, output in ((logits, LOGITS), (pooled, WEIGHTS)):
            small = graph.with_name(f"{graph.stem}_quantized.onnx")
            note(small, output, write_int8(graph, small, probes, "export it without int8"))
    if to == OPENVINO:
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


def measure(
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
