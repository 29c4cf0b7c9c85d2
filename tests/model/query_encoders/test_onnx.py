"""The query encoder without torch: what it computes, what it imports, what it refuses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")

from splade_cli.errors import IndexFolderError, InputError
from splade_cli.model.query_encoders import onnx as module
from splade_cli.model.query_encoders.onnx import OnnxQueryEncoder

Make = Callable[..., Any]
Files = tuple[Path, Path]


@pytest.fixture(scope="module")
def loaded(make_folder: Make, load: Make) -> Any:
    """A random BERT."""
    return load(str(make_folder("bert")))


@pytest.fixture(scope="module")
def files(loaded: Any, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Graph and tokenizer of `loaded`."""
    from splade_cli.deploy.export.onnx import GRAPH, TOKENIZER, export_query_encoder

    folder = tmp_path_factory.mktemp("exported")
    assert export_query_encoder(loaded, folder).difference <= 1e-4
    return folder / GRAPH, folder / TOKENIZER


def test_rows_keep_their_order_and_do_not_depend_on_neighbours(
    files: Files, loaded: Any, texts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from splade_cli.model.encode import encode

    encoder = OnnxQueryEncoder(*files, max_seq_length=64)
    many = encoder.encode(texts * 3)
    assert many.dtype == np.float32 and many.shape == (3 * len(texts), loaded.model.dimensions)
    assert many.has_sorted_indices and many.data.min() > 0
    np.testing.assert_allclose(
        many[: len(texts)].toarray(), encode(loaded, texts, "query").toarray(), atol=1e-4
    )
    alone = np.vstack([encoder.encode([text]).toarray() for text in texts])
    np.testing.assert_allclose(many.toarray(), np.vstack([alone] * 3), atol=1e-5)
    monkeypatch.setattr(module, "LOGITS_AT_A_TIME", 1)
    np.testing.assert_allclose(encoder.encode(texts * 3).toarray(), many.toarray(), atol=1e-5)


def test_no_texts(files: Files, loaded: Any) -> None:
    empty = OnnxQueryEncoder(*files, max_seq_length=64).encode([])
    assert empty.shape == (0, loaded.model.dimensions) and empty.dtype == np.float32


def test_a_text_without_any_token_is_a_row_of_zeros(files: Files, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, processors

    bare = Tokenizer.from_file(str(files[1]))
    bare.post_processor = processors.TemplateProcessing(single="$A", special_tokens=[])
    bare.save(str(tmp_path / "bare.json"))
    matrix = OnnxQueryEncoder(files[0], tmp_path / "bare.json", max_seq_length=64).encode(["", "reset", " "])
    assert np.diff(matrix.indptr)[[0, 2]].tolist() == [0, 0] and matrix[1].nnz


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("limit", [3, 8, 64])
def test_tokens_are_those_of_transformers(
    side: str, limit: int, files: Files, loaded: Any, texts: list[str], tmp_path: Path
) -> None:
    from tokenizers import Tokenizer

    kept = Tokenizer.from_file(str(files[1]))
    kept.enable_truncation(12, direction=side)
    kept.enable_padding(direction="left", pad_id=3, length=40)
    kept.save(str(tmp_path / "kept.json"))
    given = [
        *texts,
        "[CLS] a [MASK] b [SEP]",
        "new\nline\ttab\x00 \u200b",
        "x" * 300,
        "e\u0301 \u00e9",
        "  two  spaces ",
    ]
    encoder = OnnxQueryEncoder(files[0], tmp_path / "kept.json", max_seq_length=limit, prompt="query: ")
    tokenizer = loaded.tokenizer
    before, tokenizer.truncation_side = tokenizer.truncation_side, side
    try:
        wanted = tokenizer(["query: " + text for text in given], truncation=True, max_length=limit)[
            "input_ids"
        ]
    finally:
        tokenizer.truncation_side = before
    assert [encoding.ids for encoding in encoder.tokenize(given)] == wanted


@pytest.mark.parametrize("max_active", [0, 1, 7, 10_000])
def test_max_active_keeps_the_largest(files: Files, texts: list[str], max_active: int) -> None:
    full = OnnxQueryEncoder(*files, max_seq_length=64).encode(texts)
    few = OnnxQueryEncoder(*files, max_seq_length=64, max_active=max_active).encode(texts)
    assert few.has_sorted_indices
    for row in range(len(texts)):
        wanted = np.sort(full[row].data)[::-1][:max_active]
        np.testing.assert_allclose(np.sort(few[row].data)[::-1], wanted, atol=1e-5)


def test_torch_and_transformers_stay_out(files: Files) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from splade_cli.model.query_encoders.onnx import OnnxQueryEncoder\n"
        "assert not {'onnxruntime', 'tokenizers'} & set(sys.modules)\n"
        "encoder = OnnxQueryEncoder(Path(sys.argv[1]), Path(sys.argv[2]), max_seq_length=64)\n"
        "assert encoder.encode(['reset a password']).nnz\n"
        "print(sorted({'torch', 'transformers', 'sentence_transformers', 'onnx'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *files], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]" and done.stderr == ""


def refused(graph: Path, tokenizer: Path, message: str) -> None:
    with pytest.raises(IndexFolderError, match=message) as e:
        OnnxQueryEncoder(graph, tokenizer, max_seq_length=64).encode(["reset a password"])
    assert e.value.hint.startswith("make it again: splade index DOCS -o /")
    assert "\n" not in e.value.message


@pytest.mark.parametrize("content", [b"", b"not a graph", b"half", b"\x00" * 200])
def test_damaged_files(content: bytes, files: Files, tmp_path: Path) -> None:
    graph, tokenizer = tmp_path / "query.onnx", tmp_path / "query.tokenizer.json"
    for path, whole in zip((graph, tokenizer), files, strict=True):
        path.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2] if content == b"half" else content)
    refused(graph, files[1], r"query\.onnx is damaged or does not fit")
    refused(files[0], tokenizer, r"query\.tokenizer\.json is no tokenizer")


def test_missing_files(files: Files, tmp_path: Path) -> None:
    refused(tmp_path / "none.onnx", files[1], "no such file: .*none.onnx")
    refused(files[0], tmp_path / "none.json", "none.json is no tokenizer .No such file")


def test_files_that_do_not_fit(files: Files, tmp_path: Path) -> None:
    import onnx
    from tokenizers import Tokenizer, models

    Tokenizer(models.WordLevel({"[UNK]": 1_000_000}, unk_token="[UNK]")).save(str(tmp_path / "other.json"))
    refused(files[0], tmp_path / "other.json", r"query\.onnx is damaged or does not fit \(.*")

    graph = onnx.load(files[0])
    for node in graph.graph.node:
        node.output[:] = ["scores" if name == "weights" else name for name in node.output]
    graph.graph.output[0].name = "scores"
    onnx.save(graph, tmp_path / "other.onnx")
    refused(tmp_path / "other.onnx", files[1], "no query encoder")


def test_a_weight_that_is_not_finite(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = OnnxQueryEncoder(*files, max_seq_length=64)

    class Session:
        def run(self, names: list[str], feed: dict[str, Any]) -> list[Any]:
            return [np.full((1, encoder.dimensions), np.nan, np.float32)]

    monkeypatch.setattr(encoder, "_session", Session())
    with pytest.raises(IndexFolderError, match="a weight that is not finite"):
        encoder.encode(["reset"])


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers"])
def test_a_missing_library_names_the_extra(
    missing: str, files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=f"ONNX needs {missing}, not installed") as e:
        OnnxQueryEncoder(*files, max_seq_length=64)
    assert e.value.hint == 'pip install "splade-cli[onnx]"'
