"""OpenVINO's form of a graph: openvino_model.xml and .bin, where sentence-transformers and optimum look."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splade_cli.errors import InputError

FOLDER = "openvino"
NAME = "openvino_model.xml"


def require_openvino() -> None:
    """Raises InputError with the pip command where OpenVINO is not installed."""
    if find_spec("openvino") is None:
        raise InputError("openvino is not installed", 'pip install "splade-cli[openvino]"')


def write_openvino(graph: Path, into: Path) -> None:
    """Converts an ONNX graph; weights stay float32."""
    import openvino

    into.parent.mkdir(parents=True, exist_ok=True)
    openvino.save_model(openvino.convert_model(str(graph)), str(into), compress_to_fp16=False)


class OpenVinoGraph:
    """A `graph_model.Graph` that OpenVINO executes on the CPU, in float32 on processors that round too."""

    def __init__(self, path: Path) -> None:
        import openvino

        settings = {"INFERENCE_PRECISION_HINT": "f32"}
        self._compiled: Any = openvino.Core().compile_model(str(path), "CPU", settings)
        self.inputs = [node.get_any_name() for node in self._compiled.inputs]
        self.output = str(self._compiled.outputs[0].get_any_name())

    def run(self, feed: Mapping[str, NDArray[np.int64]]) -> NDArray[np.float32]:
        """See `graph_model.Graph`."""
        values: NDArray[np.float32] = np.array(self._compiled(dict(feed))[self._compiled.outputs[0]])
        return values
