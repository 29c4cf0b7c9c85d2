"""Hints are typed as they stand: no placeholder for what the program knows, or could as well name itself."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

SOURCES = sorted(Path(str(files("splade_cli"))).rglob("*.py"))
UNTYPEABLE = re.compile(r"\b(DIR|FILE|FOLDER|OTHER|SOURCE|BEIR|TASK|NAME)\b|<[a-z_ ]+>")
"""Names of outputs can be made up, and those of what was typed are known; the rest only who reads it knows."""
ONLY_THE_READER_KNOWS = {"DOCS", "DATA", "COLLECTION", "INDEX", "MODEL", "QUERY", "N", "GPU", "SQL"}
COMMAND = re.compile(r"\bsplade [a-z-]+\b")


def texts(path: Path) -> Iterator[tuple[int, str]]:
    """Lines and contents of the strings of a source, but its docstrings; what is filled in is a dot."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in told or id(node) in inside:
            continue
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "." for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def test_no_command_that_is_told_has_a_placeholder_for_what_is_known() -> None:
    found = []
    seen = 0
    for path in SOURCES:
        for line, text in texts(path):
            command = COMMAND.search(text)
            if command is None:
                continue
            seen += 1
            if UNTYPEABLE.search(text[command.start() :]):
                found.append(f"{path.name}:{line}: {text[:100]}")
    assert seen > 80, "hints are still found"
    assert not found, "\n".join(found)


def test_placeholders_are_those_that_only_the_reader_knows() -> None:
    for path in SOURCES:
        for line, text in texts(path):
            command = COMMAND.match(text)
            if command is not None and "\n" not in text:
                words = set(re.findall(r"(?<![\w-])[A-Z]{3,}(?![\w-])", text))
                assert words <= ONLY_THE_READER_KNOWS, f"{path.name}:{line}: {text}"
