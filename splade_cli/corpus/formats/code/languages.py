"""Programming languages by the endings of their files: their comments, and what opens a definition."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    """A language as far as files in it are cut into definitions.

    Attributes:
        name: what stands behind the fence.
        line: the signs that open a comment of one line, the longest first.
        block: the signs around a comment of several lines, empty where there are none.
    """

    name: str
    line: tuple[str, ...]
    block: tuple[str, str] = ("", "")


_C_LINE = ("///", "//!", "//")
_C_BLOCK = ("/*", "*/")
_LIKE_C = {
    "javascript": "js jsx mjs cjs",
    "typescript": "ts tsx mts cts",
    "java": "java",
    "kotlin": "kt kts",
    "scala": "scala",
    "groovy": "groovy gradle",
    "c": "c h",
    "cpp": "cc cpp cxx hpp hh hxx",
    "csharp": "cs",
    "go": "go",
    "rust": "rs",
    "swift": "swift",
    "dart": "dart",
    "php": "php",
    "protobuf": "proto",
    "objective-c": "m mm",
    "zig": "zig",
    "solidity": "sol",
}
_LIKE_SHELL = {
    "ruby": "rb rake",
    "perl": "pl pm",
    "bash": "sh bash zsh ksh fish",
    "r": "r",
    "julia": "jl",
    "elixir": "ex exs",
    "make": "mk",
    "dockerfile": "dockerfile",
    "cmake": "cmake",
    "tcl": "tcl",
    "nix": "nix",
}
_OTHERS = (
    ("py pyi pyx", Language("python", ("#",))),
    ("sql ddl psql", Language("sql", ("--",), _C_BLOCK)),
    ("lua", Language("lua", ("---", "--"), ("--[[", "]]"))),
    ("hs", Language("haskell", ("-- |", "--"), ("{-", "-}"))),
    ("ml mli fs fsx", Language("ocaml", ("///", "//"), ("(*", "*)"))),
    ("lisp el clj cljs scm", Language("lisp", (";;;", ";;", ";"))),
    ("erl", Language("erlang", ("%%%", "%%", "%"))),
    ("ps1 psm1", Language("powershell", ("#",), ("<#", "#>"))),
    ("vb bas", Language("vb", ("'''", "'"))),
    ("f90 f95 f03", Language("fortran", ("!!", "!"))),
)


def _languages() -> dict[str, Language]:
    found = {}
    for name, endings in _LIKE_C.items():
        line = (*_C_LINE, "#") if name == "php" else _C_LINE
        for ending in endings.split():
            found[f".{ending}"] = Language(name, line, _C_BLOCK)
    for name, endings in _LIKE_SHELL.items():
        for ending in endings.split():
            found[f".{ending}"] = Language(name, ("##", "#"))
    for endings, language in _OTHERS:
        for ending in endings.split():
            found[f".{ending}"] = language
    return found


LANGUAGES = _languages()
"""Languages by the endings of their files."""
_NAME = r"([A-Za-z_$][\w$:.~-]*[?!]?)"
DEFINITION = re.compile(
    r"[ \t]*(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|inline|virtual"
    r"|override|open|sealed|data|partial|unsafe|extern|const|pub(?:\([\w: ]+\))?|local|suspend|create(?: or "
    r"replace)?|CREATE(?: OR REPLACE)?)[ \t]+){0,5}"
    r"(?:def|class|function\*?|func|fn|fun|sub|proc|procedure|struct|enum|interface|trait|impl|module|type"
    r"|object|record|namespace|protocol|extension|union|mod|defmodule|defp|defmacro|message|service"
    r"|(?i:table|view|procedure|function|trigger|index))\b[ \t]*(?i:if not exists[ \t]+)?"
    r"(?:<[^<>\n]{0,80}>[ \t]*|\([^()\n]{0,80}\)[ \t]*)?" + _NAME
)
"""A line that opens a definition by its keyword: the name that is defined."""
BOUND = re.compile(
    r"[ \t]*(?:export[ \t]+)?(?:default[ \t]+)?(?:const|let|var)[ \t]+"
    + _NAME
    + r"[ \t]*(?::[^=\n]{1,200})?="
    r"[ \t]*(?:async[ \t]*)?(?:function\b|\(|[\w$]+[ \t]*=>|class\b)"
)
"""A line that gives a name to a function, as in JavaScript."""
CALLED = re.compile(r"(?:[\w:*&<>,\[\]]+[ \t]+)+[*&]*" + _NAME + r"[ \t]*\([^;]*(?:\)[ \t\w]*\{?)?\s*\Z")
"""A line of a language like C that opens a function by its type, name and arguments."""
