"""Wheel and sdist: what must not be in them, and which tag is one of this version."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from splade_cli import __version__
from tools import package


def wheel(folder: Path, *names: str) -> Path:
    path = folder / "splade_cli-1-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return path


def sdist(folder: Path, *names: str) -> Path:
    path = folder / "splade_cli-1.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(f"splade_cli-1/{name}"), io.BytesIO(b""))
    return path


def test_a_wheel_has_the_package_alone(tmp_path: Path) -> None:
    assert package.faults(wheel(tmp_path, *package.SAMPLE, "splade_cli-1.dist-info/RECORD")) == []
    found = package.faults(wheel(tmp_path, *package.SAMPLE, "tests/b.py", "splade_cli/__pycache__/a.pyc"))
    assert len(found) == 2
    assert any("tests" in fault for fault in found)
    (without,) = package.faults(wheel(tmp_path, *package.SAMPLE[1:]))
    assert without.endswith(f"lacks {package.SAMPLE[0]}")


def test_an_sdist_has_what_the_tests_need_and_nothing_of_others(tmp_path: Path) -> None:
    assert package.faults(sdist(tmp_path, *package.NEEDED)) == []
    found = package.faults(sdist(tmp_path, *package.NEEDED[1:], "shared/data/a.jsonl"))
    assert len(found) == 2
    assert found[0].endswith("has shared/data/a.jsonl")
    assert found[1].endswith("lacks Makefile")


def test_a_file_that_has_grown_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "LARGEST_MB", 0.0)
    assert "more than" in package.faults(wheel(tmp_path, "splade_cli/a.py"))[0]


def test_a_tag_is_that_of_the_version_and_of_the_changelog(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "splade_cli").mkdir()
    (tmp_path / "splade_cli" / "__init__.py").write_text('__version__ = "1.2.3"\n')
    changes = tmp_path / "CHANGELOG.md"
    changes.write_text("# Changes\n\n## 1.2.3 (5 May 2027)\n\n- x\n")
    assert package.version() == __version__
    monkeypatch.setattr(package, "ROOT", tmp_path)
    package.check_tag("v1.2.3")
    with pytest.raises(SystemExit, match="the version 1.2.3"):
        package.check_tag("v1.2.4")
    changes.write_text("# Changes\n\n## 1.2.3 (unreleased)\n")
    with pytest.raises(SystemExit, match="and its day"):
        package.check_tag("v1.2.3")
