"""Settings in the JSON files of a model folder: types, ranges, and paths that stay inside of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any, Self

from splade_cli.errors import ModelError, did_you_mean
from splade_cli.model.hub import read_json

MOST = 1 << 24
"""Of any size: no model has 16 million tokens, positions or latents of a text."""
AGAIN = "copy or download the model folder again, or correct the file"


class Settings:
    """The object in a JSON file of a model folder, empty where there is no such file.

    Args:
        file: what an error calls it.
        values: what it holds.

    Raises:
        ModelError: `values` is no object.
    """

    def __init__(self, file: str, values: Any) -> None:
        self.file = file
        if values is None:
            values = {}
        if not isinstance(values, dict):
            raise ModelError(f"{file} holds a {type(values).__name__}, where an object is expected", AGAIN)
        self.values: dict[str, Any] = values

    @classmethod
    def read(cls, source: str, name: str, revision: str | None = None) -> Self:
        """The file `name` of a folder or hub repository. Raises ModelError for a damaged one."""
        return cls(f"{source}/{name}", read_json(source, name, revision))

    def size(self, key: str, most: int = MOST) -> int | None:
        """A whole number from 1 to `most`, None where none is given. Raises ModelError."""
        value = self.values.get(key)
        if value is None:
            return None
        if type(value) is not int or not 0 < value <= most:
            raise self.wrong(key, f"a number from 1 to {most:,} is expected")
        return value

    def choice(self, key: str, choices: Sequence[str]) -> str:
        """One of `choices`, the first where none is given. Raises ModelError."""
        value = self.values.get(key, choices[0])
        if value not in choices:
            meant = did_you_mean(str(value), choices)
            raise self.wrong(key, meant or f"one of {', '.join(choices)} is expected")
        return str(value)

    def texts(self, key: str) -> dict[str, str]:
        """Texts by name, without those that are null; none where none are given. Raises ModelError."""
        value = self.values.get(key) or {}
        if not isinstance(value, dict) or not all(isinstance(each, str | None) for each in value.values()):
            raise self.wrong(key, "texts by their names are expected")
        return {name: text for name, text in value.items() if text is not None}

    def require_number(self, key: str) -> None:
        """Raises ModelError where `key` is given and no number."""
        value = self.values.get(key)
        if value is not None and type(value) not in (int, float):
            raise self.wrong(key, "a number is expected")

    def wrong(self, key: str, expected: str) -> ModelError:
        """The error for the value of `key`."""
        return ModelError(f"{self.file}: {key} is {shown(self.values.get(key))}, {expected}", AGAIN)


def inside(file: str, path: object) -> str:
    """A path that `file` names, if it leads to nothing outside of the model folder. Raises ModelError."""
    if not isinstance(path, str):
        raise ModelError(f"{file} names {shown(path)} for a path", AGAIN)
    parts = (*PurePosixPath(path).parts, *PureWindowsPath(path).parts)
    is_absolute = PurePosixPath(path).is_absolute() or bool(PureWindowsPath(path).anchor)
    if is_absolute or ".." in parts or "\0" in path:
        raise ModelError(f"{file} names the path {shown(path)}, which leads out of the model folder", AGAIN)
    return path


def shown(value: object) -> str:
    """A value for a message, cut."""
    text = repr(value)
    if len(text) > 60:
        return f"{text[:60]}..."
    return text
