"""Index folders that were forged, with checksums that fit: arrays, headers, manifests, names, links that lie.

What must be: some answer, or an error with a hint. Never a crash, a traceback, memory without end, or a file
outside the folder that is read, written or removed.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from reliability.damage.forged_values import forge_array, forge_json, json_text
from reliability.damage.index_folders import MANIFEST, answers, made_index, seal, write_manifest
from reliability.forked import ANSWERED, REFUSED, tried
from reliability.outcome import Outcome, Tries
from splade_cli.index.index import SpladeIndex
from splade_cli.index.updates import IndexWriter

COUNT = 150


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """Forges an index in as many ways of each kind."""
    whole = folder / "whole"
    made_index(whole, 300, 20)
    answers(whole)  # loops are compiled before a process is forked
    copy = folder / "copy"
    for name, forge in FORGERIES.items():
        outcome = Outcome(f"a forged index: {name}")
        if not tries.has(outcome.what):
            continue
        for number in range(tries.count):
            dice = random.Random(f"{tries.seed} {name} {number}")
            shutil.copytree(whole, copy)
            what = forge(copy, dice)
            note = f"seed {tries.seed}, {name} {number}: {what}"
            _count(tried(lambda: _used(copy)), note, outcome)
            if (folder / "outside").exists() and _outside(folder) != OUTSIDE:
                outcome.failed("outside touched", note)
            shutil.rmtree(copy)
            shutil.rmtree(folder / "outside", ignore_errors=True)
        yield outcome


def _count(ending: Any, note: str, outcome: Outcome) -> None:
    if ending.kind == REFUSED:
        outcome.right("refused with a hint")
    elif ending.kind == ANSWERED:
        outcome.right("answered")
    else:
        outcome.failed(ending.kind, f"{note}: {ending.text[-900:]}")


def _used(index: Path) -> str:
    """Searches, verifies, and writes."""
    said = answers(index)
    SpladeIndex.open(index, verify=True)
    with IndexWriter(index) as writer:
        writer.delete(writer.rows_of([writer.index.ids[0]]))
        writer.merge()
    return said


OUTSIDE = {"precious.txt": b"precious", "segments/precious.txt": b"precious"}


def _outside(folder: Path) -> dict[str, bytes]:
    root = folder / "outside"
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in sorted(found.items())}


def forged_array(index: Path, dice: random.Random) -> str:
    """Numbers of one tensor."""
    path = index / "segments" / "000001.safetensors"
    content, header, start = _opened(path)
    name = dice.choice([each for each in header if each != "__metadata__"])
    first, last = (start + each for each in header[name]["data_offsets"])
    dtype = {"F64": "<f8", "I64": "<i8", "F32": "<f4", "I32": "<i4", "U16": "<u2", "U8": "u1"}[
        header[name]["dtype"]
    ]
    values = np.frombuffer(content[first:last], dtype).copy()
    kind = dice.choice(("one", "one", "some", "reversed", "shuffled", "all", "noise"))
    if len(values):
        forge_array(values, kind, dice)
    content[first:last] = values.tobytes()
    path.write_bytes(content)
    seal(index)
    return f"{name} {kind}"


def forged_header(index: Path, dice: random.Random) -> str:
    """What the header of a container says of its tensors."""
    path = dice.choice(sorted(index.glob("*/*.safetensors")))
    content, header, start = _opened(path)
    kind = dice.choice(("value", "value", "metadata", "deleted", "renamed", "garbage", "length", "swapped"))
    names = [each for each in header if each != "__metadata__"]
    name = dice.choice(names)
    if kind == "value":
        forge_json(header, dice)
    elif kind == "metadata" and header.get("__metadata__"):
        key = dice.choice(list(header["__metadata__"]))
        facts = json.loads(header["__metadata__"][key])
        forge_json(facts, dice)
        header["__metadata__"][key] = json_text(facts)
    elif kind == "deleted":
        del header[name]
    elif kind == "renamed":
        header[name + "x"] = header.pop(name)
    elif kind == "swapped":
        other = dice.choice(names)
        header[name], header[other] = header[other], header[name]
    text = json_text(header).encode("utf-8", "backslashreplace")
    if kind == "garbage":
        text = dice.choice(
            (b"", b"[]", b"null", b"[" * 100_000, b'{"a":' * 50_000, dice.randbytes(40), b"NaN")
        )
    text += b" " * (-(8 + len(text)) % 64)
    length = len(text)
    if kind == "length":
        length = dice.choice((0, 1, 2**63, 2**64 - 1, len(content), length + 1, length - 1))
    path.write_bytes(length.to_bytes(8, "little") + text + content[start:])
    seal(index)
    return f"{path.name} {kind} {name}"


def forged_manifest(index: Path, dice: random.Random) -> str:
    """Values and keys of the manifest."""
    manifest = json.loads((index / MANIFEST).read_text(encoding="utf-8"))
    kind = dice.choice(("value", "value", "value", "text"))
    if kind == "value":
        for _ in range(dice.choice((1, 1, 1, 3))):
            what = forge_json(manifest, dice)
        write_manifest(index, manifest)
        return what
    text = (index / MANIFEST).read_text(encoding="utf-8")
    what = dice.choice(("nested", "twice", "long", "not a number", "bytes", "large"))
    changed = {
        "nested": '{"version": 4, "a": ' + "[" * 200_000,
        "twice": text.replace('"generation"', '"generation": 7, "generation"', 1),
        "long": text.replace('"dimensions": 2000', f'"dimensions": {"9" * 10_000}', 1),
        "not a number": text.replace('"dimensions": 2000', '"dimensions": NaN', 1),
        "bytes": text[: dice.randrange(len(text))] + "\udcff" + text[5:],
        "large": text + " " * (1 << 28),
    }[what]
    (index / MANIFEST).write_text(changed, encoding="utf-8", errors="surrogateescape")
    return what


def forged_files(index: Path, dice: random.Random) -> str:
    """Names that lead outside, links and devices, before reading and before writing."""
    outside = index.parent / "outside"
    (outside / "segments").mkdir(parents=True)
    for name, content in OUTSIDE.items():
        (outside / name).write_bytes(content)
    manifest = json.loads((index / MANIFEST).read_text(encoding="utf-8"))
    kind = dice.choice(("link", "folder link", "pipe", "named", "encoder", "extra", "folder", "vocabulary"))
    files = sorted(path for path in index.rglob("*") if path.is_file() and path.suffix != ".lock")
    path = dice.choice(files)
    if kind in ("link", "pipe", "folder"):
        moved = outside.parent / "moved"
        shutil.move(path, moved)
        if kind == "link":
            path.symlink_to(
                dice.choice((moved, outside / "precious.txt", Path("/dev/zero"), Path("/nowhere")))
            )
        elif kind == "pipe":
            os.mkfifo(path)
        else:
            path.mkdir()
    elif kind == "folder link":
        path = index / dice.choice(("segments", "tombstones", "encoders", "encoders/000001"))
        shutil.rmtree(path)
        path.symlink_to(dice.choice((outside, outside / "segments", Path("/"))))
    elif kind == "extra":
        path = index / dice.choice(("segments", "tombstones", "encoders")) / "zzz"
        path.symlink_to(dice.choice((outside, outside / "precious.txt")))
    elif kind == "named":
        target = dice.choice(
            ("../../outside/precious.txt", str(outside / "precious.txt"), "../" * 9 + "etc/passwd")
        )
        entry = {"bytes": 8, "crc32": 1}
        manifest["segments"][0]["tombstones"] = target
        manifest["files"][f"tombstones/{target}"] = entry
        write_manifest(index, manifest)
    elif kind == "encoder":
        manifest["encoder"] = dice.choice(
            ("../../outside", str(outside), "..", "", "000001/../../../outside")
        )
        write_manifest(index, manifest)
    else:
        words = dice.choice((["x"] * 3, [1] * 2000, {}, "x", ["x"] * 1999, [["x"]] * 2000))
        (index / "encoders" / manifest["encoder"] / "vocabulary.json").write_text(json.dumps(words))
        seal(index)
    return f"{kind} {path.relative_to(index)}"


FORGERIES: dict[str, Callable[[Path, random.Random], str]] = {
    "arrays": forged_array,
    "headers": forged_header,
    "manifests": forged_manifest,
    "names and links": forged_files,
}


def _opened(path: Path) -> tuple[bytearray, dict[str, Any], int]:
    """The bytes of a container, its header, and where its tensors begin."""
    content = bytearray(path.read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    return content, json.loads(content[8:start]), start
