"""An index folder that was forged: values, names, links and devices are refused before anything comes of them."""

from __future__ import annotations

import errno
import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reliability.damage.index_folders import made_index, seal, write_manifest
from splade_cli.errors import IndexFolderError, MachineError
from splade_cli.index.containers.plain_json import plain_json
from splade_cli.index.index import SpladeIndex
from splade_cli.index.store.manifest import Manifest, unreadable
from splade_cli.index.updates import IndexWriter


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made_index(tmp_path / "index", 20, 5)
    return tmp_path / "index"


def manifest_of(folder: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return manifest


def put(*path: str | int) -> Callable[[dict[str, Any], Any], None]:
    """Puts a value at a path of the manifest."""

    def change(manifest: Any, value: Any) -> None:
        for key in path[:-1]:
            manifest = manifest[key]
        manifest[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "value"),
    [
        (put("dimensions"), 10**18),
        (put("dimensions"), -1),
        (put("dimensions"), 2000.0),
        (put("dimensions"), True),
        (put("dimensions"), "2000"),
        (put("generation"), 0),
        (put("segments", 0, "rows"), -1),
        (put("segments", 0, "rows"), 10**18),
        (put("segments", 0, "rows"), 20.0),
        (put("segments", 0, "nonzeros"), 3),
        (put("segments", 0, "deleted"), 0),
        (put("segments", 0, "more"), 1),
        (put("segments", 0), None),
        (put("segments"), {}),
        (put("files"), []),
        (put("files", "segments/000001.jsonl", "bytes"), -1),
        (put("files", "segments/000001.jsonl", "crc32"), 2**32),
        (put("info"), []),
        (put("info", "encoder"), {"name": "x"}),
        (put("info", "encoder", "max_seq_length"), -5),
        (put("info", "bm25", "language"), 7),
        (put("info", "dense", "dimensions"), 10**12),
        (put("info", "impacts"), {"bits": 8, "step": 0.3}),
        (put("info", "pruning", "terms"), -1),
        (put("info", "numbered"), 1),
    ],
)
def test_values_that_cannot_be(change: Callable[[Any, Any], None], value: Any, folder: Path) -> None:
    manifest = manifest_of(folder)
    change(manifest, value)
    write_manifest(folder, manifest)
    with pytest.raises(IndexFolderError) as caught:
        SpladeIndex.open(folder)
    assert "damaged" in caught.value.message and "splade index" in caught.value.hint


NAMES = [
    "../../x",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\0b",
    "..",
    ".",
    "",
    "con",
    "NUL.txt",
    "x" * 500,
    "é",
    "a.",
]


@pytest.mark.parametrize("name", NAMES)
def test_names_are_names(name: str, folder: Path) -> None:
    for part in ("encoder", "segment", "tombstones", "file"):
        manifest = manifest_of(folder)
        if part == "encoder":
            manifest["encoder"] = name
        elif part == "segment":
            manifest["segments"][0]["name"] = name
        elif part == "tombstones":
            manifest["segments"][0]["tombstones"] = name
            manifest["files"][f"tombstones/{name}"] = {"bytes": 1, "crc32": 1}
        else:
            manifest["files"][f"encoders/000001/{name}"] = {"bytes": 1, "crc32": 1}
        write_manifest(folder, manifest)
        with pytest.raises(IndexFolderError, match=r"manifest\.json says what cannot be"):
            Manifest.read(folder)


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', "[NaN]", "[-Infinity]", "[" * 100_000, "[1" + "0" * 5000 + "]"]
)
def test_json_that_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="twice|no number|deeply|Exceeds"):
        plain_json(text)


@pytest.mark.parametrize("kind", ["link", "pipe", "folder link", "more"])
def test_links_and_pipes_are_refused_before_anything_is_written(
    kind: str, folder: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("precious")
    (outside / "segments").mkdir()
    path = next((folder / "tombstones").iterdir())
    if kind == "link":
        path.rename(outside / path.name)
        path.symlink_to(outside / path.name)
    elif kind == "pipe":
        path.unlink()
        os.mkfifo(path)
    elif kind == "folder link":
        (folder / "segments").rename(outside / "real")
        (folder / "segments").symlink_to(outside)
    else:
        (folder / "encoders" / "more").symlink_to(outside)
    before = sorted(each.name for each in outside.rglob("*"))
    for attempt in (lambda: SpladeIndex.open(folder), lambda: IndexWriter(folder).__enter__()):
        with pytest.raises(IndexFolderError, match="is a link or a device"):
            attempt()
    assert sorted(each.name for each in outside.rglob("*")) == before


@pytest.mark.parametrize("words", [["x"] * 3, [1] * 2000, {}, "x", [["x"]] * 2000])
def test_a_vocabulary_that_does_not_fit(words: object, folder: Path) -> None:
    (folder / "encoders" / "000001" / "vocabulary.json").write_text(json.dumps(words))
    seal(folder)
    with pytest.raises(IndexFolderError, match=r"vocabulary\.json (is no list|names 3 of 2000)"):
        SpladeIndex.open(folder)


@pytest.mark.parametrize(
    "line", [b"[1]", b"{}", b'{"id": 1, "text": 5}', b"\xff", b"[" * 99_999, b'{"id": 1, "end": 1.5}']
)
def test_a_text_that_is_no_chunk(line: bytes, folder: Path) -> None:
    path = folder / "segments" / "000001.jsonl"
    content = path.read_bytes()
    first = content.index(b"\n")
    if len(line) > first:
        pytest.skip("the line has to fit where another stood")
    path.write_bytes(line.ljust(first) + content[first:])
    seal(folder)
    index = SpladeIndex.open(folder)
    assert index.chunks[1].id == "doc-0/1"
    with pytest.raises(IndexFolderError, match="the line at byte 0 is no chunk"):
        index.chunks[0]


def test_no_descriptors_left_is_not_damage(folder: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    used = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    if not used:
        pytest.skip("the open files of a process cannot be counted here")
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (used - 1, limits[1]))
        with pytest.raises(MachineError, match="too many files are open") as caught:
            SpladeIndex.open(folder)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert "ulimit -n" in caught.value.hint


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOMEM, errno.EACCES, errno.ENFILE])
def test_what_the_system_refuses_is_not_damage(code: int, tmp_path: Path) -> None:
    error = unreadable(tmp_path, "segments/000001.jsonl", OSError(code, os.strerror(code)))
    assert isinstance(error, MachineError)
    assert "damaged" not in error.message and "splade index" not in error.hint


def test_more_hits_than_there_are_rows(folder: Path) -> None:
    index = SpladeIndex.open(folder)
    ids, _ = index.search(index.vectors[:1], 10**23)
    assert 0 < len(ids[0]) <= 20
    assert np.isfinite(index.search(index.vectors[:1], 3)[1][0]).all()
