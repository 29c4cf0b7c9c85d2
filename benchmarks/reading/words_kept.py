"""Share of a source's words that our reading keeps, for each format, on the files of some folders.

    python benchmarks/reading/words_kept.py FOLDER [FOLDER ...]

A word is three letters or more, counted as often as it stands in the file: 100% means that none is missing. What
the words of a source are is told by another way than our readers': those between the tags of XML and HTML, all
strings of an Office file's parts, the cells of a notebook, what pypdf gives for each page; of texts with markup the
lines as they are, without addresses, comments, front matter and the names of roles, directives and attributes.
"""

from __future__ import annotations

import argparse
import gzip
import html
import io
import json
import re
import zipfile
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

from splade_cli.corpus.file_reader import FileReader
from splade_cli.corpus.formats import RawDocument, Unreadable
from splade_cli.corpus.formats.by_name import format_of, is_compressed
from splade_cli.corpus.options import DEFAULT_READING
from splade_cli.corpus.whole_file import is_supported

_WORD = re.compile(r"[^\W\d_]{3,}")
_ADDRESS = re.compile(r"\b(?:https?|ftp|mailto|file):[^\s\"'<>)\]]+")
_SHOWN_MISSING = 6


def of_markup(data: bytes) -> str:
    """Between the tags of a page or document."""
    text = data.decode("utf-8", "replace")
    body = re.search(r"(?is)<body\b.*", text)
    text = body[0] if body else text
    text = re.sub(
        r"(?is)<!--.*?-->|<(script|style|svg|head)\b.*?</\1\s*>|<!DOCTYPE[^>\[]*(?:\[.*?\]\s*)?>", " ", text
    )
    return html.unescape(re.sub(r"<[^<>]*>", " ", text))


def of_parts(pattern: str, tags: str) -> Callable[[bytes], str]:
    """Between certain tags of the parts of a ZIP archive whose names fit."""

    def words(data: bytes) -> str:
        found = []
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                if re.search(pattern, name):
                    part = archive.read(name).decode("utf-8", "replace")
                    for paragraph in re.split(r"</(?:w:p|a:p|si|is)>", part):
                        paragraph = re.sub(
                            r"<(?:w:br|w:tab|a:br)\b[^<>]*/?>", "<w:t> </w:t><a:t> </a:t>", paragraph
                        )
                        inner = re.findall(rf"<(?:{tags})(?:\s[^<>]*)?>([^<>]*)</", paragraph)
                        found.append(html.unescape("".join(inner)))
        return "\n".join(found)

    return words


