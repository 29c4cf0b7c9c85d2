"""The locked environment: it satisfies pyproject.toml, every file has a hash, every licence is listed."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LOCKED = (ROOT / "tools" / "locked.txt").read_text(encoding="utf-8")
PACKAGES = [package for package in re.split(r"^(?=[a-z0-9])", LOCKED, flags=re.MULTILINE) if "==" in package]
RUNNING = ("onnx", "dense", "documents", "serve", "tracking", "postgres")


def requirements(*extras: str) -> list[Requirement]:
    lines = [*PROJECT["dependencies"]]
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return [Requirement(line) for line in lines if not line.startswith(("splade-cli", "torch"))]


def locked_versions() -> dict[str, list[str]]:
    versions: dict[str, list[str]] = {}
    for package in PACKAGES:
        name, version = re.match(r"([a-z0-9._-]+)==([^\s;]+)", package).groups()
        versions.setdefault(name, []).append(version)
    return versions


@pytest.mark.parametrize("requirement", requirements(*RUNNING, "dev"), ids=str)
def test_what_is_locked_satisfies_what_is_declared(requirement: Requirement) -> None:
    versions = locked_versions()[canonicalize_name(requirement.name)]
    assert all(requirement.specifier.contains(version) for version in versions), versions


def test_every_locked_file_has_a_hash() -> None:
    assert len(PACKAGES) > 100
    assert [package for package in PACKAGES if "--hash=sha256:" not in package] == []


def test_no_line_of_the_lock_names_a_host() -> None:
    assert "://" not in LOCKED


def test_the_page_of_licences_lists_what_is_declared_and_nothing_that_binds_users() -> None:
    page = (ROOT / "docs" / "licences.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z0-9._-]+) \| (.+) \|$", page, flags=re.MULTILINE))
    declared = {canonicalize_name(requirement.name) for requirement in requirements(*RUNNING)}
    assert sorted(declared - set(rows)) == []
    assert [name for name, licence in rows.items() if re.search(r"\bA?GPL|see its package", licence)] == []
