"""Query expansion by rules: a file of abbreviations and synonyms says what else to search for.

A text file has one rule a line, ``#`` starts a comment:

    k8s = kubernetes                      k8s also searches kubernetes, not the other way
    ml = machine learning, learning ^0.5  two additions, the second at half weight
    car, automobile, motor vehicle        each also searches the others

.yaml and .json files hold a mapping of phrase to one addition, a list, or a mapping of addition to weight; or
a list of groups, or of both. A phrase matches whole words, case aside, spaces of any width; one that is
written in capitals only ("IT") matches only capitals, so that it leaves "it" alone. Where phrases overlap the
longest wins. Additions are not expanded again, and what the query says already is not added.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp

from splade_cli.errors import InputError
from splade_cli.records import WeightedText
from splade_cli.storage.files import open_text

_WEIGHT = re.compile(r"(.*\S)\s*\^\s*(\S+)", re.DOTALL)
_HINT = "one rule a line: abbreviation = long form, or: synonym, synonym"


@dataclass(frozen=True)
class Rule:
    """`phrase` in a query adds `added` at `weight`; `line` of the file that says so."""

    phrase: str
    added: str
    weight: float
    line: int


@dataclass(frozen=True)
class Expansion:
    """A query and what rules add to it: no addition twice, in the order in which their phrases stand."""

    query: str
    added: tuple[Rule, ...]

    @property
    def text(self) -> str:
        """The query with all additions behind it, for an encoder that takes one text."""
        return " ".join([self.query, *(rule.added for rule in self.added)])

    @property
    def weighted_texts(self) -> list[WeightedText]:
        """The query at weight 1 and each addition at its own."""
        return [(self.query, 1.0), *((rule.added, rule.weight) for rule in self.added)]


class Expander:
    """Rules, ready to be applied. `rules` may name a phrase several times; each adds."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules: dict[str, list[Rule]] = {}
        for rule in rules:
            self.rules.setdefault(_key(rule.phrase), []).append(rule)
        longest = sorted(self.rules, key=lambda phrase: (-len(phrase), phrase))
        self._pattern = re.compile("|".join(map(_pattern, longest)), re.IGNORECASE)

    @classmethod
    def open(cls, path: str | Path) -> Expander:
        """Reads a rules file; .yaml, .yml and .json are mappings or lists, anything else is lines.

        Raises:
            InputError: no such file, or naming the line of a rule that is none.
        """
        path = Path(path)
        with open_text(path) as lines:
            text = "".join(lines)
        if path.suffix.lower() in (".yaml", ".yml", ".json"):
            return cls(_from_yaml(path, text))
        return cls(_from_lines(path, text))

    def expand(self, query: str) -> Expansion:
        """What the rules add to `query`; nothing where no phrase of theirs stands in it."""
        added: dict[str, Rule] = {}
        if not self.rules:
            return Expansion(query, ())
        for match in self._pattern.finditer(query):
            for rule in self._rules_of(match.group()):
                known = added.get(rule.added.lower())
                if known is None and re.search(_pattern(rule.added.lower()), query, re.IGNORECASE):
                    continue
                if known is None or rule.weight > known.weight:
                    added[rule.added.lower()] = rule
        return Expansion(query, tuple(added.values()))

    def _rules_of(self, phrase: str) -> list[Rule]:
        key = _key(phrase)
        if key not in self.rules:
            key = key.lower()
        return self.rules.get(key, [])


def combined(vectors: sp.csr_matrix, weights: Sequence[float]) -> sp.csr_matrix:
    """One vector [1, V] of a query and its additions [1 + m, V]: the largest of the weighted values.

    The maximum, as SPLADE pools the words of one text, so that a word which comes in several pieces counts
    once.
    """
    scaled = sp.csr_matrix(sp.diags(np.asarray(weights, dtype=np.float32)) @ vectors)
    largest = sp.csr_matrix(scaled.max(axis=0), dtype=np.float32)
    largest.sum_duplicates()
    return largest


def _shouted(phrase: str) -> bool:
    return phrase == phrase.upper() != phrase.lower()


def _key(phrase: str) -> str:
    spaced = " ".join(phrase.split())
    if _shouted(spaced):
        return spaced
    return spaced.lower()


