"""Near-duplicate detection across formats: one text that a folder holds as Markdown and as PDF is read once.

Of a text in several formats the one stays that tells most of its structure. Of each text there is kept a hash
of its words and a MinHash signature, so memory is some hundred bytes a file, and work grows with the text.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path, PurePath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from splade_cli.corpus.folders import NamedFile
from splade_cli.corpus.formats.by_name import COMPRESSED, UNNAMED, format_of
from splade_cli.corpus.near_duplicates import COMPARED, minhash_signatures, words

SIMILARITY = 0.8
"""Jaccard similarity of the words of two texts of one name: a converter hyphenates and drops some."""
FEWEST_WORDS = 20
"""Of a text that is the same as another of another name: below, two texts are easily alike by chance."""
_FORMATS = (
    (".md", ".markdown"), (".mdx",), (".rst",), (".adoc", ".asciidoc"), (".org",), (".ipynb",),
    (".html", ".htm", ".xhtml"), (".docx",), (".odt",), (".epub",), (".tex",), (".xml",), (".pptx",),
    (".txt", ".text", ".log", UNNAMED), (".vtt",), (".srt",), (".pdf",), (".eml",),
)  # fmt: skip
_RANKS = {ending: rank for rank, endings in enumerate(_FORMATS) for ending in endings}
"""Formats of prose by how much they tell of a text's structure, most first; those of one rank are one."""
_LOOKED_AT = 200_000
"""Characters of a text that its signature is of."""
_PIECE = 1_000_000


class _Text(NamedTuple):
    """What is remembered of a text: the file, its format, how many words, and their signature uint32 [64]."""

    name: str
    rank: int
    words: int
    signature: NDArray[np.uint32]


def richest_first(files: Sequence[NamedFile]) -> list[NamedFile]:
    """The same files; those whose name another has in a format that tells more come last."""
    best: dict[str, int] = {}
    for file in files:
        rank = _rank(file.path)
        if rank is not None:
            stem = _stem(file.path)
            best[stem] = min(best.get(stem, rank), rank)
    first = []
    last = []
    for file in files:
        rank = _rank(file.path)
        if rank is None or rank == best[_stem(file.path)]:
            first.append(file)
        else:
            last.append((rank, file))
    last.sort(key=lambda pair: pair[0])
    return first + [file for _, file in last]


class TextsSeen:
    """The texts of files so far, to find the one that a further file has in another format.

    Args:
        files: all that are going to be read; where they are of one format, nothing is kept or compared.
    """

    def __init__(self, files: Sequence[NamedFile]) -> None:
        self._is_needed = len({_rank(file.path) for file in files} - {None}) > 1
        self._by_words: dict[bytes, list[_Text]] = defaultdict(list)
        self._by_name: dict[str, list[_Text]] = defaultdict(list)

    def same_as(self, file: NamedFile, title: str, text: str) -> str | None:
        """The name of a file before that has the same text in another format; else this one is remembered.

        The words are the same, case and punctuation aside; or nearly so, and the file's name or the title is.
        """
        rank = _rank(file.path)
        if not self._is_needed or rank is None:
            return None
        digest, count = _digest(text)
        if not count:
            return None
        signature = minhash_signatures([text[:_LOOKED_AT]])[0].astype(np.uint32)
        mine = _Text(file.name, rank, count, signature)
        names = {f"name {_stem(file.path)}"}
        if title.strip():
            names.add(f"title {' '.join(words(title))}")
        for other in self._like(mine, digest, names):
            return other.name
        if len(self._by_words[digest]) < COMPARED:
            self._by_words[digest].append(mine)
        for name in names:
            if len(self._by_name[name]) < COMPARED:
                self._by_name[name].append(mine)
        return None

    def _like(self, mine: _Text, digest: bytes, names: set[str]) -> Iterator[_Text]:
        if mine.words >= FEWEST_WORDS:
            yield from (other for other in self._by_words.get(digest, ()) if other.rank != mine.rank)
        for name in sorted(names):
            for other in self._by_name.get(name, ()):
                shorter, longer = sorted((mine.words, other.words))
                if other.rank == mine.rank or shorter < SIMILARITY * longer:
                    continue
                if (other.signature == mine.signature).mean() >= SIMILARITY:
                    yield other


def _rank(path: Path) -> int | None:
    ending = format_of(path)
    return None if ending is None else _RANKS.get(ending)


def _stem(path: Path) -> str:
    """The name of a file without its ending, whatever the case."""
    name = path.name
    if name.lower().endswith(COMPRESSED):
        name = name[: -len(COMPRESSED)]
    return PurePath(name).stem.casefold()


def _digest(text: str) -> tuple[bytes, int]:
    """A hash of the words of a text, and how many they are."""
    digest = blake2b(digest_size=8)
    count = 0
    start = 0
    while start < len(text):
        end = start + _PIECE
        while end < len(text) and text[end].isalnum():
            end += 1
        found = words(text[start:end])
        digest.update("".join(f"{word} " for word in found).encode())
        count += len(found)
        start = end
    return digest.digest(), count
