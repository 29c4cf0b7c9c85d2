"""Makes a virtual environment with this package and its development tools; standard library only.

The one thing that needs thought is torch: on Linux the default wheel brings gigabytes of CUDA libraries. Where this
machine has no NVIDIA GPU and pip would fetch them, the CPU build is installed instead.

    python3 tools/install.py .venv
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def torch_requirement() -> str:
    """The line of pyproject.toml that pins torch."""
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return next(line for line in project["dependencies"] if line.startswith("torch>"))


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
        if has_nvidia_gpu() or not brings_cuda(python, torch):
            subprocess.run([*pip, torch], check=True)
        else:
            subprocess.run([*pip, "uv>=0.8"], check=True)
            uv = [python, "-m", "uv", "pip", "install", "--python", python, "--torch-backend", "cpu", torch]
            subprocess.run(uv, check=True)
    print("installing splade and its development tools", flush=True)
    subprocess.run([*pip, "--editable", f"{ROOT}[dev]"], check=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        sys.exit(f"error: {' '.join(map(str, failed.cmd[:6]))} ... failed\nhint: see the message above")