def of_book(data: bytes) -> str:
    """Between the tags of an archive's pages."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        pages = [name for name in archive.namelist() if re.search(r"content\.xml$|\.x?html?$", name)]
        return "\n".join(of_markup(archive.read(name)) for name in pages)


def of_notebook(data: bytes) -> str:
    """The sources of all cells, outputs apart."""
    notebook = json.loads(data)
    sheets = notebook.get("worksheets", [])
    cells = notebook.get("cells") or [cell for sheet in sheets for cell in sheet["cells"]]
    sources = ["".join(cell.get("source", cell.get("input", ""))) for cell in cells]
    return "\n".join(of_text(source.encode()) for source in sources)


def of_pdf(data: bytes) -> str:
    """What pypdf gives for each page, words joined that a line end parts."""
    import pypdf

    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]
    return re.sub(r"(?<=\w)-\n(?=[a-z])", "", "\n".join(pages))


def of_text(data: bytes) -> str:
    """The lines of a text, without what its markup says to programs only."""
    text = data.decode("utf-8", "replace")
    text = re.sub(r"(?s)\A---\n.*?\n---\n", " ", text)
    text = re.sub(r"(?s)<!--.*?-->", " ", text)
    text = re.sub(
        r"(?m)^\s*\.\. (?:_[^:\n]+:|\w*include::|image::|toctree::|index::).*$|^\s*:[\w-]+:.*$", " ", text
    )
    text = re.sub(r"(?m)^\s*\.\. [\w:-]+::|^ *(?:/{3,}|:{3,}|!!!).*$|^\s*`{3,}.*$|^#\+\w+:?.*$", " ", text)
    text = re.sub(r"\]\([^)\n]*\)|<[^>\n]*>|\{[^}\n]*\}|:[\w:-]+:(?=`)|\\[a-z]+\b", " ", text)
    return text


def of_outline(data: bytes) -> str:
    """The lines of an Org file, without states, tags, drawers, times of planning and settings."""
    text = of_text(data)
    text = re.sub(r"(?ms)^\s*:[\w-]+:\s*$.*?^\s*:END:\s*$", " ", text)
    text = re.sub(
        r"(?m)^\s*(?:DEADLINE|SCHEDULED|CLOSED|CLOCK):.*$|[ \t]:[\w@:]+:[ \t]*$|^\s*#.*$", " ", text
    )
    return re.sub(r"(?m)^(\*+)\s+(?:TODO|DONE|NEXT|WAITING|CANCELLED)\b", r"\1", text)


def of_latex(data: bytes) -> str:
    """What stands between the beginning and the end of a document, without commands and what they refer to."""
    text = data.decode("utf-8", "replace")
    text = text.partition("\\begin{document}")[2].partition("\\end{document}")[0] or text
    text = re.sub(r"(?m)(?<!\\)%.*$", "", text)
    text = re.sub(
        r"\\(?:label|\w*ref|cite\w*|href|begin|end|hypertarget|hyperlink|input|include\w*)\*?(?:\[[^\]]*\])?\{[^{}]*\}",
        " ",
        text,
    )
    return re.sub(r"\\[A-Za-z]+", " ", text)


def of_captions(data: bytes) -> str:
    """The lines of subtitles that are no times, numbers or notes, tags apart."""
    from splade_cli.corpus.decoding import decode

    blocks = re.split(r"\n\s*\n", decode(data).text)
    cues = [block.partition("-->")[2].partition("\n")[2] for block in blocks]
    return html.unescape(re.sub(r"<[^<>]*>|\{\\[^{}]*\}", " ", "\n".join(cues)))


def of_code(data: bytes) -> str:
    """All of a file."""
    return data.decode("utf-8", "replace")


REFERENCES: dict[str, Callable[[bytes], str]] = {
    ".html": of_markup,
    ".htm": of_markup,
    ".xhtml": of_markup,
    ".xml": of_markup,
    ".docx": of_parts(r"word/(?:document|footnotes|endnotes)\.xml$", "w:t"),
    ".pptx": of_parts(r"ppt/(?:slides|notesSlides)/[^/]+\.xml$", "a:t"),
    ".xlsx": of_parts(r"xl/sharedStrings\.xml$|xl/worksheets/[^/]+\.xml$", "t"),
    ".odt": of_book,
    ".epub": of_book,
    ".ipynb": of_notebook,
    ".pdf": of_pdf,
    ".md": of_text,
    ".mdx": of_text,
    ".rst": of_text,
    ".adoc": of_text,
    ".org": of_outline,
    ".tex": of_latex,
    ".srt": of_captions,
    ".vtt": of_captions,
    ".txt": of_code,
    ".py": of_code,
    ".c": of_code,
    ".h": of_code,
    ".js": of_code,
    ".csv": of_code,
    ".tsv": of_code,
}


def words_of(text: str) -> Counter[str]:
    return Counter(word.casefold() for word in _WORD.findall(_ADDRESS.sub(" ", text)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--most", type=int, default=200, help="files of a format that are read")
    parser.add_argument("--only", default="", help="an ending")
    arguments = parser.parse_args()
    files: dict[str, list[Path]] = defaultdict(list)
    for folder in arguments.folders:
        for path in sorted(folder.rglob("*")):
            ending = format_of(path)
            if ending not in REFERENCES or arguments.only not in ("", ending) or not path.is_file():
                continue
            if is_supported(path) and len(files[ending]) < arguments.most:
                files[ending].append(path)
    print("| format | files | not read | words | kept | missing most often |")
    print("|---|---:|---|---:|---:|---|")
    with FileReader(DEFAULT_READING) as reader:
        for ending, paths in sorted(files.items()):
            print(_row(reader, ending, paths), flush=True)


def _bytes_of(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if is_compressed(path) else data


def _row(reader: FileReader, ending: str, paths: list[Path]) -> str:
    total = 0
    missing: Counter[str] = Counter()
    unread: Counter[str] = Counter()
    for path in paths:
        read: list[RawDocument] = []
        try:
            wanted = words_of(REFERENCES[ending](_bytes_of(path)))
        except Exception as error:
            unread[f"by the script: {type(error).__name__}"] += 1
            continue
        try:
            read += [each for each in reader.documents(path) if isinstance(each, RawDocument)]
        except Unreadable as reason:
            unread[str(reason)[:60]] += 1
        have: Counter[str] = Counter()
        for document in read:
            have += words_of(
                f"{document.title}\n{document.text}\n{' '.join(map(str, document.metadata.values()))}"
            )
        total += wanted.total()
        missing += wanted - have
    kept = 100 * (1 - missing.total() / max(1, total))
    often = ", ".join(f"{word} {count}" for word, count in missing.most_common(_SHOWN_MISSING))
    reasons = "; ".join(f"{count} {reason}" for reason, count in unread.most_common(3))
    return f"| {ending} | {len(paths)} | {reasons} | {total:,} | {kept:.2f}% | {often} |"


if __name__ == "__main__":
    main()
