"""Writes docs/licences.md: what splade installs, and under which licences, read from the installed packages.

.venv/bin/python tools/licences.py
"""

from __future__ import annotations

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PAGE = Path(__file__).resolve().parent.parent / "docs" / "licences.md"
EXTRAS = ("", "onnx", "dense", "documents", "serve", "tracking", "postgres")
WITH_TORCH = ("nvidia-", "cuda-", "triton")
IN_THEIR_FILES = {  # whose metadata does not say it, and the licence file in the package does
    "huey": "MIT",
    "python-dateutil": "Apache-2.0 OR BSD-3-Clause",
    "skops": "MIT",
    "torch": "BSD-3-Clause",
}


def needed(name: str, extras: tuple[str, ...], seen: dict[str, Distribution]) -> None:
    """Adds the installed packages that `name` needs, and what those need, to `seen`."""
    key = canonicalize_name(name)
    if key in seen and extras == ("",):
        return
    try:
        seen[key] = distribution(name)
    except PackageNotFoundError:
        return  # of another platform or Python
    for line in seen[key].requires or []:
        requirement = Requirement(line)
        marker = requirement.marker
        wanted = marker is None or any(marker.evaluate({"extra": extra}) for extra in extras)
        if wanted and not requirement.name.startswith(WITH_TORCH):
            needed(requirement.name, ("", *sorted(requirement.extras)), seen)


def licence_of(package: Distribution) -> str:
    """The licence as the package states it: the SPDX expression, its licence field or its classifiers."""
    stated = package.metadata.get("License-Expression") or package.metadata.get("License") or ""
    if stated and "\n" not in stated and len(stated) < 60:
        return stated
    classifiers = package.metadata.get_all("Classifier") or []
    names = [line.split(" :: ")[-1] for line in classifiers if line.startswith("License :: ")]
    return ", ".join(names) or "see its package"


def main() -> None:
    seen: dict[str, Distribution] = {}
    needed("splade-cli", EXTRAS, seen)
    lines = [
        "# Licences of what splade installs",
        "",
        "What `pip install splade-cli[onnx,dense,documents,serve,tracking,postgres]` brings, as each package",
        "states it; a GPU build of torch adds NVIDIA's CUDA libraries under NVIDIA's own licence. Written by",
        "`tools/licences.py`.",
        "",
        "| package | licence |",
        "|---|---|",
    ]
    del seen["splade-cli"]
    lines += [f"| {name} | {IN_THEIR_FILES.get(name) or licence_of(seen[name])} |" for name in sorted(seen)]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
