"""Subtitles: the words of SubRip and WebVTT files, without their times and numbers."""

from __future__ import annotations

import html
import re

from splade_cli.corpus.formats.prose import Prose

_TIMES = re.compile(r"\s*(?:\d+:)?\d{1,2}:\d{1,2}[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d{1,2}[.,]\d{1,3}")
_VOICE = re.compile(r"<v(?:\.[\w.]+)?[ \t]+([^<>]+)>")
_TAG = re.compile(r"</?(?:[a-z]+(?:\.[\w.-]+)*(?:[ \t][^<>]*)?|\d[\d:.]*)>|\{\\[^{}]*\}", re.IGNORECASE)
_ROLLING = 3  # lines: a caption that rolls shows each line that often


def read_subtitles(source: str) -> Prose:
    """The lines that are shown, each once: captions that roll up repeat what stood below."""
    lines: list[str] = []
    for block in re.split(r"\n[ \t]*\n", source.removeprefix("\ufeff").strip()):
        for line in _shown_lines(block.strip().split("\n")):
            if line not in lines[-_ROLLING:]:
                lines.append(line)
    return Prose("\n".join(lines), _title(source))


def _shown_lines(block: list[str]) -> list[str]:
    """The words of one cue; none of a block that is no cue."""
    at = next((number for number, line in enumerate(block[:2]) if _TIMES.match(line)), None)
    if at is None:
        return []
    shown = []
    for line in block[at + 1 :]:
        words = html.unescape(_TAG.sub("", _VOICE.sub(r"\1: ", line)))
        # Hard blanks and line ends, as SubStation Alpha has them and SubRip took them over.
        words = words.replace("\\h", " ").replace("\\N", " ")
        words = " ".join(words.split())
        if words:
            shown.append(words)
    return shown


def _title(source: str) -> str:
    """What a WebVTT file calls itself in its first line."""
    first = source.removeprefix("\ufeff").lstrip().split("\n", 1)[0]
    if not first.startswith("WEBVTT"):
        return ""
    return first.removeprefix("WEBVTT").strip(" \t-")
