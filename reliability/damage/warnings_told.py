"""Warnings of the package, as a user is told them."""

from __future__ import annotations

import logging


class Told(logging.Handler):
    """Keeps the warnings that are logged within its block."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def __enter__(self) -> Told:
        logging.getLogger("splade_cli").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("splade_cli").removeHandler(self)
