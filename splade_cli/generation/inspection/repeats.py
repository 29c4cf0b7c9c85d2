"""Repeated texts in training rows: duplicates, false negatives by their text, and leaks between sides.

Texts are equal where only case, punctuation and blanks differ; queries also where the order of words does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations

from splade_cli.corpus.near_duplicates import duplicate_groups, hashed_shingles, jaccard, words
from splade_cli.generation.dedupe import query_key
from splade_cli.generation.inspection.report import Finding
from splade_cli.generation.inspection.rows import Row

SIMILAR = 0.9
"""Share of their runs of words that near-duplicates have in common."""
NEAR_LENGTH = 0.7
"""Of two texts whose lengths differ by more, no word is compared."""
NAMED = 5
"""Places that a finding names."""
FEWEST_COPIED = 4
"""Words of a query that is called a copy: fewer stand in many a text."""


def repeats(rows: Sequence[Row]) -> list[Finding]:
    """What repeats itself within rows and among them; only what there is."""
    keys = _Keys()
    checks: list[tuple[str, list[Row]]] = [
        ("the same row again", _again(rows, lambda row: _whole_row(row, keys))),
        ("a query that was asked before, about another text", _asked_before(rows, keys)),
        ("the positive among its own negatives", [row for row in rows if _has_own_positive(row, keys)]),
        ("a near-duplicate of the positive among its negatives", _near_positives(rows, keys)),
        ("another positive of the same query among the negatives", _other_positives(rows, keys)),
        ("a negative that is there twice", [row for row in rows if _has_repeated_negative(row, keys)]),
        (f"a query of {FEWEST_COPIED} words or more that is copied from its positive", _copies(rows, keys)),
    ]
    return [finding for what, found in checks if (finding := _finding(what, found))]


def near_positives(rows: Sequence[Row]) -> tuple[Mapping[str, int], Finding | None]:
    """By the text of each positive the group of its near-duplicates; and how many are one of another's."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(row.example.positive, row)
    groups = dict(zip(first, duplicate_groups(list(first), SIMILAR), strict=True))
    seen: set[int] = set()
    later = []
    for text, group in groups.items():
        if group in seen:
            later.append(first[text])
        seen.add(group)
    return groups, _finding("a near-duplicate of another positive", later)


def leaks(rows: Mapping[str, Sequence[Row]], groups: Mapping[str, int]) -> list[Finding]:
    """What stands on two sides.

    Args:
        rows: by side.
        groups: of near-duplicates, by the text of a positive.
    """
    keys = _Keys()
    found = []
    for left, right in combinations(rows, 2):
        queries = {query_key(row.example.query) for row in rows[left]}
        positives = {keys.of(row.example.positive) for row in rows[left]}
        near = {groups[row.example.positive] for row in rows[left]}
        asked = [row for row in rows[right] if query_key(row.example.query) in queries]
        same = [row for row in rows[right] if keys.of(row.example.positive) in positives]
        alike = [
            row
            for row in rows[right]
            if groups[row.example.positive] in near and keys.of(row.example.positive) not in positives
        ]
        for what, leaked in (
            (f"rows of {right} whose query {left} has too", asked),
            (f"rows of {right} whose positive is one of {left}", same),
            (f"rows of {right} whose positive is a near-duplicate of one of {left}", alike),
        ):
            finding = _finding(what, leaked)
            if finding is not None:
                found.append(finding)
    return found


class _Keys:
    """Texts as they are compared, each worked out once."""

    def __init__(self) -> None:
        self._keys: dict[str, str] = {}

    def of(self, text: str) -> str:
        """Equal for texts that differ in case, punctuation and blanks only."""
        if text not in self._keys:
            self._keys[text] = " ".join(words(text)) or text.strip()
        return self._keys[text]

    def are_alike(self, left: str, right: str) -> bool:
        """Whether two texts are near-duplicates, and not equal."""
        sizes = sorted((len(self.of(left)), len(self.of(right))))
        if self.of(left) == self.of(right) or sizes[0] < NEAR_LENGTH * sizes[1]:
            return False
        return jaccard(hashed_shingles(left), hashed_shingles(right)) >= SIMILAR


def _finding(what: str, rows: Sequence[Row]) -> Finding | None:
    if not rows:
        return None
    return Finding(what, len(rows), tuple(row.where for row in rows[:NAMED]))


def _whole_row(row: Row, keys: _Keys) -> tuple[str, ...]:
    example = row.example
    return (query_key(example.query), keys.of(example.positive), *sorted(map(keys.of, example.negatives)))


def _again(rows: Sequence[Row], key: Callable[[Row], tuple[str, ...]]) -> list[Row]:
    seen: set[tuple[str, ...]] = set()
    again = []
    for row in rows:
        of_row = key(row)
        if of_row in seen:
            again.append(row)
        seen.add(of_row)
    return again


def _asked_before(rows: Sequence[Row], keys: _Keys) -> list[Row]:
    positives: dict[str, set[str]] = {}
    found = []
    for row in rows:
        known = positives.setdefault(query_key(row.example.query), set())
        positive = keys.of(row.example.positive)
        if known and positive not in known:
            found.append(row)
        known.add(positive)
    return found


def _has_own_positive(row: Row, keys: _Keys) -> bool:
    return keys.of(row.example.positive) in map(keys.of, row.example.negatives)


def _near_positives(rows: Sequence[Row], keys: _Keys) -> list[Row]:
    found = []
    for row in rows:
        example = row.example
        if any(keys.are_alike(example.positive, negative) for negative in example.negatives):
            found.append(row)
    return found


def _other_positives(rows: Sequence[Row], keys: _Keys) -> list[Row]:
    positives: dict[str, set[str]] = {}
    for row in rows:
        positives.setdefault(query_key(row.example.query), set()).add(keys.of(row.example.positive))
    found = []
    for row in rows:
        others = positives[query_key(row.example.query)] - {keys.of(row.example.positive)}
        if others & set(map(keys.of, row.example.negatives)):
            found.append(row)
    return found


def _has_repeated_negative(row: Row, keys: _Keys) -> bool:
    negatives = [keys.of(negative) for negative in row.example.negatives]
    return len(set(negatives)) < len(negatives)


def _copies(rows: Sequence[Row], keys: _Keys) -> list[Row]:
    found = []
    for row in rows:
        query = keys.of(row.example.query)
        if query.count(" ") + 1 >= FEWEST_COPIED and f" {query} " in f" {keys.of(row.example.positive)} ":
            found.append(row)
    return found
