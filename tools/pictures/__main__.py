"""Makes the pictures of the documents again: terminals and plots as SVG, pages as PNG, each light and dark.

    make demo && make test && .venv/bin/python -m tools.pictures demo

What is shown are the real commands over an engine that `splade build` made of `sample_docs`. Pages need
Chromium; without one theirs are left as they are.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import quote_plus

from splade_cli import Searcher, tune
from splade_cli.datasets.collections import load_collection
from tools.pictures.browser import Server, photograph
from tools.pictures.plots import quality_against_size
from tools.pictures.terminal import Terminal, picture

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "docs" / "pictures"
QUERY = "gears skip when I push hard"
SCHEMES = ("light", "dark")


def terminals(folder: Path) -> None:
    """A search with its reasons, and a session in which a hit is opened by its reasons."""
    words = ["search", QUERY, "--index", "engine/index", "-k", "3", "--explain"]
    with Terminal(words, folder, 100, 40) as search:
        search.until_it_ends()
        save("search", search, f'splade search "{QUERY}" --index engine/index -k 3 --explain')
    with Terminal(["query", "--index", "engine/index", "--explain"], folder, 100, 28) as session:
        session.until("splade>")
        session.ask(QUERY)
        save("session", session, "splade query --index engine/index --explain")
        session.send("/quit\r")


def save(name: str, terminal: Terminal, command: str) -> None:
    """Writes a terminal's picture in both schemes."""
    for scheme in SCHEMES:
        text = picture(terminal, f"$ {command}", scheme)
        (PICTURES / f"{name}-{scheme}.svg").write_text(text, encoding="utf-8")


def pages(index: Path, report: Path) -> None:
    """The search page with an answer, two modes side by side on it, and the beginning of the report."""
    with Server(index) as server:
        asked = {
            "page": f"q={quote_plus(QUERY)}",
            "sides": f"q={quote_plus(QUERY)}&terms=off&left=bm25&right=usual",
        }
        for name, what in asked.items():
            server.ask(what)
            for scheme in SCHEMES:
                photograph(f"{server.address}/#{what}", PICTURES / f"{name}-{scheme}.png", scheme, 1000, 760)
    for scheme in SCHEMES:
        photograph(report.resolve().as_uri(), PICTURES / f"report-{scheme}.png", scheme, 1180, 640)


def plots(engine: Path) -> None:
    """Quality against size: the index that the build made, pruned and rounded."""
    tuned = tune(Searcher.open(engine / "index"), load_collection(ROOT / "sample_docs"))
    for scheme in SCHEMES:
        text = quality_against_size(tuned, scheme)
        (PICTURES / f"quality-{scheme}.svg").write_text(text, encoding="utf-8")


def main() -> None:
    engine = Path(sys.argv[1] if len(sys.argv) > 1 else "demo").resolve()
    if not (engine / "index").is_dir():
        sys.exit(f"error: {engine} has no index\nhint: make demo")
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        # the name that the documents have for it
        (Path(folder) / "engine").symlink_to(engine)
        terminals(Path(folder))
    plots(engine)
    if shutil.which("chromium"):
        pages(engine / "index", engine / "report.html")
    else:
        print("no Chromium: the pictures of pages are left as they are", file=sys.stderr)
    for path in sorted(PICTURES.iterdir()):
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
