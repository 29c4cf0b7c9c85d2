"""ONNX query encoder: the model's query side as a graph that ONNX Runtime computes, and a tokenizer.

`splade_cli.deploy.export.onnx` makes the two files. Texts of one length in tokens go through the graph
together, so nothing is padded, and pad id and padding side cannot matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.cores import available_threads
from splade_cli.errors import IndexFolderError, InputError, rebuild_hint
from splade_cli.model.query_encoders.base import active_columns
from splade_cli.model.query_encoders.tokenizer import read_tokenizer

LOGITS_AT_A_TIME = 1 << 24  # elements of [B, L, V] inside the graph, 64 MB; a single long text may exceed it
INPUTS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
"""Inputs of a graph, and what a `tokenizers.Encoding` calls them."""


def require(*modules: str) -> None:
    """Raises InputError with the pip command where one of `modules` is not installed."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InputError(
            f"ONNX needs {' and '.join(missing)}, not installed", 'pip install "splade-cli[onnx]"'
        )


def open_session(path: Path) -> Any:
    """An onnxruntime.InferenceSession on the cores of this process; raises as `OnnxQueryEncoder`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = available_threads()
    # a thread that spins between two queries takes a core from whatever else runs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # each status is a class of its own, right under Exception
        raise _damaged(path, error) from None


class OnnxQueryEncoder:
    """Encodes queries with an exported graph.

    Args:
        onnx_path: a graph of input_ids, attention_mask and perhaps token_type_ids to ``weights`` [B, V].
        tokenizer_path: tokenizer.json of the ``tokenizers`` library.
        max_seq_length: tokens read of a text, special ones included.
        prompt, max_active: put before each text; keep only so many largest weights of a text, where set.

    Raises:
        InputError, IndexFolderError: a library is not installed; a file is missing, damaged, or something
            else.
    """

    def __init__(
        self,
        onnx_path: Path,
        tokenizer_path: Path,
        *,
        max_seq_length: int,
        prompt: str = "",
        max_active: int | None = None,
    ) -> None:
        require("onnxruntime", "tokenizers")
        self._tokenizer = read_tokenizer(tokenizer_path, max_seq_length)
        self._path = onnx_path
        self._session = open_session(onnx_path)
        self._inputs = [node.name for node in self._session.get_inputs()]
        output = self._session.get_outputs()[0]
        has_weights = output.name == "weights" and isinstance(output.shape[-1], int)
        if not has_weights or not set(self._inputs) <= set(INPUTS):
            raise _damaged(onnx_path, "no query encoder")
        self.dimensions: int = output.shape[-1]
        self.prompt = prompt
        self.max_active = max_active

    def tokenize(self, texts: Sequence[str]) -> list[Any]:
        """Each text as a tokenizers.Encoding: prompt before it, cut to the limit, special tokens added."""
        return list(self._tokenizer.encode_batch([self.prompt + text for text in texts]))

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """CSR float32 [len(texts), V] in the order of `texts`, with sorted columns and no stored zeros.

        A row depends on its neighbours by rounding only, in an int8 graph by the batch's quantisation step as
        well. Raises IndexFolderError where the files do not fit, or a weight is not finite.
        """
        tokens = self.tokenize(texts)
        values = [np.empty(0, np.float32)] * len(texts)
        terms = [np.empty(0, np.int32)] * len(texts)
        lengths = np.array([len(encoding.ids) for encoding in tokens], np.int64)
        for length in np.unique(lengths[lengths > 0]):
            numbers = np.flatnonzero(lengths == length)
            parts = 1 + len(numbers) * int(length) * self.dimensions // LOGITS_AT_A_TIME
            for batch in np.array_split(numbers, min(parts, len(numbers))):
                rows = self._run([tokens[number] for number in batch])
                for number, weights in zip(batch, rows, strict=True):
                    terms[number] = active_columns(weights, self.max_active)
                    values[number] = weights[terms[number]]
        bounds = np.cumsum([0, *map(len, terms)])
        columns = np.concatenate([np.empty(0, np.int32), *terms])
        data = np.concatenate([np.empty(0, np.float32), *values])
        return sp.csr_matrix((data, columns, bounds), shape=(len(texts), self.dimensions))

    def _run(self, tokens: list[Any]) -> NDArray[np.float32]:
        feed = {}
        for name in self._inputs:
            feed[name] = np.array([getattr(encoding, INPUTS[name]) for encoding in tokens], np.int64)
        try:
            weights: NDArray[np.float32] = self._session.run(["weights"], feed)[0]
        except Exception as error:  # as in open_session; a token that the graph does not know, for one
            raise _damaged(self._path, error) from None
        if not weights.max() < np.inf:
            raise _damaged(self._path, "a weight that is not finite")
        return weights


def _damaged(path: Path, reason: object) -> IndexFolderError:
    first = str(reason)[:160].partition("\n")[0]
    what = f"{path} is damaged or does not fit ({first})" if path.is_file() else f"no such file: {path}"
    return IndexFolderError(what, rebuild_hint(path))
