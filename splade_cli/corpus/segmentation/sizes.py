"""Sizes of the slices of one text: in characters, or in tokens of the model that reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from splade_cli.corpus.segmentation.lengths import Characters, Lengths, TokenLengths
from splade_cli.corpus.segmentation.text_model import Tokens

Headings = tuple[str, ...]
HEADER_SHARE = 0.25
"""Of what a model reads, the share that title and headings may take."""
SLACK = 8
"""Tokens by which a slice may differ from the same stretch of the whole text, cut between words."""


@dataclass(frozen=True)
class Sizes:
    """Units at least, wished for, and at most."""

    least: int
    target: int
    most: int

    def below(self, most: int) -> Sizes:
        """The nearest sizes that are no larger than `most`."""
        most = max(1, min(self.most, most))
        return Sizes(max(1, min(self.least, most // 2)), max(1, min(self.target, most)), most)


class Fit(Protocol):
    """What decides how long the slices of one text are.

    Attributes:
        title: of the document, as its slices bear it.
        lengths: of its text.
    """

    title: str
    lengths: Lengths

    def headings(self, path: Headings) -> Headings:
        """Those that a slice under `path` bears."""

    def sizes(self, headings: Headings) -> Sizes:
        """Sizes of a slice that bears `headings`."""

    def excess(self, start: int, end: int, headings: Headings) -> int:
        """Units of ``text[start:end]`` under `headings` that would not be read."""


class CharacterFit:
    """Sizes in characters, whoever reads the slices."""

    def __init__(self, sizes: Sizes, title: str) -> None:
        self.title = title
        self.lengths: Lengths = Characters()
        self._sizes = sizes

    def headings(self, path: Headings) -> Headings:
        """All of them."""
        return path

    def sizes(self, headings: Headings) -> Sizes:
        """Always the same."""
        return self._sizes

    def excess(self, start: int, end: int, headings: Headings) -> int:
        """0: nothing is known of a reader."""
        return 0


class TokenFit:
    """Sizes in tokens, so that a model reads each slice to its end, with title and headings before it.

    A title that would take more than `HEADER_SHARE` is cut, and the outermost headings are left out.
    """

    def __init__(self, sizes: Sizes, text: str, title: str, tokens: Tokens) -> None:
        self._text = text
        self._tokens = tokens
        self._room = int(HEADER_SHARE * tokens.window)
        self._sizes = sizes
        self._headers: dict[Headings, int] = {}
        self.title = self._cut(title)
        self.lengths: Lengths = TokenLengths(text, tokens)

    def headings(self, path: Headings) -> Headings:
        """The innermost of them that leave room for the text."""
        while path and self._header(path) > self._room:
            path = path[1:]
        return path

    def sizes(self, headings: Headings) -> Sizes:
        """What is left beside the header."""
        return self._sizes.below(self._tokens.window - self._header(headings))

    def excess(self, start: int, end: int, headings: Headings) -> int:
        """Tokens that are too many; counted only where there may be any, since that takes time."""
        room = self._tokens.window - self._header(headings)
        is_near = self.lengths.between(start, end) + SLACK > room
        if not (is_near or self._is_in_word(start) or self._is_in_word(end)):
            return 0
        return max(0, self._tokens.count(self._text[start:end]) - room)

    def _is_in_word(self, position: int) -> bool:
        around = self._text[position - 1 : position + 1] if position else ""
        return len(around) == 2 and around.isalnum()

    def _header(self, headings: Headings) -> int:
        if headings not in self._headers:
            self._headers[headings] = self._tokens.count(": ".join((self.title, *headings)) + "\n")
        return self._headers[headings]

    def _cut(self, title: str) -> str:
        starts = self._tokens.starts(title)
        most = max(1, self._room)
        if len(starts) <= most:
            return title
        return title[: starts[most]].rstrip()
