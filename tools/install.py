"""Makes a virtual environment with this package and what it is to be used for; standard library only.

The one thing that needs thought is torch: on Linux the default wheel brings gigabytes of CUDA libraries.
Where this machine has no NVIDIA GPU and pip would fetch them, the CPU build is installed instead.
All else comes from tools/locked.txt, or for the demo from tools/locked-demo.txt, where every file has its
hash: a package that was exchanged on its way is refused.

    python3 tools/install.py .venv
    python3 tools/install.py .venv --demo        # without tests, other tools, and optional parts but two
    python3 tools/install.py .venv --lowest      # the lowest direct dependencies that pyproject.toml allows
    python3 tools/install.py .venv --newest      # the newest ones, whatever was there before
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import time
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
    lines: list[str] = project()["dependencies"]
    return next(line for line in lines if line.startswith("torch>"))


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
    return tool is not None and subprocess.run([tool, "-L"], capture_output=True).stdout.startswith(b"GPU")


def brings_cuda(python: str, requirement: str) -> bool:
    """Whether pip, asked for torch, would install CUDA libraries."""
    command = [python, "-m", "pip", "install", "--dry-run", "--quiet", "--report", "-", requirement]
    found = subprocess.run(command, capture_output=True, text=True)
    if found.returncode:
        said = found.stderr.strip()
        sys.exit(f"error: pip cannot find {requirement}\n{said}\nhint: is the package registry reachable?")
    names = [item["metadata"]["name"].lower() for item in json.loads(found.stdout)["install"]]
    return any(name.startswith(("nvidia-", "cuda-")) for name in names)


def install(pip: list[str], arguments: list[str], what: str) -> None:
    """Runs pip and shows how far it is: packages fetched, megabytes so far, what comes now.

    On a terminal that is one line that changes; elsewhere, such as in a log, only what was done at the end.
    """
    command = [*pip, "install", "--progress-bar", "off", *arguments]
    began = time.monotonic()
    fetched = 0
    megabytes = 0.0
    last: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            last = [*last[-19:], line]
            package = PACKAGE.match(line)
            if package and not package.group("file").endswith(".metadata"):
                fetched += 1
                megabytes += size(package)
                name = Path(package.group("file")).name.partition("-")[0]
                show(f"{what}: {fetched} packages, {megabytes:,.0f} MB, now {name}")
            elif line.startswith("Installing collected"):
                show(f"{what}: {fetched} packages, {megabytes:,.0f} MB, unpacking")
    if running.returncode:
        print("".join(last), file=sys.stderr)
        raise subprocess.CalledProcessError(running.returncode, command)
    seconds = time.monotonic() - began
    print(f"{ERASE}{what}: {fetched} packages, {megabytes:,.0f} MB, {seconds:.0f} s", flush=True)


PACKAGE = re.compile(
    r"\s*(?:Downloading|Using cached|Processing) (?P<file>\S+)(?: \((?P<size>[\d.]+) (?P<unit>\w+)\))?"
)
"""What pip says of a file that it fetches."""
MEGABYTES = {"GB": 1e3, "MB": 1.0, "kB": 1e-3, "bytes": 1e-6}
ERASE = "\r\033[K" if sys.stdout.isatty() else ""


def size(package: re.Match[str]) -> float:
    """Megabytes of a file, which pip does not tell of one that lies on this machine."""
    if package.group("size"):
        return float(package.group("size")) * MEGABYTES.get(package.group("unit"), 0.0)
    on_disk = Path(package.group("file"))
    return on_disk.stat().st_size / 1e6 if on_disk.is_file() else 0.0


def show(progress: str) -> None:
    """Replaces the line of progress on a terminal."""
    if ERASE:
        print(ERASE + progress, end="", flush=True)


def install_cpu_build(python: str, pip: list[str], requirement: str) -> None:
    """Installs torch from PyTorch's own server or, where that does not answer, the registry's with CUDA."""
    install(pip, ["uv>=0.8"], "uv")
    uv = [python, "-m", "uv", "pip", "install", "--python", python, "--torch-backend", "cpu"]
    if subprocess.run([*uv, "--no-deps", requirement]).returncode:
        print("no CPU build from there: installing the package registry's, 3 GB and more", flush=True)
        install(pip, [requirement], "torch")


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
    pip = [python, "-m", "pip", "--disable-pip-version-check"]
    torch = torch_requirement()
    if subprocess.run([python, "-c", "import torch"], capture_output=True).returncode:
        show("torch: which build?")
        if has_nvidia_gpu():
            install(pip, [torch], "torch")
        elif brings_cuda(python, torch):
            install_cpu_build(python, pip, torch)
        else:
            install(pip, ["--no-deps", torch], "torch")
    if "--lowest" in sys.argv:
        constraints = folder / "lowest.txt"
        constraints.write_text("\n".join(lowest_requirements()) + "\n", encoding="utf-8")
        install(pip, ["--constraint", str(constraints), "--editable", f"{ROOT}[dev]"], "splade and its tools")
    elif "--newest" in sys.argv:
        newest = ["--upgrade", "--upgrade-strategy", "eager"]
        install(pip, [*newest, "--editable", f"{ROOT}[dev]"], "splade and its tools")
    else:
        lock = "locked-demo.txt" if "--demo" in sys.argv else "locked.txt"
        what = "what splade needs" if "--demo" in sys.argv else "what splade and its tests need"
        install(pip, ["--require-hashes", "--no-deps", "--requirement", str(ROOT / "tools" / lock)], what)
        # the lock holds the build backend too: an isolated build would fetch one without a hash
        install(pip, ["--no-deps", "--no-build-isolation", "--editable", str(ROOT)], "splade")


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as failed:
        sys.exit(f"error: {' '.join(map(str, failed.cmd[:6]))} ... failed\nhint: see the message above")
