"""Makes a virtual environment with this package and its development tools; standard library only.

The one thing that needs thought is torch: on Linux the default wheel brings gigabytes of CUDA libraries.
Where this machine has no NVIDIA GPU and pip would fetch them, the CPU build is installed instead.
All else comes from tools/locked.txt, where every file has its hash: a package that was exchanged on its way
is refused.

    python3 tools/install.py .venv
    python3 tools/install.py .venv --lowest      # the lowest direct dependencies that pyproject.toml allows
    python3 tools/install.py .venv --newest      # the newest ones, whatever was there before
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def project() -> dict[str, Any]:
    """The project table of pyproject.toml."""
    import tomllib

    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def torch_requirement() -> str:
    """The line of pyproject.toml that pins torch."""
    return next(line for line in project()["dependencies"] if line.startswith("torch>"))


def lowest_requirements() -> list[str]:
    """``name==lowest`` for each direct dependency but torch, whose build is decided before."""
    extras = project()["optional-dependencies"]
    lines = project()["dependencies"] + extras["onnx"] + extras["dense"] + extras["documents"]
    pinned = []
    for line in lines:
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[.*\])?>=([0-9.]+)", line)
        if match and match.group(1) != "torch":
            pinned.append(f"{match.group(1)}=={match.group(2)}")
    return pinned


def has_nvidia_gpu() -> bool:
    """Whether a driver answers; the tool alone, without a card, does not count."""
    tool = shutil.which("nvidia-smi")
    return bool(tool) and subprocess.run([tool, "-L"], capture_output=True).stdout.startswith(b"GPU")


def brings_cuda(python: str, requirement: str) -> bool:
    """Whether pip, asked for torch, would install CUDA libraries."""
    command = [python, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", requirement]
    found = subprocess.run(command, capture_output=True, text=True)
    if found.returncode:
        said = found.stderr.strip()
        sys.exit(f"error: pip cannot find {requirement}\n{said}\nhint: is the package registry reachable?")
    names = [item["metadata"]["name"].lower() for item in json.loads(found.stdout)["install"]]
    return any(name.startswith(("nvidia-", "cuda-")) for name in names)


def install_cpu_build(python: str, pip: list[str], requirement: str) -> None:
    """Installs torch from PyTorch's own server or, where that does not answer, the registry's with CUDA."""
    subprocess.run([*pip, "uv>=0.8"], check=True)
    uv = [python, "-m", "uv", "pip", "install", "--python", python, "--torch-backend", "cpu"]
    if subprocess.run([*uv, "--no-deps", requirement]).returncode:
        print("no CPU build from there: installing the package registry's, 3 GB and more", flush=True)
        subprocess.run([*pip, requirement], check=True)


def main() -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - this file runs before anything has checked it
        sys.exit(
            f"error: Python {sys.version.split()[0]} is too old\nhint: make PYTHON=python3.11 (or newer)"
        )
    folder = Path(sys.argv[1]).resolve()
    python = str(folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python"))
    if not Path(python).exists():
        print(f"making {folder}", flush=True)
        venv.create(folder, with_pip=True)
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    torch = torch_requirement()
    if subprocess.run([python, "-c", "import torch"], capture_output=True).returncode:
        print("installing torch", flush=True)
        if has_nvidia_gpu():
            subprocess.run([*pip, torch], check=True)
        elif brings_cuda(python, torch):
            install_cpu_build(python, pip, torch)
        else:
            subprocess.run([*pip, "--no-deps", torch], check=True)
    print("installing splade and its development tools", flush=True)
    if "--lowest" in sys.argv:
        constraints = folder / "lowest.txt"
        constraints.write_text("\n".join(lowest_requirements()) + "\n", encoding="utf-8")
        subprocess.run([*pip, "--constraint", str(constraints), "--editable", f"{ROOT}[dev]"], check=True)
    elif "--newest" in sys.argv:
        newest = ["--upgrade", "--upgrade-strategy", "eager"]
        subprocess.run([*pip, *newest, "--editable", f"{ROOT}[dev]"], check=True)
    else:
        locked = ["--require-hashes", "--no-deps", "--requirement", str(ROOT / "tools" / "locked.txt")]
        subprocess.run([*pip, *locked], check=True)
        # the lock holds the build backend too: an isolated build would fetch one without a hash
        subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)], check=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        sys.exit(f"error: {' '.join(map(str, failed.cmd[:6]))} ... failed\nhint: see the message above")
