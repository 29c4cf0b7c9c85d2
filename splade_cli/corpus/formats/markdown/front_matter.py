"""Front matter: the YAML, TOML or JSON at the top of a Markdown file."""

from __future__ import annotations

import json
import re
import tomllib

from splade_cli.corpus.formats.prose import fenced

_YAML = re.compile(r"\A---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_TOML = re.compile(r"\A\+\+\+[ \t]*\n(.*?)^\+\+\+[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
_JSON = re.compile(r"\A\{[ \t]*\n?[ \t]*\"")

# YAML takes a second for 100 KB.
_LONGEST = 50_000


def split_front_matter(source: str) -> tuple[dict[str, object], str]:
    """Front matter and the rest. What cannot be read, or is none, stays in the text."""
    if _JSON.match(source):
        return _split_json(source)
    toml = _TOML.match(source)
    if toml is not None and len(toml[1]) <= _LONGEST:
        try:
            return dict(tomllib.loads(toml[1])), source[toml.end() :]
        except (tomllib.TOMLDecodeError, RecursionError):
            return {}, f"{fenced(toml[1], 'toml')}\n\n{source[toml.end() :]}"
    yaml_text = _YAML.match(source)
    if yaml_text is None or len(yaml_text[1]) > _LONGEST:
        return {}, source
    return _split_yaml(source, yaml_text[1], source[yaml_text.end() :])


def _split_json(source: str) -> tuple[dict[str, object], str]:
    """An object that opens a file, with a line end behind it."""
    try:
        front, end = json.JSONDecoder().raw_decode(source[:_LONGEST])
    except (ValueError, RecursionError):
        return {}, source
    if not isinstance(front, dict) or source[end : end + 1] not in ("", "\n"):
        return {}, source
    return front, source[end:].lstrip("\n")


def _split_yaml(source: str, text: str, body: str) -> tuple[dict[str, object], str]:
    import yaml

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
