"""Marks of written folders: names by which a command knows its own, since it replaces no other.

They stand here, and not where the folders are written, so that an output is refused before libraries of
models are loaded.
"""

from __future__ import annotations

from pathlib import Path

INDEX = ("manifest.json", "segments")
FORMAT = "splade-index"
"""What the manifest of an index calls itself."""
_BEGINNING = 1024
SMALLER_MODEL = ("modules.json", "config.json")
GRAPHS = ("model.onnx", "config.json")
EXPORTED_INDEX = ("LOAD.md",)
BUILD = "build.json"
CORPUS = "corpus.jsonl"
"""The first file of training data that is put in its place."""
UNFINISHED = ".unfinished"
"""In a folder of training data, holds files that are whole and not yet in their places; goes last."""


def is_index(path: str | Path) -> bool:
    """Whether a path is an index folder, a damaged one among them."""
    return any((Path(path) / mark).exists() for mark in index_marks(path))


def index_marks(path: str | Path) -> tuple[str, ...]:
    """Names of which one in `path` says that it is an index, even a damaged one. Other programs write a
    manifest.json as well, so that it counts only where it says what it is of."""
    manifest = Path(path) / INDEX[0]
    try:
        with manifest.open("rb") as file:
            is_ours = FORMAT.encode() in file.read(_BEGINNING)
    except OSError:
        is_ours = False
    return INDEX if is_ours else INDEX[1:]
