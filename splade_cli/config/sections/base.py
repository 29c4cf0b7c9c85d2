"""What all sections of the training YAML share: strict keys, and lists that YAML 1.1 misreads."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Section(BaseModel):
    """A part of the YAML; keys that it does not name are errors."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_keys(cls, values: Any) -> Any:
        """A key with nothing behind it, as `tags:` alone on its line, keeps its default."""
        if not isinstance(values, dict):
            return values
        filled = {}
        for key, value in values.items():
            field = cls.model_fields.get(key)
            if value is None and field is not None and field.default is not None:
                continue
            filled[key] = value
        return filled


def listed(value: Any) -> Any:
    """A single value as a list of it."""
    return [value] if isinstance(value, str | bool) else value


def language_codes(value: Any) -> Any:
    """A language code or a list of them; YAML 1.1 reads a bare `no`, Norwegian, as false."""
    codes = listed(value)
    if not isinstance(codes, list):
        return codes
    return ["no" if code is False else code for code in codes]
