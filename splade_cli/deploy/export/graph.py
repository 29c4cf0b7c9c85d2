"""ONNX graphs of a SPLADE model that were compared with it: traced by torch, and in int8."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from splade_cli.deploy.export.graph_model import Graph, GraphModel, OnnxGraph
from splade_cli.errors import ModelError
from splade_cli.model.loaded import LoadedModel
from splade_cli.model.query_encoders.onnx import INPUTS
from splade_cli.model.splade.encoder import SpladeModel

LEAST_COSINE = 0.99
"""Mean similarity of a graph's rows in int8 to those of the model."""
ATTENTION = ("eager", "sdpa")
"""In the order tried. Eager gives the smaller graph; MPNet's graph of sdpa is wrong without an error."""
MOST_LOGITS = 1 << 28
"""Elements of [B, L, V] that a comparison may take, 1 GB."""
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


@dataclass(frozen=True)
class Probes:
    """Tokens of `PROBES`, each alone, all of them padded, and the first few; and what the model gives them.

    Attributes:
        model: on the CPU, without a limit of active terms.
        features: batches of the tokenizer's [B, L].
        expected: weights [B, V] of each batch.
    """

    model: SpladeModel
    features: list[dict[str, Tensor]]
    expected: list[NDArray[np.float32]]

    @classmethod
    def of(cls, loaded: LoadedModel, model: SpladeModel) -> Probes:
        """Those of a copy of a loaded model."""
        options = {
            "truncation": True,
            "max_length": loaded.model.max_seq_length,
            "return_attention_mask": True,
        }
        features = []
        for group in ([probe] for probe in PROBES):
            features.append(loaded.tokenizer(group, return_tensors="pt", **options))
        for group in (list(PROBES), list(PROBES[:3])):
            features.append(loaded.tokenizer(group, padding=True, return_tensors="pt", **options))
        batches = [{key: batch[key] for key in INPUTS if key in batch} for batch in features]
        with torch.inference_mode():
            expected = [model(**batch).numpy() for batch in batches]
        return cls(model, batches, expected)

    @property
    def example(self) -> dict[str, Tensor]:
        """The batch that is traced."""
        return self.features[-1]

    def compare(self, graph: Graph) -> tuple[float, float]:
        """The largest difference, relative where a weight is above 1, and the mean cosine similarity of rows.

        A batch whose logits would be larger than `MOST_LOGITS` is left out: its texts come alone as well.
        """
        encoder = GraphModel(graph, self.model, "graph")
        difference = 0.0
        similarities = []
        for batch, wanted in zip(self.features, self.expected, strict=True):
            size = batch["input_ids"].numel() * self.model.dimensions
            if not encoder.fused and size > MOST_LOGITS and len(wanted) > 1:
                continue
            got = encoder.weights(batch)
            # rounding grows with a sum
            largest = (np.abs(got - wanted) / np.maximum(1, wanted)).max()
            # unlike max, which loses NaN
            difference = float(np.maximum(difference, largest))
            lengths = np.linalg.norm(got, axis=1) * np.linalg.norm(wanted, axis=1)
            lengths = np.maximum(lengths, np.finfo(np.float32).tiny)
            similarities.append((got * wanted).sum(1) / lengths)
        return difference, float(np.mean(np.concatenate(similarities)))


def write_graph(
    graph: nn.Module, output: str, probes: Probes, path: Path, tolerance: float, instead: str
) -> float:
    """Exports a module over `probes.model` with the first kind of attention that comes out exact.

    Args:
        graph: [B, L] token ids and masks to what `output` names.
        path: the file that is written.
        tolerance: the largest difference that is let pass.
        instead: what to do where there is no such graph, the hint of the error.

    Returns:
        The difference, see `Probes.compare`.

    Raises:
        ModelError: none of them does.
    """
    axes = dict.fromkeys((0, 1), torch.export.Dim.DYNAMIC)
    options: dict[str, Any] = {
        "input_names": list(probes.example),
        "output_names": [output],
        "dynamic_shapes": (axes,) * len(probes.example),
        "verbose": False,
    }
    model = probes.model
    failures = []
    for attention in ATTENTION:
        model.masked_lm.config._attn_implementation = attention
        try:
            with quiet(), torch.no_grad():
                values = tuple(probes.example.values())
                program: Any = torch.onnx.export(graph.eval(), values, dynamo=True, **options)
                program.save(path, external_data=False)
            difference, _ = probes.compare(OnnxGraph(path))
        except Exception as error:  # a model's own code runs under torch's tracer: anything may come
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        else:
            if difference <= tolerance:
                return difference
            reason = f"differs from torch by {difference:.3g}, tolerance is {tolerance:.3g}"
        failures.append(f"{attention} attention: {reason}")
    raise ModelError(f"{model.name} cannot be exported to ONNX ({'; '.join(failures)})", instead)


def write_int8(graph: Path, into: Path, probes: Probes, instead: str) -> float:
    """The float32 graph in int8 as the file `into`, which may be the same; returns the difference.

    Raises:
        ModelError: its rows have a cosine similarity below `LEAST_COSINE`.
    """
    quantise(graph, into)
    difference, cosine = probes.compare(OnnxGraph(into))
    if not cosine >= LEAST_COSINE:
        reason = f"cosine similarity {cosine:.4f}, {LEAST_COSINE} wanted"
        raise ModelError(f"int8 changes {probes.model.name} too much ({reason})", instead)
    return difference


def quantise(graph: Path, into: Path) -> None:
    """Writes the int8 form of a float32 graph."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.shape_inference import quant_pre_process

    folded = into.with_suffix(".folded")
    with quiet():
        # the decoder is the embedding transposed, a weight to quantise only where that is computed before;
        # the embedding itself (Gather) goes along, or the file, which then holds both, would grow
        quant_pre_process(graph, folded, skip_symbolic_shape=True)
        quantize_dynamic(
            folded,
            into,
            op_types_to_quantize=["MatMul", "Gather"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            # seven bits: on processors without VNNI the sums of two products of eight bits overflow
            reduce_range=True,
        )
    folded.unlink()


@contextmanager
def quiet() -> Iterator[None]:
    """Advice of torch and onnxruntime to their own developers is not for a user's terminal."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(action="ignore"):
            yield
    finally:
        logging.disable(before)
