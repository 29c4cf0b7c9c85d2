"""Files made on the fly, and what is read of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from splade_cli.corpus.documents import Reading, read_documents
from splade_cli.records import Document


def _write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _one(folder: Path, name: str, content: str | bytes) -> Document:
    documents = read_documents(_write(folder, name, content)).documents
    assert len(documents) == 1
    return documents[0]


def _many(folder: Path, name: str, content: object) -> Reading:
    return read_documents(_write(folder, name, content if isinstance(content, str) else json.dumps(content)))


def _refused(folder: Path, name: str, content: str | bytes) -> str:
    """The reason for which one file is skipped, seen from a folder that has a good one as well."""
    _write(folder, "good.txt", "good")
    _write(folder, name, content)
    reading = read_documents(folder)
    assert [document.id for document in reading.documents] == ["good.txt"]
    assert [skipped.path for skipped in reading.skipped] == [name]
    return reading.skipped[0].reason


def _make_pdf(*pages: str, title: str = "", encoding: str = "WinAnsiEncoding") -> bytes:
    """A minimal PDF: each page's lines drawn one below the other."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        f"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /{encoding} >>",
    ]
    for number, page in enumerate(pages):
        drawn = "".join(f"({line}) Tj T* " for line in page.split("\n") if line)
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {drawn}ET"
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] "
            f"/Resources << /Font << /F1 3 0 R >> >> /Contents {5 + 2 * number} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    objects.append(f"<< /Title ({title}) >>")
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode()
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    size = len(objects) + 1
    trailer = f"trailer\n<< /Size {size} /Root 1 0 R /Info {size - 1} 0 R >>\n"
    tail = f"xref\n0 {size}\n0000000000 65535 f \n{table}{trailer}"
    return out + f"{tail}startxref\n{len(out)}\n%%EOF\n".encode()


@pytest.fixture(scope="session")
def write() -> Callable[[Path, str, str | bytes], Path]:
    return _write


@pytest.fixture(scope="session")
def one() -> Callable[[Path, str, str | bytes], Document]:
    return _one


@pytest.fixture(scope="session")
def many() -> Callable[[Path, str, object], Reading]:
    return _many


@pytest.fixture(scope="session")
def refused() -> Callable[[Path, str, str | bytes], str]:
    return _refused


@pytest.fixture(scope="session")
def make_pdf() -> Callable[..., bytes]:
    return _make_pdf
