"""Query texts to a SciPy CSR matrix [n, V] by ONNX Runtime, from query.onnx and query.tokenizer.json.

Knows neither torch nor transformers, nor who made the two files (`splade_cli.deploy.export.onnx` did). Texts of one length
in tokens go through the graph together, so nothing is padded, and pad id and padding side cannot matter.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.model.query_encoders.encoders import REBUILD, read_tokenizer

LOGITS_AT_A_TIME = 1 << 24  # elements of [B, L, V] inside the graph, 64 MB; a single long text may exceed it
INPUTS = {
    "input_ids": "ids",
    "attention_mask": "attention_mask",
    "token_type_ids": "type_ids",
}  # as Encoding has it


def require(*modules: str) -> None:
    """Raises InputError with the pip command where one of `modules` is not installed."""
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InputError(
            f"ONNX needs {' and '.join(missing)}, not installed", 'pip install "splade-cli[onnx]"'
        )


def open_session(path: Path) -> Any:
    """An onnxruntime.InferenceSession on the cores that this process may use; raises as `OnnxQueryEncoder`."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    )
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
        InputError, IndexFolderError: a library is not installed; a file is missing, damaged, or something else.
    """

    def __init__(
        self, onnx_path: Path, tokenizer_path: Path, *, max_seq_length: int, prompt: str = "",
        max_active: int | None = None,
    ) -> None:  # fmt: skip
        require("onnxruntime", "tokenizers")
        self._tokenizer = read_tokenizer(tokenizer_path, max_seq_length)
        self._path, self._session = onnx_path, open_session(onnx_path)
        self._inputs = [node.name for node in self._session.get_inputs()]
        output = self._session.get_outputs()[0]
        if (
            not set(self._inputs) <= set(INPUTS)
            or output.name != "weights"
            or not isinstance(output.shape[-1], int)
        ):
            raise _damaged(onnx_path, "no query encoder")
        self.dimensions, self.prompt, self.max_active = output.shape[-1], prompt, max_active

    def tokenize(self, texts: Sequence[str]) -> list[Any]:
        """A tokenizers.Encoding of each text: prompt put before, cut to max_seq_length, special tokens added."""
        return list(self._tokenizer.encode_batch([self.prompt + text for text in texts]))

    def encode(self, texts: Sequence[str]) -> sp.csr_matrix:
        """CSR float32 [len(texts), V] in the order of `texts`, with sorted column numbers and no stored zeros.

        A row depends on its neighbours by rounding only, in an int8 graph by the batch's quantisation step as well.
        Raises IndexFolderError where the files do not fit, or a weight is not finite.
        """
        tokens = self.tokenize(texts)
        values, terms = [np.empty(0, np.float32)] * len(texts), [np.empty(0, np.int32)] * len(texts)
        lengths = np.array([len(encoding.ids) for encoding in tokens], np.int64)
        for length in np.unique(lengths[lengths > 0]):
            numbers = np.flatnonzero(lengths == length)
            parts = 1 + len(numbers) * int(length) * self.dimensions // LOGITS_AT_A_TIME
            for batch in np.array_split(numbers, min(parts, len(numbers))):
                for number, weights in zip(
                    batch, self._run([tokens[number] for number in batch]), strict=True
                ):
                    kept = np.flatnonzero(weights > 0).astype(np.int32)
                    if self.max_active is not None and len(kept) > self.max_active:
                        kept = np.sort(kept[np.argsort(-weights[kept], kind="stable")[: self.max_active]])
                    values[number], terms[number] = weights[kept], kept
        bounds = np.cumsum([0, *map(len, terms)])
        flat = (
            (np.concatenate(values), np.concatenate(terms))
            if tokens
            else (np.empty(0, np.float32), bounds[:0])
        )
        return sp.csr_matrix((*flat, bounds), shape=(len(texts), self.dimensions))

    def _run(self, tokens: list[Any]) -> NDArray[np.float32]:
        feed = {
            name: np.array([getattr(part, INPUTS[name]) for part in tokens], np.int64)
            for name in self._inputs
        }
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
    return IndexFolderError(what, REBUILD)
