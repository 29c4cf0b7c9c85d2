"""The diagnosis: what it finds sound here, and what it calls broken or missing."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from splade_cli.doctor import caches, computing, packages
from splade_cli.doctor.diagnose import diagnose
from splade_cli.model.kernels import dispatch

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def declares(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the package declare these lines, in place of its own."""

    def replace(*lines: str) -> None:
        monkeypatch.setattr(packages, "requires", lambda name: list(lines))

    return replace


def test_nothing_is_broken_here() -> None:
    found = {one.topic: one for one in diagnose()}
    assert [one for one in found.values() if one.state == "broken"] == []
    assert {"splade", "torch", "device", "threads", "kernel float32", "engine", "model tiny"} <= found.keys()
    assert re.match(r"\d+ terms", found["model tiny"].said)
    assert all(one.hint for one in found.values() if one.state != "ok")


def test_each_extra_has_a_purpose() -> None:
    assert set(packages.EXTRAS) == set(PROJECT["optional-dependencies"]) - {"dev", "docs"}


def test_extras_that_are_there_missing_and_too_old(declares: Callable[..., None]) -> None:
    declares(
        "numpy>=1",
        'no-such-package>=1; extra == "onnx"',
        'numpy>=1; extra == "serve"',
        'numpy>=999; extra == "tracking"',
        'no-such-package; extra == "dense" and python_version < "3"',
    )
    found = {one.topic: one for one in packages.extra_findings()}
    assert found.keys() == {"extra onnx", "extra serve", "extra tracking"}
    assert found["extra onnx"].state == "missing"
    assert "needs no-such-package" in found["extra onnx"].said
    assert found["extra onnx"].hint == 'pip install "splade-cli[onnx]"'
    assert found["extra serve"].state == "ok"
    assert found["extra tracking"].state == "broken"
    assert "not >=999" in found["extra tracking"].said


def test_packages_that_are_needed(declares: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    declares("numpy>=999", "no-such-package", 'other; extra == "onnx"')
    (one,) = packages.package_findings()
    assert one.state == "broken"
    assert "no-such-package is not installed" in one.said and "numpy" in one.said and "other" not in one.said

    def absent(name: str) -> list[str]:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(packages, "requires", absent)
    (one,) = packages.package_findings()
    assert one.state == "missing" and "from its sources" in one.said
    assert packages.extra_findings() == []


def test_requirements_are_read_as_pip_does() -> None:
    absent, unfit = packages.wrong_versions([Requirement("numpy>=1"), Requirement("numpy<1")])
    assert absent == []
    assert len(unfit) == 1 and unfit[0].endswith("not <1")


def test_kernels_are_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "has_onednn", lambda: True)
    monkeypatch.setattr(dispatch, "onednn_product", lambda rows, weight: rows @ weight.T + 1)
    monkeypatch.setattr(dispatch, "_int8_pair", lambda: (dispatch.plain_int8_product,) * 2 + ([],))
    dispatch.fast_kernels_wanted.cache_clear()
    monkeypatch.delenv(dispatch.VARIABLE, raising=False)
    try:
        found = {one.topic: one.said for one in computing.kernel_findings()}
        assert found["kernel float32"] == "plain: other results than the plain product"
        assert found["kernel int8"].startswith("torch: compared with the plain product")
        dispatch.fast_kernels_wanted.cache_clear()
        monkeypatch.setenv(dispatch.VARIABLE, "plain")
        (one,) = computing.kernel_findings()
        assert one.said == "plain: SPLADE_KERNELS asks for it"
        dispatch.fast_kernels_wanted.cache_clear()
        monkeypatch.setenv(dispatch.VARIABLE, "quick")
        (one,) = computing.kernel_findings()
        assert one.state == "broken" and "quick" in one.said
    finally:
        dispatch.fast_kernels_wanted.cache_clear()


def test_loops_that_are_not_compiled_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    import numba

    monkeypatch.setattr(numba.config, "DISABLE_JIT", 1)
    (one,) = computing.engine_findings()
    assert one.state == "broken" and one.hint == "unset NUMBA_DISABLE_JIT"


def test_a_model_that_is_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import splade_cli.model.layout as layout

    monkeypatch.setattr(layout, "resolve", lambda name: str(tmp_path / "gone"))
    (one,) = computing.model_findings()
    assert one.state == "broken" and "force-reinstall" in one.hint


def test_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    found = {one.topic: one.said for one in caches.cache_findings()}
    assert str(tmp_path) in found["cache of machine code"]
    assert found["cache of unfinished evaluations"].endswith("not there yet")
    (tmp_path / "splade" / "unfinished").mkdir()
    (tmp_path / "splade" / "unfinished" / "rows").write_bytes(bytes(1_250_000))
    found = {one.topic: one.said for one in caches.cache_findings()}
    assert found["cache of unfinished evaluations"].endswith(": 1.2 MB")
