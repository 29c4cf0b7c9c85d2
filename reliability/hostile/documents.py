"""Hostile documents: a megabyte of one sign or pair in each format, and files that are broken on purpose.

Reading, cleaning and cutting a megabyte must take less than 2 s of CPU time, in a process of its own: a clock
would measure what else the machine does. Where the machine is slower than the one that the limit is meant
for, a fixed piece of work says by how much; where it is faster, the limit stays.
"""

from __future__ import annotations

import json
import os
import random
import resource
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

from reliability.commands import run, splade
from reliability.hostile.archives import bombs, epub, odt
from reliability.hostile.pdf import pdf, shown
from reliability.outcome import Outcome, Tries
from splade_cli.corpus.chunks import iterate_chunks
from splade_cli.corpus.documents import iterate_documents
from splade_cli.corpus.file_reader import FileReader, Waiting
from splade_cli.corpus.options import DEFAULT_READING
from splade_cli.corpus.whole_file import Read, read_whole
from splade_cli.errors import SpladeError
from splade_cli.records import Document

COUNT = 5
"""Signs and pairs that are tried in each format."""
_SIZE = 1_000_000
_BROKEN = "a broken file among good ones"
_LIMIT = 2.0
_KILLED_AFTER = 60
_MOST_MEMORY = 1000  # MB: a text that is repeated for each of its chunks or rows takes more
_YARDSTICK = 0.12  # seconds of the fixed work on the machine that the limit is meant for

SIGNS = "*_[]<>`~|-=#()!&\"'0a\u4e2d\u0301 \t\n\r:.\\{}@$+^\ufe0f\u200d\u202e\x0b\x0c\u2028\u3000\u3002"
UNITS = (
    *SIGNS, *(f"{sign} " for sign in "*->#=|.:a"), *(f"{sign}\n" for sign in "*->#=|.:a "), "\n ", '\t"',
    "_a", "[(", "|-", "((", "1.", "![", "[]", "](", "[a", "[^", "<a", "<!", "</", "&#", "{{", "{%", "::",
    "!!", "==", "`a", "**", "*a", "a*", "a_", "__", "~~", '"a', '",', "a,", ",,", "1,", "[1", '{"', "\\u",
    "..", "|a", "+-", "a\u0301", "<b", "b>", "<>", "%-", "a:", "$$", "\U0001f468\u200d",
)  # fmt: skip
TAGS = (
    "<div>", "<b>", "<p><b>", "<table>", "<td>", "<li>", "<a><p>", "<svg>", "<select>", "<pre>",
    "<![if", "<!--",
)  # fmt: skip
BLOCKS = (
    "- a\n", "[a](", "[^a]: b\n", "::: a\n", "!!! a\n    ", "## a\n### b\n", "a\n=\n", "|a|b|\n",
    ".. |a| ", ".. a::\n   ",
)  # fmt: skip
_WORDS = "All that a long text says. " * 20_000
FORMATS: dict[str, tuple[str, Callable[[str], str | bytes]]] = {
    "md": (".md", lambda noise: noise),
    "md paragraph": (".md", lambda noise: f"# Title\n\nword {noise} end"),
    "md front matter": (".md", lambda noise: f"---\ntitle: {noise}\n---\n\ntext"),
    "md fence": (".md", lambda noise: f"```\n{noise}\n```\ntext"),
    "md quote": (".md", lambda noise: f"> {noise}"),
    "md table": (".md", lambda noise: f"|a|b|\n|-|-|\n|{noise}|x|"),
    "md html": (".md", lambda noise: f"<div>{noise}"),
    "rst": (".rst", lambda noise: noise),
    "rst paragraph": (".rst", lambda noise: f"Title\n=====\n\nword {noise} end"),
    "html": (".html", lambda noise: noise),
    "html title": (".html", lambda noise: f"<title>{noise}</title><p>{_WORDS}"),
    "html paragraph": (".html", lambda noise: f"<title>x</title><h1>T</h1><p>{noise}"),
    "html pre": (".html", lambda noise: f"<pre>{noise}"),
    "txt": (".txt", lambda noise: noise),
    "csv": (".csv", lambda noise: noise),
    "csv header": (".csv", lambda noise: f"{noise[: len(noise) // 2]}\n" + "1\n" * 250_000),
    "csv cell": (".csv", lambda noise: f"id,text\n1,a{noise}"),
    "tsv": (".tsv", lambda noise: noise),
    "tsv cell": (".tsv", lambda noise: f"id\ttext\n1\ta{noise}"),
    "json": (".json", lambda noise: noise),
    "json text": (".json", lambda noise: json.dumps([{"text": noise, "title": noise}])),
    "jsonl": (".jsonl", lambda noise: noise),
    "jsonl text": (".jsonl", lambda noise: json.dumps({"text": noise})),
    "jsonl names": (".jsonl", lambda noise: json.dumps({"_id": noise, "title": noise, "text": _WORDS})),
    "jsonl keys": (".jsonl", lambda noise: json.dumps({noise: noise, "text": _WORDS})),
    "mdx": (".mdx", lambda noise: f"# T\n\n<Tabs>\n{noise}\n</Tabs>"),
    "adoc": (".adoc", lambda noise: f"= T\n\nword {noise}"),
    "org": (".org", lambda noise: f"* T\nword {noise}"),
    "tex": (".tex", lambda noise: f"\\section{{T}} word {noise}"),
    "xml": (".xml", lambda noise: f"<a><p>{escape(noise)}</p></a>"),
    "py": (".py", lambda noise: f"import a\n\n\ndef b():\n    {noise}"),
    "js": (".js", lambda noise: f"/* a */\nfunction b() {{\n{noise}"),
    "srt": (".srt", lambda noise: f"1\n00:00:01,000 --> 00:00:02,000\n{noise}"),
    "ipynb": (".ipynb", lambda noise: json.dumps({"cells": [{"cell_type": "markdown", "source": noise}]})),
    "eml": (".eml", lambda noise: f"Subject: x\n\n{noise}"),
    "odt": (".odt", odt),
    "epub": (".epub", epub),
    "pdf": (".pdf", lambda noise: b"%PDF-1.4\n" + noise.encode()),
    "pdf text": (".pdf", lambda noise: pdf(b"\n".join(shown(noise)))),
}