def _pattern(phrase: str) -> str:
    """Whole words: no letter or digit before or behind, where the phrase itself begins or ends with one."""
    pattern = r"\s+".join(map(re.escape, phrase.split()))
    if re.match(r"\w", phrase):
        pattern = r"(?<!\w)" + pattern
    if re.search(r"\w$", phrase):
        pattern += r"(?!\w)"
    if _shouted(phrase):
        return f"(?-i:{pattern})"
    return pattern


def _from_lines(path: Path, text: str) -> Iterator[Rule]:
    for number, line in enumerate(text.splitlines(), 1):
        content = re.sub(r"(^|\s)#.*", "", line).strip()
        if not content:
            continue
        left, equals, right = content.partition("=")
        if equals:
            additions = [_weighted(path, number, part) for part in right.split(",")]
            yield from _rules(path, number, left.strip(), additions)
        else:
            yield from _group(path, number, [_weighted(path, number, part) for part in content.split(",")])


def _from_yaml(path: Path, text: str) -> Iterator[Rule]:
    import yaml

    try:
        # a JSON file may be indented by tabs, which YAML does not take; inside its strings they cannot stand
        root = yaml.compose(
            text.replace("\t", " ") if path.suffix.lower() == ".json" else text, yaml.SafeLoader
        )
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" line {mark.line + 1}" if mark else ""
        raise InputError(
            f"{path}:{where} cannot be read: {getattr(error, 'problem', error)}", _HINT
        ) from None

    def value(node: yaml.Node) -> str:
        if not isinstance(node, yaml.ScalarNode) or not node.value.strip():
            raise InputError(
                f"{path}: line {node.start_mark.line + 1} holds no phrase", "phrases are plain texts"
            )
        return str(node.value)

    def rules(node: yaml.Node | None) -> Iterator[Rule]:
        if isinstance(node, yaml.MappingNode):
            for phrase, additions in node.value:
                line = phrase.start_mark.line + 1
                if isinstance(additions, yaml.MappingNode):
                    pairs = [
                        (value(name), _number(path, line, value(weight))) for name, weight in additions.value
                    ]
                else:
                    names = additions.value if isinstance(additions, yaml.SequenceNode) else [additions]
                    pairs = [_weighted(path, line, value(name)) for name in names]
                yield from _rules(path, line, value(phrase), pairs)
        elif isinstance(node, yaml.SequenceNode):
            for part in node.value:
                line = part.start_mark.line + 1
                if isinstance(part, yaml.SequenceNode):
                    yield from _group(path, line, [_weighted(path, line, value(name)) for name in part.value])
                elif isinstance(part, yaml.MappingNode):
                    yield from rules(part)
                else:
                    raise InputError(
                        f"{path}: line {line} is no rule: {part.value!r}", "a list holds lists or mappings"
                    )
        elif node is not None:
            raise InputError(f"{path}: line 1 is no rule: {node.value!r}", "a mapping of phrase to additions")

    yield from rules(root)


def _rules(path: Path, line: int, phrase: str, additions: Sequence[tuple[str, float]]) -> Iterator[Rule]:
    if not phrase.strip():
        raise InputError(f"{path}: line {line} has no phrase before '='", _HINT)
    for added, weight in additions:
        yield Rule(" ".join(phrase.split()), added, weight, line)


def _group(path: Path, line: int, phrases: Sequence[tuple[str, float]]) -> Iterator[Rule]:
    if len(phrases) < 2:
        given = "an empty list"
        if phrases:
            given = repr(phrases[0][0])
        raise InputError(f"{path}: line {line} is no rule: {given}", _HINT)
    for phrase, _ in phrases:
        yield from _rules(path, line, phrase, [pair for pair in phrases if pair[0] != phrase])


def _weighted(path: Path, line: int, part: str) -> tuple[str, float]:
    phrase = part
    weight = 1.0
    match = _WEIGHT.fullmatch(part.strip())
    if match:
        phrase = match.group(1)
        weight = _number(path, line, match.group(2))
    phrase = " ".join(phrase.split())
    if not phrase:
        raise InputError(f"{path}: line {line} has an empty phrase", _HINT)
    return phrase, weight


def _number(path: Path, line: int, text: str) -> float:
    try:
        weight = float(text)
    except ValueError:
        weight = math.nan
    if not 0 < weight < math.inf:
        raise InputError(f"{path}: line {line} has the weight '{text}'", "a number above 0, e.g. ^0.5")
    return weight
