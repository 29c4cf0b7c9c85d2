"""The container against the safetensors library; growing tensors, memory, damage."""

from __future__ import annotations

import mmap
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors import safe_open
from safetensors.numpy import load_file

from splade_cli.index.containers.container import DTYPES, Container
from splade_cli.index.containers.container_writer import ContainerWriter

TENSORS = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda name: name != "__metadata__"),
    st.sampled_from(list(DTYPES.values())).flatmap(
        lambda dtype: arrays(
            dtype, st.one_of(st.tuples(st.integers(0, 9)), st.tuples(st.integers(0, 4), st.integers(1, 3)))
        )
    ),
    max_size=6,
)


def write(
    path: Path, tensors: dict[str, np.ndarray], metadata: dict[str, str] | None = None
) -> ContainerWriter:
    with ContainerWriter(path) as out:
        out.metadata.update(metadata or {})
        for name, values in tensors.items():
            out.add(name, values)
    return out


@given(tensors=TENSORS, metadata=st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3))
def test_the_safetensors_library_reads_the_same(
    tmp_path_factory: pytest.TempPathFactory, tensors: dict[str, np.ndarray], metadata: dict[str, str]
) -> None:
    path = tmp_path_factory.mktemp("container") / "one.safetensors"
    write(path, tensors, metadata)
    loaded = load_file(path)
    container = Container(path)
    assert set(loaded) == set(container.names) == set(tensors)
    assert container.metadata == metadata
    with safe_open(path, "numpy") as opened:
        assert (opened.metadata() or {}) == metadata
    for name, values in tensors.items():
        ours = container.tensor(name, values.dtype, width=values.shape[1] if values.ndim == 2 else None)
        assert ours.tobytes() == values.tobytes() == loaded[name].tobytes()
        assert ours.shape == values.shape == loaded[name].shape and ours.dtype == loaded[name].dtype


def test_tensors_grow_and_are_views_of_the_aligned_file(tmp_path: Path) -> None:
    path = tmp_path / "one.safetensors"
    with ContainerWriter(path) as out:
        small, wide = out.growing("small", np.uint8), out.growing("wide", np.float32, 3)
        for number in range(5):
            small.append(np.array([number] * number))
            wide.append(np.full((number, 3), number))
            assert small.mapped().tolist() == [each for each in range(number + 1) for _ in range(each)]
        assert out.mapped("wide").shape == (10, 3)
        with pytest.raises(ValueError, match="width 3"):
            wide.append(np.ones((1, 2)))
        with pytest.raises(ValueError, match="there already"):
            out.add("wide", np.ones(1))
        out.add("numbers", np.arange(3, dtype=np.int64))
    assert [each.name for each in tmp_path.iterdir()] == [path.name], "the parts are gone"
    assert out.checksum is not None
    content = path.read_bytes()
    blocks = [content[start : start + 4096] for start in range(0, len(content), 4096)]
    assert out.checksum.size == len(content)
    assert out.checksum.sums.tolist() == [zlib.crc32(block) for block in blocks]
    assert out.checksum.crc32 == zlib.crc32(out.checksum.sums.tobytes())
    assert (8 + int.from_bytes(content[:8], "little")) % 64 == 0
    container = Container(path)
    for name, width in (("small", None), ("wide", 3), ("numbers", None)):
        values = container.tensor(name, width=width)
        assert values.flags.aligned and not values.flags.writeable and not values.flags.owndata
        base = values
        while isinstance(base, np.ndarray):
            base = base.base
        assert isinstance(base, mmap.mmap | memoryview)
    np.testing.assert_array_equal(container.tensor("wide", width=3)[:, 0], np.repeat(range(5), range(5)))


def test_nothing_is_left_of_what_fails(tmp_path: Path) -> None:
    def fail() -> None:
        with ContainerWriter(tmp_path / "one") as out:
            out.growing("x", np.int64).append(np.arange(9))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_is_asked_for_must_be_there(tmp_path: Path) -> None:
    write(tmp_path / "one", {"x": np.arange(4, dtype=np.int64), "w": np.ones((2, 3), dtype=np.float32)})
    container = Container(tmp_path / "one")
    assert "x" in container and "y" not in container
    for ask, message in (
        (lambda: container.tensor("y"), "y is missing"),
        (lambda: container.tensor("x", np.int32), "x holds int64, not int32"),
        (lambda: container.tensor("w"), r"w has shape \(2, 3\)"),
        (lambda: container.tensor("w", width=2), r"w has shape \(2, 3\)"),
        (lambda: container.tensor("x", width=1), r"x has shape \(4,\)"),
    ):
        with pytest.raises(ValueError, match=message):
            ask()


@pytest.mark.parametrize("content", [b"", b"\1", b"\xff" * 9, (2).to_bytes(8, "little") + b"[]", bytes(8)])
def test_no_container(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(content)
    with pytest.raises(ValueError):
        Container(tmp_path / "one")
