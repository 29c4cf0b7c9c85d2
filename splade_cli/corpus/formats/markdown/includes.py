"""Includes: the names of other files that a site generator would put in place of a line."""

from __future__ import annotations

import re

_INCLUDE = re.compile(
    r"(?m)^[ \t]*(?:"
    r"-+8<-+[ \t]+[\"']([^\"'\n]+)"  # snippets of PyMdown
    r"|\{\*[ \t]+(\S+)"  # FastAPI's
    r"|\{!(?:>[ \t]*)?([^\s!]+)"  # markdown-include
    r"|\{%-?[ \t]*include(?:_relative)?[ \t]+[\"']?([^\s\"'%]+)"  # Jekyll, Jinja
    r"|\{\{<[ \t]*include[ \t]+\"?([^\s\">]+)"  # Quarto, Hugo
    r"|(?:`{3,}|:{3,})\{(?:literal)?include\}[ \t]+(\S+)"  # MyST
    r"|<!--[ \t]*@include:[ \t]*([^\s>]+?)[ \t]*-->"  # VitePress
    r"|<<<[ \t]+([@./]\S+))"
)


def included_files(source: str) -> list[str]:
    """The names of what is included, in order."""
    return [next(filter(None, names)) for names in _INCLUDE.findall(source)]