def check(folder: Path, tries: Tries) -> Iterator[Outcome]:
    """Signs and pairs in each format, and one folder of broken files."""
    draw = random.Random(tries.seed)
    _read_here(folder)
    for kind, (ending, wrapped) in FORMATS.items():
        outcome = Outcome(f"1 MB of a sign or pair: {kind}")
        if not tries.has(outcome.what):
            continue
        units = list(UNITS + _blocks_of(ending))
        if tries.count < len(UNITS):
            units = draw.sample(units, tries.count)
        for unit in units:
            noise = unit * (_SIZE // len(unit.encode()))
            content = wrapped(noise)
            path = folder / f"noise{ending}"
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
            _timed(outcome, path, f"{kind} {unit!r}")
        yield outcome
    if tries.has(_BROKEN):
        yield broken_files(folder / "broken")


def _blocks_of(ending: str) -> tuple[str, ...]:
    """Longer units, for what parses them as blocks."""
    if ending == ".html":
        return TAGS
    if ending in (".md", ".rst"):
        return BLOCKS
    return ()


def _timed(outcome: Outcome, path: Path, note: str) -> None:
    slower = max(1.0, _fixed_work() / _YARDSTICK)
    reading = _read_apart(path)
    allowed = _LIMIT * slower
    if reading.status:
        outcome.failed("crash", f"{note}: ended with {reading.status}")
    elif reading.seconds > allowed:
        outcome.failed("too slow", f"{note}: {reading.seconds:.1f} s where {allowed:.1f} are allowed")
    elif reading.megabytes > _MOST_MEMORY:
        outcome.failed("memory", f"{note}: {reading.megabytes:.0f} MB")
    else:
        outcome.right("read in time")


def _fixed_work() -> float:
    """CPU seconds of the same work each time: what reading is made of, calls and regular expressions."""
    started = time.process_time()
    total = 0
    for number in range(400_000):
        total += len(str(number))
    assert total
    return time.process_time() - started


@dataclass(frozen=True)
class Reading:
    """What reading and cutting one file took: CPU time and the most memory."""

    status: int
    seconds: float
    megabytes: float


def _read_apart(path: Path) -> Reading:
    """Reads and cuts one file in a fork of this process."""
    child = os.fork()
    if child == 0:
        os._exit(_read(path))
    _, status, used = os.wait4(child, 0)
    return Reading(status, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _read(path: Path) -> int:
    resource.setrlimit(resource.RLIMIT_CPU, (_KILLED_AFTER, _KILLED_AFTER))
    try:
        _read_and_cut(path)
    except Exception as error:
        print(f"{path}: {error!r}", file=sys.stderr)
        return 1
    return 0


def _read_and_cut(path: Path) -> None:
    documents = (each for each in iterate_documents(path) if isinstance(each, Document))
    try:
        for chunk in iterate_chunks(documents):
            assert chunk.content
    except SpladeError:
        pass  # nothing in it


def _read_here(folder: Path) -> None:
    """Has files read in the fork, and imports what reading them takes: not to be paid for by each of them."""

    def read(reader: FileReader, path: Path, waiting: Waiting) -> Read:
        return read_whole(path, DEFAULT_READING.max_bytes)

    FileReader._read_by_process = read  # type: ignore[method-assign, assignment]
    for kind, (ending, wrapped) in FORMATS.items():
        content = wrapped("words of this page, ")
        path = folder / f"{kind}{ending}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        _read_and_cut(path)
        path.unlink()


GOOD = 40


def broken_files(folder: Path) -> Outcome:
    """`splade index` over good files and broken ones: the good ones are in it, the others named."""
    outcome = Outcome(_BROKEN)
    folder.mkdir()
    for number in range(GOOD):
        (folder / f"good{number}.md").write_text(f"# Page {number}\n\nWhat page {number} says.")
    for name, content in broken():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.md")
    (folder / "circle.md").symlink_to("circle.md")
    (folder / "nowhere.md").symlink_to("missing")
    (folder / "device.md").symlink_to("/dev/zero")
    with open(folder / "hole.txt", "wb") as hole:
        hole.truncate(10**12)
    bad = sorted(path.name for path in folder.iterdir() if not path.name.startswith("good"))
    command = splade(
        "index", folder, "-o", folder.parent / "index", "--no-bm25", "--json", "--show-skipped",
        "--max-file-seconds", "20",
    )  # fmt: skip
    ended = run(command, folder.parent, limit=600)
    if ended.has_traceback or ended.code != 0:
        outcome.failed("traceback" if ended.has_traceback else "crash", ended.stderr[-500:])
        return outcome
    held = json.loads(ended.stdout)["documents"]
    readable = {"nul names.json", "deep.html"}  # there is text in them that can be read
    named = {name for name in bad if name in ended.stderr}
    for name in bad:
        if name in named:
            outcome.right("named with its reason")
        elif name in readable:
            outcome.right("read")
        else:
            outcome.failed("wrong answer", f"{name} is not named")
    if held < GOOD:
        outcome.failed("wrong answer", f"{held} documents where {GOOD} are good")
    return outcome


def broken() -> Iterator[tuple[str, bytes]]:
    """Names and bytes of files that nothing can be made of, or hardly anything."""
    page = pdf(b"(words of a page) Tj")
    yield "binary.txt", bytes(range(256)) * 100
    yield "empty.md", b""
    yield "blank.md", b" \n\t\n"
    yield "latin.txt", b"caf\xe9"
    yield "utf16.txt", "words".encode("utf-16")[:-1]
    yield "truncated.json", b'[{"text": "a"}, {"te'
    yield "deep.json", b"[" * 100_000
    yield "deep closed.json", b"[" * 100_000 + b"]" * 100_000
    yield "deep.jsonl", b'{"a":' * 100_000
    yield "deep.md", b"> " * 100_000
    yield "deep.html", b"<div>" * 100_000 + b"words"
    yield "number.json", b"9" * 1_000_000
    yield "surrogates.txt", "a\udc80b".encode("utf-8", "surrogatepass")
    yield "truncated.pdf", page[: len(page) // 2]
    yield "garbage.pdf", b"%PDF-1.7\n" + random.Random(1).randbytes(100_000)
    yield "bomb.pdf", pdf(b"", raw=zlib.compress(b"(a) Tj\n" * 30_000_000, 9))
    yield (
        "encrypted.pdf",
        page.replace(b"trailer<<", b"trailer<</Encrypt<</Filter/Standard/V 1/R 2/O(x)/U(y)/P 0>>"),
    )
    yield "none.pdf", b""
    yield from bombs()
    yield "nul names.json", b'[{"text": "words", "\\u0000": "\\ud800"}]'
