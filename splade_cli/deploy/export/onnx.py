"""Export of a query encoder to ONNX: query.onnx and tokenizer.json, checked against torch.

`model.query_encoders.onnx` reads what is written here; the choice of the largest ``max_active`` weights, the
prompt and the length limit are its part.
"""

from __future__ import annotations

import copy
import logging
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splade_cli.deploy.export.query_graph import QueryGraph
from splade_cli.errors import ModelError
from splade_cli.model.embedder import SpladeEmbedder
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.query_encoders.base import GRAPH, QueryEncoderExport
from splade_cli.model.query_encoders.onnx import INPUTS, OnnxQueryEncoder, open_session, require
from splade_cli.model.query_encoders.static_export import export_static
from splade_cli.model.query_encoders.tokenizer import TOKENIZER, write_tokenizer
from splade_cli.model.splade.encoder import SpladeModel
from splade_cli.records import QueryInfo
from splade_cli.storage.files import replacing, temporary_folder

LEAST_COSINE = 0.99
ATTENTION = ("eager", "sdpa")
"""In the order tried. Eager gives the smaller graph; MPNet's graph of sdpa is wrong without an error."""
PROBES = (
    "reset",
    "how do I reset a password that I have forgotten?",
    "café naïve 日本 e-mail@host, 12.5%",
    "backups are kept for thirty days, then deleted",
    "12 34.5 (a) [b] {c} ... !",
    "WHAT does the warranty cover and how long does it last",
    "the table saw needs a sharp blade and the lathe needs a steady hand; " * 4,
    "a member's login asks for a code at every sign-in; " * 100,
)
_INSTEAD = "search with the model itself, which needs no export"


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
    features = _features(loaded)
    with torch.inference_mode():
        expected = [model(**batch).numpy() for batch in features]
    with tempfile.TemporaryDirectory(dir=folder, prefix=".onnx-") as temporary:
        graph = Path(temporary) / GRAPH
        tokenizer = Path(temporary) / TOKENIZER
        exported = Exported(0, _write_graph(model, features, expected, graph, tolerance))
        if int8:
            _quantise(graph)
            difference, cosine = _compare(graph, features, expected)
            if not cosine >= LEAST_COSINE:
                reason = f"cosine similarity {cosine:.4f}, {LEAST_COSINE} wanted"
                raise ModelError(f"int8 changes {model.name} too much ({reason})", "export it in float32")
            exported = exported._replace(int8_difference=difference)
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


def _features(loaded: LoadedModel) -> list[dict[str, Tensor]]:
    """Tokens of each probe alone, of all of them padded, and of the first few: the example that is traced."""
    options = {"truncation": True, "max_length": loaded.model.max_seq_length, "return_attention_mask": True}
    groups = [[probe] for probe in PROBES]
    groups += [list(PROBES), list(PROBES[:3])]
    features = []
    for group in groups:
        batch = loaded.tokenizer(group, padding=len(group) > 1, return_tensors="pt", **options)
        features.append({key: batch[key] for key in INPUTS if key in batch})
    return features


def _write_graph(
    model: SpladeModel,
    features: list[dict[str, Tensor]],
    expected: list[NDArray[Any]],
    path: Path,
    tolerance: float,
) -> float:
    """Exports with the first kind of attention that comes out exact, and returns the difference."""
    graph = QueryGraph(model).eval()
    example = features[-1]
    axes = dict.fromkeys((0, 1), torch.export.Dim.DYNAMIC)
    options: dict[str, Any] = {
        "input_names": list(example),
        "output_names": ["weights"],
        "dynamic_shapes": (axes,) * len(example),
        "verbose": False,
    }
    failures = []
    for attention in ATTENTION:
        model.masked_lm.config._attn_implementation = attention
        try:
            with _quiet(), torch.no_grad():
                program: Any = torch.onnx.export(graph, tuple(example.values()), dynamo=True, **options)
                program.save(path, external_data=False)
            difference, _ = _compare(path, features, expected)
        except Exception as error:  # a model's own code runs under torch's tracer: anything may come
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        else:
            if difference <= tolerance:
                return difference
            reason = f"differs from torch by {difference:.3g}, tolerance is {tolerance:.3g}"
        failures.append(f"{attention} attention: {reason}")
    raise ModelError(f"{model.name} cannot be exported to ONNX ({'; '.join(failures)})", _INSTEAD)


def _quantise(path: Path) -> None:
    """Replaces a float32 graph by an int8 one."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    folded = path.with_suffix(".folded")
    with _quiet():
        # the decoder is the embedding transposed, a weight to quantise only where that is computed before;
        # the embedding itself (Gather) goes along, or the file, which then holds both, would grow
        quant_pre_process(path, folded, skip_symbolic_shape=True)
        quantize_dynamic(
            folded,
            path,
            op_types_to_quantize=["MatMul", "Gather"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            # seven bits: on processors without VNNI the sums of two products of eight bits overflow
            reduce_range=True,
        )


def _write_tokenizer(loaded: LoadedModel, graph: Path, path: Path) -> None:
    """Saves the fast tokenizer, and makes sure that it reads texts as transformers does."""
    tokenizer = loaded.tokenizer
    limit = loaded.model.max_seq_length
    wanted = tokenizer(list(PROBES), truncation=True, max_length=limit)["input_ids"]
    write_tokenizer(tokenizer, path, limit)
    got = [part.ids for part in OnnxQueryEncoder(graph, path, max_seq_length=limit).tokenize(PROBES)]
    if got != wanted:
        raise ModelError(f"the tokenizer of {loaded.model.name} needs Python code of transformers", _INSTEAD)


def _compare(
    path: Path, features: list[dict[str, Tensor]], expected: list[NDArray[Any]]
) -> tuple[float, float]:
    """`Exported.difference` of a graph to what is expected, and the mean cosine similarity of their rows."""
    session = open_session(path)
    batches = []
    for batch in features:
        feed = {key: value.numpy() for key, value in batch.items()}
        batches.append(session.run(["weights"], feed)[0])
    got = np.concatenate(batches)
    wanted = np.concatenate(expected)
    lengths = np.linalg.norm(got, axis=1) * np.linalg.norm(wanted, axis=1)
    lengths = np.maximum(lengths, np.finfo(np.float32).tiny)
    difference = np.abs(got - wanted) / np.maximum(1, wanted)  # rounding grows with a sum
    return float(difference.max()), float(np.mean((got * wanted).sum(1) / lengths))


@contextmanager
def _quiet() -> Iterator[None]:
    """Advice of torch and onnxruntime to their own developers is not for a user's terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)
