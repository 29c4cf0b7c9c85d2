"""Writes tools/locked.txt: every dependency of the development environment, for every platform, with hashes.

Beside it tools/locked-demo.txt, the part of it that `make demo` needs, in the same versions.

Needs uv. torch and the CUDA libraries that its GPU builds bring are left out: which build of torch is right
depends on the machine, and tools/install.py decides it.

    python3 tools/lock.py            # keeps the versions that are locked already, where they still fit
    python3 tools/lock.py --upgrade  # takes the newest ones
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKED = ROOT / "tools" / "locked.txt"
DEMO = ROOT / "tools" / "locked-demo.txt"
OF_TORCH = ("nvidia-", "cuda-", "triton==")


def without_gpu_libraries(locked: str) -> str:
    """The lock without the packages that a GPU build of torch brings along."""
    packages = re.split(r"^(?=\S)", locked, flags=re.MULTILINE)
    return "".join(package for package in packages if not package.startswith(OF_TORCH))


def lock(file: Path, wanted: list[str], further: list[str]) -> None:
    """Writes what `wanted` extras and groups need to a file."""
    command = ["uv", "pip", "compile", "pyproject.toml", *wanted, "--universal", "--generate-hashes"]
    command += ["--no-emit-package", "torch", "--no-annotate", "--no-header", "--quiet"]
    command += ["--output-file", str(file), *further]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    header = "# Written by tools/lock.py; torch is not in it, see tools/install.py\n"
    file.write_text(header + without_gpu_libraries(file.read_text(encoding="utf-8")), encoding="utf-8")


def main() -> None:
    lock(LOCKED, ["--extra", "dev"], sys.argv[1:])
    demo = ["--extra", "dense", "--extra", "serve", "--group", "build"]
    lock(DEMO, demo, ["--constraint", str(LOCKED), *sys.argv[1:]])


if __name__ == "__main__":
    main()
