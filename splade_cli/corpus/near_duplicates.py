"""Near-duplicate detection: word shingles, Jaccard similarity for a pair, MinHash groups for many texts."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

SHINGLE = 5
"""Words in a shingle."""
PERMUTATIONS = 64
BANDS = 16
COMPARED = 64  # different texts of a band that a further one is compared with
Shingles = NDArray[np.int64]
"""Hashes of the shingles of one text, see `hashed_shingles`."""
_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """The runs of letters and digits of a text, whatever their case, in their order."""
    return _WORD.findall(text.casefold())


def shingles(text: str, size: int = SHINGLE) -> frozenset[str]:
    """The runs of `size` words of a text [Broder 1997], case and punctuation aside; of a shorter one itself.

    A text without words has none.
    """
    found = words(text)
    if not found:
        return frozenset()
    starts = range(max(1, len(found) - size + 1))
    return frozenset(" ".join(found[start : start + size]) for start in starts)


def hashed_shingles(text: str) -> Shingles:
    """Hashes of the shingles of a text, ascending, each once: a tenth of the memory of a set of strings.

    They are Python's own, so they are not the same in another process.
    """
    hashes = {hash(shingle) for shingle in shingles(text)}
    return np.sort(np.fromiter(hashes, dtype=np.int64, count=len(hashes)))


def jaccard(left: Shingles, right: Shingles) -> float:
    """Jaccard similarity of two sets of shingles; a text without words is like none."""
    common = len(np.intersect1d(left, right, assume_unique=True))
    union = len(left) + len(right) - common
    return common / union if union else 0.0


def prefix(hashes: Shingles, similarity: float) -> Shingles:
    """The first shingles in their order, of which two texts so similar share one [Chaudhuri et al. 2006]."""
    needed = math.ceil(similarity * len(hashes) - 1e-9)
    return hashes[: len(hashes) - needed + 1]


def duplicate_groups(texts: Sequence[str], threshold: float = 0.6, size: int = SHINGLE) -> list[int]:
    """A group number for each text; near-duplicates share one.

    MinHash over word shingles with banding [Broder 1997; Leskovec et al., Mining of Massive Datasets, ch. 3]:
    texts that meet in a band and whose estimated Jaccard similarity reaches `threshold` are joined,
    transitively.
    """
    signatures = minhash_signatures(texts, size)
    parents = list(range(len(texts)))

    def root(number: int) -> int:
        while parents[number] != number:
            parents[number] = parents[parents[number]]
            number = parents[number]
        return number

    rows = PERMUTATIONS // BANDS
    for band in range(BANDS):
        buckets: dict[bytes, list[int]] = {}
        for number, signature in enumerate(signatures):
            members = buckets.setdefault(signature[band * rows : (band + 1) * rows].tobytes(), [])
            similarity = (signatures[members] == signature).mean(1) if members else np.zeros(0)
            for other in np.flatnonzero(similarity >= threshold):
                parents[root(number)] = root(members[other])
            if len(members) < COMPARED and not (similarity == 1).any():
                members.append(number)
    return [root(number) for number in range(len(texts))]


def minhash_signatures(texts: Sequence[str], size: int = SHINGLE) -> NDArray[np.uint64]:
    """MinHash signatures uint64 [len(texts), PERMUTATIONS] whose share of equal values estimates Jaccard."""
    generator = np.random.default_rng(1)
    # h * odd + offset modulo 2**64: all 64 bits have to count, or all permutations have the same minimum
    factors = generator.integers(0, 1 << 64, size=PERMUTATIONS, dtype=np.uint64) | np.uint64(1)
    offsets = generator.integers(0, 1 << 64, size=PERMUTATIONS, dtype=np.uint64)
    signatures = np.full((len(texts), PERMUTATIONS), np.iinfo(np.uint64).max, dtype=np.uint64)
    for number, text in enumerate(texts):
        hashes = np.array([_hash(shingle) for shingle in shingles(text, size)], dtype=np.uint64)
        for start in range(0, len(hashes), 4096):
            mixed = hashes[start : start + 4096, None] * factors + offsets
            signatures[number] = np.minimum(signatures[number], mixed.min(0))
        if not len(hashes):
            signatures[number] = np.uint64(number)
    return signatures


def _hash(shingle: str) -> int:
    return int.from_bytes(hashlib.blake2b(shingle.encode(), digest_size=8).digest(), "little")
