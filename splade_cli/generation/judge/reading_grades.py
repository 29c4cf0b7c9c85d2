"""Parser of an answer that is to hold one grade: JSON, JSON in a string, a labelled number, or a bare one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from splade_cli.generation.judge.options import BEST_GRADE
from splade_cli.generation.llm.parsing import after_thoughts, json_values, without_marks

_KEYS = ("grade", "score", "rating", "relevance")
_LABELLED = re.compile(
    r"\b(?:grade|score|rating|relevance)\b[\s*_\"'`]*(?:is|of|:|=|-)?[\s*_\"'`]*(\d+)(?![\d.]*\d)", re.I
)
_BARE = re.compile(r"\W*(\d+)\s*(?:/\s*3|out of 3|of 3)?\W*")
_TRUE = {"true": True, "yes": True, "false": False, "no": False}


@dataclass(frozen=True)
class Grade:
    """A grade from 0 to 3 with what it says of the pair; None where it does not say."""

    grade: int
    answerable: bool | None = None
    self_contained: bool | None = None
    realistic: bool | None = None

    def to_json(self) -> dict[str, bool | int | None]:
        """The answer that it would be, the grade last."""
        row = asdict(self)
        return {name: row[name] for name in ("answerable", "self_contained", "realistic", "grade")}

    def __str__(self) -> str:
        """``grade 1 of 3: not answerable``."""
        named = (("answerable", self.answerable), ("self-contained", self.self_contained))
        missing = [f"not {name}" for name, said in (*named, ("realistic", self.realistic)) if said is False]
        text = f"grade {self.grade} of {BEST_GRADE}"
        return f"{text}: {', '.join(missing)}" if missing else text


def read_grade(answer: str) -> Grade | None:
    """The grade in an answer, the last one where it names several; None where there is none from 0 to 3."""
    text = without_marks(after_thoughts(answer)).strip()
    whole = _json_or_none(text)
    if isinstance(whole, str):
        text = whole
    found = [grade for value in json_values(text) for grade in _of_json(value)]
    if found:
        return found[-1]
    numbers = _LABELLED.findall(text)
    if not numbers and (bare := _BARE.fullmatch(text)):
        numbers = [bare[1]]
    return _grade(numbers[-1], {}) if numbers else None


def _json_or_none(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _of_json(value: Any, depth: int = 0) -> Iterator[Grade]:
    if isinstance(value, Mapping):
        for key in _KEYS:
            grade = _grade(value.get(key), value)
            if grade is not None:
                yield grade
                return
        value = list(value.values())
    if isinstance(value, list) and depth < 10:
        for each in value:
            yield from _of_json(each, depth + 1)


def _grade(said: Any, row: Mapping[str, Any]) -> Grade | None:
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    number = _BARE.fullmatch(said.strip()) if isinstance(said, str) else None
    if number is not None and len(number[1]) < 3:
        said = int(number[1])
    if isinstance(said, str) or said not in range(BEST_GRADE + 1):
        return None
    truths = [_truth(row.get(name)) for name in ("answerable", "self_contained", "realistic")]
    return Grade(int(said), *truths)


def _truth(said: Any) -> bool | None:
    if isinstance(said, bool):
        return said
    return _TRUE.get(str(said).strip().casefold())
