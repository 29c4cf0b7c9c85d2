"""Front matter: the YAML between ``---`` lines at the top of a Markdown file."""

from __future__ import annotations

import re

from splade_cli.corpus.formats.prose import fenced

_FRONT = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)

# YAML takes a second for 100 KB.
_LONGEST = 50_000


def split_front_matter(source: str) -> tuple[dict[str, object], str]:
    """Front matter and the rest. What cannot be read, or is none, stays in the text."""
    import yaml

    match = _FRONT.match(source)
    if match is None or len(match[1]) > _LONGEST:
        return {}, source
    text = match[1]
    body = source[match.end() :]
    as_code = f"{fenced(text, 'yaml')}\n\n{body}"
    try:
        events = yaml.parse(text, Loader=yaml.SafeLoader)
        # An alias lets ten lines of YAML unfold into gigabytes.
        if any(isinstance(event, yaml.AliasEvent) for event in events):
            return {}, as_code
        front = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        looks_like_yaml = re.match(r"[\w-]+:", text)
        if looks_like_yaml:
            return {}, as_code
        return {}, source
    if front is None:
        return {}, body
    if not isinstance(front, dict):
        return {}, source
    return {str(key): value for key, value in front.items()}, body
