"""Builds wheel and sdist, looks at what is in them, installs each into a fresh environment, and searches.

    .venv/bin/python tools/package.py                    # to build/dist; `make package`
    .venv/bin/python tools/package.py --tag v0.1.0       # refuses a tag that is not this version's

Dependencies are those of the environment that runs this: what is tried is what this package itself brings.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DIST = ROOT / "build" / "dist"
LARGEST_MB = 12.0
"""Of either file; the model of 4.4M parameters in them takes 8.4."""
NEEDED = (
    "Makefile",
    "README.md",
    "tools/install.py",
    "tools/locked.txt",
    "docs/glossary.md",
    "tests/conftest.py",
)
"""What an sdist must have, so that `make test` runs in it as in a clone."""
SAMPLE = ("splade_cli/assets/sample_docs/queries.jsonl", "splade_cli/assets/sample_docs/qrels/test.tsv")
"""What a wheel must have for `splade demo`, beside the documents."""
FOREIGN = re.compile(r"(^|/)(shared|\.venv|\.git|build|dist|demo|__pycache__)/|\.pyc$|\.sqlite3$")
"""What is in neither file: data of others, environments, outputs."""


def version() -> str:
    """The version, from its one place."""
    text = (ROOT / "splade_cli" / "__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)
    if found is None:
        sys.exit("error: splade_cli/__init__.py has no __version__")
    return found.group(1)


def check_tag(tag: str) -> None:
    """Ends the program where a tag is not that of this version, or the changelog says nothing of it."""
    if tag != f"v{version()}":
        sys.exit(f"error: the tag is {tag}, the version {version()}\nhint: set it in splade_cli/__init__.py")
    heading = re.search(r"^## (\S+)(.*)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    if heading is None or heading.group(1) != version() or "unreleased" in heading.group(2):
        sys.exit(f"error: CHANGELOG.md does not begin with {version()} and its day")


def contents(file: Path) -> list[str]:
    """Names of the files in a wheel or an sdist, without the folder that all of an sdist is in."""
    if file.suffix == ".whl":
        with zipfile.ZipFile(file) as wheel:
            return wheel.namelist()
    with tarfile.open(file) as sdist:
        return [name.partition("/")[2] for name in sdist.getnames()]


def faults(file: Path) -> list[str]:
    """What is wrong with a wheel or an sdist; empty where nothing is."""
    names = contents(file)
    found = [f"{file.name} has {name}" for name in names if FOREIGN.search(name)]
    megabytes = file.stat().st_size / 1e6
    if megabytes > LARGEST_MB:
        found.append(f"{file.name} has {megabytes:.1f} MB, more than {LARGEST_MB}")
    if file.suffix == ".whl":
        packages = {name.partition("/")[0] for name in names}
        found += [f"{file.name} has {name}" for name in packages if not name.startswith("splade_cli")]
        found += [f"{file.name} lacks {name}" for name in SAMPLE if name not in names]
    else:
        found += [f"{file.name} lacks {name}" for name in NEEDED if name not in names]
    return found


def try_out(file: Path, folder: Path) -> None:
    """Installs a file into an environment of its own, beside the dependencies of this one, and searches."""
    venv.create(folder)
    scripts = folder / ("Scripts" if sys.platform == "win32" else "bin")
    python = str(scripts / "python")
    own = Path(run(folder, python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    (own / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        python,
        "install",
        "--quiet",
    ]
    run(folder, *pip, "--no-deps", "--no-build-isolation", str(file))
    splade = str(scripts / "splade")
    if version() not in run(folder, python, "-c", "import splade_cli; print(splade_cli.__version__)"):
        sys.exit(f"error: {file.name} is installed and has another version")
    if file.suffix != ".whl":
        run(folder, splade, "--help")
        return
    (folder / "docs").mkdir()
    (folder / "docs" / "kiln.md").write_text(
        "# Kilns\n\nA kiln fires clay at 1200 degrees.\n", encoding="utf-8"
    )
    run(folder, splade, "index", "docs", "-o", "index")
    found = run(folder, splade, "search", "how hot is a kiln", "--index", "index")
    if "kiln.md" not in found:
        sys.exit(f"error: {file.name} is installed and finds nothing\n{found}")


def run(folder: Path, *command: str) -> str:
    """What a program prints; where it fails, this one ends with what it said."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def main() -> None:
    if "--tag" in sys.argv:
        check_tag(sys.argv[sys.argv.index("--tag") + 1])
    shutil.rmtree(DIST, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(DIST)], cwd=ROOT, check=True)
    for file in sorted(DIST.iterdir()):
        found = faults(file)
        if found:
            sys.exit("error: " + "\n       ".join(found))
        with tempfile.TemporaryDirectory() as folder:
            try_out(file, Path(folder))
        count = len(contents(file))
        print(
            f"{file.name}: {file.stat().st_size / 1e6:.1f} MB, {count} files, installed and tried", flush=True
        )


if __name__ == "__main__":
    main()
