"""One text in several formats: read once, from the format that tells most; everything else stays."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from splade_cli.corpus import other_formats
from splade_cli.corpus.documents import Folded, read_documents
from splade_cli.corpus.options import ReadingOptions

WORDS = [
    "kiln",
    "clay",
    "door",
    "lamp",
    "cone",
    "shelf",
    "glaze",
    "brush",
    "sieve",
    "wheel",
    "slab",
    "handle",
    "test",
    "bowl",
    "plate",
    "sponge",
    "wire",
]
LINES = [
    f"The {WORDS[n % 17]} of rack {n} waits for {WORDS[n * 5 % 13]} and {WORDS[n * 7 % 11]} again."
    for n in range(60)
]
MARKDOWN = "# Firing\n\n" + "\n\n".join(LINES)
HTML = "<title>Firing</title><nav>Home</nav><h1>Firing</h1>" + "".join(f"<p>{line}" for line in LINES)


def kept_and_folded(folder: Path, **options: Any) -> tuple[list[str], list[tuple[str, str]]]:
    reading = read_documents(folder, ReadingOptions(**options))
    folded = [each for each in reading.skipped if isinstance(each, Folded)]
    assert len(folded) == len(reading.skipped)
    return [each.id for each in reading.documents], [(each.path, each.into) for each in folded]


def test_the_format_that_tells_most_stays(tmp_path: Path, write: Any, make_pdf: Any) -> None:
    pages = ["Firing", *("\n".join(LINES[start : start + 20]) for start in (0, 20, 40))]
    write(tmp_path, "a/Guide.pdf", make_pdf(*pages))
    write(tmp_path, "a/guide.html", HTML)
    write(tmp_path, "guide.md", MARKDOWN)
    write(tmp_path, "guide.txt.gz", gzip.compress("\n".join(["Firing", *LINES]).encode(), mtime=0))
    write(tmp_path, "other.md", "# Other\n\nAnother text.")
    folded = [(name, "guide.md") for name in ("a/guide.html", "guide.txt.gz", "a/Guide.pdf")]
    assert kept_and_folded(tmp_path) == (["guide.md", "other.md"], folded)
    assert len(kept_and_folded(tmp_path, keep_duplicates=True)[0]) == 5
    (tmp_path / "guide.md").unlink()
    assert kept_and_folded(tmp_path)[0] == ["a/guide.html", "other.md"]


def test_nearly_the_same_needs_the_name_or_the_title(tmp_path: Path, write: Any) -> None:
    changed = HTML.replace("rack 7 waits", "rack 7 is waiting")
    write(tmp_path, "firing.md", MARKDOWN)
    write(tmp_path, "other.html", changed)
    assert kept_and_folded(tmp_path) == (["firing.md"], [("other.html", "firing.md")])
    write(tmp_path, "other.html", changed.replace("Firing", "Kilns"))
    assert kept_and_folded(tmp_path) == (["firing.md", "other.html"], [])
    (tmp_path / "other.html").rename(tmp_path / "FIRING.html")
    assert kept_and_folded(tmp_path) == (["firing.md"], [("FIRING.html", "firing.md")])


def test_of_other_names_the_first_stays(tmp_path: Path, write: Any) -> None:
    write(tmp_path, "a.txt", MARKDOWN)
    write(tmp_path, "b.md", MARKDOWN)
    assert kept_and_folded(tmp_path) == (["a.txt"], [("b.md", "a.txt")])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("copy/guide.md", MARKDOWN),
        ("guide.html", "<title>Firing</title>" + "".join(f"<p>{line}" for line in LINES[:30])),
        ("guide.html", "<h1>Firing</h1><p>" + " ".join(reversed(MARKDOWN.split()))),
        ("guide.py", f'"""{MARKDOWN}"""\n'),
        ("rows.csv", "text\n" + "".join(f'"{line}"\n' for line in LINES)),
    ],
)
def test_what_stays(name: str, content: str, tmp_path: Path, write: Any) -> None:
    write(tmp_path, "guide.md", MARKDOWN)
    write(tmp_path, "a.txt", "short")
    write(tmp_path, name, content)
    assert kept_and_folded(tmp_path)[1] == []


def test_short_texts_are_not_the_same_by_chance(tmp_path: Path, write: Any) -> None:
    write(tmp_path, "one.md", "Coming soon.")
    write(tmp_path, "two.txt", "Coming soon.")
    write(tmp_path, "two.html", "<p>Coming soon.")
    assert kept_and_folded(tmp_path) == (["one.md", "two.html"], [("two.txt", "two.html")])


def test_folders_of_one_format_cost_nothing(
    tmp_path: Path, write: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(other_formats, "minhash_signatures", None)
    for name in ("b.md", "a.md", "c.markdown"):
        write(tmp_path, name, MARKDOWN)
    assert kept_and_folded(tmp_path)[0] == ["a.md", "b.md", "c.markdown"]


def test_long_texts_are_hashed_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = other_formats._digest(MARKDOWN)
    monkeypatch.setattr(other_formats, "_PIECE", 7)
    assert other_formats._digest(MARKDOWN) == whole
    assert other_formats._digest(MARKDOWN + " more") != whole
