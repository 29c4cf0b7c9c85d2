"""Export of a query encoder to ONNX: query.onnx and tokenizer.json, checked against torch.

`model.query_encoders.onnx` reads what is written here; the choice of the largest ``max_active`` weights, the
prompt and the length limit are its part.
"""

from __future__ import annotations

import copy
import shutil
import tempfile
import weakref
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from splade_cli.deploy.export.graph import PROBES, Probes, write_graph, write_int8
from splade_cli.deploy.export.graph_model import WEIGHTS
from splade_cli.deploy.export.query_graph import QueryGraph
from splade_cli.errors import ModelError
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.query_encoders.base import GRAPH, QueryEncoderExport
from splade_cli.model.query_encoders.onnx import OnnxQueryEncoder, require
from splade_cli.model.query_encoders.static_export import export_static
from splade_cli.model.query_encoders.tokenizer import TOKENIZER, write_tokenizer
from splade_cli.records import QueryInfo
from splade_cli.storage.files import replacing, temporary_folder

_INSTEAD = "search with the model itself, which needs no export"
_IN_FLOAT32 = "export it in float32"


class Exported(NamedTuple):
    """What was written, and how far from torch it is over `PROBES`, each alone and several padded together.

    `bytes` is the graph's size, `difference` the float32 graph's largest, relative where a weight is above 1.
    `int8_difference` is that of the int8 graph, None unless int8 was asked for.
    """

    bytes: int
    difference: float
    int8_difference: float | None = None


def export_query_encoder(
    loaded: LoadedModel, folder: Path, *, int8: bool = False, tolerance: float = 1e-4
) -> Exported:
    """Writes ``query.onnx`` and ``tokenizer.json`` into `folder`, which exists; neither of them if it raises.

    What is exported is a copy of the model on the CPU, so that `loaded` stays as it is.

    Args:
        loaded: from `model.load.load_splade_model`.
        int8: weights of matrix products and embeddings in int8, and activations quantised as they come.
        tolerance: largest `Exported.difference` that is let pass.

    Raises:
        InputError: onnx, onnxscript or onnxruntime is not installed.
        ModelError: the model cannot be exported, or its graph or int8 changes too much.
    """
    require("onnx", "onnxscript", "onnxruntime")
    model = copy.deepcopy(loaded.splade).to("cpu").eval()
    model.max_active = None
    probes = Probes.of(loaded, model)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".onnx-") as temporary:
        graph = Path(temporary) / GRAPH
        tokenizer = Path(temporary) / TOKENIZER
        difference = write_graph(QueryGraph(model), WEIGHTS, probes, graph, tolerance, _INSTEAD)
        exported = Exported(0, difference)
        if int8:
            exported = exported._replace(int8_difference=write_int8(graph, graph, probes, _IN_FLOAT32))
        _write_tokenizer(loaded, graph, tokenizer)
        for path in (tokenizer, graph):
            with replacing(folder / path.name) as place:
                shutil.copyfile(path, place)
    return exported._replace(bytes=(folder / GRAPH).stat().st_size)


class OnnxExport:
    """A `QueryEncoderExport` of the model's query side as a graph, made at once, since it may fail.

    Raises:
        ModelError: as `export_query_encoder`.
    """

    def __init__(self, embedder: SpladeEmbedder, *, int8: bool = False) -> None:
        model = embedder.loaded.model
        temporary = ExitStack()
        weakref.finalize(self, temporary.close)
        self._folder = temporary.enter_context(temporary_folder())
        made = export_query_encoder(embedder.loaded, self._folder, int8=int8)
        difference = made.difference if made.int8_difference is None else made.int8_difference
        self.info = QueryInfo(
            "onnx",
            max_seq_length=model.max_seq_length,
            prompt=model.prompts.get("query") or "",
            max_active=model.max_active,
            int8=int8,
            difference=difference,
        )

    def count(self, texts: Sequence[str]) -> None:
        """Needs no texts."""

    def write(self, folder: Path) -> None:
        """Copies tokenizer and graph."""
        for name in (TOKENIZER, GRAPH):
            shutil.copyfile(self._folder / name, folder / name)


def export_onnx(embedder: SpladeEmbedder, *, int8: bool = False) -> QueryEncoderExport:
    """The model's query side for an index to carry; an inference-free model has its table instead.

    Raises:
        ModelError: as `export_query_encoder`.
    """
    if embedder.loaded.model.query_table is not None:
        return export_static(embedder)
    return OnnxExport(embedder, int8=int8)


def _write_tokenizer(loaded: LoadedModel, graph: Path, path: Path) -> None:
    """Saves the fast tokenizer, and makes sure that it reads texts as transformers does."""
    tokenizer = loaded.tokenizer
    limit = loaded.model.max_seq_length
    wanted = tokenizer(list(PROBES), truncation=True, max_length=limit)["input_ids"]
    write_tokenizer(tokenizer, path, limit)
    got = [part.ids for part in OnnxQueryEncoder(graph, path, max_seq_length=limit).tokenize(PROBES)]
    if got != wanted:
        raise ModelError(f"the tokenizer of {loaded.model.name} needs Python code of transformers", _INSTEAD)
