"""Dockerfile and compose.yaml against the program: commands that exist, files that are there, no secret in them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from splade_cli.cli.main import app

ROOT = Path(__file__).resolve().parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
SERVICES: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))["services"]
COMMANDS = {name: service["command"] for name, service in SERVICES.items() if "command" in service}


def accepts(words: list[str]) -> None:
    """Parses a command without running it. Raises what the program would say."""
    command = typer.main.get_command(app).commands[words[0]]  # type: ignore[attr-defined]
    rest = words[1:]
    group = getattr(command, "commands", {})
    if group:
        command = group["build"]
    command.make_context(words[0], rest)


@pytest.mark.parametrize("name", list(COMMANDS))
def test_commands_of_the_services_exist(name: str) -> None:
    accepts(COMMANDS[name])
    with pytest.raises(Exception, match="nowhere"):
        accepts([*COMMANDS[name], "--nowhere"])


def test_the_command_of_the_image_exists() -> None:
    (entry,) = re.findall(r"^ENTRYPOINT (.+)$", DOCKERFILE, re.MULTILINE)
    assert json.loads(entry)[0] in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    (words,) = re.findall(r"^CMD (.+)$", DOCKERFILE, re.MULTILINE)
    accepts(json.loads(words))


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [
        word for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]
    ]
    assert copied
    for name in copied:
        assert (ROOT / name).exists() and name in allowed, name
    build = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {name.split("/")[0] for name in build["force-include"]}
    assert needed <= set(copied), "the wheel is made of it"


def test_the_extras_of_the_image_exist() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (named,) = re.findall(r'"\.\[([\w,-]+)\]"', DOCKERFILE)
    assert set(named.split(",")) <= set(extras)


def test_what_others_can_reach_needs_a_token() -> None:
    for name, command in COMMANDS.items():
        if command[0] == "serve":
            assert "SPLADE_SERVE_TOKEN" in SERVICES[name]["environment"]
            assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])
    for service in SERVICES.values():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|TOKEN", variable):
                assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value), "a secret is the caller's"


@pytest.mark.slow
def test_the_copied_files_alone_make_the_wheel(tmp_path: Path) -> None:
    for line in re.findall(r"^COPY (.+)$", DOCKERFILE, re.MULTILINE):
        for name in line.split()[:-1]:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            copy(ROOT / name, tmp_path / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "made")]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (wheel,) = (tmp_path / "made").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"splade_cli/py.typed", "splade_cli/deploy/server/page/sides.js"} <= names
    assert any(name.startswith("splade_cli/assets/sample_docs/documents/") for name in names)
    assert any(name.startswith("splade_cli/assets/tiny/") and name.endswith(".safetensors") for name in names)
