"""What may go to a terminal or a log: text without control characters, and JSON with them escaped.

Names, keys, texts and answers of servers come from others. What a terminal would obey (ESC, CSI, OSC, the C1
range, BEL), what turns the direction of a line around, and what no encoding can write is left out; so it is
where the output is a pipe, since most pipes end at a terminal. Programs read JSON, where nothing is lost.
"""

from __future__ import annotations

import logging
import re
import sys

_UNSEEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str) -> str:
    """Text without what a terminal would obey or could not print; line ends stay, tabs are blanks."""
    if text.isprintable():
        return text
    return _UNSEEN.sub("", text).expandtabs(4)


def one_line(text: str) -> str:
    """`plain` text whose line ends are blanks: a message cannot show a second one below it."""
    return " ".join(plain(text).splitlines())


def plain_json(document: str) -> str:
    """A JSON document in which the same signs are escaped, as JSON may have them: its values stay equal."""
    return _UNSEEN.sub(lambda sign: f"\\u{ord(sign[0]):04x}", document)


class PlainFormatter(logging.Formatter):
    """Log messages as plain text."""

    def format(self, record: logging.LogRecord) -> str:
        return plain(super().format(record))


def make_logs_plain() -> None:
    """Warnings of a program that sets up no logging, which Python writes to standard error as they are."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setLevel(logging.WARNING)
    handler.setFormatter(PlainFormatter())
    logging.lastResort = handler
