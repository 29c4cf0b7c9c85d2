"""What must not reach the training files: copies, near-duplicates, leaks across the split. Texts in, decisions out."""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Sequence

import numpy as np

_WORD = re.compile(r"\w+")
COPIED_WORDS = 13
PERMUTATIONS, BANDS = 64, 16
COMPARED = 64  # different texts of a band that a further one is compared with


def copies(query: str, text: str) -> bool:
    """Whether a query of `COPIED_WORDS` words or more stands in `text` as it is: it would teach string matching."""
    words = _WORD.findall(query.casefold())
    return (
        len(words) >= COPIED_WORDS
        and f" {' '.join(words)} " in f" {' '.join(_WORD.findall(text.casefold()))} "
    )


def query_key(query: str) -> str:
    """Equal for queries that differ in case, punctuation, or the order of words only."""
    return " ".join(sorted(_WORD.findall(query.casefold())))


def duplicate_groups(texts: Sequence[str], threshold: float = 0.6, shingle: int = 5) -> list[int]:
    """A group number for each text; near-duplicates share one.

    MinHash over word shingles with banding [Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3]: texts
    that meet in a band and whose estimated Jaccard similarity reaches `threshold` are joined, transitively.
    """
    signatures = _signatures(texts, shingle)
    parents = list(range(len(texts)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    rows = PERMUTATIONS // BANDS
    for band in range(BANDS):
        seen: dict[bytes, list[int]] = {}
        for number, signature in enumerate(signatures):
            members = seen.setdefault(signature[band * rows : (band + 1) * rows].tobytes(), [])
            similarity = (signatures[members] == signature).mean(1) if members else np.zeros(0)
            for other in np.flatnonzero(similarity >= threshold):
                parents[root(number)] = root(members[other])
            if len(members) < COMPARED and not (similarity == 1).any():
                members.append(number)
    return [root(number) for number in range(len(texts))]


def split_groups(groups: Sequence[int], share: float, seed: int) -> list[bool]:
    """True for what goes to validation: whole groups, drawn until about `share` of the items are in.

    At least one group goes to each side where there are two or more and `share` is above 0.
    """
    members: dict[int, int] = {}
    for group in groups:
        members[group] = members.get(group, 0) + 1
    order = sorted(members)
    random.Random(seed).shuffle(order)
    chosen: set[int] = set()
    wanted, taken = share * len(groups), 0
    for group in order[:-1] if share > 0 else []:
        if taken >= wanted:
            break
        if taken + members[group] > 2 * wanted and chosen:
            continue
        chosen.add(group)
        taken += members[group]
    return [group in chosen for group in groups]


def _signatures(texts: Sequence[str], shingle: int) -> np.ndarray:
    generator = np.random.default_rng(1)
    # h * odd + offset modulo 2**64: all 64 bits have to count, or the minima of all permutations fall together
    factors = generator.integers(0, 1 << 64, size=PERMUTATIONS, dtype=np.uint64) | np.uint64(1)
    offsets = generator.integers(0, 1 << 64, size=PERMUTATIONS, dtype=np.uint64)
    signatures = np.full((len(texts), PERMUTATIONS), np.iinfo(np.uint64).max, dtype=np.uint64)
    for number, text in enumerate(texts):
        words = _WORD.findall(text.casefold())
        pieces = {
            " ".join(words[start : start + shingle]) for start in range(max(1, len(words) - shingle + 1))
        }
        hashes = np.array(
            [
                int.from_bytes(hashlib.blake2b(piece.encode(), digest_size=8).digest(), "little")
                for piece in pieces
            ],
            dtype=np.uint64,
        )
        for start in range(0, len(hashes), 4096):
            mixed = hashes[start : start + 4096, None] * factors + offsets
            signatures[number] = np.minimum(signatures[number], mixed.min(0))
        if not words:
            signatures[number] = np.uint64(number)
    return signatures
